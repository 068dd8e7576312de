"""Rows of FLOW of overnight coupons that average, or observe another period than their own.

A compounded coupon telescopes over the period that it observes. The average of fixings is a sum of
their growth, so an averaged coupon is one row for each fixing.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import QuantLib as ql

from pricing.markets import conventions
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import OVERNIGHT, Row
from pricing.products.period_rows import years
from pricing.products.schedules import calendar, day_number, ql_of_day

Period = tuple[int, int]
"""Day numbers of start and end."""


def observed_period(index: IndexConvention, period: Period, lookback: int) -> Period:
    """The period that begins and ends some business days of the index earlier."""
    if not lookback:
        return period
    fixing_days = calendar(index.calendar)
    start, end = (
        day_number(fixing_days.advance(ql_of_day(day), -lookback, ql.Days, ql.Preceding))
        for day in period
    )
    return start, end


def compounded_row(index: IndexConvention, observed: Period, accrued: float, pay: int) -> Row:
    """A coupon that compounds over a period, with a spread of one.

    Args:
        index: An overnight index.
        observed: The period that it observes.
        accrued: The years that it pays for.
        pay: Day number of its payment.
    """
    start, end = observed
    scale = accrued / years(index.day_count, start, end)
    return Row(OVERNIGHT, 1, 0, 0, pay, start, end, start, scale=scale, amount=accrued)


def averaged_rows(index: IndexConvention, period: Period, accrued: float, pay: int) -> list[Row]:
    """A coupon of the average of the fixings of its period, each weighed by the days it is for.

    The spread is with the first row. Arguments as ``compounded_row``.
    """
    scale = accrued / years(index.day_count, *period)
    rows = [
        Row(OVERNIGHT, 1, 0, 0, pay, start, end, start, scale=scale)
        for start, end in itertools.pairwise(_fixing_days(index.name, period))
    ]
    return [rows[0]._replace(amount=accrued), *rows[1:]]


@lru_cache(10_000)
def _fixing_days(name: str, period: Period) -> tuple[int, ...]:
    """The days of a period on which the index fixes, from its first day to its last."""
    fixing_days = calendar(conventions.INDICES[name].calendar)
    first, last = period
    inside = (day for day in range(first + 1, last) if fixing_days.isBusinessDay(ql_of_day(day)))
    return (first, *inside, last)
