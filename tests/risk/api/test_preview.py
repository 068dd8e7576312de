"""What a trade would be worth before it is one, by the previewer, on the published market."""

from __future__ import annotations

import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pricing.curves.quotes import CurveOptions
from risk.api.previewer import ANSWER_S
from risk.store import previews
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import connect
from risk.store.previews import NAMES
from risk.workers import preview
from tests.risk.api.conftest import Live
from tests.risk.made import DATE
from tests.waiting import until

SWAP = {
    "convention": "USD-SOFR-OIS",
    "pay_receive": "receive",
    "notional": 1e6,
    "effective_date": "2024-03-07",
    "termination_date": "2029-03-07",
    "fixed_rate": 0.04,
}
BOND = {
    "convention": "US-TREASURY",
    "face_amount": 1e6,
    "issue_date": "2022-11-15",
    "maturity_date": "2032-11-15",
    "coupon_rate": 0.04125,
    "discount_curve": "USD-SOFR",
    "z_spread_bp": 10.0,
}


def ask(live: Live, kind: Any, terms: Any, **headers: str) -> Any:
    body = {"type": kind, "terms": terms}
    return live.call("POST", "pricing/preview/", json=body, headers=headers)


@pytest.mark.parametrize(("kind", "terms", "twin"), [("swap", SWAP, "S1"), ("bond", BOND, "P1")])
def test_a_preview_equals_the_risk_of_the_same_trade_in_the_frame(
    live: Live, kind: str, terms: Any, twin: str
) -> None:
    live.publish("USD")
    answer = until(lambda: ready(ask(live, kind, terms)))
    held = live.get(f"risk/trades/{twin}/").json()
    measures, stamp = answer.json()["measures"], answer.json()["stamp"]
    assert stamp["curve_version"] == held["stamp"]["curve_version"]
    assert stamp["valuation_date"] == DATE.isoformat()
    for name in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01"):
        assert math.isclose(measures[name], held[name], rel_tol=1e-9, abs_tol=1e-9), name
    for curve, tenors in held["krd"].items():
        for tenor, value in tenors.items():
            assert math.isclose(measures["krd"][curve][tenor], value, rel_tol=1e-5, abs_tol=1e-4)
    assert ("par_rate" in measures) == (kind == "swap")
    assert ("ytm" in measures) == (kind == "bond")


def ready(answer: Any) -> Any:
    """The compile process may still be starting."""
    return answer if answer.status_code != 503 else None


@pytest.mark.parametrize(
    ("kind", "terms", "status", "words"),
    [
        ("swap", {**SWAP, "notional": -1}, 400, "notional"),
        ("swap", {**SWAP, "fixed_rate": 4.25}, 400, "fixed_rate: 4.25 is not valid"),
        ("bond", {**BOND, "clean_price": 0.99}, 400, "a price per 100 of face"),
        ("bond", {**BOND, "first_coupon_date": "2023-05-20"}, 400, "fall on 2023-05-15 and"),
        ("swap", {**SWAP, "fixd_rate": 0.1}, 400, "did you mean fixed_rate?"),
        ("swap", {}, 400, "convention"),
        ("swap", None, 400, "an object of the trade's fields"),
        ("cap", SWAP, 400, "allowed: swap, bond"),
        ("swap", {**SWAP, "effective_date": "2023-03-07"}, 422, "no SOFR fixing for"),
        ("bond", {**BOND, "discount_curve": "USD-GOVT"}, 422, "no curve USD-GOVT"),
        (
            "bond",
            {**BOND, "convention": "UK-GILT", "discount_curve": None},
            422,
            "no curve GBP-GOVT",
        ),
    ],
)
def test_what_cannot_be_priced_is_said(
    live: Live, kind: Any, terms: Any, status: int, words: str
) -> None:
    answer = ask(live, kind, terms)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


def test_a_repeated_preview_is_answered_from_what_was_said(live: Live) -> None:
    first = until(lambda: ready(ask(live, "swap", SWAP, **{"Idempotency-Key": "p-1"})))
    again = ask(live, "swap", SWAP, **{"Idempotency-Key": "p-1"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


def test_a_previewer_that_does_not_answer_is_named(live: Live) -> None:
    """Stopped, not dead: the caller is told after five seconds, and nothing is left behind."""
    process = live.system.processes["preview"]
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        answer = ask(live, "swap", SWAP)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    assert (answer.status_code, answer.json()["code"]) == (503, "PREVIEWER_BUSY")
    assert answer.headers["Retry-After"] == "5"
    until(lambda: ready(ask(live, "swap", SWAP)))
    client: Any = connect(live.system.environment["REDIS_URL"])
    until(lambda: not client.keys("risk:preview:*"))


def test_a_viewer_s_flood_is_refused_and_neither_edits_nor_others_wait_behind_it(
    live: Live,
) -> None:
    """Of one user by two logins, as each login waits in its own line."""
    until(lambda: ready(ask(live, "swap", SWAP)))
    other, *flooding = (
        {"Authorization": f"Token {live.system.manage('create_token', *words).split()[-1]}"}
        for words in (("other", "--role", "viewer"), ("flood", "--role", "viewer"), ("flood",))
    )
    client: Any = connect(live.system.environment["REDIS_URL"])
    process = live.system.processes["preview"]
    with ThreadPoolExecutor(16) as callers:
        os.killpg(process.pid, signal.SIGSTOP)
        try:
            flood = [
                callers.submit(ask, live, "swap", SWAP, **login)
                for login in flooding
                for _ in range(4)
            ]
            until(lambda: sum(call.done() for call in flood) == 4)
            begun = time.monotonic()
            neighbour = callers.submit(ask, live, "swap", SWAP, **other)
            until(lambda: client.llen("preview") == 1)  # the first is with the worker
            bond = live.get("bonds/?page_size=1").json()["results"][0]["code"]
            changed = live.call("PATCH", f"bonds/{bond}/", json={"name": "Another name"})
            assert changed.status_code == 200
            until(lambda: not client.llen("compile"), 3.0)
            assert time.monotonic() - begun < ANSWER_S  # while previews were still waiting
            refused = [call.result() for call in flood if call.done()]
        finally:
            os.killpg(process.pid, signal.SIGCONT)
        assert {answer.status_code for answer in refused} == {429}
        assert refused[0].json()["code"] == "TOO_MANY_PREVIEWS"
        assert "4 open previews, which is the limit of a user" in refused[0].json()["detail"]
        assert refused[0].headers["Retry-After"] == "1"
        assert neighbour.result().status_code != 429
    until(lambda: ready(ask(live, "swap", SWAP)))


def test_an_answer_goes_away_when_nobody_takes_it(redis_client: Any) -> None:
    question = previews.PreviewQuestion(
        answer_key=previews.answer_key("x"),
        type="swap",
        terms={},
        currency="USD",
        valuation_date=DATE,
        curves={},
        book_version="none",
    )
    answer = preview.price_preview(question, CompiledBooks(redis_client), CurveOptions())
    assert answer["failure"]["code"] == "BAD_INPUT"
    previews.put_answer(redis_client, question.answer_key, answer)
    assert 0 < redis_client.ttl("risk:preview:x") <= 30
    assert previews.wait_for_answer(redis_client, "risk:preview:x", 1) == answer


FLOWS_OF = """
from django.contrib import admin
from instruments.admin.shared.panel import live
admin.autodiscover()
panel = live().contract({kind!r}, {terms!r}, title="")
print("FLOWS", len(panel.rows), *panel.rows[-1:], panel.note)
"""


@pytest.mark.parametrize(
    ("kind", "terms", "words"),
    [
        (
            "swap",
            SWAP,
            "['2029-03-09', 'floating, SOFR', '-', '2028-03-07', '2029-03-07']",
        ),
        ("bond", BOND, "FLOWS 21 ['2032-11-15', 'redemption', '1,000,000.00'] All payments"),
        ("swap", {**SWAP, "convention": "USD-SOFR-OI"}, "FLOWS 0 convention:"),
    ],
)
def test_pages_of_trades_show_the_flows_that_the_previewer_lists(
    live: Live, kind: str, terms: Any, words: str
) -> None:
    until(lambda: ready(ask(live, "swap", SWAP)))
    assert words in live.system.manage(
        "shell", "-c", FLOWS_OF.format(kind=kind, terms={**NAMES, **terms})
    )
