"""What pages make of past curves and of backtests that REST gives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import redis
from streamlit.testing.v1 import AppTest

from dashboard.access.login import Web
from dashboard.answers import backtests, past_curves
from dashboard.answers.past_curves import Day
from risk.scenarios.store import ScenarioStore
from tests.dashboard import made
from tests.dashboard.conftest import APP, TIMEOUT_S, Open, html_rows
from tests.dashboard.test_app import chart, clean, data, texts
from tests.dashboard.test_scenarios import results

NODES = [
    {
        "tenor": "1Y", "date": "2025-03-04", "quote": 0.05, "zero_rate": 0.049,
        "discount_factor": 0.95,
    },
    {
        "tenor": "2Y", "date": "2026-03-04", "quote": 0.045, "zero_rate": 0.044,
        "discount_factor": 0.915,
    },
]  # fmt: skip
CLOSE = {
    "date": "2024-03-04", "of": "close", "label": "proxy", "source": "feed",
    "as_of": "2024-03-04T21:00:00Z", "frame": 4, "nodes": NODES,
}  # fmt: skip
QUOTES = {
    **CLOSE, "of": "history", "label": "official", "source": "Treasury", "as_of": None,
    "frame": None,
    "nodes": [{**node, "date": None, "zero_rate": None, "discount_factor": None} for node in NODES],
}  # fmt: skip
DAYS = {"curve": "USD-SOFR", "days": [CLOSE, QUOTES]}
PAST = {"curve": "USD-SOFR", "date": "2024-03-04", "found": [CLOSE, QUOTES]}


def day(date: str, pnl: float, var: float) -> dict[str, Any]:
    broken = pnl < -var
    return {"date": date, "evening": "2024-03-01", "pnl": pnl, "var": var, "exception": broken}


SERIES = [
    day("2024-03-04", 50.0, 100.0), day("2024-03-05", -150.0, 100.0), day("2024-03-06", -90.0, 80.0)
]  # fmt: skip
RESULT = {
    "days": 3, "zone": "amber", "series": SERIES,
    "exceptions": [each for each in SERIES if each["exception"]],
}  # fmt: skip
BACKTEST = {
    "level": "99", "made": "2024-03-07T06:00:00Z", "amounts_in": "USD", "days_of_the_zones": 250,
    "desks": [
        {**RESULT, "desk": "D1"}, {**RESULT, "desk": "D2", "zone": "green", "exceptions": []}
    ],
    "firm": RESULT, "notes": [],
}  # fmt: skip


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the web process answers, by address below /api/v1/; 404 of others."""
    answers: dict[str, Any] = {
        "curves/USD-SOFR/days/": DAYS,
        "curves/USD-SOFR/days/2024-03-04/": PAST,
        "backtest/?level=99&series=true": BACKTEST,
    }

    def get(self: Web, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        found = answers.get(path.removeprefix("/api/v1/"))
        if found is None:
            return 404, b'{"detail": "No backtest at 99 % is stored: run it"}'
        return 200, json.dumps(found).encode()

    monkeypatch.setattr(Web, "get", get)
    return answers


# --- Curves ----------------------------------------------------------------------------------


def test_past_days_name_their_source() -> None:
    assert past_curves.days_of(DAYS) == {
        "2024-03-04 close": "2024-03-04 close (proxy, feed)",
        "2024-03-04 history": "2024-03-04 quotes (official, Treasury)",
    }
    assert Day.read("2024-03-04 close") == Day("2024-03-04", "close")
    assert Day.read("nonsense") is None
    assert past_curves.source_of(CLOSE).endswith("market time 2024-03-04 21:00:00")


def test_rates_of_a_close_are_its_own_and_forwards_follow_by_hand() -> None:
    assert past_curves.rates(CLOSE, "Zero") == {"1Y": 0.049, "2Y": 0.044}
    assert past_curves.rates(CLOSE, "Par") == {"1Y": 0.05, "2Y": 0.045}
    assert past_curves.rates(CLOSE, "Discount") == {"1Y": 0.95, "2Y": 0.915}
    forwards = past_curves.rates(CLOSE, "Forward")
    assert math.isclose(forwards["1Y"], 1 / 0.95 - 1)  # 365 days
    assert math.isclose(forwards["2Y"], 0.95 / 0.915 - 1)


def test_a_day_of_the_history_has_quotes_alone() -> None:
    assert past_curves.rates(QUOTES, "Par") == {"1Y": 0.05, "2Y": 0.045}
    assert {kind: past_curves.rates(QUOTES, kind) for kind in ("Zero", "Forward", "Discount")} == {
        "Zero": {}, "Forward": {}, "Discount": {}
    }  # fmt: skip


def open_curves(**parameters: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run().switch_page("views/curves.py").run()


@pytest.mark.usefixtures("rest")
def test_a_past_day_of_the_url_is_beside_now_and_open_with_its_source(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = clean(open_curves(curve="USD-SOFR", day="2024-03-04 close"))
    lines = data(chart(app, "curve-chart"))
    assert "2024-03-04 close" in lines
    assert 4.4 in lines["2024-03-04 close"]
    assert "Now" in lines
    assert "Open" in lines
    assert "Dashed: close of 2024-03-04, proxy, feed" in texts(app)


@pytest.mark.usefixtures("rest")
def test_quotes_of_a_publisher_say_that_they_are_par_alone(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    open_app()
    app = clean(open_curves(curve="USD-SOFR", day="2024-03-04 history"))
    assert "quotes alone are stored; choose Par" in texts(app)
    app.get_by_key("kind").set_value("Par").run()
    assert 4.5 in data(chart(clean(app), "curve-chart"))["2024-03-04 history"]


# --- Backtest --------------------------------------------------------------------------------


def test_the_backtest_has_lights_exceptions_and_the_worst_excess_by_desk() -> None:
    rows = backtests.rows(BACKTEST)
    assert rows[0] == ("All desks", "amber", "3", "2", "2024-03-06", "-$50.0")
    assert [row[:4] for row in rows[1:]] == [("D1", "amber", "3", "2"), ("D2", "green", "3", "0")]
    assert rows[2][4:] == ("", "")
    assert [row[0] for row in backtests.exception_rows(RESULT)] == ["2024-03-06", "2024-03-05"]
    assert backtests.short_series(BACKTEST).startswith("Only 3 days of 250")
    assert backtests.results({**BACKTEST, "firm": None}).keys() == {"D1", "D2"}


@pytest.mark.usefixtures("rest")
def test_the_scenarios_page_shows_the_backtest(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    ScenarioStore(redis_client).publish(results())
    app = clean(open_app("scenarios"))
    lights = {row["Desk"]: row["Light"] for row in html_rows(app, "Light")}
    assert lights == {"All desks": "amber", "D1": "amber", "D2": "green"}
    drawn = chart(app, "backtest-chart")["series"]
    assert [bar["value"] for bar in drawn[0]["data"]] == [50.0, -150.0, -90.0]
    assert drawn[1]["data"] == [-100.0, -100.0, -80.0]
    colors = [bar["itemStyle"]["color"] for bar in drawn[0]["data"]]
    assert colors[0] != colors[1] == colors[2]
    app.get_by_key("backtest").set_value("D2").run()
    assert "No day has lost more than the value at risk" in texts(clean(app))


def test_without_a_backtest_the_page_says_what_to_run(
    open_app: Open, redis_client: redis.Redis, rest: dict[str, Any]
) -> None:
    rest.clear()
    made.publish_all(redis_client)
    ScenarioStore(redis_client).publish(results())
    assert "No backtest at 99 % is stored: run it" in texts(clean(open_app("scenarios")))
