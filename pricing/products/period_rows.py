"""Rows of FLOW of the periods of swap legs, for one unit of notional and of rate.

A period of a swap is the same for all swaps that have it: its payment, its accrual and the dates of
its index follow from its two dates. So a row is made once, by QuantLib's calendars and day
counters, and kept. ``leg_rows`` makes the same rows of QuantLib's legs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import QuantLib as ql

from pricing.markets import conventions
from pricing.products.cash_flows import IBOR, OVERNIGHT, Row
from pricing.products.schedules import (
    calendar,
    day_counter,
    day_number,
    make_index,
    ql_of_day,
)

PERIODS_KEPT = 100_000
"""Results that one process keeps of each function below, at about 300 bytes; the least recently
used are dropped."""


class PeriodRules(NamedTuple):
    """How the periods of a leg pay and accrue.

    Attributes:
        calendar: Name of the calendar of payments.
        payment_lag: Business days from the end of a period to its payment.
        payment_roll: QuantLib's business day convention of payments.
        day_count: Name of the day count.
    """

    calendar: str
    payment_lag: int
    payment_roll: int
    day_count: str


@lru_cache(PERIODS_KEPT)
def payment_day(rules: PeriodRules, end: int) -> int:
    """Day number of the payment of a period that ends on a day number."""
    paid = calendar(rules.calendar).advance(
        ql_of_day(end), rules.payment_lag, ql.Days, rules.payment_roll
    )
    return day_number(paid)


@lru_cache(PERIODS_KEPT)
def years(day_count: str, start: int, end: int) -> float:
    """Years from one day number to another by a day count that needs no other dates."""
    return float(day_counter(day_count).yearFraction(ql_of_day(start), ql_of_day(end)))


def fixed_row(rules: PeriodRules, end: int, accrued: float) -> Row:
    """A coupon of a rate of one.

    Args:
        rules: How it pays.
        end: Day number of the end of its period.
        accrued: The years that it pays for.
    """
    pay = payment_day(rules, end)
    return Row(pay=pay, amount=accrued, unit=accrued)


def floating_row(
    rules: PeriodRules,
    index: conventions.IndexConvention,
    period: tuple[int, int],
    accrued: float,
    *,
    indexed: bool,
) -> Row:
    """A coupon on a trade's first index and curve, with a spread of one; see ``leg_rows``.

    Args:
        rules: How it pays.
        index: Its index.
        period: Day numbers of start and end of its period.
        accrued: The years that it pays for.
        indexed: True for an indexed IBOR coupon, False for one at par.
    """
    pay = payment_day(rules, period[1])
    if index.kind == "overnight":
        start, end = period
        scale = accrued / years(index.day_count, start, end)
        return Row(OVERNIGHT, 1, 0, 0, pay, start, end, start, scale=scale, amount=accrued)
    fixing, start, end = ibor_days(index.name, period, indexed)
    scale = accrued / years(index.day_count, start, end)
    days = (pay, start, end, fixing)
    return Row(IBOR, 1, 0, 0, *days, scale=scale, accrued=accrued, amount=accrued)


@lru_cache(PERIODS_KEPT)
def ibor_days(name: str, period: tuple[int, int], indexed: bool) -> tuple[int, int, int]:
    """Day numbers of the fixing, and of the start and end over which a coupon grows."""
    index = _index(name)
    advance, lag = index.fixingCalendar().advance, index.fixingDays()
    fixing = advance(ql_of_day(period[0]), -lag, ql.Days, ql.Preceding)
    start = advance(fixing, lag, ql.Days)
    if indexed:
        end = index.maturityDate(start)
    else:
        end = max(advance(advance(ql_of_day(period[1]), -lag, ql.Days), lag, ql.Days), start + 1)
    return day_number(fixing), day_number(start), day_number(end)


@lru_cache(64)
def _index(name: str) -> ql.IborIndex:
    return make_index(conventions.INDICES[name])
