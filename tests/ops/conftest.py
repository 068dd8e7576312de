"""A Redis database of these tests' own."""

from tests.web_process import store, store_url

__all__ = ("store", "store_url")
