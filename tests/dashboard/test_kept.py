"""Answers of REST that are kept in the session."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from dashboard.answers import kept, rest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A clock and a web process: what it says, how long it takes, and how often it was asked."""
    state: dict[str, Any] = {"now": 100.0, "took": 0.0, "said": {"a": 1}, "times": 0}

    def ask(*_: Any, **__: Any) -> Any:
        state["times"] += 1
        state["now"] += state["took"]
        return state["said"]

    monkeypatch.setattr(kept.time, "monotonic", lambda: state["now"])
    monkeypatch.setattr(rest, "ask", ask)
    monkeypatch.setattr(kept.auth, "web", lambda: None)
    monkeypatch.setattr(kept.auth, "cookie", lambda: "")
    monkeypatch.setattr(st, "session_state", {})
    return state


def test_an_answer_is_kept_for_as_long_as_is_asked(asked: dict[str, Any]) -> None:
    for now, times in ((100.0, 1), (119.9, 1), (120.1, 2)):
        asked["now"] = now
        assert kept.asked("path", 20.0) == {"a": 1}
        assert asked["times"] == times


def test_a_refusal_is_asked_for_again_soon(asked: dict[str, Any]) -> None:
    asked["said"] = "No."
    for now, times in ((100.0, 1), (104.0, 1), (105.1, 2)):
        asked["now"] = now
        assert kept.asked("path", 20.0) == "No."
        assert asked["times"] == times


def test_a_page_does_not_wait_at_each_refresh_for_a_slow_refusal(asked: dict[str, Any]) -> None:
    """It took longer than a refusal is kept."""
    asked |= {"said": "Busy.", "took": 7.0}
    for now, times in ((100.0, 1), (109.0, 1), (136.9, 1), (137.1, 2)):
        asked["now"] = now
        assert kept.asked("path", 60.0) == "Busy."
        assert asked["times"] == times
