"""Checks of terms that swaps of several products share. Importing this loads no QuantLib."""

from __future__ import annotations

import datetime as dt
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
