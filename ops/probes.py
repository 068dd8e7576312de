"""Run slow health checks with a time limit, and cache their results for a second.

A server that hangs must not hang its health check. Each check runs in a thread of its own and
never twice at a time; a caller who asks meanwhile is told that it has not finished.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FRESH_S, PATIENCE_S = 1.0, 1.0


def sentence_of(error: Exception) -> str:
    """The message of an error in one line; its type when it has none."""
    return " ".join(str(error).split()) or type(error).__name__


@dataclass(frozen=True)
class Answer:
    """What a probe found: ``error`` is empty when the server answered."""

    error: str
    taken_ms: float

    @property
    def well(self) -> bool:
        """It answered."""
        return not self.error


class Probe:
    """One check."""

    def __init__(self, ask: Callable[[], object], fails_with: tuple[type[Exception], ...]) -> None:
        """Prepare a check; ``ask`` raises one of ``fails_with`` when the server does not work."""
        self._ask, self._fails_with = ask, fails_with
        self._lock = threading.Lock()
        self._running: threading.Thread | None = None
        self._answer: Answer | None = None
        self._answered_at = float("-inf")

    def begin(self) -> None:
        """Ask, unless it is being asked or has just been answered."""
        with self._lock:
            busy = self._running is not None and self._running.is_alive()
            if busy or time.monotonic() - self._answered_at < FRESH_S:
                return
            self._answer = None
            self._running = threading.Thread(target=self._run, daemon=True)
            self._running.start()

    def answer(self, until: float) -> Answer:
        """The answer, waited for until a moment of the monotonic clock."""
        running = self._running
        if running is not None:
            running.join(max(0.0, until - time.monotonic()))
        return self._answer or Answer(f"no answer within {PATIENCE_S:g} s", PATIENCE_S * 1e3)

    def _run(self) -> None:
        began = time.monotonic()
        error = ""
        try:
            self._ask()
        except self._fails_with as found:
            error = sentence_of(found)
        self._answer = Answer(error, (time.monotonic() - began) * 1e3)
        self._answered_at = time.monotonic()


def ask_all(probes: dict[str, Probe]) -> dict[str, Answer]:
    """Return all answers by name, after at most PATIENCE_S."""
    for probe in probes.values():
        probe.begin()
    until = time.monotonic() + PATIENCE_S
    return {name: probe.answer(until) for name, probe in probes.items()}
