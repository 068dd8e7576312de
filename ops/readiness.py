"""Check the servers and heartbeats: what works, what does not, and what repairs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection
from msgspec import MsgspecError

from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, check_connection
from ops.probes import PATIENCE_S, Answer, Probe, ask_all
from pricing.markets.conventions import CURRENCIES
from risk.store.frames import Frames, connect
from risk.store.heartbeats import (
    STALE_S,
    WORKER_STALE_S,
    BridgePulse,
    ProcessPulse,
    WorkerPulse,
    alive,
    alive_processes,
    alive_workers,
)
from risk.store.results import HistoryLine

STUCK_S = 10.0
"""A frame that is open while none is published for so long: nobody prices it."""

REPAIRS = {
    "database": "start PostgreSQL, or correct DATABASE_URL; its log says why it refuses",
    "redis": "start Redis, or correct REDIS_URL; nothing is lost, the bridge goes on by itself",
    "kafka": "start Kafka, or correct its address or login; ticks wait at their sender",
    "bridge": "start one: python manage.py runbridge; its log says why the last one ended",
    "workers": "start one: celery -A riskproject worker --queues pricing",
    "frames": "send ticks (python manage.py replay); when some wait, look at bridge and workers",
}


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    well: bool
    said: str

    @property
    def repair(self) -> str:
        """What to do; empty when it is well."""
        return "" if self.well else REPAIRS[self.name]


@dataclass(frozen=True)
class State:
    """What Redis says of the running system."""

    bridges: list[BridgePulse]
    workers: list[WorkerPulse]
    processes: list[ProcessPulse]
    newest: Mapping[str, HistoryLine]

    def ages_s(self, now_s: float) -> dict[str, float]:
        """Age of the last published frame by currency; absent where there is none."""
        return {name: now_s - line.published_ns / 1e9 for name, line in self.newest.items()}


@dataclass(frozen=True)
class Readiness:
    """All checks, in the order in which things depend on each other."""

    checks: list[Check]
    state: State | None

    @property
    def ready(self) -> bool:
        """Nothing is amiss."""
        return all(check.well for check in self.checks)

    def well(self, name: str) -> bool:
        """Whether one check is well."""
        return all(check.well for check in self.checks if check.name == name)


class _LastState:
    """Asks Redis, and keeps what it said."""

    state: State | None = None

    def __call__(self) -> None:
        self.state = None
        self.state = read_state(_frames())


_state = _LastState()


@cache
def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL, timeout_s=PATIENCE_S / 2))


def read_state(frames: Frames) -> State:
    """Pulses and the last line of each currency.

    Raises:
        RedisError: Redis is away.
    """
    lines = {name: frames.history(name, 1) for name in CURRENCIES}
    return State(
        bridges=alive(frames.client),
        workers=alive_workers(frames.client),
        processes=alive_processes(frames.client),
        newest={name: found[-1] for name, found in lines.items() if found},
    )


def _ask_database() -> None:
    # This thread's own connection: it is closed, for the thread ends.
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def _ask_kafka() -> None:
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    if not servers:
        raise ImproperlyConfigured("KAFKA_BOOTSTRAP_SERVERS is not set")
    check_connection(servers, settings.KAFKA_ACCESS.options_for(servers), PATIENCE_S)


PROBES = {
    "database": Probe(_ask_database, (DatabaseError, ImproperlyConfigured)),
    "redis": Probe(_state, (redis.RedisError, MsgspecError)),
    "kafka": Probe(_ask_kafka, (AccessRefused, BrokerUnreachable, ImproperlyConfigured)),
}


def look_at_database() -> Answer:
    """Whether it answers; takes PATIENCE_S at the longest."""
    return ask_all({"database": PROBES["database"]})["database"]


def look() -> Readiness:
    """Ask everything; takes PATIENCE_S at the longest."""
    answers = ask_all(PROBES)
    state = _state.state if answers["redis"].well else None
    servers = [_server(name, answer) for name, answer in answers.items()]
    return Readiness([*servers, *_checks(state, time.time())], state)


def _server(name: str, answer: Answer) -> Check:
    return Check(name, answer.well, answer.error or f"answered in {answer.taken_ms:.0f} ms")


def _checks(state: State | None, now_s: float) -> list[Check]:
    if state is None:
        names = ("bridge", "workers", "frames")
        return [Check(name, False, "not known while Redis is away") for name in names]
    return [_bridge(state.bridges), _workers(state.workers), _published(state, now_s)]


def _bridge(bridges: list[BridgePulse]) -> Check:
    if not bridges:
        return Check("bridge", False, f"none has spoken within {STALE_S:g} s")
    halted = [f"{pulse.name} has stopped reading: {pulse.halted}" for pulse in bridges]
    if all(pulse.halted for pulse in bridges):
        return Check("bridge", False, "; ".join(halted))
    waiting = sorted({pulse.waiting_for for pulse in bridges if pulse.waiting_for})
    said = [f"{len(bridges)} alive, lag {sum(pulse.lag for pulse in bridges)}"]
    said += [f"waiting for {', '.join(waiting)}"] if waiting else []
    # No failure of ours: a stranger who sends rubbish must not take this system out of service.
    said += [sentence for pulse in bridges for sentence in pulse.refused]
    return Check("bridge", True, ", ".join(said))


def _workers(workers: list[WorkerPulse]) -> Check:
    if not workers:
        return Check("workers", False, f"none has spoken within {WORKER_STALE_S:g} s")
    processes = sum(pulse.processes for pulse in workers)
    return Check("workers", True, f"{len(workers)} alive, {processes} pricing processes")


def _published(state: State, now_s: float) -> Check:
    """Old frames alone are no fault: markets close. Open ones that nobody finishes are."""
    ages_s = state.ages_s(now_s)
    if not ages_s:
        return Check("frames", False, "none has been published")
    said = ", ".join(f"{name} {age_s:.0f} s old" for name, age_s in ages_s.items())
    open_frames = sum(pulse.open_frames for pulse in state.bridges)
    if open_frames and min(ages_s.values()) > STUCK_S:
        return Check("frames", False, f"{open_frames} open, none published lately: {said}")
    return Check("frames", True, said)


def details(readiness: Readiness, now_s: float) -> dict[str, Any]:
    """What those may see who may see inside."""
    state = readiness.state
    return {
        "checks": {
            check.name: {"ok": check.well, "said": check.said, "repair": check.repair}
            for check in readiness.checks
        },
        "frames": {} if state is None else _frames_of(state, now_s),
        "processes": [] if state is None else [_process(pulse, now_s) for pulse in state.processes],
    }


def _frames_of(state: State, now_s: float) -> dict[str, Any]:
    ages_s = state.ages_s(now_s)
    return {
        name: {
            "age_s": round(ages_s[name], 3),
            "status": line.status,
            "trades": line.trades,
            "priced": line.priced,
        }
        for name, line in state.newest.items()
    }


def _process(pulse: ProcessPulse, now_s: float) -> dict[str, Any]:
    return {
        "kind": pulse.kind,
        "name": pulse.name,
        "up_s": round(now_s - pulse.started_ns / 1e9),
        "last_word_s": round(now_s - pulse.sent_ns / 1e9, 1),
    }
