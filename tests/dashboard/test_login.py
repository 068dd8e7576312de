"""What web says of a cookie, and how long it counts; tests/security asks a real web."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dashboard.access.login import (
    CHECK_S,
    STANDS_S,
    Answer,
    Refusal,
    Sessions,
    Viewer,
    Web,
    understood,
)

KEY = "k" * 32
ANN = Viewer(user="ann", roles=("trader",), desks=frozenset({"D1"}))
GOOD = b'{"user": "ann", "roles": ["trader"], "desks": ["D1"]}'


class Asked:
    """A web whose answer is set by hand, and a clock that stands still."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.times, self.now_s = answer, 0, 100.0
        self.sessions = Sessions(self.ask, lambda: self.now_s)

    def ask(self, key: str) -> Answer:
        self.times += 1
        return self.answer

    def after(self, seconds: float) -> Answer:
        self.now_s += seconds
        return self.sessions.answer(KEY)


def test_a_page_that_refreshes_does_not_ask_each_time() -> None:
    web = Asked(ANN)
    assert [web.after(CHECK_S / 4) for _ in range(4)] == [ANN] * 4
    assert web.times == 1
    web.after(CHECK_S)
    assert web.times == 2


def test_a_logout_counts_at_the_next_question() -> None:
    web = Asked(ANN)
    assert web.after(0) == ANN
    web.answer = Refusal.NO_LOGIN
    assert web.after(CHECK_S) is Refusal.NO_LOGIN
    assert CHECK_S + 2 + 2 < 10  # with a refresh and a slow answer still within ten seconds


def test_while_web_is_away_the_last_answer_stands_for_a_minute() -> None:
    web = Asked(ANN)
    web.after(0)
    web.answer = Refusal.AWAY
    assert web.after(STANDS_S - 1) == ANN
    assert web.after(1) is Refusal.AWAY
    web.answer = ANN
    assert web.after(CHECK_S) == ANN


def test_who_was_never_known_is_not_let_in_while_web_is_away() -> None:
    web = Asked(Refusal.AWAY)
    assert web.after(0) is Refusal.AWAY
    assert web.after(CHECK_S / 2) is Refusal.AWAY
    assert web.times == 1  # nor is web asked at each refresh


def test_a_logout_is_not_undone_when_web_goes_away() -> None:
    web = Asked(Refusal.NO_LOGIN)
    web.after(0)
    web.answer = Refusal.AWAY
    assert web.after(CHECK_S) is Refusal.NO_LOGIN


def test_a_late_answer_does_not_replace_that_of_a_later_question() -> None:
    """Two tabs ask; the one asked before the logout is answered after the other."""
    web = Asked(ANN)

    def slow(key: str) -> Answer:
        web.sessions._ask = lambda key: Refusal.NO_LOGIN
        web.now_s += 1.0
        assert web.sessions.answer(key) is Refusal.NO_LOGIN
        return ANN

    web.sessions._ask = slow
    assert web.sessions.answer(KEY) is Refusal.NO_LOGIN


@pytest.mark.parametrize(
    "key", ["", "short", "a" * 65, "a" * 31 + "\n", "x; csrftoken=1", "é" * 32]
)
def test_what_is_no_session_key_is_not_asked_about(key: str) -> None:
    web = Asked(ANN)
    assert web.sessions.answer(key) is Refusal.NO_LOGIN
    assert web.times == 0


def test_each_session_has_an_answer_of_its_own() -> None:
    sessions = Sessions(lambda key: ANN if key == KEY else Refusal.NO_LOGIN)
    assert sessions.answer(KEY) == ANN
    assert sessions.answer("z" * 32) is Refusal.NO_LOGIN


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, GOOD, ANN),
        (401, b"", Refusal.NO_LOGIN),
        (429, b"", Refusal.NO_LOGIN),
        (403, b"", Refusal.NO_ROLE),
        (301, GOOD, Refusal.AWAY),
        (400, GOOD, Refusal.AWAY),
        (503, GOOD, Refusal.AWAY),
        (200, b"<html>", Refusal.AWAY),
        (200, b'{"user": "ann", "roles": []}', Refusal.AWAY),  # no desks is not all desks
        (200, b'{"user": "ann", "roles": [], "desks": "D1"}', Refusal.AWAY),
    ],
)
def test_only_a_whole_answer_opens(status: int, body: bytes, expected: Answer) -> None:
    assert understood(status, body) == expected


def test_null_is_all_desks() -> None:
    found = understood(200, b'{"user": "v", "roles": ["viewer"], "desks": null}')
    assert isinstance(found, Viewer)
    assert found.desks is None


# --- The line to web -------------------------------------------------------------------------


class Elsewhere(BaseHTTPRequestHandler):
    """Sends every caller on to another address, and remembers the paths it was asked."""

    paths: list[str] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/stolen")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/below/"
    server.shutdown()
    server.server_close()


def test_the_cookie_follows_no_redirect(elsewhere: str) -> None:
    assert Web(elsewhere).ask(KEY) is Refusal.AWAY
    assert Elsewhere.paths == ["/below/api/v1/session/"]


def test_a_web_that_is_not_there_is_away() -> None:
    assert Web("http://127.0.0.1:1").ask(KEY) is Refusal.AWAY


@pytest.mark.parametrize("url", ["", "web:8000", "ftp://web", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an HTTP URL"):
        Web(url)
