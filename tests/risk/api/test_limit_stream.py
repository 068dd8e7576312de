"""Limits end to end: a process with an account of its own, REST, and events with resume ids."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.risk.api.conftest import Live
from tests.risk.api.test_stream import events
from tests.waiting import until

LIMIT = {"name": "Firm NPV", "measure": "npv", "amounts_in": "USD", "currency": "USD"}


@contextmanager
def listening(live: Live, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    url = f"{live.url}/api/v1/stream/limits/"
    with requests.get(url, headers=live.headers | headers, stream=True, timeout=60) as answer:
        assert answer.status_code == 200, answer.text
        yield events(answer)


def change(stream: Iterator[dict[str, str]], code: str) -> tuple[str, Any]:
    """The next event of a limit: its id and body."""
    for event in stream:
        if event.get("event") == "limit":
            body = json.loads(event["data"])
            if body["limit"] == code:
                return event["id"], body
    raise AssertionError("the stream has ended")


@pytest.fixture
def evaluating(live: Live) -> Iterator[Live]:
    live.system.start("limits", sys.executable, "manage.py", "runlimits", kind="limits")
    yield live
    live.system.kill("limits")


def add(live: Live, code: str, hard: str) -> None:
    answer = live.call("POST", "limits/", json={**LIMIT, "code": code, "hard_limit": hard})
    assert answer.status_code == 201, answer.text


def test_a_breach_is_heard_listed_and_acknowledged(evaluating: Live) -> None:
    live = evaluating
    number = live.publish("USD")
    with listening(live) as stream:
        assert next(stream) == {"retry": "2000"}
        add(live, "NPV-SMALL", "0.01")
        add(live, "NPV-LARGE", "1e15")
        event_id, body = change(stream, "NPV-SMALL")
        assert (body["was"], body["state"], body["currency"]) == ("", "breach", "USD")
        assert body["frame"] >= number
    # Who was away hears all of it, in the same order, with the same ids.
    with listening(live, **{"Last-Event-ID": "0"}) as stream:
        assert change(stream, "NPV-LARGE")[1]["state"] == "ok"  # of one frame, by code
        assert change(stream, "NPV-SMALL") == (event_id, body)
    with listening(live, **{"Last-Event-ID": event_id}) as stream:
        live.call("PATCH", "limits/NPV-SMALL/", json={"hard_limit": "1e15"})
        later, body = change(stream, "NPV-SMALL")
        assert int(later) > int(event_id)
        assert (body["was"], body["state"]) == ("breach", "ok")

    def states() -> dict[str, str]:
        rows = live.get("limit-states/").json()["limits"]
        return {row["code"]: row["state"] for row in rows}

    until(lambda: states() == {"NPV-SMALL": "ok", "NPV-LARGE": "ok"}, 20)
    (breach,) = live.get("limit-breaches/?limit=NPV-SMALL").json()["results"]
    assert breach["ended"]
    judged = {"classification": "technical", "resolution": "limit_changed"}
    answer = live.call("POST", f"limit-breaches/{breach['id']}/acknowledge/", json=judged)
    assert answer.json()["reviews"][0]["by"] == "admin"


def test_a_bad_id_is_refused(live: Live) -> None:
    answer = live.get("stream/limits/", headers={"Last-Event-ID": "USD:7"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
