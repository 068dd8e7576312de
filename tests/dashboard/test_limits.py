"""The limits page: empty, with states and breaches, old, with gaps, and of own desks alone."""

from __future__ import annotations

import datetime as dt
import time

import redis

from dashboard.access.login import Viewer
from risk.limits import board
from risk.limits.board import Board, BreachRow
from tests.dashboard import made
from tests.dashboard.conftest import LogIn, Open, html_rows, metrics
from tests.dashboard.test_app import clean, table, texts
from tests.risk.test_limits_api import row

NOON = dt.datetime(2024, 3, 5, 12, tzinfo=dt.UTC)


def breach(number: int, limit: str, desk: str = "", **changes: object) -> BreachRow:
    usual: dict[str, object] = {
        "id": number,
        "limit": limit,
        "desk": desk,
        "scope": "firm",
        "began": NOON,
        "ended": None,
        "value": 1.1,
        "worst": 1.25,
        "hard_limit": 1.0,
        "currency": "USD",
        "frame": 7,
        "cause": "new trade",
    }
    return BreachRow(**{**usual, **changes})  # type: ignore[arg-type]


def show(client: redis.Redis, **changes: object) -> None:
    now = time.time_ns()
    fields: dict[str, object] = {
        "made_ns": now,
        "clock_ns": now,
        "behind": 0,
        "limits": [
            row("CALM", "D1", utilisation=0.2),
            row("BROKEN", state="breach", value=1.1, utilisation=1.1, since=NOON, temporary="T"),
            row("BLIND", "D2", state="unknown", value=None, utilisation=None, reason="3 trades"),
        ],
        "breaches": [
            breach(3, "BROKEN"),
            breach(2, "CALM", "D1", ended=NOON, classification="active", acknowledged_by="ann"),
        ],
        "gaps": [],
    }
    board.write(client, Board(**{**fields, **changes}))  # type: ignore[arg-type]


def test_before_the_first_evaluation_the_page_says_what_to_start(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    assert "manage.py runlimits" in clean(open_app("limits")).info[0].value


def test_the_worst_state_comes_first_and_breaches_can_be_judged(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    show(redis_client)
    app = clean(open_app("limits"))
    found = metrics(app)
    assert (found["Breaches"], found["Unknown"], found["Ok"]) == ("1", "1", "1")
    assert found["To acknowledge"] == "1"
    assert found["Most used"] == "110%"
    rows = html_rows(app, "Hard")
    assert [line["Limit"] for line in rows] == ["BROKEN", "BLIND", "CALM"]
    assert rows[0]["Hard"] == "1 (temporary)"
    assert (rows[1]["Number"], rows[1]["Why"]) == ("n/a", "3 trades")
    breaches = table(app, "Acknowledge")
    assert list(breaches["Cause"]) == ["new trade", "new trade"]
    assert breaches["Acknowledge"][0] == "http://127.0.0.1:1/admin/risk/limitreview/add/?breach=3"
    assert list(breaches["Ended"]) == ["open", "2024-03-05 12:00:00"]


def test_old_states_and_gaps_are_said(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    show(redis_client, made_ns=time.time_ns() - 10**11, gaps=["USD:sums: 7 results"], behind=12)
    said = texts(clean(open_app("limits")))
    assert "no process evaluates limits" in said
    assert "USD:sums: 7 results" in said
    assert "12 published results have not been evaluated yet" in said


def test_a_trader_sees_limits_of_the_own_desks_and_none_of_the_firm(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    show(redis_client)
    log_in(Viewer(user="tina", roles=("trader",), desks=frozenset({"D1"})))
    app = clean(open_app("limits"))
    assert [line["Limit"] for line in html_rows(app, "Hard")] == ["CALM"]
    assert list(table(app, "Acknowledge")["Limit"]) == ["CALM"]
    assert "BROKEN" not in texts(app)
    assert "BLIND" not in texts(app)


def test_the_overview_has_the_worst_limits_first_and_says_what_to_start(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    assert "No process evaluates limits" in texts(clean(open_app()))
    show(redis_client)
    rows = html_rows(clean(open_app()), "Used")
    assert [(row["State"], row["Limit"], row["Used"]) for row in rows] == [
        ("breach", "BROKEN", "110%"),
        ("unknown", "BLIND", "n/a"),
        ("ok", "CALM", "20%"),
    ]
