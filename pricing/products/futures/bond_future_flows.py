"""Flows and QuantLib's value of bond futures.

All flows are margin: paid at the valuation date, until the last day of delivery. The flows of all
bonds that may be delivered stand side by side, each with the number of its bond; the one that is
cheapest is chosen on each market (``measures/delivery/choice.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import QuantLib as ql

from pricing.errors import SpreadNotSolved, Unpriceable
from pricing.markets.calendars import day_of
from pricing.products.cash_flows import DAILY, DELIVERED, FLOW, NEVER, Row
from pricing.products.fixed_rate_bond_flows import (
    Bond,
    accrued_per_100,
    make_bond,
    resolve_bond,
)
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.futures.bond_future import BondFutureTerms, Deliverable
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import ql_of_day, to_ql
from pricing.products.templates import Scaling, Template, as_bytes

YEAR = 365.0
"""Days of a year of continuous spreads, which count actual/365 as those of bonds do."""


def _forward_rows(deliverable: Deliverable, bond: Bond, delivery: int, leg: ql.Leg) -> list[Row]:
    """The forward clean price at delivery over the conversion factor, as growth backwards.

    A payment c at t is worth c P(t) / P(T) at the delivery T on the curve. The bond's spread until
    t and its financing until T are factors; that of the time from the valuation date to T depends
    on the date, and is the ``accrued`` of its row: ``scale`` times the spread per year.
    """
    factor = float(deliverable.conversion_factor or math.nan)
    spread = deliverable.z_spread_bp * 1e-4
    falls = spread - deliverable.repo_spread_bp * 1e-4
    rows: list[Row] = []
    for row in fixed_leg_rows(leg):
        if row.pay <= delivery or (row.ex != NEVER and row.ex <= delivery) or row.amount == 0.0:
            continue
        scale = row.amount / factor * math.exp(-spread * (row.pay - delivery) / YEAR)
        rows.append(Row(DELIVERED, start=row.pay, end=delivery, scale=scale, accrued=scale * falls))
    accrued = accrued_per_100(bond, leg, ql_of_day(delivery)) / factor
    if accrued:
        rows.append(Row(DELIVERED, start=delivery, end=delivery, scale=-accrued))
    return rows


def make_template(terms: BondFutureTerms, *, indexed: bool) -> Template:
    """Make the margin of 1.00 of price; see ``flows.ProductFlows``.

    The traded price is paid, and the price of the future is received.
    """
    delivery = day_of(terms.dates.delivery)
    bonds = [resolve_bond(each.bond) for each in terms.deliverables]
    curves = tuple(dict.fromkeys(bond.discount_curve for bond in bonds))
    paid = {"pay": DAILY, "ex": delivery}
    rows = [
        Row(end=delivery, amount=1.0, **paid),
        Row(leg=1, end=delivery, amount=1.0, **paid),
    ]
    for number, (each, bond) in enumerate(zip(terms.deliverables, bonds, strict=True)):
        place = curves.index(bond.discount_curve)
        made = _forward_rows(each, bond, delivery, make_bond(bond).cashflows())
        if not any(row.start > row.end for row in made):
            raise Unpriceable(
                f"deliverables[{number}]: nothing is paid after {terms.dates.delivery}"
            )
        rows += [row._replace(leg=1, fixing=number, curve_place=place, **paid) for row in made]
    return Template(
        flows=np.array(rows, dtype=FLOW).tobytes(),
        notional_of=as_bytes([0] * len(rows)),
        discount=curves[0],
        forecasts=curves,
    )


def scaling(terms: BondFutureTerms) -> Scaling:
    """Return what 1.00 of price is worth, and the prices; see ``flows.ProductFlows``.

    Raises:
        SpreadNotSolved: It has a market price that has made no option value yet.
    """
    if terms.quote is not None and terms.waits_for_market:
        raise SpreadNotSolved(terms.quote, "option value")
    return Scaling([terms.point_money], rates=(-terms.trade_price, -terms.worth_of_options))


def forward_prices(terms: BondFutureTerms, market: InstrumentMarket) -> list[Callable[[], float]]:
    """The forward clean price of each bond over its conversion factor, by QuantLib's own bonds."""
    return [_forward_price(each, terms, market) for each in terms.deliverables]


def _forward_price(
    each: Deliverable, terms: BondFutureTerms, market: InstrumentMarket
) -> Callable[[], float]:
    bond, today = resolve_bond(each.bond), to_ql(market.today)
    leg, delivery = make_bond(bond).cashflows(), to_ql(terms.dates.delivery)
    handle = market.handle(bond.discount_curve)

    def on_curve(spread_bp: float) -> ql.YieldTermStructure:
        spread = ql.QuoteHandle(ql.SimpleQuote(spread_bp * 1e-4))
        made = ql.ZeroSpreadedTermStructure(handle, spread, ql.Continuous)
        made.enableExtrapolation()
        return made

    own, repo = on_curve(each.z_spread_bp), on_curve(each.repo_spread_bp)
    accrued, factor = accrued_per_100(bond, leg, delivery), float(each.conversion_factor or 0.0)

    def price() -> float:
        later = ql.CashFlows.npv(leg, own, False, delivery, today)
        return float(later / repo.discount(delivery) - accrued) / factor

    return price


def instrument(terms: BondFutureTerms, market: InstrumentMarket) -> Instrument:
    """Value the contract by QuantLib's bonds, each forward; see ``flows.ProductFlows``."""
    over, money = to_ql(terms.dates.delivery), terms.point_money
    alive = to_ql(market.today) < over
    prices: Sequence[Callable[[], float]] = forward_prices(terms, market) if alive else ()

    def legs() -> tuple[float, float]:
        if not alive:
            return 0.0, 0.0
        cheapest = min(price() for price in prices)
        return -money * terms.trade_price, money * (cheapest - terms.worth_of_options)

    return Instrument(lambda: sum(legs()), lambda: InstrumentValues(sum(legs()), legs(), 0.0), over)
