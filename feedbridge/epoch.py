"""PostgreSQL in; a bridge epoch out that nobody had before, also after Redis lost its data."""

from __future__ import annotations

from django.db import connection


def next_epoch() -> int:
    """The next epoch; at most 2^21 - 1, so that S stays exact in a double."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('feedbridge_epoch')")
        (value,) = cursor.fetchone()
    connection.close()  # the bridge needs the database no more
    return int(value)
