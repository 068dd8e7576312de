"""List the remaining cash flows of a trade in a published frame, with their present values.

The flows are those that the frame was priced with: the compiled block, the frame's date,
fixings and curves. Their present values add up to the trade's NPV.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.measures.compounding.chains import Chains
from pricing.measures.delivery.choice import cheapest, flows_to_price
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import FlowBlock, only, trades_of
from pricing.products.registry import PRODUCTS
from risk.queries.curves import FrameCurves, curves_of
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.store.compiled_book_store import CompiledBooks, StaleBook

Json = dict[str, Any]


@dataclass(frozen=True)
class TradeFlows:
    """Flows of a trade, in order of payment, and the curves they are valued on.

    ``deliverables`` are the bonds of a bond future by number: ``price`` is the forward clean price
    over the conversion factor, per 100; ``last_payment`` that of the bond; ``cheapest`` whether it
    is the one that is delivered. None of other products.
    """

    curves: dict[str, str]
    flows: list[Json]
    deliverables: list[Json] | None = None


def cash_flows(
    books: CompiledBooks, view: FrameView, trade_id: str, options: CurveOptions
) -> TradeFlows | None:
    """Flows of a trade; None when it did not compile. A failed one has none.

    Each flow has ``pay_date``, ``leg`` (a label of ``Product.legs``), ``amount`` (trade currency,
    received is positive), ``projected`` (the amount depends on the curves),
    ``discount_factor`` and ``present_value`` (with the bond's z-spread).

    Raises:
        FrameMoved: The book of the frame is no longer there.
        NoNodes: The frame does not carry its curves.
    """
    place = view.manifest.place_of(trade_id)
    if place is None:
        return None
    block = only(_block(books, view, place[0]), place[1])
    curves = curves_of(view.rollup, options)
    dated = roll_to(block, curves.grid.today, _fixings(view), curves.names)
    rows = [] if dated.failures else _rows(dated, curves)
    (trade,) = trades_of(block)
    names = {"discount": trade.discount, "forecast": ", ".join(trade.forecasts) or trade.discount}
    rows.sort(key=lambda row: (row["pay_date"], row["leg"]))
    return TradeFlows(names, rows, _deliverables(dated, curves))


def _block(books: CompiledBooks, view: FrameView, number: int) -> FlowBlock:
    try:
        found = books.block(view.rollup.currency, view.rollup.book_version, number)
    except StaleBook:
        found = None
    if found is None:
        raise FrameMoved(f"{view.rollup.currency} book {view.rollup.book_version}")
    return found


def _fixings(view: FrameView) -> dict[str, dict[Any, float]]:
    return {
        name: public_on(conventions.INDICES[name], rates, view.rollup.valuation_date)
        for name, rates in view.manifest.fixings.items()
    }


def _rows(dated: DatedBlock, curves: FrameCurves) -> list[Json]:
    factors = curves.discount(dated.point_curve, dated.point_day)
    flows = flows_to_price(dated.flows, dated.deliveries, dated.chains, factors)
    fixed = _payments(dated, flows.fixed_ptr, flows.fixed_pay, flows.fixed_amount, factors)
    growth = factors[flows.float_start] / factors[flows.float_end]
    amount = flows.float_alpha * growth + flows.float_beta
    floating = _payments(dated, flows.float_ptr, flows.float_pay, amount, factors)
    for row, alpha in zip(floating, flows.float_alpha, strict=True):
        row["projected"] = bool(alpha)
    _mark_chains(floating, dated.chains)
    apart = {*dated.deliveries.flow.tolist(), *dated.chains.link.tolist()}
    return fixed + _with_one_price(floating, dated.deliveries.flow, apart)


def _deliverables(dated: DatedBlock, curves: FrameCurves) -> list[Json] | None:
    found = dated.deliveries
    if not len(found.flow):
        return None
    factors = curves.discount(dated.point_curve, dated.point_day)
    made = cheapest(dated.flows, found, factors)
    last = np.zeros(len(found.number), dtype=np.int64)
    np.maximum.at(last, found.alternative, dated.point_day[dated.flows.float_start[found.flow]])
    points, picked = float(dated.block.notional[0]) / 100.0, made.picked.tolist()
    return [
        {
            "number": number,
            "last_payment": date_of(day),
            "price": abs(value) / points,
            "cheapest": place in picked,
        }
        for place, (number, day, value) in enumerate(
            zip(found.number.tolist(), last.tolist(), made.values.tolist(), strict=True)
        )
    ]


def _mark_chains(floating: list[Json], chains: Chains) -> None:
    """Mark payments as projected of which a link is not known; links are worth nothing."""
    for owner in chains.owner.tolist():
        floating[int(chains.flow[owner])]["projected"] = True


def _with_one_price(
    floating: list[Json], delivered: IntArray, apart: Collection[int]
) -> list[Json]:
    """The price of a bond future as one payment: what it is made of is paid to nobody."""
    kept = [row for place, row in enumerate(floating) if place not in apart]
    if not len(delivered):
        return kept
    first, *others = [floating[place] for place in sorted(delivered.tolist())]
    for name in ("amount", "present_value"):
        first[name] += sum(row[name] for row in others)
    first["projected"] = True
    return [*kept, first]


def _payments(
    dated: DatedBlock, ptr: IntArray, pay: IntArray, amounts: FloatArray, factors: FloatArray
) -> list[Json]:
    """Payments at points: ``ptr`` divides them by leg, ``amounts`` have the trade's spread."""
    legs = PRODUCTS[dated.block.products[0]].legs
    days = dated.point_day[pay]
    # What is paid is without the spread.
    with_spread = np.exp(-float(dated.block.z_spread[0]) * (days - dated.today) / 365.0)
    return [
        {
            "pay_date": date_of(day),
            "leg": legs[leg],
            "amount": float(amount / share),
            "projected": False,
            "discount_factor": float(factor),
            "present_value": float(amount / share * factor) * float(share),
        }
        for day, leg, amount, share, factor in zip(
            days, np.repeat((0, 1), np.diff(ptr)), amounts, with_spread, factors[pay], strict=True
        )
    ]
