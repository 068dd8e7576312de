"""Checks of terms that swaps of several products share. Importing this loads no QuantLib."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange as calendar_days
from typing import Protocol

from pricing.errors import BadInput
from pricing.markets import calendars, conventions
from pricing.markets.conventions import SwapConvention


class Ends(Protocol):
    """Terms with a first and a last day."""

    @property
    def effective_date(self) -> dt.date:
        """Where accrual starts."""

    @property
    def termination_date(self) -> dt.date:
        """Where it ends, unadjusted."""


def check_index(field: str, name: str, currency: str | None) -> None:
    """Refuse an index that is not one of the currency; of any, where the currency is None.

    Raises:
        BadInput: With the field, its value and what is allowed. So below.
    """
    row = conventions.INDICES.get(name)
    if row is not None and currency in (None, row.currency):
        return
    rows = [i for i in conventions.INDICES.values() if currency in (None, i.currency)]
    whose = "indices" if currency is None else f"indices of {currency}"
    raise BadInput(field, name, f"{whose}: {', '.join(i.name for i in rows)}")


def check_length(terms: Ends, calendar: str, convention: str) -> None:
    """Refuse a trade that no market could price because both its ends fall on one business day.

    From the last Friday of a month to the Saturday, for example, it ends when it begins.
    """
    start, end = (
        calendars.adjust(calendar, date, convention)
        for date in (terms.effective_date, terms.termination_date)
    )
    if start >= end:
        reason = (
            f"it falls on {end}, as effective_date {terms.effective_date} does, by calendar "
            f"{calendar} and the business day convention: end on a later business day"
        )
        raise BadInput("termination_date", terms.termination_date.isoformat(), reason)


def standard_swap(index: str) -> SwapConvention:
    """The standard swap against an index: what its floating leg is like.

    Raises:
        BadInput: No swap against it has a convention.
    """
    for row in conventions.SWAPS.values():
        if row.index == index:
            return row
    known = ", ".join(dict.fromkeys(row.index for row in conventions.SWAPS.values()))
    raise BadInput("index", index, f"indices of a swap convention: {known}")


def third_wednesday(year: int, month: int) -> dt.date:
    """The IMM date of a month."""
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(2 - first.weekday()) % 7 + 14)


def check_imm(terms: Ends) -> None:
    """Refuse ends that are no third Wednesdays."""
    for field in ("effective_date", "termination_date"):
        date: dt.date = getattr(terms, field)
        imm = third_wednesday(date.year, date.month)
        if date != imm:
            reason = f"with roll_day IMM it is a third Wednesday, such as {imm.isoformat()}"
            raise BadInput(field, date.isoformat(), reason)


def on_roll_day(date: dt.date, day: int, calendar: str, convention: str) -> dt.date | None:
    """The unadjusted date with this day of the month that falls on the business day of a date.

    The day is the last of its month where the month is shorter. None: no such date in that month
    or in its neighbours.
    """
    adjusted = calendars.adjust(calendar, date, convention)
    for months in (0, -1, 1):
        year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
        last = calendar_days(year, month + 1)[1]
        found = dt.date(year, month + 1, min(day, last))
        if calendars.adjust(calendar, found, convention) == adjusted:
            return found
    return None
