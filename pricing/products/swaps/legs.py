"""Schedules of swap legs, and floating legs as rows of FLOW and as QuantLib makes them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import Row
from pricing.products.period_rows import PeriodRules, floating_row, years
from pricing.products.schedules import (
    Handle,
    day_counter,
    day_number,
    make_index,
    ql_of_day,
    stub_date,
    to_ql,
)
from pricing.products.schedules import calendar as _calendar


class Dates(Protocol):
    """The terms of a product whose legs run between two dates."""

    @property
    def effective_date(self) -> dt.date:
        """Where accrual starts."""

    @property
    def termination_date(self) -> dt.date:
        """Where it ends, unadjusted."""

    @property
    def first_regular_date(self) -> dt.date | None:
        """The end of a first odd period."""

    @property
    def last_regular_date(self) -> dt.date | None:
        """The start of a last odd period."""


class LegSchedule(NamedTuple):
    """The dates of a leg: as QuantLib has them, and as day numbers."""

    dates: ql.Schedule
    days: list[int]


def make_schedule(
    terms: Dates,
    tenor: str,
    *,
    calendar: str,
    roll: int,
    end_of_month: bool,
    ends: tuple[dt.date, dt.date] | None = None,
    imm: bool = False,
) -> LegSchedule:
    """Make the dates of a leg, counted back from its end.

    Args:
        terms: Its dates.
        tenor: A frequency; ``ZERO`` is one period.
        calendar: Of business days.
        roll: QuantLib's business day convention.
        end_of_month: Whether dates at a month's end stay at month ends.
        ends: Unadjusted dates to count from, in place of those of the terms.
        imm: Whether dates are third Wednesdays.

    Raises:
        BadInput: A period is empty.
    """
    once = tenor == "ZERO"
    start, end = ends or (terms.effective_date, terms.termination_date)
    rule = ql.DateGeneration.ThirdWednesday if imm else ql.DateGeneration.Backward
    schedule = ql.Schedule(
        to_ql(start),
        to_ql(end),
        ql.Period(0, ql.Days) if once else ql.Period(tenor),
        _calendar(calendar),
        roll,
        roll,
        ql.DateGeneration.Zero if once else rule,
        end_of_month,
        stub_date(terms.first_regular_date, once),
        stub_date(terms.last_regular_date, once),
    )
    days = [day_number(date) for date in schedule.dates()]
    _refuse_empty_periods(days)
    return LegSchedule(schedule, days)


def _refuse_empty_periods(days: list[int]) -> None:
    """Stub dates and month ends can fall on one day: QuantLib makes a period of no length."""
    for before, day in itertools.pairwise(days):
        if before == day:
            allowed = "stub dates, frequency and end_of_month leave an empty period there"
            raise BadInput("schedule", ql_of_day(day).ISO(), allowed)


@dataclass(frozen=True, kw_only=True)
class FloatingLeg:
    """A floating leg with every field settled."""

    index: IndexConvention
    forecast_curve: str
    frequency: str
    day_count: str
    payment_lag: int
    calendar: str
    roll: int
    end_of_month: bool

    @property
    def rules(self) -> PeriodRules:
        """How its periods pay and accrue."""
        payment_roll = ql.Following if self.payment_lag else self.roll
        name = vocabulary.day_count(self.day_count)
        return PeriodRules(self.calendar, self.payment_lag, payment_roll, name)

    def schedule(self, terms: Dates) -> LegSchedule:
        """Return the dates of the leg; raises as ``make_schedule``."""
        return make_schedule(
            terms,
            self.frequency,
            calendar=self.calendar,
            roll=self.roll,
            end_of_month=self.end_of_month,
        )

    def periods(self, terms: Dates) -> list[tuple[tuple[int, int], float]]:
        """Day numbers of start and end of each period, and the years that it pays for."""
        day_count = self.rules.day_count
        days = itertools.pairwise(self.schedule(terms).days)
        return [(period, years(day_count, *period)) for period in days]

    def rows(self, terms: Dates, *, place: int, leg: int, indexed: bool) -> list[Row]:
        """Rows of FLOW of its coupons, for one unit of notional and a spread of one.

        Args:
            terms: Its dates.
            place: Of its index and curve among those of the trade.
            leg: Of the trade, that it is.
            indexed: True for indexed IBOR coupons, False for coupons at par.
        """
        made = (
            floating_row(self.rules, self.index, period, accrued, indexed=indexed)
            for period, accrued in self.periods(terms)
        )
        return [row._replace(leg=leg, index_place=place, curve_place=place) for row in made]

    def by_quantlib(
        self, terms: Dates, notional: float, spread: float, forecast: Handle, *, indexed: bool
    ) -> ql.Leg:
        """Return the coupons as QuantLib makes them, unsigned."""
        rules, schedule = self.rules, self.schedule(terms)
        overnight = self.index.kind == "overnight"
        made = ql.OvernightLeg if overnight else ql.IborLeg
        kind = {"telescopicValueDates": False} if overnight else {"withIndexedCoupons": indexed}
        return made(
            [notional] * (len(schedule.days) - 1),
            schedule.dates,
            make_index(self.index, forecast),
            day_counter(self.day_count),
            rules.payment_roll,
            spreads=[spread] * (len(schedule.days) - 1),
            paymentCalendar=_calendar(self.calendar),
            paymentLag=self.payment_lag,
            **kind,
        )


@dataclass(frozen=True)
class OffFixingDays:
    """An overnight coupon whose accrual starts or ends on a day without a fixing.

    QuantLib grows it at simple interest within the fixing that begins before that day, and so
    differs by about (rate x days / 360)^2 of notional from P(start) / P(end) of its own dates.
    ``starts`` and ``ends`` are the fixing's first and last day around each such date, or None.
    """

    coupon: ql.FloatingRateCoupon
    starts: tuple[ql.Date, ql.Date] | None
    ends: tuple[ql.Date, ql.Date] | None

    @property
    def paid(self) -> ql.Date:
        """The day of payment."""
        return self.coupon.date()

    def gap(self, forecast: ql.YieldTermStructureHandle) -> float:
        """Amount between its own dates, less QuantLib's."""
        p, factor = forecast.discount, 1.0
        if self.starts is not None:
            (v0, v1), own = self.starts, self.coupon.accrualStartDate()
            simple = 1.0 + (p(v0) / p(v1) - 1.0) * (v1 - own) / (v1 - v0)
            factor *= p(own) / p(v1) / simple
        if self.ends is not None:
            (v0, v1), own = self.ends, self.coupon.accrualEndDate()
            simple = 1.0 + (p(v0) / p(v1) - 1.0) * (own - v0) / (v1 - v0)
            factor *= p(v0) / p(own) / simple
        coupon = self.coupon
        growth = 1.0 + (coupon.rate() - coupon.spread()) * coupon.accrualPeriod()
        return float(coupon.nominal() * growth * (factor - 1.0))


def off_fixing_days(
    leg: Sequence[ql.CashFlow], row: IndexConvention, today: dt.date
) -> list[OffFixingDays]:
    """The coupons of a floating leg that start or end, from today on, on no fixing day."""
    if row.kind != "overnight":
        return []
    index, now = make_index(row), to_ql(today)
    fixing_days = index.fixingCalendar()

    def around(day: ql.Date) -> tuple[ql.Date, ql.Date] | None:
        if fixing_days.isBusinessDay(day):
            return None
        first = fixing_days.adjust(day, ql.Preceding)
        return (first, fixing_days.adjust(day, ql.Following)) if first >= now else None

    coupons = [ql.as_floating_rate_coupon(flow) for flow in leg]
    found = [
        OffFixingDays(c, around(c.accrualStartDate()), around(c.accrualEndDate()))
        for c in coupons
        if c.date() > now
    ]
    return [coupon for coupon in found if coupon.starts or coupon.ends]
