"""Flows and QuantLib's legs of zero-coupon swaps."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.products.cash_flows import COMPOUNDED, FLOW, OVERNIGHT, Row
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.period_rows import payment_day, years
from pricing.products.schedules import given_or, known_curve, ql_of_day, roll, to_ql
from pricing.products.swaps.compounding import Compounding, ibor_chain_rows
from pricing.products.swaps.legs import FloatingLeg, make_schedule, off_fixing_days
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms, check_zero_coupon_swap
from pricing.products.templates import Scaling, Template, as_bytes


@dataclass(frozen=True, kw_only=True)
class ZeroCouponSwap:
    """A zero-coupon swap with every field settled: terms over convention.

    Attributes:
        terms: What the contract says.
        floating: The floating leg. One of an overnight index has one period.
        fixed_day_count: Of the fixed leg.
        discount_curve: Name of the discount curve.
    """

    terms: ZeroCouponSwapTerms
    floating: FloatingLeg
    fixed_day_count: str
    discount_curve: str

    @property
    def sign(self) -> float:
        """+1 when fixed is received."""
        return 1.0 if self.terms.pay_receive == "receive" else -1.0


def resolve_zero_coupon_swap(terms: ZeroCouponSwapTerms) -> ZeroCouponSwap:
    """Terms over the rows of their convention.

    Raises:
        BadInput: An override names something that does not exist, or the swap has no length.
    """
    check_zero_coupon_swap(terms)
    row = conventions.SWAPS[terms.convention]
    index = conventions.INDICES[terms.floating_index or row.index]
    floating = FloatingLeg(
        index=index,
        forecast_curve=known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve),
        frequency="ZERO" if index.kind == "overnight" else vocabulary.frequency(index.tenor),
        day_count=index.day_count,
        payment_lag=given_or(terms.payment_lag, row.payment_lag),
        calendar=given_or(terms.calendar, row.calendar),
        roll=roll(given_or(terms.business_day_convention, row.business_day_convention)),
        end_of_month=given_or(terms.end_of_month, row.end_of_month),
    )
    if index.kind == "ibor":
        _check_periods(floating, terms)
    return ZeroCouponSwap(
        terms=terms,
        floating=floating,
        fixed_day_count=vocabulary.day_count(given_or(terms.fixed_day_count, row.fixed_day_count)),
        discount_curve=known_curve("discount_curve", terms.discount_curve, row.discount_curve),
    )


def _check_periods(leg: FloatingLeg, terms: ZeroCouponSwapTerms) -> None:
    """Refuse dates on which the index has no deposit: the growth of its periods has gaps there."""
    coupons = leg.rows(terms, place=0, leg=1, indexed=False)
    for days, coupon in zip(itertools.pairwise(leg.schedule(terms).days), coupons, strict=True):
        for day, own in zip(days, (coupon.start, coupon.end), strict=True):
            if day != own:
                reason = f"{leg.index.name} has no deposit from {ql_of_day(day).ISO()}; keep its "
                reason += f"calendar {leg.index.calendar} and adjusted dates"
                raise BadInput("calendar", leg.calendar, reason)


class FixedPayment(NamedTuple):
    """What the fixed leg pays for one unit of notional.

    Attributes:
        amount: The payment.
        slope: Its derivative to the rate.
        spans: Years of the periods over which the rate compounds, or of the only one.
    """

    amount: float
    slope: float
    spans: list[float]


def fixed_payment(swap: ZeroCouponSwap) -> FixedPayment:
    """Compound the fixed rate from start to end."""
    terms, floating, rate = swap.terms, swap.floating, swap.terms.fixed_rate
    frequency = terms.fixed_frequency
    schedule = make_schedule(
        terms,
        "ZERO" if frequency is None else vocabulary.frequency(frequency),
        calendar=floating.calendar,
        roll=floating.roll,
        end_of_month=floating.end_of_month,
    )
    spans = [years(swap.fixed_day_count, *days) for days in itertools.pairwise(schedule.days)]
    if frequency is None:
        (span,) = spans
        factor = (1.0 + rate) ** span
        return FixedPayment(factor - 1.0, span * factor / (1.0 + rate), spans)
    factor = math.prod(1.0 + rate * span for span in spans)
    slope = sum(factor / (1.0 + rate * span) * span for span in spans)
    return FixedPayment(factor - 1.0, slope, spans)


def _floating_rows(swap: ZeroCouponSwap, *, indexed: bool) -> list[Row]:
    """The floating leg of one unit of notional.

    Coupons at par each grow over their own period, so that they telescope. Indexed ones grow over
    the index's own, which leaves gaps: they are a chain.
    """
    leg, terms = swap.floating, swap.terms
    if indexed and leg.index.kind == "ibor":
        pay = payment_day(leg.rules, leg.schedule(terms).days[-1])
        plain = Compounding("spread_exclusive", 0.0)
        return ibor_chain_rows(leg.index, leg.periods(terms), pay, plain, indexed=True)
    coupons = leg.rows(terms, place=0, leg=1, indexed=False)
    first, last = coupons[0], coupons[-1]
    whole = Row(
        kind=OVERNIGHT if leg.index.kind == "overnight" else COMPOUNDED,
        leg=1,
        index_place=0,
        curve_place=0,
        pay=last.pay,
        start=first.start,
        end=last.end,
        fixing=first.fixing,
        scale=1.0,
    )
    if whole.kind == OVERNIGHT:
        return [whole]
    periods = [
        coupon._replace(kind=COMPOUNDED, pay=last.pay, scale=0.0, amount=0.0) for coupon in coupons
    ]
    return [whole, *periods]


def make_template(terms: ZeroCouponSwapTerms, *, indexed: bool) -> Template:
    """Make both payments of one unit of notional, received; see ``flows.ProductFlows``.

    In ``accrued`` of fixed flows are the years of ``FixedPayment.spans``, which the par rate needs:
    of the payment, or where the rate compounds of a flow of no amount for each period.
    """
    swap = resolve_zero_coupon_swap(terms)
    fixed, floating = fixed_payment(swap), _floating_rows(swap, indexed=indexed)
    pay, whole = floating[0].pay, Row(amount=fixed.amount, unit=fixed.slope)
    if terms.fixed_frequency is None:
        rows = [whole._replace(pay=pay, accrued=fixed.spans[0]), *floating]
    else:
        periods = [Row(pay=pay, accrued=span) for span in fixed.spans]
        rows = [whole._replace(pay=pay), *periods, *floating]
    return Template(
        flows=np.array(rows, dtype=FLOW).tobytes(),
        notional_of=as_bytes([0] * len(rows)),
        discount=swap.discount_curve,
        forecasts=(swap.floating.forecast_curve,),
        indices=(swap.floating.index.name,),
    )


def scaling(terms: ZeroCouponSwapTerms) -> Scaling:
    """Return the notional and signs of a swap; see ``flows.ProductFlows``."""
    sign = 1.0 if terms.pay_receive == "receive" else -1.0
    return Scaling([terms.notional], signs=(sign, -sign))


def instrument(terms: ZeroCouponSwapTerms, market: InstrumentMarket) -> Instrument:
    """Compound QuantLib's own coupons; see ``flows.ProductFlows``."""
    swap = resolve_zero_coupon_swap(terms)
    discount = market.handle(swap.discount_curve)
    forecast = market.handle(swap.floating.forecast_curve)
    leg = swap.floating.by_quantlib(terms, 1.0, 0.0, forecast, indexed=market.indexed)
    coupons = [ql.as_floating_rate_coupon(flow) for flow in leg]
    paid = ql_of_day(payment_day(swap.floating.rules, swap.floating.schedule(terms).days[-1]))
    (fixed, slope, _), size = fixed_payment(swap), swap.sign * terms.notional
    off = off_fixing_days(leg, swap.floating.index, market.today)

    def factor() -> float:
        """The discount factor of the payment; 0 when it is made."""
        return float(discount.discount(paid)) if paid > to_ql(market.today) else 0.0

    def floating() -> float:
        if not factor():
            return 0.0
        grown = math.prod(1.0 + coupon.rate() * coupon.accrualPeriod() for coupon in coupons)
        return float(grown - 1.0 + sum(coupon.gap(forecast) for coupon in off)) * factor()

    def legs() -> tuple[float, float]:
        return size * fixed * factor(), -size * floating()

    def values() -> InstrumentValues:
        return InstrumentValues(sum(legs()), legs(), size * slope * factor() * 1e-4)

    return Instrument(lambda: sum(legs()), values, paid)
