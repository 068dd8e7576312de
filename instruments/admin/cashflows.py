"""Terms in; the dated amounts that they mean out, without a market: what a contract pays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from instruments import validation
from instruments.admin.shared.display_format import MISSING, amount
from instruments.admin.shared.panel import Panel
from pricing.curves.fixings import date_of
from pricing.errors import PricingError
from pricing.markets import conventions
from pricing.products.cash_flows import FIXED, CompiledTrade, compile_trade

HEADERS = ("Pays on", "What", "Amount")
PERIOD = ("From", "To")


def panel(terms: Mapping[str, object], *, title: str) -> Panel:
    """A table of all flows; or why there is none."""
    try:
        is_swap = terms.get("convention") in conventions.SWAPS
        made = validation.swap_terms(terms) if is_swap else validation.bond_terms(_priced(terms))
        flows = compile_trade(made)
        headers = (*HEADERS, *PERIOD) if is_swap else HEADERS
        return Panel(title, headers=headers, rows=rows(flows), note=_note(is_swap))
    except PricingError as error:
        return Panel(title, note=str(error))


def _priced(terms: Mapping[str, object]) -> dict[str, object]:
    """Flows do not depend on the price; a bond whose spread waits for a market has them too."""
    return {**terms, "clean_price": None, "z_spread_bp": None}


def _note(is_swap: bool) -> str:
    if is_swap:
        return "Received is positive. What floats is known when it has fixed."
    return "All that the contract pays, the past included."


def rows(trade: CompiledTrade) -> list[list[str]]:
    """Date, kind, amount and accrual of each flow, by date of payment."""
    flows = sorted(trade.flows, key=lambda flow: (int(flow["pay"]), int(flow["leg"])))
    width = len(HEADERS) + len(PERIOD) if trade.product == "swap" else len(HEADERS)
    return [_row(flow, trade.indices)[:width] for flow in flows]


def _row(flow: Any, indices: tuple[str, ...]) -> list[str]:
    pays = date_of(int(flow["pay"])).isoformat()
    if flow["kind"] == FIXED:
        what = "coupon" if flow["unit"] else "redemption"
        return [pays, what, amount(float(flow["amount"])), "", ""]
    start, end = (_day(flow[name]) for name in ("start", "end"))
    index = indices[int(flow["index"])]
    return [pays, f"floating, {index}", MISSING, start, end]


def _day(number: Any) -> str:
    day: dt.date = date_of(int(number))
    return day.isoformat()
