"""Incremental value at risk of a what-if, and the limits that it would move."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from instruments.models import Desk, Limit, Swap
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.history.models import CurveQuote
from risk.scenarios import inputs, views
from risk.scenarios.inputs import closes_before
from risk.scenarios.store import ScenarioStore
from tests.risk.curve_history import DAYS, TENORS, store_usd_closes, usd_moves
from tests.risk.made import DATE, QUOTES
from tests.risk.scenarios.live import maker
from tests.risk.what_if.conftest import user

NOTIONAL = 50e6
ROW = {
    "trade_id": "N1",
    "book": "B1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "receive",
    "notional": "50000000",
    "effective_date": "2024-03-07",
    "termination_date": "2034-03-07",
    "fixed_rate": "0.0385",
}
ENTRIES = {"entries": [{"action": "new", "kind": "swaps", "row": ROW}], "text": "terminate S1"}


@pytest.fixture(autouse=True)
def own_store(queue_left_out: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(inputs, "_kept", {})
    views._store.cache_clear()
    yield
    views._store.cache_clear()


@pytest.fixture
def run(redis_client, compile_and_publish, monkeypatch):
    """Publish frames and a run of the scenarios on them; called again after an edit."""
    store_usd_closes(DATE)

    def publish() -> dict[str, Any]:
        found = compile_and_publish()
        frame = maker(redis_client, closes_before).run()
        assert frame is not None
        assert ScenarioStore(redis_client).publish(frame)
        return found

    publish()
    return publish


def post(client, body: Any, query: str = "var=true", status: int = 200) -> Any:
    answer = client.post(f"/api/v1/what-if/?{query}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def levels(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {one["level"]: one for one in found["levels"]}


def test_it_is_what_the_next_run_says_when_the_entries_are_booked(client, run) -> None:
    before = client.get("/api/v1/var/").json()["total"]
    found = post(client, ENTRIES)["value_at_risk"]
    assert (found["reason"], found["excluded"], found["entries_without"]) == ("", [], [])
    assert found["scenarios"] == DAYS
    Swap.objects.create(
        trade_id="N1",
        book=Swap.objects.get(trade_id="S2").book,
        convention=ROW["convention"],
        pay_receive="receive",
        notional=Decimal(ROW["notional"]),
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2034, 3, 7),
        fixed_rate=Decimal(ROW["fixed_rate"]),
    )
    Swap.objects.get(trade_id="S1").delete()
    run()
    after = client.get("/api/v1/var/").json()["total"]
    for level, one in levels(found["total"]).items():
        for name, total in (("before", before), ("after", after)):
            booked = levels(total)[level]
            assert one[f"var_{name}"] == pytest.approx(booked["var"], abs=1e-8 * NOTIONAL)
            shortfall = booked["expected_shortfall"]
            assert one[f"expected_shortfall_{name}"] == pytest.approx(
                shortfall, abs=1e-8 * NOTIONAL
            )
        assert one["incremental_var"] == one["var_after"] - one["var_before"]


def test_of_one_trade_by_plain_quantlib_and_numpy(client, run) -> None:
    """The swap alone at every scenario with curves built anew, added to the book's P&L."""
    days = client.get("/api/v1/var/").json()["days"]
    book = np.array([day["pnl"] for day in days])
    terms = SwapTerms(
        trade_id="N1",
        book="B1",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2034, 3, 7),
        fixed_rate=0.0385,
    )
    quotes = np.array([QUOTES["USD"]["USD-SOFR"][tenor] for tenor in TENORS])

    def value(at: np.ndarray) -> float:
        curves = {"USD-SOFR": dict(zip(TENORS, at.tolist(), strict=True))}
        return float(Reference(DATE, curves, {}).values([terms])[0])

    base = value(quotes)
    alone = np.array([value(quotes + move) - base for move in usd_moves(DATE)])
    expected = -np.sort(book + alone)[1] + np.sort(book)[1]  # 2 of 60 days at 97.5 %
    (entry, _) = post(client, ENTRIES)["value_at_risk"]["entries"]
    assert entry["entry"] == 1
    assert levels(entry)["97.5"]["incremental_var"] == pytest.approx(expected, abs=2e-8 * NOTIONAL)


def test_a_hedge_has_a_negative_incremental_value_at_risk(client, run) -> None:
    found = post(client, {"text": "terminate S3"})["value_at_risk"]
    (desk,) = found["desks"]
    assert desk["desk"] == "RATES"
    opposite = {**ROW, "trade_id": "H1", "pay_receive": "pay", "notional": "3000000"}
    opposite |= {"termination_date": "2032-03-07", "fixed_rate": "0.0395"}
    hedge = {"entries": [{"action": "new", "kind": "swaps", "row": opposite}]}
    hedged = post(client, hedge)["value_at_risk"]
    # Paying what S3 receives is as good as ending it.
    for name in ("total", "desks"):
        one, other = (a[name][0] if name == "desks" else a[name] for a in (found, hedged))
        for level, mine in levels(one).items():
            assert mine["var_after"] == pytest.approx(levels(other)[level]["var_after"], abs=1e-2)
    assert levels(hedged["total"])["99"]["incremental_var"] < 0


def test_a_trader_gets_the_value_at_risk_and_the_limits_of_the_own_desk(client, run) -> None:
    for code, desk in (("L-R", "RATES"), ("L-G", "GOVIES"), ("L-F", "")):
        found = Desk.objects.get(code=desk) if desk else None
        Limit.objects.create(
            code=code, name=code, desk=found, measure="dv01_par", hard_limit=20_000, warning=10_000
        )
    everything = post(client, ENTRIES, "var=true&limits=true")
    mine = post(user("trader", desk="RATES"), ENTRIES, "var=true&limits=true")
    assert [row["code"] for row in everything["limits"]] == ["L-F", "L-R"]
    assert [row["code"] for row in mine["limits"]] == ["L-R"]
    desk = everything["value_at_risk"]["desks"][0]["levels"]
    assert mine["value_at_risk"]["total"]["levels"] == desk
    assert everything["value_at_risk"]["total"]["levels"] != desk


def test_limits_change_state_by_what_the_entries_add(client, run) -> None:
    """A receiver of 50 million for ten years earns some 41,000 a basis point."""
    usual = {"measure": "dv01_par", "hard_limit": 20_000, "warning": 10_000}
    Limit.objects.create(code="L1", name="Firm", **usual)
    Limit.objects.create(code="L2", name="VaR", measure="var", hard_limit=Decimal("1e9"))
    Limit.objects.create(code="L3", name="Ladder", **{**usual, "measure": "npv", "hard_limit": 1e9})
    Limit.objects.create(code="L4", name="Other", measure="dv01_par", currency="EUR", hard_limit=1)
    answer = post(client, ENTRIES, "var=true&limits=true&reporting_currency=USD&group_by=desk")
    rows = {row["code"]: row for row in answer["limits"]}
    assert sorted(rows) == ["L1", "L2", "L3"]
    first = rows["L1"]
    assert first["changes_state"]
    assert (first["before"]["state"], first["after"]["state"]) == ("ok", "breach")
    moved = sum(
        group["difference"]["dv01_par"] for group in answer["groups"] if group["difference"]
    )
    assert first["after"]["value"] - first["before"]["value"] == pytest.approx(moved)
    assert first["after"]["utilisation"] == pytest.approx(first["after"]["value"] / 20_000)
    tail = levels(answer["value_at_risk"]["total"])["99"]
    assert rows["L2"]["after"]["value"] == pytest.approx(tail["var_after"], rel=1e-6)
    assert not rows["L2"]["changes_state"]
    without = post(client, ENTRIES, "limits=true")
    assert sorted(row["code"] for row in without["limits"]) == ["L1", "L3"]
    assert without["value_at_risk"] is None


def test_nothing_of_it_is_made_unless_it_is_asked_for(client, run) -> None:
    found = post(client, ENTRIES, "group_by=currency")
    assert (found["value_at_risk"], found["limits"]) == (None, None)


def test_without_a_run_it_says_what_to_start(client, compile_and_publish) -> None:
    compile_and_publish()
    assert "--queues scenarios" in post(client, ENTRIES, status=503)["detail"]


def test_a_run_without_history_has_a_reason(client, compile_and_publish, redis_client) -> None:
    compile_and_publish()
    frame = maker(redis_client, closes_before).run()
    assert ScenarioStore(redis_client).publish(frame)
    found = post(client, ENTRIES)["value_at_risk"]
    assert (found["total"], found["reason"]) == (None, "no closes of the market are stored")
    assert found["excluded"] == [{"currency": "USD", "reason": "USD has no historical scenarios"}]


def test_closes_that_have_changed_since_the_run_are_no_scenarios_of_it(client, run) -> None:
    last = CurveQuote.objects.order_by("-date").first().date
    CurveQuote.objects.filter(date=last).update(superseded_by=CurveQuote.objects.first().file)
    inputs._kept.clear()
    found = post(client, ENTRIES)["value_at_risk"]
    assert "the stored closes have changed since the run" in found["excluded"][0]["reason"]
