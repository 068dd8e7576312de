"""Calls a minute, sizes of bodies: refused with a sentence, and never because Redis is away."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError

from instruments.models import Desk
from riskproject.web.limits.body_limit import BodyLimit
from tests.security.conftest import by_token

SWAPS = "/api/v1/swaps/"


def rates(settings: Any, **changed: int) -> None:
    settings.API_RATES = {**settings.API_RATES, **changed}


def test_a_user_has_so_many_calls_a_minute(users: dict[str, Any], settings: Any) -> None:
    rates(settings, user=2)
    client, other = by_token(users["viewer"]), by_token(users["both"])
    assert [client.get(SWAPS).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get(SWAPS)
    assert answer["Retry-After"] == "30"
    assert answer.json()["code"] == "THROTTLED"
    assert other.get(SWAPS).status_code == 200


def test_who_has_no_login_is_counted_by_address_whatever_the_headers_say(
    users: dict[str, Any], settings: Any
) -> None:
    rates(settings, anonymous=2)
    client = by_token(None)
    found = [
        client.get(SWAPS, headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)
    ]
    assert found == [401, 401, 429]
    wrong = client.get(SWAPS, headers={"Authorization": "Token wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (429, "THROTTLED")
    assert by_token(users["viewer"]).get(SWAPS).status_code == 200


def test_uploads_have_a_limit_of_their_own(users: dict[str, Any], settings: Any) -> None:
    rates(settings, upload=1)
    client = by_token(users["risk_admin"])
    assert [client.post(f"{SWAPS}bulk/", []).status_code for _ in range(2)] == [200, 429]
    assert client.get(SWAPS).status_code == 200


def test_all_processes_count_together(
    users: dict[str, Any], settings: Any, redis_client: Any
) -> None:
    """What another process has counted is in Redis."""
    rates(settings, user=5)
    user = users["viewer"]
    redis_client.set(f"risk:calls:user:{user.pk}:{1_800_000_030 // 60}", 5)
    assert by_token(user).get(SWAPS).status_code == 429


def test_without_redis_nobody_is_refused_and_the_log_says_so_once(
    users: dict[str, Any], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    rates(settings, user=1)
    client = by_token(users["viewer"])
    with caplog.at_level(logging.WARNING, logger="riskproject.web.throttles"):
        assert [client.get(SWAPS).status_code for _ in range(3)] == [200] * 3
    said = [r.getMessage() for r in caplog.records if r.name == "riskproject.web.throttles"]
    assert len(said) == 1
    assert "Redis does not answer" in said[0]
    assert "secret" not in said[0]


def test_a_database_that_is_away_is_named_and_nothing_else(
    users: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection to 10.1.2.3 as risk failed")

    monkeypatch.setattr("instruments.api.views.SwapViewSet.list", away)
    answer = by_token(users["viewer"]).get(SWAPS)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["code"] == "DEPENDENCY_DOWN DATABASE"
    assert "10.1.2.3" not in answer.content.decode()


def test_no_table_of_django_is_kept_in_redis() -> None:
    """Django's Redis cache pickles: whoever writes there would run code here."""
    backends = {cache["BACKEND"] for cache in django_settings.CACHES.values()}
    assert backends == {"django.core.cache.backends.locmem.LocMemCache"}


def send(app: Any, headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> list[Any]:
    """Return what an ASGI application answers to a body in chunks."""
    sent: list[Any] = []
    queue = [
        {"type": "http.request", "body": c, "more_body": i < len(chunks) - 1}
        for i, c in enumerate(chunks)
    ]

    async def receive() -> Any:
        return queue.pop(0)

    async def answer(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "headers": headers}, receive, answer))
    return sent


async def counting(scope: Any, receive: Any, send: Any) -> None:
    """Reads all it gets and says how much that was."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "done", "size": size})


def test_a_body_too_long_for_anything_is_refused_before_it_is_kept() -> None:
    app = BodyLimit(counting, 10)
    assert send(app, [(b"content-length", b"10")], [b"x" * 10]) == [{"type": "done", "size": 10}]
    start, body = send(app, [(b"content-length", b"11")], [b"x" * 11])
    assert start["status"] == 413
    assert b"send it in parts" in body["body"]
    assert send(app, [(b"content-length", b"ten")], [b""])[0]["status"] == 413


def test_a_body_without_a_length_is_cut_off_where_it_gets_too_long() -> None:
    start, _body = send(BodyLimit(counting, 10), [], [b"x" * 6, b"x" * 6])
    assert start["status"] == 413


def test_the_defaults_are_the_ones_of_the_reference() -> None:
    text = Path(django_settings.BASE_DIR, "docs/architecture.md").read_text()
    for name, rate in (("ANONYMOUS_CALLS", 20), ("USER_CALLS", 300), ("UPLOADS", 5)):
        assert f"| `API_{name}_PER_MINUTE` | {rate} |" in text


def test_an_unknown_desk_is_no_leak(users: dict[str, Any]) -> None:
    assert Desk.objects.count() == 2
    body = by_token(users["trader"]).get("/api/v1/desks/CREDIT/").json()
    assert body["status"] == 404
