"""Tables of the page of one trade, of what REST says of it. Pure.

Answers are what REST gives (docs/rest.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import format, theme
from dashboard.pnl import TITLES
from pricing.products.registry import PRODUCTS

Json = Mapping[str, Any]

TERM_COLUMNS = (theme.Column("Field"), theme.Column("Value"))
FLOW_COLUMNS = (
    theme.Column("Paid"),
    theme.Column("Leg"),
    theme.Column("Amount", "number"),
    theme.Column("Made of"),
    theme.Column("Discount factor", "number"),
    theme.Column("Present value", "number"),
)
CHANGE_COLUMNS = (
    theme.Column("When (UTC)"),
    theme.Column("Who"),
    theme.Column("What"),
    theme.Column("Field"),
    theme.Column("Before"),
    theme.Column("After"),
    theme.Column("Reason"),
)

HIDDEN = ("id", "version", "created", "updated")


def address(product: str, trade_id: str) -> str:
    """The address of a trade's row in the security master, below /api/v1/."""
    return f"{PRODUCTS[product].address}/{trade_id}/"


def admin_address(web: str, product: str, trade_id: str) -> str:
    """The list of the admin that has this trade alone; "" where there is none."""
    row = PRODUCTS.get(product)
    return f"{web}/admin/instruments/{row.model}/?q={trade_id}" if web and row else ""


def term_rows(row: Json) -> list[tuple[str, str]]:
    """The fields of a trade's row that have a value, as rows of ``TERM_COLUMNS``."""
    return [
        (name.replace("_", " "), _of_field(name, value))
        for name, value in row.items()
        if name not in HIDDEN and value not in (None, "", [], {})
    ]


def _of_field(name: str, value: object) -> str:
    """A value of a field: a rate, which is a decimal, in percent."""
    if name.endswith("_rate") and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{100 * value:.8g} %"
    return _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.10g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(map(_shown, value))
    return str(value)


def flow_rows(answer: Json) -> list[tuple[str, ...]]:
    """Cash flows to come as rows of ``FLOW_COLUMNS``; money in the trade's currency."""
    return [
        (
            str(flow["pay_date"]),
            str(flow["leg"]).replace("_", " "),
            format.signed(flow["amount"], 2),
            "curves" if flow["projected"] else "terms and fixings",
            f"{flow['discount_factor']:.8f}",
            format.signed(flow["present_value"], 2),
        )
        for flow in answer.get("cash_flows") or ()
    ]


def change_rows(changes: Sequence[Json]) -> list[tuple[str, ...]]:
    """The audit trail as rows of ``CHANGE_COLUMNS``, the newest first, a row a field."""
    rows: list[tuple[str, ...]] = []
    for change in changes:
        at = dt.datetime.fromisoformat(str(change["at"])).astimezone(dt.UTC)
        head = (f"{at:%Y-%m-%d %H:%M:%S}", change["user"] or "a program", str(change["kind"]))
        reason = str(change["reason"] or "")
        fields = change["changes"] or {"": ("", "")}
        for name, (before, after) in fields.items():
            rows.append((*head, name, _given(before), _given(after), reason))
    return rows


def _given(value: object) -> str:
    return "" if value is None else str(value)


def explain_steps(answer: Json) -> list[tuple[str, str, float]]:
    """Title, text and amount of the terms that are not 0, and the total; trade currency.

    A term that could not be computed has the text n/a, and no height.
    """
    terms = answer["terms"]
    known = [(TITLES[name], terms.get(name, 0.0)) for name in TITLES]
    steps = [(title, amount) for title, amount in known if amount is None or round(amount, 2)]
    steps.append(("Total", terms.get("total")))
    return [(title, format.signed(amount), amount or 0.0) for title, amount in steps]


def largest_delta(answer: Json) -> str:
    """The quote whose move made most of the P&L, such as ``USD-SOFR 10Y +3.2 bp: -12,000``."""
    found = [
        (amount, curve, tenor)
        for curve, by_tenor in answer["delta"].items()
        for tenor, amount in by_tenor.items()
        if amount
    ]
    if not found:
        return format.NOTHING
    amount, curve, tenor = max(found, key=lambda each: abs(each[0]))
    move = answer["moves_bp"].get(curve, {}).get(tenor, 0.0)
    return f"{curve} {tenor} {format.signed(move, 1)} bp: {format.signed(amount)}"
