"""A trade that is priced on demand, on the quotes of the newest sums, by a running previewer."""

from __future__ import annotations

import math
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dashboard.answers.priced_now import PricedNow
from pricing.errors import Failure
from tests.risk.api.conftest import NEWEST, Live
from tests.risk.made import QUOTES, bond, store, swap
from tests.waiting import until

MOVED = {"USD-SOFR": {tenor: rate + 0.001 for tenor, rate in QUOTES["USD"]["USD-SOFR"].items()}}
NUMBERS = ("npv", "dv01_par", "dv01_zero", "gamma", "pv01", "cs01", "par_rate")


def now(live: Live, trade: str, **headers: str) -> Any:
    """The answer, once the previewer has started."""

    def ask() -> list[Any]:
        answer = live.get(f"risk/trades/{trade}/?now=true", headers=headers)
        return [answer] if answer.status_code != 503 else []  # a refusal is false by itself

    return until(ask)[0]


@pytest.mark.parametrize("trade", ["S1", "P1"])
def test_it_has_the_numbers_that_the_detail_of_its_frame_has(live: Live, trade: str) -> None:
    before = live.publish("USD")
    frame = live.publish("USD", curves=MOVED, detail=False)
    old = live.get(f"risk/trades/{trade}/").json()
    assert (old["frame"], old["stamp"]["sums_frame"]) == (before, frame)
    answer = now(live, trade)
    found, stamp = answer.json(), answer.json()["stamp"]
    assert (stamp["frame"], stamp["sums_frame"], stamp["detail_frame"]) == (frame, frame, before)
    assert abs(found["npv"] - old["npv"]) > 1.0
    live.publish("USD", curves=MOVED)
    held = live.get(f"risk/trades/{trade}/").json()
    for name in NUMBERS:
        assert held[name] == found[name] or math.isclose(held[name], found[name], rel_tol=1e-9)
    for ladder in ("krd", "ladder_par"):
        for curve, tenors in held[ladder].items():
            for tenor, value in tenors.items():
                assert math.isclose(found[ladder][curve][tenor], value, rel_tol=1e-5, abs_tol=1e-4)
    worth = sum(flow["present_value"] for flow in found["cash_flows"])
    assert math.isclose(worth, found["npv"], rel_tol=1e-9, abs_tol=1e-4)
    assert set(found) == set(held)
    shown = PricedNow(answer.content)  # as the dashboard reads it
    assert (shown.frame, shown.failure) == (frame, "")
    assert shown.ladder()["krd"].sum() == pytest.approx(found["dv01_zero"], rel=1e-6)
    assert len(shown.measures()) > len(NUMBERS) - 1


def test_a_book_without_any_detail_has_its_trades_priced(live: Live) -> None:
    made = store(
        live.books,
        swap("N1", convention="CHF-SARON-OIS"),
        currency="CHF",
        number=NEWEST,
        failures=(Failure(trade_id="N2", code="BAD_INPUT", message="no such calendar"),),
    )
    live.manifests["CHF"] = made
    curves = {"CHF-SARON": {"1Y": 0.01, "10Y": 0.012}}
    frame = live.publish("CHF", curves=curves, detail=False)
    try:
        assert live.get("risk/trades/N1/").json()["code"] == "NO_DETAIL"
        found = now(live, "N1").json()
        assert (found["frame"], found["stamp"]["detail_frame"]) == (frame, None)
        assert found["npv"] is not None
        lost = now(live, "N2").json()
        assert (lost["status"], lost["failure"]["message"]) == ("failed", "no such calendar")
        assert lost["npv"] is None
    finally:
        # Other tests have three currencies.
        live.books.client.delete("risk:{CHF}:pointer")
        del live.manifests["CHF"]


def test_what_is_not_there_or_not_one_s_own_is_404_and_what_fails_says_why(live: Live) -> None:
    made = store(
        live.books,
        *(swap("S1"), bond("P1")),
        swap("OLD", effective_date=swap().effective_date.replace(year=2023)),
        number=NEWEST + 1,
    )
    kept, live.manifests["USD"] = live.manifests["USD"], made
    try:
        live.publish("USD", detail=False)
        failed = now(live, "OLD").json()
        assert (failed["failure"]["code"], failed["npv"]) == ("MISSING_FIXING", None)
        assert now(live, "NOPE").status_code == 404
        live.system.manage("shell", "-c", MAKE_DESK)
        token = live.system.manage("create_token", "t", "--role", "trader", "--desk", "GOVIES")
        own = {"Authorization": f"Token {token.split()[-1]}"}
        assert now(live, "P1", **own).status_code == 200
        assert now(live, "S1", **own).status_code == 404
    finally:
        live.manifests["USD"] = kept
    refused = live.get("risk/trades/S1/?now=yes")
    assert (refused.status_code, "allowed: true, false" in refused.text) == (400, True)


MAKE_DESK = """
from instruments.models import Desk
Desk.objects.get_or_create(code="GOVIES", defaults={"name": "Govies"})
"""


def test_a_user_has_as_many_open_as_previews(live: Live) -> None:
    """By two logins, as each waits in its own line."""
    live.publish("USD")
    now(live, "S1")
    process = live.system.processes["preview"]
    second = {"Authorization": f"Token {live.system.manage('create_token', 'admin').split()[-1]}"}
    with ThreadPoolExecutor(8) as callers:
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            calls = [
                callers.submit(live.call, "GET", "risk/trades/S1/?now=true", headers=login)
                for login in ({}, second)
                for _ in range(4)
            ]
            until(lambda: sum(call.done() for call in calls) == 4)
            refused = [call.result() for call in calls if call.done()]
        finally:
            os.killpg(process.pid, signal.SIGCONT)
        assert {answer.json()["code"] for answer in refused} == {"TOO_MANY_PREVIEWS"}
    assert now(live, "S1").status_code == 200
