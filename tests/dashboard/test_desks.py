"""A trader's pages: the own desks' numbers, and nothing of the others anywhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
import redis
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.access import auth
from dashboard.access.desks import OwnDesks
from dashboard.access.login import Refusal, Viewer
from dashboard.data import Reader
from dashboard.opening import FIRST_READ
from dashboard.views import PAGES
from pricing.errors import Failure
from risk.store.frames import key
from risk.store.results import UnpricedTrade
from tests.dashboard import made
from tests.dashboard.conftest import LogIn, Open, metrics, shown_cards

HOSTILE = "<img src=x onerror=alert(1)>"
ONE = Viewer(user="tom", roles=("trader",), desks=frozenset({"D1"}))
TWO = Viewer(user="tina", roles=("trader",), desks=frozenset({"D2"}))
NAMES = [page.name for page in PAGES if page.reads_redis]


def lost(trade: str, book: str) -> UnpricedTrade:
    return UnpricedTrade(trade_id=trade, code="BAD_TERMS", message="x", book=book, product="swap")


def everything(app: AppTest) -> str:
    """All that a page has sent: text, charts, and tables as text."""
    assert not app.exception
    tables = [t.value.to_csv() for t in app.dataframe]
    return " ".join([*(str(element.proto) for element in walk(app)), *tables])


def walk(app: AppTest) -> list[Any]:
    kinds = ("html", "markdown", "metric", "echarts_chart", "selectbox", "multiselect", "info")
    return [element for kind in kinds for element in app.get(kind)]


@pytest.fixture
def reader(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr("dashboard.data.FRESH_S", 0.0)
    return Reader(redis_url)


# --- Pages -----------------------------------------------------------------------------------


def test_a_trader_sees_the_sums_of_own_desks(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    found = metrics(open_app_as(open_app, log_in, ONE))
    assert found["NPV"] == "$21.0k"  # 1,000 + 2 x 2,000 + 4 x 4,000
    assert found["DV01 per bp"] == "$180"  # 100 + 2 x 30 + 4 x 5
    assert metrics(open_app_as(open_app, log_in, TWO))["NPV"] == "$900"  # -100 + 2 x 500


def open_app_as(open_app: Open, log_in: LogIn, viewer: Viewer, page: str = "overview") -> AppTest:
    log_in(viewer)
    return open_app(page)


@pytest.mark.parametrize("page", NAMES)
def test_no_page_sends_anything_of_another_desk(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis, page: str
) -> None:
    made.publish_all(redis_client)
    others = [lost("EUR-theirs", "S"), lost("EUR-nobodys", "")]
    made.publish(redis_client, "EUR", 2, not_compiled=others)
    shown = everything(open_app_as(open_app, log_in, ONE, page))
    for name in ("D2", "-swap", "EUR-theirs", "EUR-nobodys"):
        assert name not in shown, name
    assert "desk D1 only" in shown
    assert "tom" in shown


def test_own_failures_are_named(open_app: Open, log_in: LogIn, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, not_compiled=[lost("EUR-mine", "B")])
    app = open_app_as(open_app, log_in, ONE)
    assert "EUR-mine" in everything(app)
    dv01 = next(metric for metric in shown_cards(app) if metric.label == "DV01 per bp")
    assert dv01.note == "4 trades, 1 failed"


def test_profit_is_that_of_own_desks(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client, 1)
    open_app()
    made.publish_all(redis_client, 2, gain=1000.0)
    assert metrics(open_app_as(open_app, log_in, ONE))["P&L since open"] == "+$7.00k"
    assert metrics(open_app_as(open_app, log_in, TWO))["P&L since open"] == "$0"


def test_a_trader_without_a_desk_is_told_so(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    app = open_app_as(open_app, log_in, Viewer(user="new", roles=("trader",), desks=frozenset()))
    assert not metrics(app)
    assert app.info[0].value == "None of your desks has a trade in USD, EUR, GBP."
    assert "no desk yet" in everything(app)


def test_a_stopped_table_is_dropped_with_the_desk(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    app = open_app("trades")
    app.get_by_key("live").set_value(False).run()
    assert "USD-swap" in everything(app)
    log_in(ONE)
    assert "-swap" not in everything(app.run())


@pytest.mark.parametrize("page", NAMES)
def test_a_hostile_desk_is_text(
    open_app: Open,
    log_in: LogIn,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
) -> None:
    monkeypatch.setitem(made.DESKS, "B", HOSTILE)
    made.publish_all(redis_client)
    broken = Failure(trade_id=HOSTILE, code=HOSTILE, message=HOSTILE)
    made.publish(redis_client, "EUR", 2, failures=[broken], labels={"EUR-ESTR": "proxy"})
    made.beat(redis_client, waiting_for=HOSTILE, broker=HOSTILE)
    hostile = Viewer(user=HOSTILE, roles=("trader",), desks=frozenset({HOSTILE}))
    app = open_app_as(open_app, log_in, hostile, page)
    html = " ".join(str(element.proto.body) for element in app.get("html"))
    assert "&lt;img" in html
    assert HOSTILE not in html
    assert not [m for m in app.markdown if "<img" in m.value]


# --- Gate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", NAMES)
@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (Refusal.NO_LOGIN, "Log in to see risk"),
        (Refusal.NO_ROLE, "no role that may read risk"),
        (Refusal.AWAY, "The web process does not answer"),
    ],
)
def test_who_may_not_look_gets_one_sentence_and_no_number(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis, page: str, why: Refusal, sentence: str
) -> None:
    made.publish_all(redis_client)
    app = open_app(page)
    assert "USD" in everything(app)
    log_in(why)
    st.cache_resource.clear()  # else the last good answer would stand while web is away
    app.run()
    shown = everything(app)
    assert sentence in shown
    assert "USD" not in shown
    assert not metrics(app)
    assert not app.dataframe


def test_the_login_leads_back_to_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_URL", "http://web:8000")
    assert auth.login_address() == "http://web:8000/accounts/login/?next=/dashboard/"
    monkeypatch.setenv("WEB_PUBLIC_URL", "https://risk.example.com/")
    page = "https://risk.example.com/accounts/login/?next=/dashboard/trades/"
    assert auth.login_address("trades") == page
    monkeypatch.setenv("WEB_PUBLIC_URL", "javascript:alert(1)")
    assert auth.login_address().startswith("http://web:8000/")


def test_without_an_address_of_web_nothing_is_shown(
    open_app: Open, monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    for url in ("", "web:8000"):
        monkeypatch.setenv("WEB_URL", url)
        app = open_app()
        assert "WEB_URL is not set" in app.error[0].value
        assert not metrics(app)


# --- The reader beneath ----------------------------------------------------------------------


def test_lines_over_time_are_made_of_own_cells_and_unknown_before(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    made.publish(redis_client, "USD", 2)
    lines = OwnDesks(reader, {"D2"}).snapshot().markets["USD"].history
    assert [line.frame for line in lines] == [1, 2]
    assert math.isnan(lines[0].npv)
    assert (lines[1].npv, lines[1].dv01_par) == (-100, -20)
    assert all(math.isfinite(line.tick_to_published_ms) for line in lines)


def test_an_opening_known_by_its_line_alone_begins_later(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    made.publish(redis_client, "USD", 2, gain=5.0)
    redis_client.delete(key("USD", "rollup", 1))
    opening = OwnDesks(reader, {"D1"}).snapshot().markets["USD"].opening
    assert opening is not None
    assert (opening.line.npv, opening.line.frame, opening.why) == (1005, 2, FIRST_READ)
    assert [cell.book for cell in opening.rollup.cells] == ["B"]


def test_one_traders_view_leaves_everyones_as_it_is(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "EUR", 1, not_compiled=[lost("EUR-theirs", "S")])
    own = OwnDesks(reader, {"D1"})
    mine = own.trades(own.snapshot().markets["EUR"])
    assert mine is not None
    assert mine.table["trade"].tolist() == ["EUR-bond"]
    whole = reader.trades(reader.snapshot().markets["EUR"])
    assert whole is not None
    statuses = dict(zip(whole.table["trade"], whole.table["status"], strict=True))
    assert statuses["EUR-theirs"] == "failed: BAD_TERMS"


def test_failures_of_a_book_that_cannot_be_read_stay_hidden(
    reader: Reader, redis_client: redis.Redis
) -> None:
    published = made.publish(redis_client, "EUR", 1, not_compiled=[lost("EUR-mine", "B")])
    redis_client.delete(key("EUR", "book", published.book_version))
    rollup = OwnDesks(reader, {"D1"}).snapshot().markets["EUR"].rollup
    assert (rollup.failures, rollup.trades, rollup.priced) == ([], 2, 1)


def test_a_missing_block_is_told_to_whose_trades_are_in_it(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "GBP", 1, missing=[1])
    missing = {
        desk: OwnDesks(reader, {desk}).snapshot().markets["GBP"].rollup.missing
        for desk in ("D1", "D2")
    }
    assert missing == {"D1": [], "D2": [1]}


def test_users_of_the_same_desks_share_one_narrowing(
    redis_url: str, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    own = OwnDesks(Reader(redis_url), {"D1"})
    assert own.snapshot() is own.snapshot()
