"""Cash flows of bonds and of overnight swaps from dates alone: a second opinion on schedules.

It shares no code with the product and none with QuantLib: months and days are counted here, on
Python's dates. Only what the tests draw is covered: calendars of weekends or of none, coupons of
all day counts but ACT/ACT ISDA, odd first and last periods of any length.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

DAY = dt.timedelta(days=1)
Roll = Callable[[dt.date], dt.date]


def is_month_end(date: dt.date) -> bool:
    return (date + DAY).month != date.month


def shifted(date: dt.date, months: int, end_of_month: bool) -> dt.date:
    """The same day of another month, or its last."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    day = last if end_of_month and is_month_end(date) else min(date.day, last)
    return dt.date(year, month + 1, day)


def unadjusted(date: dt.date) -> dt.date:
    return date


def following(date: dt.date) -> dt.date:
    """The next day that is no Saturday or Sunday."""
    while date.weekday() >= 5:
        date += DAY
    return date


def modified_following(date: dt.date) -> dt.date:
    """The next such day, unless that is in the next month: then the one before."""
    found = following(date)
    while found.month != date.month or found.weekday() >= 5:
        found -= DAY
    return found


@dataclass(frozen=True)
class Plan:
    """Dates of a contract: odd periods end and start at ``first`` and ``last`` where given."""

    start: dt.date
    end: dt.date
    months: int
    end_of_month: bool = False
    first: dt.date | None = None
    last: dt.date | None = None

    def regular(self, number: int) -> dt.date:
        """The regular date so many periods after the last one of all."""
        return shifted(self.last or self.end, number * self.months, self.end_of_month)

    def dates(self) -> list[dt.date]:
        """Start, regular dates and end, as the contract has them before any business day rule."""
        found = [self.end] if self.last else []
        number, stop = 0, self.first or self.start + DAY
        while self.regular(number) >= stop:
            found.insert(0, self.regular(number))
            number -= 1
        return [self.start, *found]

    def is_regular(self, start: dt.date, end: dt.date) -> bool:
        numbers = range(-1200, 1200 // self.months)
        return any(self.regular(n) == start and self.regular(n + 1) == end for n in numbers)


def icma(plan: Plan, start: dt.date, end: dt.date, roll: Roll = unadjusted) -> float:
    """Rule 251: days in each quasi-coupon period over the days of that period, added up."""
    total = 0.0
    number = -1
    while roll(plan.regular(number)) > start:
        number -= 1
    while roll(plan.regular(number)) < end:
        first, last = roll(plan.regular(number)), roll(plan.regular(number + 1))
        days = (min(end, last) - max(start, first)).days
        total += max(days, 0) / (last - first).days
        number += 1
    return total * plan.months / 12


def thirty_360(name: str, start: dt.date, end: dt.date) -> float:
    d1, d2 = start.day, end.day
    if name == "30/360 US":
        february = [date.month == 2 and is_month_end(date) for date in (start, end)]
        if all(february):
            d2 = 30
        if february[0]:
            d1 = 30
    if name == "30E/360":
        d1, d2 = min(d1, 30), min(d2, 30)
    else:
        d1 = min(d1, 30)
        d2 = 30 if d2 == 31 and d1 == 30 else d2
    months = (end.year - start.year) * 12 + end.month - start.month
    return (months * 30 + d2 - d1) / 360


def years(name: str, plan: Plan, start: dt.date, end: dt.date, roll: Roll = unadjusted) -> float:
    """Years of interest of a period, between adjusted dates where a roll is given."""
    if name == "ACT/ACT ICMA":
        return icma(plan, start, end, roll)
    if name in ("ACT/360", "ACT/365F"):
        return (end - start).days / (360 if name == "ACT/360" else 365)
    return thirty_360(name, start, end)


def coupon_years(plan: Plan, day_count: str, start: dt.date, end: dt.date) -> float:
    """Years of interest of a bond's whole period: 1 / frequency for a regular one by 30/360."""
    if day_count.startswith("30") and plan.is_regular(start, end):
        return plan.months / 12
    return years(day_count, plan, start, end)


def bond_flows(plan: Plan, rate: float, day_count: str, roll: Roll) -> list[tuple[dt.date, float]]:
    """Day and amount of every payment, per 100 of face."""
    flows = [
        (roll(end), 100 * rate * coupon_years(plan, day_count, start, end))
        for start, end in pairwise(plan.dates())
    ]
    return [*flows, (roll(plan.end), 100.0)]


def fixed_leg(
    plan: Plan, rate: float, day_count: str, roll: Roll, lag: int
) -> list[tuple[dt.date, float]]:
    """Day and amount of every payment, per unit of notional."""
    periods = pairwise(map(roll, plan.dates()))
    return [(paid(end, lag), rate * years(day_count, plan, s, end, roll)) for s, end in periods]


def overnight_leg(
    plan: Plan, roll: Roll, lag: int, discount: Callable[[dt.date], float]
) -> list[tuple[dt.date, float]]:
    """As ``fixed_leg``, of compounded coupons that have not begun: growth of the curve.

    Leg and index have the same day count, which cancels.
    """
    periods = pairwise(map(roll, plan.dates()))
    return [(paid(end, lag), discount(s) / discount(end) - 1.0) for s, end in periods]


def paid(date: dt.date, lag: int) -> dt.date:
    """So many weekdays later."""
    for _ in range(lag):
        date = following(date + DAY)
    return following(date)
