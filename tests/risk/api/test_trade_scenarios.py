"""Stress scenarios of one trade over REST: sums, files, desks and refusals."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from pricing.errors import Failure
from tests.risk.api.conftest import NEWEST, Live
from tests.risk.made import store, swap
from tests.waiting import until

MAKE_DESK = """
from instruments.models import Desk
Desk.objects.get_or_create(code="GOVIES", defaults={"name": "Govies"})
"""


def stress(live: Live, trade: str, query: str = "", **headers: str) -> Any:
    """The answer, once the previewer has started."""

    def ask() -> list[Any]:
        answer = live.get(f"scenarios/trades/{trade}/{query}", headers=headers)
        return [answer] if answer.status_code != 503 else []

    return until(ask)[0]


def test_a_trade_alone_in_its_book_has_the_book_s_p_and_l(live: Live) -> None:
    live.publish("EUR")
    found = stress(live, "E1").json()
    book = live.get("scenarios/?currency=EUR&reporting_currency=EUR&group_by=book").json()
    assert (found["book"], found["currency"], found["failure"]) == ("B1", "EUR", None)
    assert [row["scenario"] for row in found["scenarios"]] == [
        row["scenario"] for row in book["scenarios"]
    ]
    for mine, whole in zip(found["scenarios"], book["scenarios"], strict=True):
        assert mine["pnl"] == pytest.approx(whole["pnl"], rel=1e-9, abs=1e-4)
        for name, amount in whole["approximation"].items():
            assert mine["approximation"][name] == pytest.approx(amount, rel=1e-5, abs=1e-2)


def test_the_frame_is_the_newest_and_the_file_has_the_same_rows(live: Live) -> None:
    frame = live.publish("USD", detail=False)
    found = stress(live, "S1").json()
    assert found["frame"] == frame
    rows = list(csv.DictReader(io.StringIO(stress(live, "S1", "?format=csv").text)))
    assert [row["scenario"] for row in rows] == [row["scenario"] for row in found["scenarios"]]
    assert {row["trade_id"] for row in rows} == {"S1"}
    column = "pnl_usd"
    assert [float(row[column]) for row in rows] == [row["pnl"] for row in found["scenarios"]]


def test_other_desks_unknown_trades_and_parameters_are_refused(live: Live) -> None:
    live.publish("USD")
    live.system.manage("shell", "-c", MAKE_DESK)
    token = live.system.manage("create_token", "t-stress", "--role", "trader", "--desk", "GOVIES")
    own = {"Authorization": f"Token {token.split()[-1]}"}
    assert stress(live, "P1", **own).status_code == 200
    assert stress(live, "S1", **own).status_code == 404
    unknown = stress(live, "NOPE")
    assert (unknown.status_code, "'NOPE'" in unknown.text) == (404, True)
    refused = stress(live, "S1", "?desk=RATES")
    assert (refused.status_code, "desk" in refused.text) == (400, True)


def test_a_trade_without_a_number_says_why(live: Live) -> None:
    late = swap("OLD", effective_date=swap().effective_date.replace(year=2023))
    lost = Failure(trade_id="LOST", code="BAD_INPUT", message="no such calendar")
    kept, live.manifests["USD"] = (
        live.manifests["USD"],
        store(live.books, swap("S1"), late, number=NEWEST + 2, failures=(lost,)),
    )
    try:
        live.publish("USD", detail=False)
        for trade, code in (("OLD", "MISSING_FIXING"), ("LOST", "BAD_INPUT")):
            found = stress(live, trade).json()
            assert (found["failure"]["code"], found["scenarios"]) == (code, [])
    finally:
        live.manifests["USD"] = kept
