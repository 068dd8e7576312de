"""Schedules, accrued interest, flows and QuantLib's instrument of fixed-rate bonds."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import QuantLib as ql

from pricing.errors import BadInput, SpreadNotSolved
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import BondConvention, SettlementLag
from pricing.products.accrual import Accrual, RegularDates
from pricing.products.cash_flows import FLOW
from pricing.products.fixed_rate_bond import MOST_DAYS_OF_A_BILL, BondTerms
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import (
    calendar,
    day_counter,
    given_or,
    known_curve,
    roll,
    stub_date,
    to_ql,
)
from pricing.products.templates import Scaling, Template, as_bytes


@dataclass(frozen=True, kw_only=True)
class Bond:
    """A bond position with every field settled: terms over convention."""

    terms: BondTerms
    frequency: str
    day_count: str
    accrued_day_count: str | None
    settlement_lags: tuple[SettlementLag, ...]
    calendar: str
    settlement_calendar: str
    roll: int
    end_of_month: bool
    ex_coupon_days: int
    ex_coupon_counts: str
    yield_frequency: str
    yield_day_count: str
    last_period_yield: str
    yield_payment_dates: str
    yield_accrues: str
    bill_yield: str | None
    discount_curve: str

    @property
    def matures_within_a_year(self) -> bool:
        """Return whether it was issued for a year or less, as bills are."""
        terms = self.terms
        return (terms.maturity_date - terms.issue_date).days <= MOST_DAYS_OF_A_BILL


def resolve_bond(terms: BondTerms) -> Bond:
    """Terms over the row of their convention.

    Raises:
        BadInput: A field names something that does not exist.
    """
    row = conventions.BONDS[terms.convention] if terms.convention else None
    fallback = conventions.BONDS["CORP-30-360"]

    def settled(field: str, default: Any) -> Any:
        return given_or(getattr(terms, field), getattr(row, field) if row else default)

    currency_row = conventions.CURRENCY_ROWS[str(terms.currency)]
    default_curve = (row.discount_curve if row else None) or currency_row.bond_discount_curve
    frequency = vocabulary.frequency(settled("payment_frequency", None))
    day_count = vocabulary.day_count(settled("day_count", None))
    calendar_name = vocabulary.calendar(settled("calendar", currency_row.bond_calendar))
    return Bond(
        terms=terms,
        frequency=frequency,
        day_count=day_count,
        accrued_day_count=row.accrued_day_count if row and not terms.day_count else None,
        settlement_lags=_settlement_lags(terms, row),
        calendar=calendar_name,
        settlement_calendar=_settlement_calendar(calendar_name, row),
        roll=roll(settled("business_day_convention", fallback.business_day_convention)),
        end_of_month=settled("end_of_month", False),
        ex_coupon_days=settled("ex_coupon_days", 0),
        ex_coupon_counts=row.ex_coupon_counts if row else "business_days",
        yield_frequency=_yield_frequency(frequency, row),
        yield_day_count=day_count if row or frequency != "ZERO" else "ACT/365F",
        last_period_yield=row.last_period_yield if row else "compounded",
        yield_payment_dates=row.yield_payment_dates if row else "nominal",
        yield_accrues=row.yield_accrues if row else "as_paid",
        bill_yield=row.bill_yield if row else None,
        discount_curve=known_curve("discount_curve", terms.discount_curve, default_curve),
    )


def _settlement_calendar(calendar_name: str, row: BondConvention | None) -> str:
    """The row's, unless the terms name another calendar of payments than the row."""
    if row is not None and calendar_name == row.calendar:
        return row.settlement_calendar
    return conventions.settlement_calendar(calendar_name)


def _settlement_lags(terms: BondTerms, row: BondConvention | None) -> tuple[SettlementLag, ...]:
    """The lag of the terms for all dates, else the rows of the market, else none."""
    if terms.settlement_days is None and row is not None:
        return row.settlement_lags
    days = terms.settlement_days or 0
    return (SettlementLag(valid_from=conventions.ALWAYS, days=days, source=""),)


def _yield_frequency(frequency: str, row: BondConvention | None) -> str:
    """The market's, unless the bond pays coupons at another frequency than its market."""
    if row is not None and frequency in (row.payment_frequency, "ZERO"):
        return row.yield_frequency
    return "1Y" if frequency == "ZERO" else frequency


def settlement_date(bond: Bond, trade_date: dt.date) -> ql.Date:
    """The day on which a trade of that date settles, not before the issue of the bond."""
    days = conventions.settlement_days_on(bond.settlement_lags, trade_date)
    settles = calendar(bond.settlement_calendar).advance(to_ql(trade_date), days, ql.Days)
    return max(settles, to_ql(bond.terms.dated_date or bond.terms.issue_date))


def make_bond(bond: Bond) -> ql.Bond:
    """QuantLib's bond with a face amount of 100; its trades settle by ``settlement_date``.

    Its coupons pay and count as ``accrual.py`` says; QuantLib's own accrued interest is not valid,
    ``accrued_per_100`` is.
    """
    terms, cal = bond.terms, calendar(bond.calendar)
    issue = to_ql(terms.dated_date or terms.issue_date)
    maturity = to_ql(terms.maturity_date)
    if bond.frequency == "ZERO":
        if terms.coupon_rate:
            raise BadInput("payment_frequency", "ZERO", "a coupon needs a payment frequency")
        return ql.ZeroCouponBond(0, cal, 100.0, maturity, bond.roll, 100.0, issue)
    schedule = ql.Schedule(
        issue,
        maturity,
        ql.Period(bond.frequency),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        bond.end_of_month,
        stub_date(terms.first_coupon_date, False),
        stub_date(terms.penultimate_coupon_date, False),
    )
    # Markets that count business days count the last one that still carries the coupon; QuantLib
    # the first that does not (UK DMO, annex: seven business days are six here).
    calendar_days = bond.ex_coupon_counts == "calendar_days"
    ex_days = bond.ex_coupon_days if calendar_days else max(bond.ex_coupon_days - 1, 0)
    starts = list(schedule.dates())[:-1]
    faces = [outstanding_face(terms, start) for start in starts]
    years_of = _years_of_periods(bond, schedule)
    # Each coupon stands on its face times the years that it pays for, and counts as one year.
    coupons = ql.FixedRateLeg(
        schedule,
        ql.OneDayCounter(),
        [face * years for face, years in zip(faces, years_of, strict=True)],
        [coupon_rate(terms, start) for start in starts],
        paymentAdjustment=bond.roll,
        exCouponPeriod=ql.Period(ex_days, ql.Days) if ex_days else ql.Period(),
        exCouponCalendar=ql.NullCalendar() if calendar_days else cal,
        exCouponConvention=ql.Unadjusted,
        exCouponEndOfMonth=False,
        paymentCalendar=cal,
    )
    left = [100.0, *(step.face for step in terms.face_schedule or ())]
    parts = [
        ql.Redemption(before - after, cal.adjust(date, bond.roll))
        for (before, after), date in zip(
            itertools.pairwise([*left, 0.0]), redemption_dates(terms), strict=True
        )
    ]
    # With an issue date QuantLib refuses a short first coupon that is paid on that day, as one
    # that ends on the weekend after it is by PRECEDING; nothing here asks it for that date.
    return ql.Bond(0, cal, 100.0, maturity, ql.Date(), (*coupons, *parts))


def coupon_rate(terms: BondTerms, start: ql.Date) -> float:
    """The rate of the period that starts on a date."""
    steps = terms.coupon_schedule or ()
    rates = [step.coupon_rate for step in steps if to_ql(step.date) <= start]
    return [terms.coupon_rate, *rates][-1]


def outstanding_face(terms: BondTerms, start: ql.Date) -> float:
    """The face that the coupon of the period that starts on a date is paid on, per 100 issued."""
    faces = [step.face for step in terms.face_schedule or () if to_ql(step.date) <= start]
    return [100.0, *faces][-1]


def redemption_dates(terms: BondTerms) -> list[ql.Date]:
    """The nominal dates on which face is repaid, maturity last."""
    return [to_ql(step.date) for step in terms.face_schedule or ()] + [to_ql(terms.maturity_date)]


def bond_accrual(bond: Bond) -> Accrual:
    """How the coupons of a bond that pays coupons accrue."""
    return Accrual(
        day_count=bond.day_count,
        counter=day_counter(bond.day_count),
        dates=regular_dates(bond, vocabulary.MONTHS[bond.frequency]),
    )


def regular_dates(bond: Bond, months: int) -> RegularDates:
    """Coupon dates so many months apart from the penultimate one if given, else from maturity."""
    return RegularDates(
        anchor=to_ql(bond.terms.penultimate_coupon_date or bond.terms.maturity_date),
        months=months,
        end_of_month=bond.end_of_month,
    )


def _years_of_periods(bond: Bond, schedule: ql.Schedule) -> list[float]:
    accrual = bond_accrual(bond)
    periods = list(itertools.pairwise(schedule.dates()))
    years = [accrual.of_regular_period(start, end) for start, end in periods]
    for place in {0, len(periods) - 1}:  # the terms refuse a first coupon off the regular dates
        if not schedule.isRegular(place + 1):  # odd, or regular between two stated dates
            years[place] = accrual.of_period(*periods[place])
    return years


def accrued_per_100(bond: Bond, leg: ql.Leg, settlement: ql.Date) -> float:
    """Accrued interest of the next coupon of a bond, per 100 of face as issued.

    Args:
        bond: A resolved bond.
        leg: Its cash flows, from ``make_bond``.
        settlement: The day on which a trade settles.

    Returns:
        What has accrued from the last coupon to settlement; where the seller keeps the coupon
        (ex-dividend), what accrues from settlement to the next one, negative.
    """
    coupons = [c for c in map(ql.as_coupon, leg) if c and c.date() > settlement]
    if not coupons:
        return 0.0
    coupon, accrual = coupons[0], bond_accrual(bond)
    start, end = coupon.accrualStartDate(), coupon.accrualEndDate()
    years = accrual.until(settlement, start, end)
    if bond.accrued_day_count is not None and start < settlement < end:
        counter = day_counter(bond.accrued_day_count)
        years = min(float(counter.yearFraction(start, settlement)), accrual.of_period(start, end))
    ex_date = coupon.exCouponDate()
    if ex_date != ql.Date() and ex_date <= settlement:
        years -= accrual.of_period(start, end)
    return outstanding_face(bond.terms, start) * coupon_rate(bond.terms, start) * years


def make_template(terms: BondTerms, *, indexed: bool) -> Template:
    """Make the flows of 100 of face of a bond; see ``flows.ProductFlows``."""
    bond = resolve_bond(terms)
    flows = np.array(fixed_leg_rows(make_bond(bond).cashflows()), dtype=FLOW)
    return Template(
        flows=flows.tobytes(),
        notional_of=as_bytes([0] * len(flows)),
        discount=bond.discount_curve,
    )


def scaling(terms: BondTerms) -> Scaling:
    """Return the hundreds of face of a position, and its spread; see ``flows.ProductFlows``.

    Raises:
        SpreadNotSolved: It has a quote whose spread no market has solved yet.
    """
    if terms.quote is not None and terms.waits_for_market:
        raise SpreadNotSolved(terms.quote)
    return Scaling([terms.face_amount / 100.0], z_spread=(terms.z_spread_bp or 0.0) * 1e-4)


def instrument(terms: BondTerms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's bond on its curve and z-spread; see ``flows.ProductFlows``."""
    bond = resolve_bond(terms)
    made = make_bond(bond)
    spread = ql.QuoteHandle(ql.SimpleQuote((bond.terms.z_spread_bp or 0.0) * 1e-4))
    handle = market.handle(bond.discount_curve)
    spreaded = ql.ZeroSpreadedTermStructure(handle, spread, ql.Continuous)
    spreaded.enableExtrapolation()
    face = ql.YieldTermStructureHandle(spreaded)
    made.setPricingEngine(ql.DiscountingBondEngine(face))
    scale = bond.terms.face_amount / 100.0

    def value() -> float:
        return float(made.NPV() * scale)

    def values() -> InstrumentValues:
        pv01 = scale * ql.CashFlows.bps(made.cashflows(), spreaded, False)
        return InstrumentValues(value(), (value(), 0.0), pv01)

    return Instrument(value, values, made.cashflows()[-1].date())
