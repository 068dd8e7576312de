"""Real web processes on a free port, with an environment of the test's choice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.db import connection

from risk.store.frames import connect
from tests.redis_databases import RedisDatabase

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Web:
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, timeout_s: float = 20.0, **headers: str) -> Answer:
        return self.call("GET", path, timeout_s, **headers)

    def call(self, method: str, path: str, timeout_s: float = 20.0, **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, text)


@contextmanager
def running_web(base: Path, name: str = "web", **environment: str) -> Iterator[Web]:
    """A web server of this checkout; stopped at the end."""
    port, log = free_port(), base / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "riskproject.web_server", "--port", str(port)),
            env={**os.environ, "RISK_LOCAL_DIR": str(base), **environment},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    web = Web(port, log, process)
    try:
        await_answer(web)
        yield web
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def await_answer(web: Web) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert web.process.poll() is None, web.log.read_text()
        assert time.monotonic() < deadline, web.log.read_text()
        try:
            if web.get("/healthz").status == 200:
                return
        except OSError:
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def store_url(redis_url: str) -> str:
    """A Redis database that no other test uses."""
    return urlunsplit(urlsplit(redis_url)._replace(path=f"/{RedisDatabase.WEB_PROCESSES:d}"))


@pytest.fixture(scope="module")
def database_url(django_db_setup: None) -> str:
    """The tests' database, whose tables are made."""
    found = connection.settings_dict
    return (
        f"postgresql://{found['USER']}:{found['PASSWORD']}"
        f"@{found['HOST']}:{found['PORT']}/{found['NAME']}"
    )


@pytest.fixture
def store(store_url: str) -> Iterator[redis.Redis]:
    """It, empty."""
    client = connect(store_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
