"""Legs, flows and QuantLib's instrument of basis swaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import QuantLib as ql

from pricing.markets import conventions
from pricing.products.cash_flows import FLOW, Row
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.schedules import given_or, known_curve, roll
from pricing.products.swaps.basis_swap import BasisSwapTerms, check_basis_swap
from pricing.products.swaps.legs import FloatingLeg, off_fixing_days
from pricing.products.templates import Scaling, Template, as_bytes


@dataclass(frozen=True, kw_only=True)
class BasisSwap:
    """A basis swap with every field settled: terms over the conventions of its legs."""

    terms: BasisSwapTerms
    legs: tuple[FloatingLeg, FloatingLeg]
    discount_curve: str

    @property
    def signs(self) -> tuple[float, float]:
        """Signs of the two legs: +1 where it is received."""
        return (1.0, -1.0) if self.terms.pay_receive == "receive" else (-1.0, 1.0)

    @property
    def spreads(self) -> tuple[float, float]:
        """Spreads of the two legs, decimals per year."""
        return self.terms.first_spread_bp * 1e-4, self.terms.second_spread_bp * 1e-4


def resolve_basis_swap(terms: BasisSwapTerms) -> BasisSwap:
    """Terms over the rows of their conventions.

    Raises:
        BadInput: An override names something that does not exist, or the swap has no length.
    """
    check_basis_swap(terms)
    first, second = (
        FloatingLeg(
            index=conventions.INDICES[row.index],
            forecast_curve=known_curve(
                field, getattr(terms, field), conventions.INDICES[row.index].forecast_curve
            ),
            frequency=frequency,
            day_count=row.float_day_count,
            payment_lag=given_or(terms.payment_lag, row.payment_lag),
            calendar=given_or(terms.calendar, row.calendar),
            roll=roll(given_or(terms.business_day_convention, row.business_day_convention)),
            end_of_month=given_or(terms.end_of_month, row.end_of_month),
        )
        for field, row, frequency in zip(
            ("first_forecast_curve", "second_forecast_curve"),
            terms.rows,
            terms.frequencies,
            strict=True,
        )
    )
    discount = known_curve("discount_curve", terms.discount_curve, terms.rows[0].discount_curve)
    return BasisSwap(terms=terms, legs=(first, second), discount_curve=discount)


def make_template(terms: BasisSwapTerms, *, indexed: bool) -> Template:
    """Make both legs of one unit of notional, received; see ``flows.ProductFlows``.

    Flows of no amount carry what 1.0 of spread on the first leg pays.
    """
    swap = resolve_basis_swap(terms)
    rows: list[Row] = []
    for place, leg in enumerate(swap.legs):
        coupons = leg.rows(terms, place=place, leg=place, indexed=indexed)
        if place == 0:
            rows += [Row(pay=coupon.pay, unit=coupon.amount) for coupon in coupons]
        rows += coupons
    return Template(
        flows=np.array(rows, dtype=FLOW).tobytes(),
        notional_of=as_bytes([0] * len(rows)),
        discount=swap.discount_curve,
        forecasts=tuple(leg.forecast_curve for leg in swap.legs),
        indices=tuple(leg.index.name for leg in swap.legs),
    )


def scaling(terms: BasisSwapTerms) -> Scaling:
    """Return the notional, signs and spreads of a swap; see ``flows.ProductFlows``."""
    sign = 1.0 if terms.pay_receive == "receive" else -1.0
    spreads = (terms.first_spread_bp * 1e-4, terms.second_spread_bp * 1e-4)
    return Scaling([terms.notional], signs=(sign, -sign), rates=spreads)


def instrument(terms: BasisSwapTerms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's swap of the two legs; see ``flows.ProductFlows``."""
    swap = resolve_basis_swap(terms)
    discount = market.handle(swap.discount_curve)
    handles = [market.handle(leg.forecast_curve) for leg in swap.legs]
    made = [
        leg.by_quantlib(terms, terms.notional, spread, forecast, indexed=market.indexed)
        for leg, spread, forecast in zip(swap.legs, swap.spreads, handles, strict=True)
    ]
    priced = ql.Swap(made, [sign < 0 for sign in swap.signs])
    priced.setPricingEngine(ql.DiscountingSwapEngine(discount, False))
    off = [
        off_fixing_days(flows, leg.index, market.today)
        for flows, leg in zip(made, swap.legs, strict=True)
    ]

    def gap(leg: int) -> float:
        """By how much less QuantLib values a leg than one of its own dates."""
        own = sum(c.gap(handles[leg]) * discount.discount(c.paid) for c in off[leg])
        return float(swap.signs[leg] * own)

    def value() -> float:
        return float(priced.NPV() + gap(0) + gap(1))

    def values() -> InstrumentValues:
        legs = (priced.legNPV(0) + gap(0), priced.legNPV(1) + gap(1))
        curve = market.curves[swap.discount_curve]
        return InstrumentValues(
            value(), legs, swap.signs[0] * ql.CashFlows.bps(made[0], curve, False)
        )

    return Instrument(value, values, max(leg[-1].date() for leg in made))
