"""Table of health checks: what each one asks, and how to repair what it finds.

``/readyz`` answers from the rows with a ``ready_name``; ``manage.py doctor`` runs all rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kafka.errors import KafkaError
from msgspec import MsgspecError

from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options, check_connection
from feedbridge.kafka.topics import TOPICS, connect_admin
from instruments.models import BondPosition, Fixing, Swap
from ops.probes import sentence_of
from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book import Books
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
"""Open frames count as stuck when no frame has been published for this many seconds."""


class CheckFailed(Exception):
    """A check found a fault; the message describes it."""


FAILURES = (
    *(CheckFailed, DatabaseError, redis.RedisError, MsgspecError, KafkaError),
    *(BrokerUnreachable, AccessRefused, ImproperlyConfigured),
)
"""What a check raises when its part does not work."""


@dataclass(frozen=True)
class State:
    """What Redis holds about the running system."""

    bridges: list[BridgePulse]
    workers: list[WorkerPulse]
    processes: list[ProcessPulse]
    newest: Mapping[str, HistoryLine]

    def ages_s(self, now_s: float) -> dict[str, float]:
        """Age of the last published frame by currency; absent where there is none."""
        return {name: now_s - line.published_ns / 1e9 for name, line in self.newest.items()}


def read_state(frames: Frames) -> State:
    """Heartbeats, and the last history line of each currency.

    Raises:
        RedisError: Redis is away.
        MsgspecError: Redis holds heartbeats of another release.
    """
    lines = {name: frames.history(name, 1) for name in CURRENCIES}
    return State(
        bridges=alive(frames.client),
        workers=alive_workers(frames.client),
        processes=alive_processes(frames.client),
        newest={name: found[-1] for name, found in lines.items() if found},
    )


@dataclass
class System:
    """The system that checks look at.

    ``timeout_s`` limits each question to Redis and Kafka. ``last_state`` is what the Redis check
    read last; None while Redis is away.
    """

    timeout_s: float
    last_state: State | None = None
    now_s: float = field(default_factory=time.time)

    @cached_property
    def frames(self) -> Frames:
        return Frames(connect(settings.REDIS_URL, timeout_s=self.timeout_s))

    @property
    def state(self) -> State:
        if self.last_state is None:
            raise CheckFailed("not known while Redis is away")
        return self.last_state


@dataclass(frozen=True)
class Finding:
    """The result of one check. ``repair`` is empty when it is ok."""

    name: str
    ok: bool
    message: str
    repair: str = ""


@dataclass(frozen=True)
class Check:
    """One row of the table.

    ``ask`` returns a sentence, or raises one of ``FAILURES``. ``ready_name`` is the name in the
    answer of ``/readyz``; only ``manage.py doctor`` shows a check without one.
    """

    name: str
    ask: Callable[[System], str]
    repair: str
    ready_name: str = ""

    def look(self, system: System) -> Finding:
        """Ask, and put the answer or the failure in words."""
        try:
            return Finding(self.name, True, self.ask(system))
        except FAILURES as error:
            return Finding(self.name, False, sentence_of(error), self.repair)


# --- Libraries, database -------------------------------------------------------------------------


def _libraries(_: System) -> str:
    names = ("QuantLib", "Django", "celery", "kafka-python", "redis")
    return ", ".join(f"{name} {version(name)}" for name in names)


def _database(_: System) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (found,) = cursor.fetchone()
    return f"PostgreSQL {found}"


def _tables(_: System) -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise CheckFailed(f"{len(missing)} migrations are not applied")
    return "all migrations applied"


def _trades(_: System) -> str:
    positions, swaps = BondPosition.objects.count(), Swap.objects.count()
    if not positions + swaps:
        raise CheckFailed("no trade is stored")
    return f"{positions} bond positions, {swaps} swaps"


def _fixings(_: System) -> str:
    last = Fixing.objects.order_by("-date").values_list("date", flat=True).first()
    if last is None:
        raise CheckFailed("no fixing is stored: seasoned swaps cannot be priced")
    return f"{Fixing.objects.count()} fixings, the last of {last}"


# --- Redis and Kafka -----------------------------------------------------------------------------


def _redis(system: System) -> str:
    system.last_state = None
    system.last_state = read_state(system.frames)
    return "answers"


def _eviction(system: System) -> str:
    info = system.frames.client.info()
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise CheckFailed(f"maxmemory-policy is {policy}: frames could be evicted; set noeviction")
    return f"Redis {info.get('valkey_version') or info['redis_version']}, never evicts"


def _kafka_login() -> tuple[str, Options]:
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    if not servers:
        raise ImproperlyConfigured("KAFKA_BOOTSTRAP_SERVERS is not set")
    return servers, settings.KAFKA_ACCESS.options_for(servers)


def _kafka(system: System) -> str:
    servers, options = _kafka_login()
    check_connection(servers, options, system.timeout_s)
    return f"{servers} answers"


def _topics(_: System) -> str:
    admin = connect_admin(*_kafka_login())
    try:
        missing = sorted(set(TOPICS) - set(admin.list_topics()))
    finally:
        admin.close()
    if missing:
        raise CheckFailed(f"topics are missing, or hidden from this account: {', '.join(missing)}")
    return ", ".join(TOPICS)


# --- Processes and what they publish -------------------------------------------------------------


def _processes(system: System) -> str:
    said = [
        f"{found.kind} {found.name} up {_duration(system.now_s - found.started_ns / 1e9)}"
        for found in system.state.processes
    ]
    return ", ".join(said) or "none has spoken in the last seconds"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _bridge(system: System) -> str:
    bridges = system.state.bridges
    if not bridges:
        raise CheckFailed(f"none has spoken within {STALE_S:g} s")
    halted = [f"{found.name} has stopped reading: {found.halted}" for found in bridges]
    if all(found.halted for found in bridges):
        raise CheckFailed("; ".join(halted))
    waiting = sorted({found.waiting_for for found in bridges if found.waiting_for})
    said = [f"{found.name}, lag {found.lag}" for found in bridges]
    said += [f"waiting for {', '.join(waiting)}"] if waiting else []
    # No failure of ours: a stranger who sends rubbish must not take this system out of service.
    refused = [sentence for found in bridges for sentence in found.refused]
    if refused:
        said += [*refused, "stop that source, or run: python manage.py reset_source SOURCE"]
    return "; ".join(said)


def _workers(system: System) -> str:
    workers = system.state.workers
    if not workers:
        raise CheckFailed(f"none has spoken within {WORKER_STALE_S:g} s")
    return ", ".join(f"{found.name} ({found.processes} processes)" for found in workers)


def _books(system: System) -> str:
    books = Books(system.frames.client)
    found = {name: books.newest(name) for name in CURRENCIES}
    missing = [name for name, ref in found.items() if ref is None]
    if missing:
        raise CheckFailed(f"no compiled book for {', '.join(missing)}")
    said = [f"{name} {ref.trades} trades" for name, ref in found.items() if ref and ref.trades]
    return ", ".join(said) or "compiled, without a trade"


def _frames(system: System) -> str:
    """Old frames alone are no fault: markets close. Open ones that nobody finishes are."""
    ages_s = system.state.ages_s(system.now_s)
    if not ages_s:
        raise CheckFailed("none has been published")
    said = ", ".join(f"{name} {age_s:.0f} s old" for name, age_s in ages_s.items())
    open_frames = sum(found.open_frames for found in system.state.bridges)
    if open_frames and min(ages_s.values()) > STUCK_S:
        raise CheckFailed(f"{open_frames} open, none published lately: {said}")
    return said


def _against_quantlib(system: System) -> str:
    found = [c for c in map(system.frames.check, CURRENCIES) if c is not None]
    if not found:
        return "no frame has been checked yet"
    said = ", ".join(f"{c.currency} {c.npv_error:.0e} of notional" for c in found)
    breaches = [f"{c.currency} {c.worst}" for c in found if c.breach]
    if breaches:
        raise CheckFailed(f"values differ from QuantLib: {', '.join(breaches)} ({said})")
    return f"largest difference of the last samples: {said}"


CHECKS = (
    Check("libraries", _libraries, "make venv"),
    Check("PostgreSQL", _database, "start it, or correct DATABASE_URL; see its log", "database"),
    Check("tables", _tables, "python manage.py migrate"),
    Check("trades", _trades, "python manage.py seed_book"),
    Check("fixings", _fixings, "python manage.py seed_fixings"),
    Check("Redis", _redis, "start it, or correct REDIS_URL; the bridge goes on by itself", "redis"),
    Check("Redis memory", _eviction, "set maxmemory-policy noeviction in the server's settings"),
    Check("Kafka", _kafka, "start it, or correct its address or login; ticks wait", "kafka"),
    Check("topics", _topics, "python manage.py runbridge, or kafka_grants, makes them"),
    Check("processes", _processes, "make demo"),
    Check("bridge", _bridge, "python manage.py runbridge; its log says why it ended", "bridge"),
    Check("workers", _workers, "celery -A riskproject worker --queues pricing", "workers"),
    Check("compiled books", _books, "celery -A riskproject worker --queues compile"),
    Check("frames", _frames, "python manage.py replay; if ticks wait, see the bridge", "frames"),
    Check("QuantLib check", _against_quantlib, "report it: manage.py price --engine quantlib"),
)
"""In the order in which things depend on each other."""

READY = {check.ready_name: check for check in CHECKS if check.ready_name}
"""The checks of ``/readyz`` by their name there."""
