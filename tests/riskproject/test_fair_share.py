"""Requests of one caller wait in line behind its own, and of nobody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from riskproject.web.limits.fair_share import FairShare, caller_of

COOKIE = "risk_session"


class Site:
    """An application whose answers begin when the test says so, behind two places a caller."""

    def __init__(self, *, in_line: int = 3) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_end = asyncio.Event()
        self.door = FairShare(self.app, at_work=2, in_line=in_line, cookie=COOKIE)
        self.answers: dict[str, list[Any]] = {}

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"]
        self.begun.append(name)
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.may_end.wait()
        if name == "/breaks":
            raise RuntimeError("of the application")
        await send({"type": "http.response.body", "body": b""})
        self.ended.append(name)

    def request(self, name: str, login: bytes = b"Token a") -> asyncio.Task[None]:
        self.answers[name] = []

        async def send(message: Any) -> None:
            self.answers[name].append(message)

        scope = {
            "type": "http",
            "path": name,
            "headers": [(b"authorization", login)],
            "client": ("127.0.0.1", 1),
        }
        return asyncio.ensure_future(self.door(scope, None, send))  # type: ignore[arg-type]


async def settled() -> None:
    """All tasks have run as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(case: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(case, 10))


def test_a_caller_s_requests_begin_in_their_order_and_another_s_at_once() -> None:
    async def case() -> None:
        site = Site()
        tasks = [site.request(f"/{n}") for n in range(5)]
        tasks.append(site.request("/other", b"Token b"))
        await settled()
        assert site.begun == ["/0", "/1", "/other"]
        site.may_answer.set()
        await settled()
        assert site.begun == ["/0", "/1", "/other", "/2", "/3", "/4"]
        site.may_end.set()
        await asyncio.gather(*tasks)
        assert len(site.ended) == 6

    run(case())


def test_an_answer_that_has_begun_holds_no_place() -> None:
    """Streams and downloads go on while later requests are answered."""

    async def case() -> None:
        site = Site()
        site.may_answer.set()
        tasks = [site.request(f"/{n}") for n in range(5)]
        await settled()
        tasks += [site.request(f"/more/{n}") for n in range(5)]  # a line of five is full
        await settled()
        assert (len(site.begun), site.ended) == (10, [])
        site.may_end.set()
        await asyncio.gather(*tasks)

    run(case())


def test_a_long_line_is_refused_with_a_sentence_and_the_others_are_answered() -> None:
    async def case() -> None:
        site = Site()
        tasks = [site.request(f"/{n}") for n in range(6)]
        await settled()
        start, body = site.answers["/5"]
        assert start["status"] == 429
        assert (b"retry-after", b"1") in start["headers"]
        told = json.loads(body["body"])
        assert told["code"] == "TOO_MANY_REQUESTS"
        assert told["detail"].startswith("5 of your requests wait for an answer")
        site.may_answer.set()
        site.may_end.set()
        await asyncio.gather(*tasks)
        assert len(site.ended) == 5

    run(case())


def test_requests_that_break_or_are_given_up_leave_their_places() -> None:
    async def case() -> None:
        site = Site()
        broken = site.request("/breaks")
        at_work, waiting = site.request("/gone"), site.request("/waits")
        await settled()
        waiting.cancel()
        at_work.cancel()
        site.may_answer.set()
        site.may_end.set()
        with pytest.raises(RuntimeError):
            await broken
        await asyncio.gather(*(site.request(f"/{n}") for n in range(4)))
        assert site.ended == ["/0", "/1", "/2", "/3"]
        assert not site.door._lines  # nothing is kept of a caller who waits for nothing

    run(case())


def test_probes_wait_behind_nobody() -> None:
    async def case() -> None:
        site = Site()
        tasks = [site.request(f"/{n}") for n in range(5)] + [site.request("/healthz")]
        await settled()
        assert site.begun == ["/0", "/1", "/healthz"]
        site.may_answer.set()
        site.may_end.set()
        await asyncio.gather(*tasks)

    run(case())


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([(b"authorization", b"Token a"), (b"cookie", b"risk_session=x")], b"Token a"),
        ([(b"cookie", b"theme=dark; risk_session=x")], b"x"),
        ([(b"cookie", b"theme=dark")], b"10.0.0.1"),
        ([(b"cookie", b"\xff=;;==")], b"10.0.0.1"),
        ([], b"10.0.0.1"),
    ],
)
def test_a_caller_is_known_by_its_login_or_else_by_its_address(
    headers: list[tuple[bytes, bytes]], name: bytes
) -> None:
    scope = {"type": "http", "headers": headers, "client": ("10.0.0.1", 4)}
    assert caller_of(scope, COOKIE) == name
