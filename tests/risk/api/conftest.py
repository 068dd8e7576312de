"""Web server, compiler and previewer as processes, on a published market and a sample book."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from pricing.curves.quotes import CurveOptions
from pricing.scenarios.historical import Closes
from risk.explain.maker import ExplainMaker
from risk.scenarios.store import ScenarioStore
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from tests.e2e.system import System, running_system
from tests.redis_databases import RedisDatabase
from tests.risk.made import QUOTES, bond, store, swap
from tests.risk.published import publish
from tests.risk.scenarios.live import closes_of, maker
from tests.waiting import until

READY_S = 60.0
CURVES = QUOTES | {"GBP": {"GBP-SONIA": {"1Y": 0.05, "10Y": 0.04}}}
NEWEST = 2**40
"""Book version of what is published: no compilation of the sample book replaces it."""


@dataclass
class Live:
    """A running web server, and a way to publish frames to it."""

    system: System
    books: CompiledBooks
    manifests: dict[str, Any]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.system.environment['WEB_PORT']}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.system.token}"}

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = self.headers | options.pop("headers", {})
        url = f"{self.url}/api/v1/{path}"
        return requests.request(method, url, headers=headers, timeout=20, **options)

    def publish(self, currency: str, **options: Any) -> int:
        """A new frame of the same quotes; returns its number."""
        number, made = next(self.numbers), self.manifests[currency]
        options = {"curves": CURVES.get(currency, {}), **options}
        publish(self.books.client, self.books, made, number, **options)
        return number


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    base: Path = tmp_path_factory.mktemp("rest")
    with running_system(base, os.environ, redis_db=RedisDatabase.REST) as system:
        system.migrate()
        system.manage("seed_book", "--trades", "20")
        system.log_in()
        books = CompiledBooks(connect(system.environment["REDIS_URL"]))
        made = {
            "USD": store(books, swap("S1"), bond("P1"), number=NEWEST),
            "GBP": store(
                books, swap("G1", convention="GBP-SONIA-OIS"), currency="GBP", number=NEWEST
            ),
            "EUR": store(
                books, swap("E1", convention="EUR-ESTR-OIS"), currency="EUR", number=NEWEST
            ),
        }
        system.start_worker("compile", "compile", 1)
        system.start_worker("preview", "preview", 1)
        system.start_web()
        found = Live(system, books, made)
        for currency in made:
            found.publish(currency)
            explainer = ExplainMaker(Frames(books.client), books, CurveOptions())
            assert explainer.run(currency) == "MADE"
        frame = maker(books.client, stored_closes).run()
        assert frame is not None
        assert ScenarioStore(books.client).publish(frame)
        system.manage("runlimits", "--once")
        until(lambda: answers(found.url))
        yield found


def stored_closes(currency: str, date: dt.date) -> Closes | None:
    """There are none of GBP."""
    return closes_of(currency, date) if currency in QUOTES else None


def start_web(system: System, name: str, port: int, **variables: str) -> subprocess.Popen[bytes]:
    """Another web process, with other settings."""
    command = (sys.executable, "-m", "riskproject.web_server")
    return system.start(
        name, *command, "--port", str(port), "--log-level", "warning", kind="web", **variables
    )


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False
