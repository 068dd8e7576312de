"""Callers who do not finish: headers, bodies and answers have time limits at the web server."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from riskproject import web_server
from riskproject.web.limits.body_limit import BodyLimit
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
    """Return what is answered to a body whose chunks come after so many seconds each."""
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


# --- Callers who do not read, and those who open too many connections -------------------------

ANSWER_BYTES = 20_000_000
"""More than the buffers of both ends' kernels hold."""


async def answer_to(reads: bool) -> tuple[int, bool]:
    """How much of a long answer a caller gets, and whether the server has let it go."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", str(ANSWER_BYTES).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(ANSWER_BYTES)})

    config = uvicorn.Config(application, http=web_server.TimedProtocol, lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: web_server.TimedProtocol(config=config, server_state=state, app_state={}),
        "127.0.0.1",
        0,
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1000)
    writer.write(HEAD + b"Connection: close\r\n\r\n")
    size = len(await reader.readuntil(b"\r\n\r\n"))
    while reads and (part := await reader.read(2**20)):
        size += len(part)
    end_s = time.monotonic() + 20 * web_server.WRITE_S
    while state.connections and time.monotonic() < end_s:
        await asyncio.sleep(0.05)
    gone = not state.connections
    writer.transport.abort()
    server.close()
    return size, gone


@pytest.mark.parametrize("reads", [True, False])
def test_a_caller_who_does_not_read_its_answer_is_let_go(
    reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_server, "WRITE_S", 0.5)
    monkeypatch.setattr(web_server, "WRITE_BYTES_A_SECOND", 10 * ANSWER_BYTES)
    size, gone = asyncio.run(answer_to(reads))
    assert gone
    assert (size > ANSWER_BYTES) == reads


def test_an_address_has_no_more_than_its_connections(web: Web) -> None:
    """A proxy's own is free, as all its callers come from there."""
    most = web_server.CONNECTIONS_PER_ADDRESS
    target = ("127.0.0.1", web.port)
    lines = [
        socket.create_connection(target, timeout=20, source_address=("127.0.0.2", 0))
        for _ in range(most + 10)
    ]
    for line in lines[most:]:
        answer = line.recv(200)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")
        assert b"at most 300 connections" in answer
    lines[0].sendall(HEAD + b"\r\n")
    assert lines[0].recv(15) == b"HTTP/1.1 200 OK"
    assert web.get("/healthz").status == 200
    for line in lines:
        line.close()
    with socket.create_connection(target, timeout=20, source_address=("127.0.0.2", 0)) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(15) == b"HTTP/1.1 200 OK"
