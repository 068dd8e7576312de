"""The P&L page as a browser gets it, and its view models, from explains in a real Redis."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
import redis

from dashboard.access.login import Viewer
from dashboard.pnl import pnl
from dashboard.risk import Choice
from pricing.explain.terms import MEMOS, TERMS
from risk.store.explains import (
    ChangeOfTrade,
    Explain,
    ExplainedGroup,
    ExplainedPeriod,
    ExplainStore,
    UnpricedAt,
)
from tests.dashboard import made
from tests.dashboard.conftest import LogIn, Open, html_rows, metrics
from tests.dashboard.test_app import chart, clean, texts

AS_OF = dt.datetime.combine(made.DAY, dt.time(9), dt.UTC)
NAMES = [row.name for row in (*TERMS, *MEMOS)]


def group(book: str, desk: str, product: str, **terms: float) -> ExplainedGroup:
    known = {name: terms.get(name, 0.0) for name in NAMES}
    known["total"] = sum(known[term.name] for term in TERMS)
    return ExplainedGroup(
        book=book,
        product=product,
        desk=desk,
        trades=1,
        terms=known,
        delta=[known["delta"], 0.0],
    )


def explain(currency: str, frame: int = 1, **changes: object) -> Explain:
    """Bonds of desk D1 earn 300 of carry; swaps of desk D2 lose 1,000 of delta, gain 50."""
    period = ExplainedPeriod(
        start_frame=0,
        start_as_of=AS_OF,
        start_date=made.DAY,
        start_book_version="1-a",
        start_fx=made.FX,
        keys=[("USD-SOFR", "2Y"), ("USD-SOFR", "10Y")],
        shift_bp=[5.0, 0.0],
        groups=[
            group("B", "D1", "bond", carry=300.0, cash=20.0),
            group("S", "D2", "swap", delta=-1000.0, gamma=50.0),
        ],
        unpriced=[UnpricedAt(trade_id="X", code="C", message="no fixing", at="end", book="S")],
        changes=[
            ChangeOfTrade(
                trade_id="N", book="S", product="swap", terms={"new": 7.0}, consideration=None
            )
        ],
    )
    fields = {
        "currency": currency,
        "frame": frame,
        "as_of": AS_OF,
        "valuation_date": made.DAY,
        "book_version": "1-a",
        "fx": made.FX,
        "fx_label": "synthetic",
        "labels": {},
        "frame_published_ns": time.time_ns(),
        "published_ns": time.time_ns(),
        "seconds": 0.01,
        "periods": {"close": period},
        "reasons": {"frame": "it is the first frame"},
    }
    return Explain(**{**fields, **changes})


@pytest.fixture
def published(redis_client: redis.Redis) -> redis.Redis:
    made.publish_all(redis_client)
    for currency in ("USD", "EUR"):
        ExplainStore(redis_client).put(explain(currency))
    return redis_client


def test_before_the_first_explain_the_page_says_what_to_start(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    assert "--queues compile" in clean(open_app("pnl")).info[0].value


@pytest.mark.usefixtures("redis_client")
def test_an_empty_store_says_what_to_run(open_app: Open) -> None:
    assert "make demo" in clean(open_app("pnl")).info[0].value


@pytest.mark.usefixtures("published")
def test_cards_and_waterfall_are_in_dollars(open_app: Open) -> None:
    """A euro is 2 dollars: (300 - 1,000 + 50) x 3."""
    app = clean(open_app("pnl"))
    shown = metrics(app)
    assert shown["Total P&L"] == "-$1.95k"
    assert shown["Delta"] == "-$3.00k"
    spec = chart(app, "waterfall")
    names = [name.split("\n")[0] for name in spec["xAxis"]["data"]]
    assert names == ["Carry", "Delta", "Gamma", "Total"]
    bars = spec["series"][0]["data"]
    assert [bar[:2] for bar in bars] == [[0, 900], [900, -2100], [-2100, -1950], [0, -1950]]
    assert chart(app, "delta")["series"][0]["data"][0] == -3000
    assert "no fixing" in json.dumps(app.dataframe[-1].value.to_dict())


@pytest.mark.usefixtures("published")
def test_a_product_and_the_other_period(open_app: Open) -> None:
    app = open_app("pnl")
    app.get_by_key("product").set_value(["bond"]).run()
    assert metrics(clean(app))["Total P&L"] == "+$900"
    app.get_by_key("switch-period").set_value("Since frame before").run()
    assert "it is the first frame" in texts(clean(app))
    assert not metrics(app)


@pytest.mark.usefixtures("published")
def test_a_trader_sees_the_terms_of_own_desks_alone(open_app: Open, log_in: LogIn) -> None:
    log_in(Viewer(user="tom", roles=("trader",), desks=frozenset({"D1"})))
    app = clean(open_app("pnl"))
    assert metrics(app)["Total P&L"] == "+$900"
    assert "no fixing" not in texts(app)
    assert all("D2" not in row for row in html_rows(app, "Group"))


def test_a_currency_without_a_rate_is_named_and_in_no_sum() -> None:
    """Never added as if it were dollars."""
    explains = {"USD": explain("USD"), "EUR": explain("EUR", fx={"USD": 1.0})}
    found = pnl(explains, Choice(("USD", "EUR")), "close", time.time())
    assert found.total["total"] == pytest.approx(-650.0)
    assert "no FX rate for EUR" in found.reasons[0]


def test_groups_are_sorted_by_what_they_earned() -> None:
    found = pnl({"USD": explain("USD")}, Choice(("USD",)), "close", time.time())
    assert [(name, terms["total"]) for name, terms in found.rows("Desk")] == [
        ("D2", -950.0),
        ("D1", 300.0),
    ]
    assert found.quotes()[0] == ("USD-SOFR", "2Y", 5.0, -1000.0)


def test_the_delta_of_many_curves_is_by_currency_and_loses_nothing() -> None:
    """More curves than colours would be drawn in the same colour twice."""
    found = pnl({"USD": explain("USD")}, Choice(("USD",)), "close", time.time())
    tenors, by_curve = found.delta()
    assert "USD-SOFR" in by_curve
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.pnl.MAX_CURVES", 0)
        same, by_currency = found.delta()
    assert (same, list(by_currency)) == (tenors, ["USD"])
    sums = [sum(column) for column in zip(*by_curve.values(), strict=True)]
    assert by_currency["USD"] == pytest.approx(sums)


@pytest.mark.usefixtures("published")
def test_frames_of_many_currencies_are_said_in_one_sentence(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "USD frame" in texts(clean(open_app("pnl")))
    monkeypatch.setattr("dashboard.screen.MAX_NOTES", 1)
    shown = texts(clean(open_app("pnl")))
    assert "Since the frames of" in shown
    assert 'title="USD frame' in shown  # for hovering
