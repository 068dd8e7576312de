"""The databases of the tests' Redis, one for each that uses it beside the others.

Some of these live to the end of a run, so a number used twice would show one test the processes
and keys of another, or empty them.
"""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class RedisDatabase(IntEnum):
    """Who uses which; 0 and 1 are those of the tests in pytest's own process."""

    TICK_TO_REST = 9
    PROCESSES_COME_BACK = 10
    STOPPING = 11
    WEB_PROCESSES = 12
    DATABASE_ROLES = 13
    REST = 14
    ADDED_CURRENCY = 15
