"""List the remaining cash flows of a trade in a published frame, with their present values.

The flows are those that the frame was priced with: the compiled block, the frame's date,
fixings and curves. Their present values add up to the trade's NPV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import FlowBlock, only
from pricing.products.registry import PRODUCTS
from risk.queries.curves import FrameCurves, curves_of
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.store.compiled_book_store import CompiledBooks, StaleBook

Json = dict[str, Any]


@dataclass(frozen=True)
class TradeFlows:
    """Flows of a trade, in order of payment, and the curves they are valued on."""

    curves: dict[str, str]
    flows: list[Json]


def cash_flows(
    books: CompiledBooks, view: FrameView, trade_id: str, options: CurveOptions
) -> TradeFlows | None:
    """Flows of a trade; None when it did not compile. A failed one has none.

    Each flow has ``pay_date``, ``leg`` (bond, fixed or floating), ``amount`` (trade currency,
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
    names = {
        "discount": block.curves[block.discount[0]],
        "forecast": block.curves[block.forecast[0]],
    }
    return TradeFlows(names, sorted(rows, key=lambda row: (row["pay_date"], row["leg"])))


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
    flows, factors = dated.flows, curves.discount(dated.point_curve, dated.point_day)
    legs = PRODUCTS[dated.block.products[0]].legs
    spread = float(dated.block.z_spread[0])
    fixed_days = dated.point_day[flows.fixed_pay]
    # The block holds amounts with the bond's spread in them; what is paid is without.
    with_spread = np.exp(-spread * (fixed_days - dated.today) / 365.0)
    paid = flows.fixed_amount / with_spread
    fixed = _leg(legs[0], fixed_days, paid, factors[flows.fixed_pay])
    for row, share in zip(fixed, with_spread, strict=True):
        row["present_value"] *= float(share)
    growth = factors[flows.float_start] / factors[flows.float_end]
    amount = flows.float_alpha * growth + flows.float_beta
    days, pay = dated.point_day[flows.float_pay], factors[flows.float_pay]
    floating = _leg(legs[-1], days, amount, pay)
    for row, alpha in zip(floating, flows.float_alpha, strict=True):
        row["projected"] = bool(alpha)
    return fixed + floating


def _leg(name: str, days: IntArray, amounts: FloatArray, factors: FloatArray) -> list[Json]:
    return [
        {
            "pay_date": date_of(day),
            "leg": name,
            "amount": float(amount),
            "projected": False,
            "discount_factor": float(factor),
            "present_value": float(amount * factor),
        }
        for day, amount, factor in zip(days, amounts, factors, strict=True)
    ]
