"""Callers who do not finish: headers and bodies have time limits, at the real web server."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from riskproject import web_server
from riskproject.web.body_limit import BodyLimit
from tests.web_process import Web, running_web

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[Web]:
    with running_web(tmp_path_factory.mktemp("slow"), REDIS_URL=store_url) as found:
        yield found


def opened(web: Web, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", web.port), timeout=60)
    line.sendall(sent)
    return line


def test_connections_whose_headers_do_not_end_are_closed(web: Web) -> None:
    """All at once: one that sent nothing, one that stopped, one that drips, one after an answer."""
    silent, stopped = opened(web, b""), opened(web, HEAD)
    dripping = opened(web, HEAD)
    second = opened(web, HEAD + b"\r\n")
    assert second.recv(15) == b"HTTP/1.1 200 OK"
    second.sendall(HEAD)
    begun = time.monotonic()
    dripping.settimeout(0.2)
    answer = b""
    while not answer and time.monotonic() - begun < 3 * web_server.HEADERS_S:
        try:
            dripping.sendall(b"X-Drip: 1\r\n")
            answer = dripping.recv(100)
        except TimeoutError:
            continue
        except OSError:  # the server has closed it while we were sending
            break
    assert time.monotonic() - begun < 3 * web_server.HEADERS_S
    assert silent.recv(100) == b""
    assert stopped.recv(100).startswith(b"HTTP/1.1 408 Request Timeout")
    rest = b""
    while part := second.recv(4096):
        rest += part
    assert b"408 Request Timeout" in rest
    assert web.get("/healthz").status == 200


def call(app: Any, chunks: list[tuple[float, bytes]]) -> list[Any]:
    """What is answered to a body whose chunks come after so many seconds each."""
    sent: list[Any] = []
    left = list(chunks)

    async def receive() -> Any:
        wait_s, chunk = left.pop(0)
        await asyncio.sleep(wait_s)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "headers": []}, receive, send))
    return sent


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body, as Django reads it."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "done", "size": size})


def test_a_body_that_does_not_come_to_its_end_is_answered_with_408() -> None:
    app = BodyLimit(reading, 1_000_000, body_s=0.2)
    assert call(app, [(0.0, b"x"), (0.0, b"y")]) == [{"type": "done", "size": 2}]
    start, body = call(app, [(0.0, b"x"), (60.0, b"y")])
    assert start["status"] == 408
    assert json.loads(body["body"])["code"] == "REQUEST_TIMEOUT"
    assert (b"connection", b"close") in start["headers"]


def test_a_long_body_may_take_longer_than_a_short_one() -> None:
    app = BodyLimit(reading, 1_000_000, body_s=0.1)
    half = b"x" * 40_000  # 0.8 s more
    assert call(app, [(0.0, half), (0.3, half)]) == [{"type": "done", "size": 80_000}]
    assert call(app, [(0.0, b"x"), (0.3, half)])[0]["status"] == 408


def test_a_body_in_chunks_that_gets_too_long_is_answered_with_413() -> None:
    start, _ = call(BodyLimit(reading, 10), [(0.0, b"x" * 6), (0.0, b"x" * 6), (0.0, b"")])
    assert start["status"] == 413


def test_the_real_server_times_a_body_out(web: Web) -> None:
    """The middleware is in place: a body that is whole is read, its length being right."""
    head = b"POST /api/v1/swaps/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
    with opened(web, head + b"[]") as line:
        assert b" 401 " in line.recv(100)
    with opened(web, head + b"[") as line:  # no answer yet: it waits for the second byte
        line.settimeout(0.5)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.sendall(b"]")
        line.settimeout(20)
        assert b" 401 " in line.recv(100)
