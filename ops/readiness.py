"""Run the checks of ``/readyz`` within a second, and show their details."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db import connections

from ops.checks import FAILURES, READY, Check, Finding, State, System
from ops.probes import PATIENCE_S, Answer, Probe, ask_all
from risk.store.heartbeats import ProcessPulse
from risk.store.results import Detail

SERVERS = ("database", "redis", "kafka")
"""Checks that wait for a server: each runs in a thread of its own."""

_system = System(PATIENCE_S / 2)


def _ask(check: Check) -> None:
    # The thread's own database connection is closed, for the thread ends.
    try:
        check.ask(_system)
    finally:
        connections.close_all()


PROBES = {name: Probe(partial(_ask, READY[name]), FAILURES) for name in SERVERS}


@dataclass(frozen=True)
class Readiness:
    """All findings by name, in the order in which things depend on each other."""

    checks: dict[str, Finding]
    state: State | None

    @property
    def ready(self) -> bool:
        return not any(finding.fails for finding in self.checks.values())


def look_at_database() -> Answer:
    """Return whether it answers; takes PATIENCE_S at the longest."""
    return ask_all({"database": PROBES["database"]})["database"]


def look() -> Readiness:
    """Run all checks; takes at most PATIENCE_S."""
    answers = ask_all(PROBES)
    state = _system.last_state if answers["redis"].well else None
    system = replace(_system, last_state=state, now_s=time.time())
    found = {
        name: _server(check, answers[name]) if name in answers else check.look(system)
        for name, check in READY.items()
    }
    return Readiness(found, state)


def _server(check: Check, answer: Answer) -> Finding:
    message = answer.error or f"answered in {answer.taken_ms:.0f} ms"
    return Finding(
        check.name, answer.well, message, "" if answer.well else check.repair, check.only_warns
    )


def details(readiness: Readiness, now_s: float) -> dict[str, Any]:
    """Return what those may see who may see inside."""
    state = readiness.state
    return {
        "checks": {
            name: {
                "ok": found.ok,
                "warns": found.warns,
                "said": found.message,
                "repair": found.repair,
            }
            for name, found in readiness.checks.items()
        },
        "frames": {} if state is None else _frames_of(state, now_s),
        "processes": [] if state is None else [_process(pulse, now_s) for pulse in state.processes],
    }


def _frames_of(state: State, now_s: float) -> dict[str, Any]:
    ages_s, lags_s = state.ages_s(now_s), state.lags_s()
    return {
        name: {
            "age_s": round(ages_s[name], 3),
            "status": line.status,
            "trades": line.trades,
            "priced": line.priced,
            "detail": _detail_of(state.details.get(name), lags_s.get(name), now_s),
        }
        for name, line in state.newest.items()
    }


def _detail_of(detail: Detail | None, lag_s: float | None, now_s: float) -> dict[str, Any] | None:
    if detail is None or lag_s is None:
        return None
    return {
        "age_s": round(now_s - detail.published_ns / 1e9, 3),
        "behind_s": round(lag_s, 3),
        "blocks": detail.blocks,
        "missing": len(detail.missing),
        "sums_error": detail.sums_error,
    }


def _process(pulse: ProcessPulse, now_s: float) -> dict[str, Any]:
    return {
        "kind": pulse.kind,
        "name": pulse.name,
        "up_s": round(now_s - pulse.started_ns / 1e9),
        "last_word_s": round(now_s - pulse.sent_ns / 1e9, 1),
    }
