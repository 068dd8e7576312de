"""Business days of the calendars that markets name, without QuantLib.

The holidays are QuantLib's own, written to ``holidays.npz`` by the command
``python -m pricing.products.make_holidays``; a test compares every day with QuantLib. Processes
that serve pages or ticks ask here, so that they need not load QuantLib.
"""

from __future__ import annotations

import calendar
import datetime as dt
from functools import cache
from pathlib import Path

import numpy as np

from pricing.arrays import IntArray
from pricing.markets import vocabulary

HOLIDAYS = Path(__file__).with_name("holidays.npz")
"""By calendar, the day numbers of holidays from Monday to Friday, ascending."""

EVERY_DAY = "NONE"
"""The calendar on which weekends are open too."""

EPOCH = dt.date(1970, 1, 1)
EPOCH_WEEKDAY = EPOCH.weekday()
SATURDAY = 5


def day_of(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - EPOCH).days


def date_of(day: int) -> dt.date:
    """The date of a day number."""
    return EPOCH + dt.timedelta(days=int(day))


@cache
def holidays(name: str) -> IntArray:
    """Day numbers of the holidays of a calendar that fall on Monday to Friday, ascending.

    Raises:
        BadInput: There is no such calendar.
    """
    with np.load(HOLIDAYS) as stored:
        return np.asarray(stored[vocabulary.calendar(name)], dtype=np.int64)


def business_days(name: str, first: int, last: int) -> IntArray:
    """Day numbers of the business days of a calendar, both ends included."""
    days = np.arange(first, last + 1, dtype=np.int64)
    if vocabulary.calendar(name) == EVERY_DAY:
        return days
    days = days[(days + EPOCH_WEEKDAY) % 7 < SATURDAY]
    return days[~np.isin(days, holidays(name), assume_unique=True)]


def is_business_day(name: str, date: dt.date) -> bool:
    """Return whether a calendar is open on a date."""
    if vocabulary.calendar(name) == EVERY_DAY:
        return True
    return date.weekday() < SATURDAY and day_of(date) not in _closed(name)


@cache
def _closed(name: str) -> frozenset[int]:
    return frozenset(holidays(name).tolist())


def adjust(name: str, date: dt.date, convention: str) -> dt.date:
    """Move a date to a business day by a business day convention, as QuantLib's calendars do."""
    convention = vocabulary.roll(convention)
    if convention == "UNADJUSTED":
        return date
    step = -1 if convention.endswith("PRECEDING") else 1
    moved = _next_open(name, date, step)
    if convention.startswith("MODIFIED") and moved.month != date.month:
        return _next_open(name, date, -step)
    return moved


def _next_open(name: str, date: dt.date, step: int) -> dt.date:
    while not is_business_day(name, date):
        date += dt.timedelta(days=step)
    return date


def business_day_before(name: str, day: int, count: int) -> int:
    """The business day so many before a day number; a closed day counts as the next open one."""
    open_day = day_of(_next_open(name, date_of(day), 1))
    # Ten days beside two weekends: no calendar is closed for longer.
    found = business_days(name, open_day - 14 - 2 * count, open_day)
    return int(found[-1 - count])


def later(date: dt.date, count: int, unit: str) -> dt.date | None:
    """A date so many days (D), weeks (W), months (M) or years (Y) later; None after the year 9999.

    Months end where they are shorter; nothing is moved to a business day.
    """
    if unit in "DW":
        return date + dt.timedelta(days=count * (7 if unit == "W" else 1))
    years, month = divmod(date.month - 1 + count * (12 if unit == "Y" else 1), 12)
    if date.year + years > dt.MAXYEAR:
        return None
    last = calendar.monthrange(date.year + years, month + 1)[1]
    return dt.date(date.year + years, month + 1, min(date.day, last))
