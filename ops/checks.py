"""Table of health checks: what each one asks, and how to repair what it finds.

``/readyz`` answers from the rows with a ``ready_name``; ``manage.py doctor`` runs all rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from instruments.models import Fixing, Limit, trade_models
from ops.probes import sentence_of
from pricing.exposure.states import STATES
from pricing.markets.conventions import CURRENCIES
from risk.limits import board
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
from risk.store.results import Detail, HistoryLine

STUCK_S = 10.0
"""Open frames count as stuck when no frame has been published for this many seconds."""

DETAIL_STUCK_S = 15.0
"""A detail counts as stuck when newer sums have been published for this many seconds."""

SUMS, DETAIL = "sums", "detail"
"""Queues of the two products of a frame."""


class CheckFailed(Exception):
    """A check found a fault; the message describes it."""


FAILURES = (
    *(CheckFailed, DatabaseError, redis.RedisError, MsgspecError, KafkaError),
    *(BrokerUnreachable, AccessRefused, ImproperlyConfigured),
)
"""What a check raises when its part does not work."""


@dataclass(frozen=True)
class State:
    """What Redis holds about the running system.

    ``newest`` is the last line of sums by currency, ``details`` the published detail.
    ``behind_since_ns`` says of each currency whose sums are newer than its detail when the first of
    these sums were published, as far back as the history goes.
    """

    bridges: list[BridgePulse]
    workers: list[WorkerPulse]
    processes: list[ProcessPulse]
    newest: Mapping[str, HistoryLine]
    details: Mapping[str, Detail] = field(default_factory=dict)
    behind_since_ns: Mapping[str, int] = field(default_factory=dict)

    def workers_of(self, queue: str) -> list[WorkerPulse]:
        """The pricing workers that take tasks of a queue."""
        return [worker for worker in self.workers if queue in worker.queues]

    def lags_s(self) -> dict[str, float]:
        """Return how long each detail's frame was published before that of the newest sums."""
        return {
            name: max(0.0, (line.published_ns - self.details[name].opened_ns) / 1e9)
            if line.frame > self.details[name].frame
            else 0.0
            for name, line in self.newest.items()
            if name in self.details
        }

    def ages_s(self, now_s: float) -> dict[str, float]:
        """Age of the last published frame by currency; absent where there is none."""
        return {name: now_s - line.published_ns / 1e9 for name, line in self.newest.items()}


def read_state(frames: Frames) -> State:
    """Heartbeats, and the last history line of each currency.

    Raises:
        RedisError: Redis is down.
        MsgspecError: Redis holds heartbeats of another release.
    """
    details = frames.details(CURRENCIES)  # before the sums: a detail is never above them
    lines = {name: frames.history(name, 1) for name in CURRENCIES}
    newest = {name: found[-1] for name, found in lines.items() if found}
    return State(
        bridges=alive(frames.client),
        workers=alive_workers(frames.client),
        processes=alive_processes(frames.client),
        newest=newest,
        details=details,
        behind_since_ns={
            name: _behind_since_ns(frames, name, details.get(name))
            for name, line in newest.items()
            if name not in details or details[name].frame < line.frame
        },
    )


def _behind_since_ns(frames: Frames, currency: str, detail: Detail | None) -> int:
    """When the first sums after a detail were published; of all that the history has without."""
    published_ns = detail.published_ns if detail is not None else 0
    if time.time_ns() - published_ns < DETAIL_STUCK_S * 1e9:
        return published_ns  # too recent for the history to matter
    number = detail.frame if detail is not None else 0
    newer = [line.published_ns for line in frames.history(currency) if line.frame > number]
    return newer[0] if newer else published_ns


@dataclass
class System:
    """The system that checks look at.

    ``timeout_s`` limits each question to Redis and Kafka. ``last_state`` is what the Redis check
    read last; None while Redis is down.
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
            raise CheckFailed("unknown while Redis is down")
        return self.last_state


@dataclass(frozen=True)
class Finding:
    """The result of one check. ``repair`` is empty when it is ok.

    ``only_warns`` as in ``Check``.
    """

    name: str
    ok: bool
    message: str
    repair: str = ""
    only_warns: bool = False

    @property
    def fails(self) -> bool:
        """Return whether the system does not work."""
        return not self.ok and not self.only_warns

    @property
    def warns(self) -> bool:
        """Return whether one part of the system does not work, and the rest does."""
        return not self.ok and self.only_warns


@dataclass(frozen=True)
class Check:
    """One row of the table.

    ``ask`` returns a sentence, or raises one of ``FAILURES``. ``ready_name`` is the name in the
    answer of ``/readyz``; only ``manage.py doctor`` shows a check without one. ``only_warns`` when
    the rest of the system works without what it asks for.
    """

    name: str
    ask: Callable[[System], str]
    repair: str
    ready_name: str = ""
    only_warns: bool = False

    def look(self, system: System) -> Finding:
        """Ask, and put the answer or the failure in words."""
        try:
            return Finding(self.name, True, self.ask(system))
        except FAILURES as error:
            return Finding(self.name, False, sentence_of(error), self.repair, self.only_warns)


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
    counts = {
        str(model._meta.verbose_name_plural): model._default_manager.count()
        for model in trade_models()
    }
    if not any(counts.values()):
        raise CheckFailed("no trade is stored")
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


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
    return ", ".join(said) or "no process has sent a heartbeat in the last seconds"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _bridge(system: System) -> str:
    bridges = system.state.bridges
    if not bridges:
        raise CheckFailed(f"no bridge has sent a heartbeat within {STALE_S:g} s")
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
    """Workers of the sums: without them nothing is priced."""
    workers = system.state.workers_of(SUMS)
    if not workers:
        raise CheckFailed(f"no worker of the sums has sent a heartbeat within {WORKER_STALE_S:g} s")
    return _named(workers)


def _named(workers: Sequence[WorkerPulse]) -> str:
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
        raise CheckFailed("no frame has been published")
    said = ", ".join(f"{name} {age_s:.0f} s old" for name, age_s in ages_s.items())
    open_frames = sum(found.open_frames for found in system.state.bridges)
    if open_frames and min(ages_s.values()) > STUCK_S:
        raise CheckFailed(f"{open_frames} open, and no frame published for {STUCK_S:g} s: {said}")
    return said


def _detail(system: System) -> str:
    """Sums do without it, so what is wrong here takes nothing else out of service."""
    state = system.state
    workers = state.workers_of(DETAIL)
    if not workers:
        raise CheckFailed(
            f"no worker of the detail has sent a heartbeat within {WORKER_STALE_S:g} s: sums "
            "are published without numbers by trade"
        )
    late_s = {name: system.now_s - ns / 1e9 for name, ns in state.behind_since_ns.items()}
    stuck = [name for name, seconds in late_s.items() if seconds > DETAIL_STUCK_S]
    said = [_lag(name, state) for name in state.newest]
    if stuck:
        raise CheckFailed(
            f"stuck in {', '.join(stuck)} while sums are published: {'; '.join(said)}"
        )
    return "; ".join([_named(workers), *said])


def _lag(currency: str, state: State) -> str:
    detail = state.details.get(currency)
    if detail is None:
        return f"{currency} none yet"
    lag_s = state.lags_s()[currency]
    said = f"{currency} {lag_s:.1f} s behind" if lag_s else f"{currency} of the same frame"
    missing = f", {len(detail.missing)} of {detail.blocks} blocks missing" if detail.missing else ""
    return said + missing


def _limits(system: System) -> str:
    """Frames do without it; whoever relies on limits does not."""
    count = Limit.objects.count()
    if not count:
        return "none is defined"
    found = board.read(system.frames.client)
    if found is None or system.now_s - found.made_ns / 1e9 > board.STALE_S:
        raise CheckFailed(f"{count} are defined, and no process evaluates them")
    states = [row.state for row in found.limits]
    said = ", ".join(f"{states.count(name)} {name}" for name in STATES if name in states)
    return f"{said}; {found.behind} results wait" if found.behind else said


def _against_quantlib(system: System) -> str:
    found = [c for c in map(system.frames.check, CURRENCIES) if c is not None]
    if not found:
        return "no frame has been checked yet"
    said = ", ".join(f"{c.currency} {c.npv_error:.0e} of notional" for c in found)
    breaches = [f"{c.currency} {c.worst}" for c in found if c.breach]
    if breaches:
        raise CheckFailed(f"values differ from QuantLib: {', '.join(breaches)} ({said})")
    return f"largest difference of the last samples: {said}"


START_DETAIL = "celery -A riskproject worker --queues detail; if it runs, see its log"

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
    Check("workers", _workers, "celery -A riskproject worker --queues sums", "workers"),
    Check("compiled books", _books, "celery -A riskproject worker --queues compile"),
    Check("frames", _frames, "python manage.py replay; if ticks wait, see the bridge", "frames"),
    Check("detail", _detail, START_DETAIL, "detail", only_warns=True),
    Check("limits", _limits, "python manage.py runlimits", only_warns=True),
    Check("QuantLib check", _against_quantlib, "report it: manage.py price --engine quantlib"),
)
"""Checks, each after those that it depends on."""

READY = {check.ready_name: check for check in CHECKS if check.ready_name}
"""The checks of ``/readyz``, by their name in its answer."""
