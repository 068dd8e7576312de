"""Of which frames trades and sums are, in words, and a trade that web prices on demand."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import redis

from dashboard import detail
from dashboard.access.login import Web
from dashboard.answers import priced_now
from dashboard.data import Market, Reader, Snapshot
from pricing.measures.table import LIVE
from tests.dashboard import made
from tests.dashboard.conftest import Open, html_rows, metrics
from tests.dashboard.test_app import TRADE, clean, table, texts

RUN = detail.COUNTER


@pytest.fixture
def reader(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr("dashboard.data.FRESH_S", 0.0)
    return Reader(redis_url)


def usd(snapshot: Snapshot) -> Market:
    return snapshot.markets["USD"]


# --- Words -----------------------------------------------------------------------------------


def test_the_distance_is_in_frames_and_in_seconds(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1, published_ago_s=9)
    assert detail.behind(usd(reader.snapshot())) == detail.Behind(0, 0.0)
    made.publish(redis_client, "USD", 2, detail=False, published_ago_s=5)
    made.publish(redis_client, "USD", 3, detail=False, published_ago_s=4)
    found = detail.behind(usd(reader.snapshot()))
    assert found.frames == 2
    assert found.seconds is not None
    assert found.seconds >= 5.0
    assert detail.age(usd(reader.snapshot())).startswith("2 frames, ")


def test_both_frames_are_named_only_where_they_differ(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    made.publish(redis_client, "USD", 2, detail=False)
    markets = list(reader.snapshot().markets.values())
    trades = {m.currency: found for m in markets if (found := reader.trades(m))}
    assert detail.which_frames(markets, trades) == [
        "USD trades of frame 1 (09:01:00), sums of frame 2 (09:02:00)"
    ]
    assert detail.without(markets, trades) == ""
    del trades["EUR"]
    assert "of EUR cannot be read now" in detail.without(markets, trades)


def test_frames_of_two_runs_of_the_bridge_are_not_mixed_up() -> None:
    assert detail.frame_name(RUN + 7, RUN + 9) == "7"
    assert detail.frame_name(RUN + 7, 2 * RUN + 1) == "7 of run 1"


# --- Pages -----------------------------------------------------------------------------------


def behind(client: redis.Redis, seconds: float = 0.0) -> None:
    """The sums of USD are a frame ahead of its detail."""
    made.publish_all(client, 1, published_ago_s=seconds)
    made.publish(client, "USD", 2, gain=5.0, detail=False)


def test_the_overview_shows_new_sums_and_says_of_which_frame_its_movers_are(
    open_app: Open, redis_client: redis.Redis
) -> None:
    behind(redis_client)
    app = clean(open_app())
    assert metrics(app)["NPV"] == "$21.9k"
    assert html_rows(app, "NPV")[0]["NPV"] == "21,005"  # D1: 1,005 + 2 x 2,000 + 4 x 4,000
    assert "USD trades of frame 1 (09:01:00), sums of frame 2 (09:02:00)" in texts(app)
    assert html_rows(app, "Book")[0]["Trade"]


def test_the_trades_page_names_the_frame_of_its_numbers_and_of_the_sums(
    open_app: Open, redis_client: redis.Redis
) -> None:
    behind(redis_client)
    app = clean(open_app("trades"))
    assert "USD trades of frame 1 (09:01:00), sums of frame 2 (09:02:00)" in texts(app)
    assert 1000 in table(app, "NPV")["NPV"].tolist()
    made.publish(redis_client, "USD", 3, gain=5.0)
    app = clean(app.run())
    assert "trades of frame" not in texts(app)
    assert 1005 in table(app, "NPV")["NPV"].tolist()


def test_without_a_detail_pages_have_sums_and_a_sentence_instead_of_zeros(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client, detail=False)
    app = clean(open_app())
    assert metrics(app)["NPV"] == "$21.9k"
    assert "No numbers by trade of USD, EUR, GBP have been published yet" in texts(app)
    assert not html_rows(app, "Book")
    app.switch_page("views/trades.py").run()
    assert "look at the process detail" in texts(clean(app))
    assert "--queues detail" in texts(app)
    assert not [found for found in app.dataframe if "NPV" in found.value.columns]
    app.switch_page("views/pipeline.py").run()
    assert metrics(clean(app))["Detail"] == "none yet"


def test_a_currency_without_a_detail_is_named_beside_the_trades_of_the_others(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    for currency in ("EUR", "GBP"):
        redis_client.delete(f"risk:{{{currency}}}:detail")
    app = clean(open_app("trades"))
    assert table(app, "NPV")["Trade"].tolist() == ["USD-bond", "USD-swap"]
    assert "No numbers by trade of EUR, GBP" in texts(app)


def test_the_pipeline_shows_how_far_each_detail_is_behind(
    open_app: Open, redis_client: redis.Redis
) -> None:
    behind(redis_client, 8.0)
    made.publish(redis_client, "EUR", 2, late=[1])
    made.beat(redis_client, details={"USD": 4}, details_conflated=9)
    app = clean(open_app("pipeline"))
    rows = {row["Ccy"]: row for row in html_rows(app, "Detail of frame")}
    assert (rows["USD"]["Sums of frame"], rows["USD"]["Detail of frame"]) == ("2", "1")
    assert rows["USD"]["Behind the sums"].startswith("1 frame, ")
    assert (rows["EUR"]["Behind the sums"], rows["EUR"]["Blocks missing"]) == (
        "same frame",
        "1 of 2",
    )
    assert metrics(app)["Detail"].endswith("s")
    bridges = table(app, "bridge-1").set_index("")["bridge-1"]
    assert (bridges["details"], bridges["details conflated"]) == ("4", "9")


def test_a_queue_without_a_worker_is_named(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    redis_client.hdel("risk:workers", "detail@here")
    said = [box.value for box in clean(open_app("pipeline")).info]
    assert ["No detail worker" in text for text in said] == [True]
    assert "--queues detail" in said[0]


# --- On demand -------------------------------------------------------------------------------


def answer(frame: int) -> dict[str, Any]:
    """Return what web answers of USD-bond; tests/risk/api asks a real one."""
    return {
        "trade_id": "USD-bond",
        "currency": "USD",
        "failure": None,
        "npv": 1005.0,
        "dv01_par": 101.0,
        "unavailable": {},
        "analytics_frame": None,
        "krd": {"USD-SOFR": {"2Y": 11.0, "10Y": None}, "USD-GOVT": {"10Y": 90.0}},
        "ladder_par": {"USD-SOFR": {"2Y": 11.0, "10Y": None}, "USD-GOVT": {"10Y": 90.0}},
        "stamp": {"frame": frame, "as_of": "2024-03-05T09:02:00Z"},
    } | {name: 0.0 for name in LIVE if name not in ("npv", "dv01_par")}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A web process that answers one status and body, and keeps what it was asked."""
    said: dict[str, Any] = {"status": 200, "body": answer(2), "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said["asked"].append((self.path, self.headers["Cookie"]))
            body = json.dumps(said["body"]).encode()
            self.send_response(said["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    said["url"] = f"http://127.0.0.1:{server.server_port}"
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_late_trade_is_priced_on_demand_until_the_detail_has_caught_up(
    open_app: Open, redis_client: redis.Redis, web: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_URL", web["url"])
    behind(redis_client, 8.0)
    app = open_app("trades")
    app.session_state[TRADE] = ("USD", "USD-bond")
    app.run()
    assert table(app, "KRD")["KRD"].tolist() == [10, 0, 90]
    app.get_by_key("switch-now").click().run()
    assert web["asked"] == [("/api/v1/risk/trades/USD-bond/?now=true", f"sessionid={'k' * 32}")]
    assert "Priced on demand, on frame 2 (09:02:00)" in texts(clean(app))
    found = table(app, "KRD")["KRD"].tolist()
    assert (found[0], found[2]) == (11.0, 90.0)
    assert math.isnan(found[1]), "a number that is missing is not 0"
    assert "sum n/a" in texts(app)
    assert 1000 in table(app, "NPV")["NPV"].tolist()  # the table stays of its frame
    made.publish(redis_client, "USD", 3)
    assert "Priced on demand" not in texts(clean(app.run()))
    assert not [button for button in app.button if button.key == "switch-now"]


def test_a_refusal_and_a_web_that_is_away_are_sentences(
    open_app: Open, redis_client: redis.Redis, web: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_URL", web["url"])
    behind(redis_client, 8.0)
    web |= {"status": 503, "body": {"detail": "The preview worker is <busy>"}}
    app = open_app("trades")
    app.session_state[TRADE] = ("USD", "USD-bond")
    app.run().get_by_key("switch-now").click().run()
    assert "The preview worker is &lt;busy&gt;" in texts(clean(app))
    assert table(app, "KRD")["KRD"].tolist() == [10, 0, 90]
    monkeypatch.setenv("WEB_URL", "http://127.0.0.1:1")
    app.get_by_key("switch-now").click().run()
    assert priced_now.AWAY in texts(clean(app))


def test_a_trade_that_is_not_late_is_not_offered(open_app: Open, redis_client: redis.Redis) -> None:
    behind(redis_client)
    app = open_app("trades")
    app.session_state[TRADE] = ("USD", "USD-bond")
    assert not [button for button in clean(app.run()).button if button.key == "switch-now"]


def test_an_answer_that_cannot_be_read_is_said(web: dict[str, Any]) -> None:
    web["body"] = ["nonsense"]
    assert "cannot be read" in str(priced_now.ask(Web(web["url"]), "k" * 32, "a/b"))
    assert web["asked"][0][0] == "/api/v1/risk/trades/a%2Fb/?now=true"
