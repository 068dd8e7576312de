"""The pages as a browser gets them, from frames in a real Redis."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pandas as pd
import pytest
import redis
from streamlit.testing.v1 import AppTest

from dashboard.trades.columns import BY_NAME, COLUMNS, USUAL
from dashboard.trades.rows import Sort
from dashboard.views import PAGES
from pricing.curves.sanity import CurveWarning
from pricing.errors import Failure
from tests.dashboard import made
from tests.dashboard.conftest import APP, TIMEOUT_S, Open, OwnRedis, html_rows, metrics, shown_cards
from tests.waiting import until

SORT, TRADE = "blotter_sort", "blotter_trade"
BAD = Failure(trade_id="EUR-broken", code="BAD_TERMS", message="matures before it starts")


def chart(app: AppTest, key: str) -> dict[str, Any]:
    found = [c for c in app.get("echarts_chart") if c.proto.id.endswith(f"-{key}")]
    spec: dict[str, Any] = json.loads(found[0].proto.spec)
    return spec


def data(option: dict[str, Any]) -> dict[str, list[float]]:
    return {series["name"]: series["data"] for series in option["series"]}


def table(app: AppTest, column: str) -> pd.DataFrame:
    """The last table that has such a column."""
    return next(t.value for t in reversed(app.dataframe) if column in t.value.columns)


def texts(app: AppTest) -> str:
    """All HTML and boxes."""
    html = [str(element.proto.body) for element in app.get("html")]
    return " ".join([*html, *(str(box.value) for box in (*app.info, *app.error, *app.warning))])


def clean(app: AppTest) -> AppTest:
    """No traceback anywhere."""
    assert not app.exception
    assert "Traceback" not in texts(app)
    return app


# --- Nothing there ---------------------------------------------------------------------------


@pytest.mark.usefixtures("redis_client")
@pytest.mark.parametrize(
    "page",
    [page.name for page in PAGES if page.reads_redis],  # of the others, see test_replays.py
)
def test_an_empty_store_says_what_to_run(open_app: Open, page: str) -> None:
    app = clean(open_app(page))
    assert "make demo" in app.info[0].value
    assert not metrics(app)


def test_without_redis_url_a_sentence_says_so(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")
    assert "REDIS_URL is not set" in clean(open_app()).error[0].value
    monkeypatch.setenv("REDIS_URL", "http://secret@nowhere")
    error = clean(open_app()).error[0].value
    assert "not a Redis URL" in error
    assert "secret" not in error


def test_a_redis_that_never_answered(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    app = clean(open_app())
    assert "Redis (127.0.0.1:1) does not answer" in app.error[0].value
    assert ">DOWN<" in texts(app)
    assert "secret" not in texts(app)


# --- Overview --------------------------------------------------------------------------------


def test_the_cards_show_exact_sums_in_dollars(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    found = metrics(clean(open_app()))
    assert found["NPV"] == "$21.9k"  # 900 + 2 x 2,500 + 4 x 4,000
    assert found["DV01 per bp"] == "$240"  # 80 + 2 x 70 + 4 x 5
    assert found["P&L since open"] == "$0"
    assert found["Largest key rate"] == "10Y $165"
    assert found["VaR 99 %, 1 day"] == found["P&L since close"] == "n/a"


def test_without_swaps_dv01_is_that_of_the_bonds(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app()
    app.get_by_key("product").set_value(["bond"]).run()
    assert metrics(clean(app))["DV01 per bp"] == "$180"  # 100 + 2 x 30 + 4 x 5
    assert data(chart(app, "ladder"))["USD"] == [10, 90, 0]


def test_one_currency_and_one_desk(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app()
    app.get_by_key("currency").set_value(["USD", "EUR"]).run()
    assert metrics(app)["NPV"] == "$5.90k"
    app.get_by_key("desk").set_value("D2").run()
    assert metrics(clean(app))["NPV"] == "$900"  # -100 + 2 x 500


def test_filters_of_the_url_are_those_of_the_page(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params["currency"] = ["USD", "EUR"]
    app.query_params["product"] = ["swap"]
    app.query_params["desk"] = "D2"
    assert metrics(clean(app.run()))["NPV"] == "$900"  # -100 + 2 x 500
    assert (app.get_by_key("desk").value, app.get_by_key("product").value) == ("D2", ["swap"])


def test_a_desk_of_the_url_without_trades_is_said_and_not_forgotten(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params["desk"] = "GONE"
    assert "No trade matches the filters: trades of GONE" in clean(app.run()).info[0].value


def test_a_currency_that_comes_later_is_offered_and_chosen(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD")
    made.publish(redis_client, "EUR")
    made.beat(redis_client)
    app = open_app()
    assert app.get_by_key("currency").options == ["USD", "EUR"]
    app.get_by_key("currency").set_value(["USD"]).run()
    made.publish(redis_client, "GBP")
    until(lambda: len(clean(app.run()).get_by_key("currency").options) == 3)
    # EUR was left out by the user and stays so; GBP is new and counts in the sums.
    assert app.get_by_key("currency").value == ["USD", "GBP"]


def test_no_currency_asks_for_one(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app()
    app.get_by_key("currency").set_value([]).run()
    assert "Choose at least one currency" in clean(app).info[0].value


def test_filters_that_no_trade_passes_show_a_sentence_and_no_zero(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    app = open_app()
    app.get_by_key("product").set_value(["bond"])
    app.get_by_key("desk").set_value("D2").run()  # D2 has swaps alone
    assert metrics(clean(app)) == {}
    assert "No trade matches the filters: bonds of D2 in USD, EUR, GBP." in app.info[0].value


def test_profits_of_desks_keep_sign_and_digits(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client, 1)
    open_app()
    made.publish_all(redis_client, 2, gain=-206_821.0)
    rows = {row["Desk"]: row["P&L"] for row in html_rows(clean(open_app()), "Failed")}
    assert rows == {"D1": "-1,447,747", "D2": "0"}  # 7 x 206,821


def test_profit_is_measured_from_the_first_frame(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client, 1)
    open_app()
    made.publish_all(redis_client, 2, gain=1000.0)
    app = clean(open_app())
    assert metrics(app)["P&L since open"] == "+$7.00k"  # 1,000 x (1 + 2 + 4)
    npv = next(metric for metric in shown_cards(app) if metric.label == "NPV")
    assert (npv.note, npv.tone) == ("▲ $7.00k vs open", "up")
    assert "oldest frame in the history" in npv.hint


def test_a_currency_without_fx_is_left_out_and_said_so(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client, fx={"USD": 1.0, "GBP": 4.0})
    app = clean(open_app())
    assert metrics(app)["NPV"] == "$16.9k"  # 900 + 4 x 4,000
    assert "EUR is not in the sums: its frame has no exchange rate to USD." in texts(app)
    assert "EUR" not in data(chart(app, "ladder"))


def test_labels_and_the_fx_used_are_shown(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client, labels={"USD-SOFR": "proxy"}, fx_label="synthetic")
    shown = texts(open_app())
    assert "USD-SOFR <b>proxy</b>" in shown
    assert "EUR/USD 2 <b>synthetic</b>" in shown


def test_charts_carry_the_numbers(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client, 1)
    open_app()
    made.publish(redis_client, "USD", 2, zeros=[0.0402, 0.0421, 0.041])
    app = open_app()
    assert data(chart(app, "ladder")) == {
        "USD": [15, 65, 0],
        "EUR": [40, 100, 0],
        "GBP": [0, 0, 20],
        "Net": [55, 165, 20],
    }
    curves = data(chart(app, "curves"))
    assert curves["USD"] == [4.02, 4.21, None]
    assert curves["USD open"] == [4.0, 4.2, None]
    assert curves["USD Δbp"] == [2, 1, None]
    assert data(chart(app, "breakdown")) == {"Bond": [60, 100, 20], "Swap": [80, -20, 0]}


def test_switches_choose_curves_and_groups(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app()
    app.get_by_key("switch-ladder-family").set_value("Projection").run()
    app.get_by_key("switch-group").set_value("Desk").run()
    assert data(chart(app, "ladder"))["EUR"] == [100]
    assert chart(app, "breakdown")["yAxis"]["data"] == ["D1", "D2"]


def test_movers_say_which_rate_moved_them(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    open_app()
    made.publish(redis_client, "USD", 2, zeros=[0.0402, 0.0421, 0.041], gain=-20.0)
    rows = {row["Trade"]: row for row in html_rows(clean(open_app()), "Moved most by")}
    assert rows["USD-bond"]["P&L"] == "-20"  # 2 bp on a key-rate DV01 of 10
    assert rows["USD-bond"]["Moved most by"] == "USD-SOFR 2Y +2.0 bp"
    assert rows["GBP-bond"]["Moved most by"] == ""


def test_failed_trades_are_named(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, failures=[BAD])
    app = clean(open_app())
    tables = [t.value for t in app.dataframe if "Code" in t.value.columns]
    assert len(tables) == 2  # behind the badge, and always open on the page
    assert tables[1].to_numpy().tolist() == [
        ["EUR-broken", "EUR", "BAD_TERMS", "matures before it starts"]
    ]
    dv01 = next(metric for metric in shown_cards(app) if metric.label == "DV01 per bp")
    assert dv01.note == "7 trades, 1 failed"


def test_a_partial_frame_names_its_block_and_shows_no_profit(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "GBP", 2, missing=[1])
    app = clean(open_app())
    assert table(app, "Code")["Code"].tolist() == ["missing_block"]
    assert metrics(app)["P&L since open"] == "n/a"


def test_redis_away_greys_the_last_numbers(
    open_app: Open, own_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", own_redis.url)
    made.publish_all(own_redis.client)
    app = open_app()
    assert ">LIVE<" in texts(app)
    own_redis.stop()
    clean(app.run())
    assert ">DOWN<" in texts(app)
    assert 'class="pill down"' in texts(app)  # the style sheet greys everything below it
    assert "does not answer" in texts(app)
    assert metrics(app)["NPV"] == "$21.9k"


def test_one_currency_that_lags_is_marked(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, published_ago_s=60)
    shown = texts(open_app())
    assert shown.count('class="fact late"') == 1
    assert re.search(r">EUR 1m \ds<", shown)


def test_a_silent_bridge_is_stale(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.beat(redis_client, sent_ns=1)
    assert ">STALE<" in texts(clean(open_app()))


# --- Trades ----------------------------------------------------------------------------------


def test_the_blotter_has_every_trade(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, not_compiled=[BAD])
    app = clean(open_app("trades"))
    app.get_by_key("columns").set_value([column.title for column in COLUMNS]).run()
    rows = table(clean(app), "NPV")
    assert len(rows) == 7
    row = rows[rows["Trade"] == "EUR-swap"].iloc[0]
    assert (row["Ccy"], row["Desk"], row["NPV"], row["DV01 par"]) == ("EUR", "D2", 500, 40)
    assert rows[rows["Trade"] == "EUR-broken"]["Status"].tolist() == ["failed: BAD_TERMS"]


def test_a_refresh_sends_a_page_of_ten_thousand_trades(
    open_app: Open, redis_client: redis.Redis
) -> None:
    many = [msgspec.structs.replace(BAD, trade_id=f"EUR-{n}") for n in range(9_994)]
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, not_compiled=many)
    app = clean(open_app("trades"))
    assert len(table(app, "NPV")) == 100
    assert [len(table_.value) for table_ in app.dataframe] == [100, 100]
    assert sum(table_.proto.ByteSize() for table_ in app.dataframe) < 40_000
    assert "The first 100 of 9,994." in app.caption[0].value


def test_filters_and_search_narrow_the_blotter(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "EUR", 2, not_compiled=[BAD])
    app = open_app("trades")
    app.get_by_key("text").set_value("eur-").run()
    assert table(app, "NPV")["Trade"].tolist() == ["EUR-bond", "EUR-broken", "EUR-swap"]
    app.get_by_key("only").set_value("Not priced").run()
    assert table(app, "NPV")["Trade"].tolist() == ["EUR-broken"]
    app.get_by_key("only").set_value("All")
    app.get_by_key("books").set_value(["S"]).run()
    assert table(clean(app), "NPV")["Trade"].tolist() == ["EUR-swap"]


def test_columns_are_chosen_and_kept_in_the_url_with_the_search(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params["columns"] = ["P&L today", "Trade", "NPV"]
    app.query_params["text"] = "eur-"
    app.run().switch_page("views/trades.py")
    shown = table(clean(app.run()), "NPV")
    assert list(shown.columns) == ["Trade", "NPV", "P&L today"]  # in the order of the table
    assert shown["Trade"].tolist() == ["EUR-bond", "EUR-swap"]
    app.get_by_key("columns").set_value([]).run()
    usual = [BY_NAME[name].title for name in USUAL]
    assert list(table(clean(app), "NPV").columns) == usual


def test_a_stopped_table_stands_still(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app("trades")
    app.get_by_key("live").set_value(False).run()
    made.publish(redis_client, "USD", 2, gain=50.0)
    assert 1050 not in table(app.run(), "NPV")["NPV"].tolist()
    app.get_by_key("live").set_value(True).run()
    assert 1050 in table(clean(app), "NPV")["NPV"].tolist()


def test_rows_stand_still_while_numbers_change(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    app = open_app("trades")
    app.session_state[SORT] = Sort("npv", descending=True)
    before = table(app.run(), "NPV")["Trade"].tolist()
    assert before[0] == "GBP-bond"
    made.publish(redis_client, "USD", 2, gain=1e6)
    after = table(clean(app.run()), "NPV")
    assert after["Trade"].tolist() == before
    assert after["NPV"].max() == 1_001_000
    app.get_by_key("switch-sort").click().run()
    assert table(app, "NPV")["Trade"].iloc[0] == "USD-bond"


def test_a_trade_that_comes_keeps_the_panel_on_its_trade(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    app = open_app("trades")
    app.session_state[TRADE] = ("EUR", "EUR-swap")
    app.run()
    made.publish(redis_client, "EUR", 2, not_compiled=[BAD])
    assert "<b>EUR-swap</b>" in texts(clean(app.run()))


# --- Curves ----------------------------------------------------------------------------------


def test_a_warning_is_on_every_page_and_the_curves_page_has_the_quotes(
    open_app: Open, redis_client: redis.Redis
) -> None:
    doubt = CurveWarning(
        curve="USD-SOFR",
        quote="10Y",
        check="move",
        value=90.0,
        limit=50.0,
        message="USD-SOFR 10Y has moved by +90.0 bp <b>",
    )
    made.publish_all(redis_client)
    made.publish(redis_client, "USD", 2, warnings=[doubt])
    assert "USD-SOFR 10Y has moved by +90.0 bp &lt;b&gt;" in texts(clean(open_app()))
    app = clean(open_app("curves"))
    assert ">move<" in texts(app)
    assert "Quotes of USD-" in texts(app)
    assert app.selectbox(key="curve").options[0].startswith("USD-")


# --- Pipeline --------------------------------------------------------------------------------


def test_the_pipeline_counts(
    open_app: Open, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWER_URL", "http://127.0.0.1:5555")
    monkeypatch.setenv("API_URL", "javascript:alert(1)")
    made.publish_all(redis_client)
    app = clean(open_app("pipeline"))
    found = metrics(app)
    assert (found["Bridges alive"], found["Workers"], found["Lag"], found["Resent"]) == (
        "1",
        "2",
        "5",
        "4",
    )
    bridges = table(app, "bridge-1").set_index("")["bridge-1"]
    assert (bridges["broker"], bridges["conflated"], bridges["dead-lettered"]) == (
        "a broker",
        "2",
        "1",
    )
    assert len(data(chart(app, "hops"))["Pricing"]) == 3
    assert [link.proto.url for link in app.get("link_button")] == ["http://127.0.0.1:5555"]
