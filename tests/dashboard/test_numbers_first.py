"""The first page of a session shows its numbers before its charts."""

from __future__ import annotations

from dashboard import screen


def test_only_the_first_page_of_a_session_pauses_before_its_charts(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(screen.time, "sleep", slept.append)
    monkeypatch.setattr(screen.st, "session_state", {})
    for _ in range(3):
        screen.numbers_first()
    assert slept == [screen.NUMBERS_FIRST_S]
