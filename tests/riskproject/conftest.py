"""A Redis database of these tests' own, and the address of the tests' PostgreSQL."""

from tests.web_process import database_url, store, store_url

__all__ = ("database_url", "store", "store_url")
