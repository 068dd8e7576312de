"""Schedules, accrued interest, flows and QuantLib's instrument of floating-rate notes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.errors import BadInput, SpreadNotSolved
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.accrual import RegularDates
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.cash_flows import FLOW, NEVER, OVERNIGHT, Row
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.leg_rows import floating_leg_rows
from pricing.products.schedules import (
    Handle,
    calendar,
    day_counter,
    day_number,
    given_or,
    known_curve,
    make_index,
    roll,
    stub_date,
    to_ql,
)
from pricing.products.swaps.overnight import (
    Observing,
    chain_rows,
    compounded_rows,
    counted_between,
    observations,
    observed_period,
)
from pricing.products.templates import Scaling, Template, as_bytes

FACE = 100.0
"""Face amount that legs and rows are made for."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note with every field settled: terms over index and house defaults."""

    terms: FloatingRateNoteTerms
    index: IndexConvention
    frequency: str
    day_count: str
    fixing_days: int
    observing: Observing
    payment_lag: int
    settlement_days: int
    ex_coupon_days: int
    calendar: str
    roll: int
    end_of_month: bool
    discount_curve: str
    forecast_curve: str


class Period(NamedTuple):
    """A coupon period, adjusted, with the years that it pays for and its quoted spread."""

    start: ql.Date
    end: ql.Date
    years: float
    spread: float


def resolve_note(terms: FloatingRateNoteTerms) -> Note:
    """Terms over the row of their index.

    A note is discounted on the curve that the index's own curve is discounted on, unless the terms
    name another one. Its trades settle on the day itself unless they give ``settlement_days``.

    Raises:
        BadInput: A field names something that does not exist.
    """
    index = conventions.INDICES[terms.floating_index]
    own = conventions.CURVES[index.forecast_curve]
    return Note(
        terms=terms,
        index=index,
        frequency=terms.own_frequency,
        day_count=vocabulary.day_count(given_or(terms.day_count, index.day_count)),
        fixing_days=given_or(terms.fixing_days, index.fixing_days),
        observing=Observing(
            terms.lookback_days or 0, bool(terms.observation_shift), terms.lockout_days or 0
        ),
        payment_lag=terms.payment_lag or 0,
        settlement_days=terms.settlement_days or 0,
        ex_coupon_days=terms.ex_coupon_days or 0,
        calendar=vocabulary.calendar(given_or(terms.calendar, index.calendar)),
        roll=roll(given_or(terms.business_day_convention, "MODIFIED_FOLLOWING")),
        end_of_month=bool(terms.end_of_month),
        discount_curve=known_curve(
            "discount_curve", terms.discount_curve, own.discount_curve or own.name
        ),
        forecast_curve=known_curve("forecast_curve", terms.forecast_curve, own.name),
    )


def settlement_date(note: Note, today: ql.Date) -> ql.Date:
    """The day on which a trade of that date settles, not before the issue of the note."""
    settles = calendar(note.calendar).advance(today, note.settlement_days, ql.Days)
    return max(settles, to_ql(note.terms.issue_date))


def _schedule(note: Note) -> ql.Schedule:
    terms = note.terms
    schedule = ql.Schedule(
        to_ql(terms.issue_date),
        to_ql(terms.maturity_date),
        ql.Period(note.frequency),
        calendar(note.calendar),
        note.roll,
        note.roll,
        ql.DateGeneration.Backward,
        note.end_of_month,
        stub_date(terms.first_coupon_date, False),
        stub_date(terms.penultimate_coupon_date, False),
    )
    for before, date in itertools.pairwise(schedule.dates()):
        if before == date:
            allowed = "stub dates, frequency and end_of_month leave an empty period there"
            raise BadInput("schedule", date.ISO(), allowed)
    return schedule


def _years(note: Note, start: ql.Date, end: ql.Date) -> float:
    """Years of interest from start to end, which lie in one period; see ``accrual``."""
    if note.day_count != "ACT/ACT ICMA":
        return float(day_counter(note.day_count).yearFraction(start, end))
    dates = RegularDates(
        anchor=to_ql(note.terms.penultimate_coupon_date or note.terms.maturity_date),
        months=vocabulary.MONTHS[note.frequency],
        end_of_month=note.end_of_month,
        calendar=calendar(note.calendar),
        roll=note.roll,
    )
    return dates.years(start, end)


def periods(note: Note) -> list[Period]:
    """The coupon periods in order of time."""
    terms = note.terms
    steps = sorted(terms.spread_schedule or (), key=lambda step: step.date)
    cal = calendar(note.calendar)
    # A roll may move a period's start before or after the step's own date.
    begin = [(min(to_ql(s.date), cal.adjust(to_ql(s.date), note.roll)), s.spread_bp) for s in steps]
    found = []
    for start, end in itertools.pairwise(_schedule(note).dates()):
        spread_bp = ([terms.spread_bp] + [bp for date, bp in begin if date <= start])[-1]
        found.append(Period(start, end, _years(note, start, end), spread_bp * 1e-4))
    return found


def _observed(note: Note, date: ql.Date) -> ql.Date:
    """The day of observation of a compounded rate that stands for a day of a coupon's period.

    It is a business day of the index.
    """
    cal = calendar(note.index.calendar)
    if note.observing.lookback and note.observing.shift:
        return cal.advance(date, -note.observing.lookback, ql.Days, ql.Preceding)
    return cal.adjust(date, ql.Following)


def _paid(note: Note, date: ql.Date) -> ql.Date:
    if note.payment_lag:
        return calendar(note.calendar).advance(date, note.payment_lag, ql.Days)
    return calendar(note.calendar).adjust(date, note.roll)


def _ex_date(note: Note, paid: ql.Date) -> ql.Date:
    """The first day that does not carry a coupon; days count back, the last one still carries it.

    So do those of gilts (UK DMO, 'Formulae for Calculating Gilt Prices from Yields', annex).
    """
    if not note.ex_coupon_days:
        return ql.Date()
    return calendar(note.calendar).advance(paid, -max(note.ex_coupon_days - 1, 0), ql.Days)


def make_leg(
    note: Note, forecast: Handle | None = None, *, indexed: bool, telescopic: bool = True
) -> tuple[ql.CashFlow, ...]:
    """QuantLib's coupons and redemption of a face amount of 100.

    Each coupon stands on 100 times the years that it pays for, and counts as one year.

    Args:
        note: A resolved note.
        forecast: The projection curve.
        indexed: True for indexed IBOR coupons, False for coupons at par.
        telescopic: True to leave out the daily dates of overnight coupons.
    """
    index = make_index(note.index, forecast)
    found = periods(note)
    if note.index.kind == "overnight":
        coupons = [_overnight_coupon(note, period, index, telescopic) for period in found]
    else:
        coupons = _ibor_coupons(note, found, index, indexed)
    return (*coupons, ql.Redemption(FACE, _paid(note, found[-1].end)))


def _overnight_coupon(
    note: Note, period: Period, index: ql.OvernightIndex, telescopic: bool
) -> ql.CashFlow:
    paid = _paid(note, period.end)
    lookback, shift, lockout = note.observing
    # A coupon that telescopes is given the period that it observes.
    own = (ql.Date(), ql.Date())
    if note.observing.telescopes:
        own = (_observed(note, period.start), _observed(note, period.end))
    coupon = ql.OvernightIndexedCoupon(
        paid,
        FACE * period.years,
        period.start,
        period.end,
        index,
        1.0,
        period.spread,
        period.start,
        period.end,
        ql.OneDayCounter(),
        telescopic and note.observing.telescopes,
        ql.RateAveraging.Compound,
        lookback if lookback and not note.observing.telescopes else ql.nullInt(),
        lockout,
        shift and not note.observing.telescopes,
        False,
        *own,
        _ex_date(note, paid),
    )
    coupon.setPricer(ql.CompoundingOvernightIndexedCouponPricer())
    return coupon


def _ibor_coupons(
    note: Note, found: list[Period], index: ql.IborIndex, indexed: bool
) -> list[ql.CashFlow]:
    cal = calendar(note.calendar)
    ex_days = max(note.ex_coupon_days - 1, 0)
    return list(
        ql.IborLeg(
            [FACE * period.years for period in found],
            _schedule(note),
            index,
            ql.OneDayCounter(),
            ql.Following if note.payment_lag else note.roll,
            fixingDays=[note.fixing_days],
            spreads=[period.spread for period in found],
            exCouponPeriod=ql.Period(ex_days, ql.Days) if note.ex_coupon_days else ql.Period(),
            exCouponCalendar=cal,
            paymentCalendar=cal,
            paymentLag=note.payment_lag,
            withIndexedCoupons=indexed,
        )
    )


class CouponRows(NamedTuple):
    """A coupon: what it pays on its index, which is a flow or a chain, and its quoted spread."""

    floating: list[Row]
    spread: Row


def _coupon_rows(note: Note, leg: tuple[ql.CashFlow, ...], *, indexed: bool) -> list[CouponRows]:
    """The coupons, each with its quoted spread as a fixed coupon."""
    coupons = [ql.as_floating_rate_coupon(flow) for flow in leg[:-1]]
    if note.index.kind == "overnight":
        floating = [_overnight_rows(note, coupon) for coupon in coupons]
    else:
        floating = [[row] for row in floating_leg_rows(coupons, note.index, indexed)]
    found = []
    for rows, coupon in zip(floating, coupons, strict=True):
        ex_date = coupon.exCouponDate()
        ex = NEVER if ex_date == ql.Date() else day_number(ex_date)
        accrued = coupon.nominal()  # times one year of ``ql.OneDayCounter``
        spread = Row(pay=rows[0].pay, ex=ex, amount=accrued * coupon.spread(), unit=accrued)
        own = [row._replace(leg=0, ex=ex, amount=0.0) for row in rows]
        found.append(CouponRows(own, spread))
    return found


def _overnight_rows(note: Note, coupon: ql.FloatingRateCoupon) -> list[Row]:
    """The growth of a compounded coupon is P(start) / P(end) of its days of observation.

    It is a chain where fixings count for days that are not their own.
    """
    pay = day_number(coupon.date())
    dates = (coupon.accrualStartDate(), coupon.accrualEndDate())
    if not note.observing.telescopes:
        days = (day_number(dates[0]), day_number(dates[1]))
        return compounded_rows(note.index, days, coupon.nominal(), pay, note.observing)
    start, end = (_observed(note, date) for date in dates)
    years = day_counter(note.index.day_count).yearFraction(start, end)
    return [
        Row(
            *(OVERNIGHT, 0, 0, 0, pay),
            *(day_number(start), day_number(end), day_number(start)),
            scale=coupon.nominal() / years,
        )
    ]


def _redemption_row(leg: tuple[ql.CashFlow, ...]) -> Row:
    return Row(pay=day_number(leg[-1].date()), amount=leg[-1].amount())


class BuyerFlows(NamedTuple):
    """What a buyer receives who pays on a settlement date, per 100 of face.

    Attributes:
        flows: Payments after settlement, each a flow or the flows of a chain.
        accrued: What has accrued in the running period, in the same way.
        accrued_sign: -1 where the seller keeps the coupon: then ``accrued`` is what accrues from
            settlement to the end of the period.
        periods: The periods of the coupons among ``flows``.
        left: Years from settlement to the first payment of interest among ``flows``.
    """

    flows: list[list[Row]]
    accrued: list[list[Row]]
    accrued_sign: float
    periods: list[Period]
    left: float


def buyer_flows(note: Note, settlement: ql.Date, *, indexed: bool) -> BuyerFlows:
    """The payments that a buyer receives and the interest that has accrued.

    An IBOR coupon accrues in proportion to its years. A compounded one has accrued what its rate
    makes from the start of its period to settlement, both by their days of observation: what the
    coupon would pay if its period ended on that day.
    """
    leg = make_leg(note, indexed=indexed)
    coupons, redemption = _coupon_rows(note, leg, indexed=indexed), _redemption_row(leg)
    settled = day_number(settlement)
    flows: list[list[Row]] = []
    received: list[Period] = []
    accrued: list[list[Row]] = []
    sign = 1.0
    for period, rows in zip(periods(note), coupons, strict=True):
        pay, ex = rows.spread.pay, rows.spread.ex
        paid = pay > settled and (ex == NEVER or ex > settled)
        if paid:
            flows += [rows.floating, [rows.spread]]
            received.append(period)
        if period.start <= settlement < period.end:
            accrued = _accrued_rows(note, rows, period, settlement, paid)
            sign = 1.0 if paid else -1.0
    if redemption.pay > settled:
        flows.append([redemption])
    left = _years(note, max(settlement, received[0].start), received[0].end) if received else 0.0
    return BuyerFlows(flows, accrued, sign, received, left)


def _accrued_rows(
    note: Note, coupon: CouponRows, period: Period, settlement: ql.Date, paid: bool
) -> list[list[Row]]:
    """The interest of the part of a period before settlement, or after it if that is not paid.

    It is paid with the coupon, so that it is alive as long.
    """
    first, last = (period.start, settlement) if paid else (settlement, period.end)
    share = _years(note, first, last) / period.years
    found = [[coupon.spread._replace(ex=NEVER, amount=coupon.spread.amount * share)]]
    floating = coupon.floating[0]._replace(ex=NEVER)
    if note.index.kind != "overnight":
        scale, accrued = floating.scale * share, floating.accrued * share
        return [*found, [floating._replace(scale=scale, accrued=accrued)]]
    if not note.observing.telescopes:
        part = _part_of_chain(note, period, (first, last), share, floating.pay)
        return [*found, part] if part else found
    start, end = _observed(note, first), _observed(note, last)
    if start >= end:
        return found
    years = day_counter(note.index.day_count).yearFraction(start, end)
    first_day, last_day = day_number(start), day_number(end)
    part_of_coupon = floating._replace(
        start=first_day,
        end=last_day,
        fixing=first_day,
        scale=FACE * period.years * share / years,
    )
    return [*found, [part_of_coupon]]


def _part_of_chain(
    note: Note, period: Period, part: tuple[ql.Date, ql.Date], share: float, pay: int
) -> list[Row]:
    """Return what the fixings that count for the days of a part of a period have made."""
    days = (day_number(period.start), day_number(period.end))
    first, last = (day_number(date) for date in part)
    counted = observed_period(note.index, (first, last), note.observing)
    some = counted_between(observations(note.index, days, note.observing), *counted)
    if not some:
        return []
    years = sum(each.days for each in some) / vocabulary.YEAR_DAYS[note.index.day_count]
    scale = FACE * period.years * share / years
    return [row._replace(leg=0) for row in chain_rows(note.index, some, scale, 0.0, pay)]


def make_template(terms: FloatingRateNoteTerms, *, indexed: bool) -> Template:
    """Make the flows of one unit of face; see ``flows.ProductFlows``."""
    note = resolve_note(terms)
    leg = make_leg(note, indexed=indexed)
    coupons = _coupon_rows(note, leg, indexed=indexed)
    rows = [row for coupon in coupons for row in (*coupon.floating, coupon.spread)]
    flows = np.array([*rows, _redemption_row(leg)], dtype=FLOW)
    for column in ("scale", "accrued", "amount", "unit"):
        flows[column] /= FACE
    return Template(
        flows=flows.tobytes(),
        notional_of=as_bytes([0] * len(flows)),
        discount=note.discount_curve,
        forecasts=(note.forecast_curve,),
        indices=(note.index.name,),
    )


def scaling(terms: FloatingRateNoteTerms) -> Scaling:
    """Return the face amount and the z-spread of a note; see ``flows.ProductFlows``.

    Raises:
        SpreadNotSolved: It has a quote whose spread no market has solved yet.
    """
    if terms.quote is not None and terms.waits_for_market:
        raise SpreadNotSolved(terms.quote)
    return Scaling([terms.face_amount], z_spread=(terms.z_spread_bp or 0.0) * 1e-4)


def instrument(terms: FloatingRateNoteTerms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's note on its curves and z-spread; see ``flows.ProductFlows``."""
    note = resolve_note(terms)
    forecast = market.handle(note.forecast_curve)
    leg = make_leg(note, forecast, indexed=market.indexed, telescopic=False)
    spread = ql.QuoteHandle(ql.SimpleQuote((terms.z_spread_bp or 0.0) * 1e-4))
    curve = ql.ZeroSpreadedTermStructure(market.handle(note.discount_curve), spread, ql.Continuous)
    curve.enableExtrapolation()
    discount = ql.YieldTermStructureHandle(curve)
    made = ql.Bond(0, calendar(note.calendar), FACE, to_ql(terms.maturity_date), ql.Date(), leg)
    made.setPricingEngine(ql.DiscountingBondEngine(discount))
    scale = terms.face_amount / FACE

    def value() -> float:
        return float(made.NPV() * scale)

    def values() -> InstrumentValues:
        pv01 = scale * ql.CashFlows.bps(leg, curve, False)
        return InstrumentValues(value(), (value(), 0.0), pv01)

    return Instrument(value, values, leg[-1].date())
