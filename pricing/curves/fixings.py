"""Lay published fixings on an index's business days and compound them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.markets import calendars, vocabulary
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import IndexConvention

Fixings = Mapping[str, Mapping[dt.date, float]]
"""Decimal rates by index name and fixing date."""


@dataclass(frozen=True)
class IndexHistory:
    """Fixings of one index in the order of its business days.

    Attributes:
        days: Business days of the fixing calendar, ascending day numbers.
        rates: The fixing of each day, NaN where there is none.
        growth: What 1.0 compounded daily from the first day has become at each day; an
            unknown fixing counts as 0 and is caught by ``gaps``.
        gaps: How many fixings are unknown before each day.
    """

    row: IndexConvention
    days: IntArray
    rates: FloatArray
    growth: FloatArray
    gaps: IntArray

    def first_unknown(self, day: int) -> int:
        """The first business day, from ``day`` on, that has no fixing."""
        place = int(np.searchsorted(self.days, day))
        while place < len(self.days) and not np.isnan(self.rates[place]):
            place += 1
        return int(self.days[min(place, len(self.days) - 1)])

    def growth_from(self, day: IntArray) -> FloatArray:
        """``growth`` at the start of an accrual; on no business day the fixing before counts."""
        place = self.fixing_of(day)
        rest = self.days[place + 1] - day
        whole = self.days[place] == day
        before = self.growth[place + 1] / (1.0 + self._rate(place) * rest / self._year)
        return np.where(whole, self.growth[place], before)

    def growth_to(self, day: IntArray) -> FloatArray:
        """``growth`` at the end of an accrual; on no business day the fixing before counts."""
        place = self.fixing_of(day)
        spent = (day - self.days[place]) / self._year
        return np.asarray(self.growth[place] * (1.0 + self._rate(place) * spent))

    def fixing_of(self, day: IntArray) -> IntArray:
        """Place of the fixing that counts on a day: its own or the one before."""
        return np.asarray(np.searchsorted(self.days, day, side="right") - 1)

    def _rate(self, place: IntArray) -> FloatArray:
        return np.nan_to_num(self.rates[place])

    @property
    def _year(self) -> float:
        return vocabulary.YEAR_DAYS[self.row.day_count]

    def first_gap(self, start: int, end: int) -> int:
        """The first business day without a fixing of those that count in [start, end)."""
        a, b = np.searchsorted(self.days, start, side="right") - 1, np.searchsorted(self.days, end)
        missing = np.flatnonzero(np.isnan(self.rates[a:b]))
        return int(self.days[a + missing[0]])


def index_history(
    row: IndexConvention, fixings: Mapping[dt.date, float], first: int, today: int
) -> IndexHistory:
    """Lay the fixings up to today on the index's business days.

    Args:
        row: The index.
        fixings: Its fixings; those after today are not used.
        first: Day number from which coupons accrue.
        today: The valuation date.
    """
    # Ten days more on both sides: either may be a holiday beside a weekend.
    days = calendars.business_days(row.calendar, first - 10, today + 10)
    known = {day_of(d): r for d, r in fixings.items() if day_of(d) <= today}
    rates = np.array([known.get(int(day), np.nan) for day in days])
    span = np.diff(days, append=days[-1]) / vocabulary.YEAR_DAYS[row.day_count]
    steps = 1.0 + np.nan_to_num(rates) * span
    growth = np.concatenate(([1.0], np.cumprod(steps)[:-1]))
    gaps = np.concatenate(([0], np.cumsum(np.isnan(rates))[:-1]))
    return IndexHistory(row=row, days=days, rates=rates, growth=growth, gaps=gaps)


class Histories:
    """Fixings prepared for one date, once for each index, however many blocks use it."""

    def __init__(self, fixings: Fixings, today: int) -> None:
        """Fixings after ``today``, the valuation date, are not used."""
        self.today, self._fixings = today, fixings
        self._made: dict[tuple[str, int], IndexHistory] = {}

    def of(self, row: IndexConvention, first: int) -> IndexHistory:
        """The history of an index for coupons that accrue from day number ``first`` or later."""
        # From a whole year: blocks then share it, and its bits depend on no other block.
        begin = day_of(date_of(first).replace(month=1, day=1))
        key = (row.name, begin)
        if key not in self._made:
            known = self._fixings.get(row.name, {})
            self._made[key] = index_history(row, known, begin, self.today)
        return self._made[key]


def public_on(
    row: IndexConvention, fixings: Mapping[dt.date, float], today: dt.date
) -> dict[dt.date, float]:
    """The fixings that were published by the start of ``today``'s trading.

    A replay must not know SOFR of its own day: it is published one business day later. A day on
    which the index's calendar is closed counts as the next business day, as it does for quotes.
    """
    last = date_of(calendars.business_day_before(row.calendar, day_of(today), row.publication_lag))
    return {date: rate for date, rate in fixings.items() if date <= min(last, today)}
