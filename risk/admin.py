"""Show live risk on the security master's pages of trades and bonds.

Django imports this module when it collects the pages of its admin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import APIException

from instruments.admin.shared.display_format import amount
from instruments.admin.shared.panel import Panel, register_live
from risk.api import source
from risk.queries import cash_flows, trade_detail
from risk.queries.curves import NoNodes
from risk.queries.trade_detail import FrameView

HEADERS = ("Trade", "NPV", "DV01", "PV01", "Currency", "Status", "Frame", "As of")
FLOWS = ("Pays on", "Leg", "Amount", "Discount factor", "Present value")
RISK_PAGE = "/api/v1/risk/trades/{}"

Record = dict[str, Any]


def values(trade_ids: Sequence[str], *, title: str) -> Panel:
    """NPV and DV01 of trades, from the frames published now."""
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
        for view in source.views():
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
        for view in source.views():
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
        "Cash flows still to come",
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


class LiveRisk:
    """The panels of this module, as the admin's pages ask for them."""

    values = staticmethod(values)
    flows = staticmethod(flows)


register_live(LiveRisk())
