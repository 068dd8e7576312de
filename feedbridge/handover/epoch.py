"""Draw bridge epochs from a PostgreSQL sequence: unique even after Redis has lost its data."""

from __future__ import annotations

from django.db import connection

NEXT_ABOVE = """
    SELECT max(nextval('feedbridge_epoch'))
    FROM generate_series(1, greatest(1, %s + 2 - (SELECT last_value FROM feedbridge_epoch)))
"""
"""Query that draws from the sequence of epochs until it is above a number; no other bridge can draw
the same values."""


def next_epoch(above: int = 0) -> int:
    """The next epoch; at most 2^21 - 1, so that S stays exact in a double.

    Args:
        above: An epoch that was seen in Redis; a restored database may have a lower one.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(NEXT_ABOVE, [above])
            (value,) = cursor.fetchone()
    finally:
        connection.close()  # the bridge does not need the database while it runs
    return int(value)
