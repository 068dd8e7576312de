"""Show live risk on the security master's pages of trades and bonds.

Django imports this module when it collects the pages of its admin.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rest_framework.exceptions import APIException

from instruments import validation
from instruments.admin.shared.display_format import MISSING, amount
from instruments.admin.shared.panel import Panel, register_live
from pricing.errors import BadInput
from pricing.products.terms import QUOTE
from risk.api import previewer, source
from risk.limits import admin_pages
from risk.queries import cash_flows, trade_detail
from risk.queries.curves import NoNodes
from risk.queries.trade_detail import FrameView
from risk.store.previews import CONTRACT_TASK, ContractQuestion, answer_key

__all__ = ("admin_pages",)  # imported for its page

HEADERS = ("Trade", "NPV", "DV01", "PV01", "Currency", "Status", "Frame", "As of")
FLOWS = ("Pays on", "Leg", "Amount", "Discount factor", "Present value")
CONTRACT_S = 2.0
"""Seconds that a page waits for the cash flows of a contract."""

CONTRACT, PERIOD = ("Pays on", "What", "Amount"), ("From", "To")
WHOLE = "All payments of the contract, including past ones."
RISK_PAGE = "/api/v1/risk/trades/{}"

Record = dict[str, Any]


def values(trade_ids: Sequence[str], *, title: str) -> Panel:
    """NPV and DV01 of trades, from the details published now."""
    if not trade_ids:
        return Panel(title, note="There are none.")
    try:
        found = [record for name in trade_ids if (record := _record(name)) is not None]
    except APIException as error:
        return Panel(title, note=str(error.detail))
    missing = len(trade_ids) - len(found)
    return Panel(
        title,
        headers=HEADERS,
        rows=[_row(record) for record in found],
        note=_note(found, missing),
        links=[(f"REST: {r['trade_id']}", RISK_PAGE.format(r["trade_id"])) for r in found[:5]],
    )


def _record(trade_id: str) -> Record | None:
    def ask() -> Record | None:
        for view in source.views().found:
            record = trade_detail.trade_detail(source.frames(), view, trade_id)
            if record is not None:
                return record
        return None

    return source.read(ask)


def _row(record: Record) -> list[str]:
    stamp = record["stamp"]
    numbers = [amount(record[name], 0) for name in ("npv", "dv01_par", "pv01")]
    as_of = f"{stamp['as_of']:%Y-%m-%d %H:%M:%S}" if stamp["as_of"] else ""
    status = "stale" if stamp["stale"] and record["status"] == "priced" else record["status"]
    return [
        *(record["trade_id"], *numbers, record["currency"], status),
        *(str(stamp["frame"]), as_of),
    ]


def _note(found: Sequence[Record], missing: int) -> str:
    said = [
        f"{record['trade_id']}: {record['failure']['message']}."
        for record in found
        if record["failure"]
    ]
    if missing:
        said.append(
            f"{missing} of these trades are not in a published frame: inactive, or newer than it."
        )
    return " ".join(said)


def flows(trade_id: str) -> Panel | None:
    """The flows still to come, as the frame valued them; None when no frame has the trade."""

    def ask() -> tuple[FrameView, cash_flows.TradeFlows] | None:
        for view in source.views().found:
            found = cash_flows.cash_flows(source.books(), view, trade_id, source.options())
            if found is not None and found.flows:
                return view, found
        return None

    try:
        answer = source.read(ask)
    except (APIException, NoNodes):
        return None
    if answer is None:
        return None
    view, found = answer
    return Panel(
        "Future cash flows",
        headers=FLOWS,
        rows=[_flow(row) for row in found.flows],
        note=f"Frame {view.rollup.frame}, valued on {view.rollup.valuation_date}. Received is "
        f"positive; amounts with an asterisk are projected on {found.curves['forecast']}.",
    )


def _flow(row: Record) -> list[str]:
    return [
        row["pay_date"].isoformat(),
        row["leg"],
        amount(row["amount"]) + (" *" if row["projected"] else ""),
        f"{row['discount_factor']:.6f}",
        amount(row["present_value"]),
    ]


def contract(kind: str, terms: Mapping[str, object], *, title: str) -> Panel:
    """All cash flows of a contract, as the previewer lists them; or why there are none."""
    try:
        question = ContractQuestion(
            answer_key=answer_key(uuid.uuid4().hex), type=kind, terms=_unpriced(kind, terms)
        )
        answer = previewer.ask(CONTRACT_TASK, question, timeout_s=CONTRACT_S)
    except BadInput as error:
        return Panel(title, note=str(error))
    except APIException as error:
        return Panel(title, note=str(error.detail))
    if "failure" in answer:
        return Panel(title, note=answer["failure"]["message"])
    has_periods = any(row["start"] for row in answer["flows"])
    headers = CONTRACT + PERIOD if has_periods else CONTRACT
    rows = [_contract_row(row)[: len(headers)] for row in answer["flows"]]
    note = "Received is positive. A floating amount is known once its index has fixed."
    return Panel(title, headers=headers, rows=rows, note=note if has_periods else WHOLE)


def _unpriced(kind: str, terms: Mapping[str, object]) -> dict[str, Any]:
    """The given fields as JSON has them; flows do not depend on a quote."""
    no_quote = dict.fromkeys((*QUOTE, "z_spread_bp", "market_price"))
    made = validation.terms_of(kind, {**terms, **no_quote})
    given = msgspec.to_builtins(made)
    return {name: value for name, value in given.items() if value is not None}


def _contract_row(row: Record) -> list[str]:
    what = f"floating, {row['index']}" if row["index"] else row["what"]
    paid = MISSING if row["amount"] is None else amount(row["amount"])
    return [row["pay_date"], what, paid, row["start"] or "", row["end"] or ""]


class LiveRisk:
    """The panels of this module, as the admin's pages ask for them."""

    values = staticmethod(values)
    flows = staticmethod(flows)
    contract = staticmethod(contract)


register_live(LiveRisk())
