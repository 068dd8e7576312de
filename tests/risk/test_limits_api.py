"""States, breaches and acknowledgements of limits over REST: by desk, by role, with four eyes."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from django.utils import timezone

from instruments.models import Limit
from risk.api import source
from risk.limits import board
from risk.limits.board import Board, LimitRow
from risk.models import LimitBreach, LimitReview
from tests.security.conftest import a_user, by_token, desks, users  # noqa: F401

pytestmark = pytest.mark.django_db
JUDGED = {"classification": "active", "resolution": "position_reduced", "comment": "sold"}


@pytest.fixture(autouse=True)
def _own_redis(redis_client: Any, redis_url: str, settings: Any) -> None:
    settings.REDIS_URL = redis_url
    source.frames.cache_clear()


def row(code: str, desk: str = "", **changes: Any) -> LimitRow:
    usual = {
        "code": code,
        "name": code,
        "scope": "firm",
        "desk": desk,
        "measure": "dv01_par",
        "detail": "",
        "amounts_in": "USD",
        "direction": "absolute",
        "value": 0.5,
        "hard_limit": 1.0,
        "warning": None,
        "temporary": "",
        "utilisation": 0.5,
        "state": "ok",
        "reason": "",
        "since": None,
        "frames": {"USD": 1},
        "breach": None,
    }
    return LimitRow(**{**usual, **changes})


def breach(limit: Limit, desk: str = "", **changes: Any) -> LimitBreach:
    usual = {
        "limit": limit,
        "currency": "USD",
        "frame": 7,
        "kind": "sums",
        "began": timezone.now(),
        "value": 1.1,
        "worst": 1.2,
        "hard_limit": 1.0,
        "scope": "firm",
        "desk": desk,
    }
    return LimitBreach.objects.create(**{**usual, **changes})


@pytest.fixture
def made(users, desks) -> dict[str, LimitBreach]:  # noqa: F811
    found = {}
    for code, desk in (("FIRM", ""), ("OWN", "RATES"), ("OTHER", "CREDIT")):
        limit = Limit.objects.create(
            code=code, name=code, measure="dv01_par", hard_limit=1, four_eyes=True
        )
        found[code] = breach(limit, desk)
    return found


def test_states_are_those_of_the_users_desks(users, redis_client):  # noqa: F811
    assert by_token(users["viewer"]).get("/api/v1/limit-states/").status_code == 503
    limits = [row("FIRM", state="breach"), row("OWN", "RATES"), row("OTHER", "CREDIT")]
    now = time.time_ns()
    board.write(
        redis_client,
        Board(made_ns=now, clock_ns=now, behind=0, limits=limits, breaches=[], gaps=["lost"]),
    )

    def seen(user: str, query: str = "") -> list[str]:
        answer = by_token(users[user]).get(f"/api/v1/limit-states/{query}").json()
        assert answer["gaps"] == ["lost"]
        assert not answer["stamp"]["stale"]
        return [found["code"] for found in answer["limits"]]

    assert seen("trader") == ["OWN"]
    assert seen("viewer") == ["FIRM", "OWN", "OTHER"]
    assert seen("viewer", "?state=breach") == ["FIRM"]
    assert by_token(users["viewer"]).get("/api/v1/limit-states/?state=bad").status_code == 400
    old = now - int(11e9)
    board.write(
        redis_client, Board(made_ns=old, clock_ns=old, behind=0, limits=[], breaches=[], gaps=[])
    )
    assert by_token(users["viewer"]).get("/api/v1/limit-states/").json()["stamp"]["stale"]


def test_breaches_are_those_of_the_users_desks(users, made):  # noqa: F811
    def seen(user: str, query: str = "") -> list[str]:
        answer = by_token(users[user]).get(f"/api/v1/limit-breaches/{query}").json()
        assert answer["count"] == len(answer["results"])
        return [found["limit"] for found in answer["results"]]

    assert seen("trader") == ["OWN"]
    assert seen("viewer") == ["OTHER", "OWN", "FIRM"]
    LimitBreach.objects.filter(pk=made["OWN"].pk).update(ended=timezone.now())
    assert seen("viewer", "?open=true") == ["OTHER", "FIRM"]
    assert seen("viewer", "?limit=OWN") == ["OWN"]
    assert seen("viewer", "?acknowledged=true") == []
    trader = by_token(users["trader"])
    assert trader.get(f"/api/v1/limit-breaches/{made['FIRM'].pk}/").status_code == 404
    assert trader.get(f"/api/v1/limit-breaches/{made['OWN'].pk}/").status_code == 200
    assert trader.get("/api/v1/limit-breaches/99999999999999999999/").status_code == 404


def test_a_person_with_the_role_acknowledges_and_every_word_stays(users, made):  # noqa: F811
    path = f"/api/v1/limit-breaches/{made['OWN'].pk}/acknowledge/"
    client = by_token(users["risk_admin"])
    assert by_token(users["viewer"]).post(path, JUDGED, format="json").status_code == 403
    assert by_token(users["trader"]).post(path, JUDGED, format="json").status_code == 403
    bad = client.post(path, {**JUDGED, "classification": "fine"}, format="json")
    assert bad.status_code == 400
    assert "classification" in bad.json()["errors"]
    assert client.post(path, {**JUDGED, "colour": "red"}, format="json").status_code == 400
    first = client.post(path, JUDGED, format="json")
    assert first.status_code == 200, first.content
    assert first.json()["reviews"][0]["by"] == "risk_admin"
    again = client.post(path, {**JUDGED, "classification": "passive"}, format="json").json()
    assert [review["classification"] for review in again["reviews"]] == ["active", "passive"]
    listed = client.get("/api/v1/limit-breaches/?acknowledged=false").json()["results"]
    assert [found["limit"] for found in listed] == ["OTHER", "FIRM"]


def test_a_trader_of_the_desk_is_no_second_pair_of_eyes(users, desks, made):  # noqa: F811
    both = a_user("both-roles", "risk_admin")
    desks["RATES"].traders.add(both)
    client = by_token(both)

    def acknowledge(name: str) -> int:
        path = f"/api/v1/limit-breaches/{made[name].pk}/acknowledge/"
        return client.post(path, JUDGED, format="json").status_code

    assert acknowledge("OWN") == 409
    assert acknowledge("FIRM") == 409
    assert acknowledge("OTHER") == 200
    Limit.objects.filter(code="OWN").update(four_eyes=False)
    assert acknowledge("OWN") == 200
    assert LimitReview.objects.count() == 2


def test_a_limit_with_breaches_is_not_deleted(users, made):  # noqa: F811
    answer = by_token(users["risk_admin"]).delete("/api/v1/limits/OWN/")
    assert answer.status_code == 409
    assert made["OWN"].began > timezone.now() - dt.timedelta(minutes=5)
