"""The page of one trade: its tables by hand, its states, and its numbers."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import redis
from streamlit.testing.v1 import AppTest

from dashboard.access.login import Viewer, Web
from dashboard.trades import one_trade
from dashboard.trades.value_history import EVERY_S, ValueHistory
from instruments import loading
from instruments.api.urls import router
from instruments.models import trade_models
from pricing.products.registry import PRODUCTS
from tests.dashboard import made
from tests.dashboard.conftest import APP, TIMEOUT_S, LogIn, Open, html_rows, metrics
from tests.dashboard.test_app import BAD, clean, texts

ANSWERS: dict[str, Any] = {
    "swaps/EUR-swap/": {
        "id": 7, "trade_id": "EUR-swap", "convention": "EUR-ESTR-OIS", "notional": "1000000.00",
        "spread_bp": None, "pay_receive": "pay", "version": 3,
    },
    "swaps/EUR-swap/history/": [
        {
            "version": 3, "at": "2024-03-04T16:05:00+01:00", "user": "tess", "kind": "changed",
            "reason": "price corrected",
            "changes": {"fixed_rate": ["0.0250", "0.0260"], "status": ["x", None]},
        },
        {
            "version": 1, "at": "2024-03-01T09:00:00Z", "user": None, "kind": "created",
            "reason": None, "changes": {},
        },
    ],
    "explain/trades/EUR-swap/": {
        "failure": None, "frame": 5, "start": {"frame": 1, "as_of": "2024-03-04T17:00:00Z"},
        "terms": {"carry": 12.0, "delta": -212.0, "gamma": 0.0, "total": -200.0},
        "delta": {"EUR-ESTR": {"2Y": 3.0, "10Y": -215.0}},
        "moves_bp": {"EUR-ESTR": {"2Y": 0.1, "10Y": 4.3}},
    },
    "risk/trades/EUR-swap/": {
        "stamp": {"frame": 5}, "failure": None,
        "curves": {"discount": "EUR-ESTR", "forecast": "EUR-ESTR"},
        "cash_flows": [
            {
                "pay_date": "2025-03-07", "leg": "fixed", "amount": -26000.0, "projected": False,
                "discount_factor": 0.97, "present_value": -25220.0,
            },
            {
                "pay_date": "2025-03-07", "leg": "floating", "amount": 24000.0, "projected": True,
                "discount_factor": 0.97, "present_value": 23280.0,
            },
        ],
    },
}  # fmt: skip


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the web process answers, by address below /api/v1/; 404 of others."""
    answers = dict(ANSWERS)

    def get(self: Web, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        found = answers.get(path.removeprefix("/api/v1/"))
        if found is None:
            return 404, json.dumps({"detail": "No such row."}).encode()
        return 200, json.dumps(found).encode()

    monkeypatch.setattr(Web, "get", get)
    return answers


def open_trade(name: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params["trade"] = name
    return app.run().switch_page("views/trade.py").run()


@pytest.mark.usefixtures("rest")
def test_the_page_has_numbers_terms_explain_flows_and_changes(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = clean(open_trade("EUR-swap"))
    found = metrics(app)
    assert (found["NPV, EUR"], found["DV01, EUR per bp"]) == ("+500", "+40")
    assert found["Frame"] == "1"
    terms = {row["Field"]: row["Value"] for row in html_rows(app, "Value")}
    assert terms == {
        "trade id": "EUR-swap",
        "convention": "EUR-ESTR-OIS",
        "notional": "1000000.00",
        "pay receive": "pay",
    }
    flows = html_rows(app, "Discount factor")
    assert [row["Amount"] for row in flows] == ["-26,000.00", "+24,000.00"]
    assert [row["Made of"] for row in flows] == ["terms and fixings", "curves"]
    changes = html_rows(app, "Who")
    assert changes[0]["When (UTC)"] == "2024-03-04 15:05:00"
    assert [row["Who"] for row in changes] == ["tess", "tess", "a program"]
    assert (changes[0]["Before"], changes[0]["After"]) == ("0.0250", "0.0260")
    assert "EUR-ESTR 10Y +4.3 bp: -215" in texts(app)
    assert "/admin/instruments/swap/?q=EUR-swap" in str(app.get("link_button")[0].proto.url)


@pytest.mark.usefixtures("rest")
def test_a_failed_trade_shows_the_reason(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, not_compiled=[BAD])
    open_app()
    app = clean(open_trade("EUR-broken"))
    assert "failed: BAD_TERMS: matures before it starts" in texts(app)
    assert metrics(app)["NPV, EUR"] == "n/a"


@pytest.mark.usefixtures("rest")
def test_an_unknown_trade_and_none_are_said(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    open_app()
    assert "NOBODY is in no published frame" in clean(open_trade("NOBODY")).info[0].value
    assert "Give the id of a trade" in clean(open_trade("")).info[0].value


@pytest.mark.usefixtures("rest")
def test_a_trade_of_another_desk_is_not_there(
    open_app: Open, redis_client: redis.Redis, log_in: LogIn
) -> None:
    made.publish_all(redis_client)
    log_in(Viewer(user="tess", roles=("trader",), desks=frozenset({"D1"})))
    open_app()
    app = clean(open_trade("EUR-swap"))
    assert "is in no published frame that you may see" in app.info[0].value
    assert "+500" not in texts(app)


def test_every_product_has_an_address_and_a_page_of_the_admin() -> None:
    paths = {prefix for prefix, _, _ in router.registry}
    for model in trade_models():
        kind, _, _ = one_trade.address(model.product, "T").partition("/")
        assert kind in paths, model
        assert loading.kind_of(model).model is model
        assert PRODUCTS[model.product].model == model._meta.model_name
    assert one_trade.admin_address("", "swap", "T") == ""


def test_the_past_of_a_trade_is_its_values_in_the_frames_that_were_read() -> None:
    history = ValueHistory()
    first = made.make("EUR", 1).trades()
    for number, seconds in ((1, 0.0), (2, EVERY_S / 2), (3, EVERY_S), (4, 2 * EVERY_S)):
        published_ns = first.stamp.published_ns + int(seconds * 1e9)
        stamp = replace(first.stamp, frame=number, published_ns=published_ns)
        table = first.table.assign(npv=[float(number), np.nan])
        history.note(replace(first, stamp=stamp, table=table))
    bond = history.of("EUR-bond")
    assert [(value.frame, value.npv) for value in bond] == [(1, 1.0), (3, 3.0), (4, 4.0)]
    assert bond[0].as_of == first.stamp.market_time
    assert all(np.isnan(value.npv) for value in history.of("EUR-swap"))
    assert history.of("none") == []
    assert isinstance(bond[0].as_of, dt.datetime)
