"""Requests that are made to be slow to log or to refuse: the real server answers at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.web_process import Web, running_web

PATIENCE_S = 120.0
FLOOR_S = 0.05
"""An ordinary request takes a few milliseconds; a busy machine may add some to any."""

MAX_RATIO = 20
TRIES = 3
LONGEST = 60_000
"""Just below the 64 kB of headers that the server reads."""

ORDINARY = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def request(path: str = "/healthz", host: str = "localhost", more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n".encode()


HOSTILE = {
    "a path of letters": request(path="/" + "a" * 16_000),
    "the longest path": request(path="/" + "a" * LONGEST),
    "a path of one secret's name": request(path="/" + "password" * (LONGEST // 8)),
    "a query of one secret's name": request(path="/healthz?" + "password=" * (LONGEST // 9)),
    "a path of dashes": request(path="/" + "a-" * (LONGEST // 2)),
    "a host of letters": request(host="a" * 16_000),
    "the longest host": request(host="a" * LONGEST),
    "a host of one secret's name": request(host="password" * (LONGEST // 8)),
    "a token of letters": request(more=f"Authorization: Token {'a' * LONGEST}\r\n"),
    "a request's own number of letters": request(more=f"X-Request-ID: {'a' * LONGEST}\r\n"),
    "a cookie of letters": request(more=f"Cookie: sessionid={'a' * LONGEST}\r\n"),
    "headers beyond what is read": request(more=f"X-Long: {'a' * 1_000_000}\r\n"),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[Web]:
    """In production mode, where the names of hosts are looked at and each line is redacted."""
    environment = {
        "RISK_ENV": "production",
        "SECRET_KEY": "0123456789abcdef" * 4,
        "LOG_LEVEL": "DEBUG",
    }
    with running_web(tmp_path_factory.mktemp("long"), REDIS_URL=store_url, **environment) as found:
        yield found


def status(web: Web, sent: bytes) -> int:
    """Of the answer; 400 too when the server has closed the line while we were sending."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE_S) as line:
        try:
            line.sendall(sent)
            answer = line.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            return 400
    return int(answer.split()[1]) if answer else 400


def seconds(web: Web, sent: bytes) -> float:
    began = time.monotonic()
    assert status(web, sent) < 500
    return time.monotonic() - began


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_request_is_answered_as_soon_as_an_ordinary_one(web: Web, name: str) -> None:
    ordinary = max(FLOOR_S, min(seconds(web, ORDINARY) for _ in range(TRIES)))
    assert any(seconds(web, HOSTILE[name]) < MAX_RATIO * ordinary for _ in range(TRIES))
    assert status(web, ORDINARY) == 200
