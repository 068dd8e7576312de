"""``manage.py doctor``: report what works, what does not, and the command that repairs it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kafka.errors import KafkaError
from redis import RedisError

from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable
from feedbridge.kafka.topics import TOPICS, connect_admin
from instruments.models import Fixing, trade_models
from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book import Books
from risk.store.frames import Frames, connect
from risk.store.heartbeats import alive, alive_processes, alive_workers

SERVERS = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")


class Finding(NamedTuple):
    """One thing looked at. ``repair`` is the command to run when it is not well."""

    name: str
    well: bool
    said: str
    repair: str


class Command(BaseCommand):
    """Looks at everything, in the order in which things depend on each other."""

    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(os.environ.get(name) for name in SERVERS):
            raise CommandError(
                "no server is named and no demo runs in this checkout: `make demo` starts "
                f"everything, or set {', '.join(SERVERS)}"
            )
        findings = [_looked(name, look, repair) for name, look, repair in CHECKS]
        for finding in findings:
            mark = "ok  " if finding.well else "FAIL"
            self.stdout.write(f"{mark} {finding.name:<16} {finding.said}")
            if not finding.well:
                self.stdout.write(f"     {'':<16} run: {finding.repair}")
        bad = [finding.name for finding in findings if not finding.well]
        if bad:
            raise CommandError(f"not well: {', '.join(bad)}")


class Unwell(Exception):
    """A check has found something; the message says what."""


NOT_WELL = (Unwell, DatabaseError, RedisError, KafkaError, BrokerUnreachable, AccessRefused)


def _looked(name: str, look: Callable[[], str], repair: str) -> Finding:
    try:
        return Finding(name, True, look(), repair)
    except NOT_WELL as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(name, False, lines[0], repair)
    except (ImproperlyConfigured, CommandError) as error:
        return Finding(name, False, str(error), repair)


def _libraries() -> str:
    names = ("QuantLib", "Django", "celery", "kafka-python", "redis")
    return ", ".join(f"{name} {version(name)}" for name in names)


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (found,) = cursor.fetchone()
    return f"PostgreSQL {found}"


def _tables() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Unwell(f"{len(missing)} migrations are not applied")
    return "all migrations applied"


def _trades() -> str:
    counts = {model: model._base_manager.count() for model in trade_models()}
    if not any(counts.values()):
        raise Unwell("no trade is stored")
    return ", ".join(f"{n} {model._meta.verbose_name_plural}" for model, n in counts.items())


def _fixings() -> str:
    last = Fixing.objects.order_by("-date").values_list("date", flat=True).first()
    if last is None:
        raise Unwell("no fixing is stored: seasoned swaps cannot be priced")
    return f"{Fixing.objects.count()} fixings, the last of {last}"


def _redis() -> str:
    info = connect(settings.REDIS_URL).info()
    kept = info.get("maxmemory_policy", "noeviction")
    if kept != "noeviction":
        raise Unwell(f"maxmemory-policy is {kept}: frames could be evicted; set noeviction")
    return f"Redis {info.get('valkey_version') or info['redis_version']}"


def _kafka() -> str:
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    if not servers:
        raise Unwell("KAFKA_BOOTSTRAP_SERVERS is not set")
    admin = connect_admin(servers, settings.KAFKA_ACCESS.options_for(servers))
    try:
        missing = sorted(set(TOPICS) - set(admin.list_topics()))
    finally:
        admin.close()
    if missing:
        raise Unwell(f"topics are missing, or hidden from this account: {', '.join(missing)}")
    return f"{servers}, topics {', '.join(TOPICS)}"


def _books() -> str:
    books = Books(connect(settings.REDIS_URL))
    found = {name: books.newest(name) for name in CURRENCIES}
    missing = [name for name, ref in found.items() if ref is None]
    if missing:
        raise Unwell(f"no compiled book for {', '.join(missing)}")
    served = [f"{name} {ref.trades} trades" for name, ref in found.items() if ref and ref.trades]
    return ", ".join(served) or "compiled, without a trade"


def _workers() -> str:
    found = alive_workers(connect(settings.REDIS_URL))
    if not found:
        raise Unwell("no pricing worker has spoken in the last seconds")
    return ", ".join(f"{w.name} ({w.processes} processes)" for w in found)


def _processes() -> str:
    found = alive_processes(connect(settings.REDIS_URL))
    now = time.time()
    said = [f"{p.kind} {p.name} up {_duration(now - p.started_ns / 1e9)}" for p in found]
    return ", ".join(said) or "none has spoken in the last seconds"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _bridge() -> str:
    found = alive(connect(settings.REDIS_URL))
    if not found:
        raise Unwell("no bridge has spoken in the last seconds")
    said = [f"{b.name}, lag {b.lag}" for b in found]
    # Not our failure: what a stranger sends is refused, and the others are served.
    refused = [sentence for bridge in found for sentence in bridge.refused]
    if refused:
        said += [*refused, "stop that source, or run: python manage.py reset_source SOURCE"]
    return "; ".join(said)


def _frames() -> str:
    found = Frames(connect(settings.REDIS_URL)).current_all(CURRENCIES)
    if not found:
        raise Unwell("no frame has been published")
    now = time.time()
    return ", ".join(
        f"{name} {now - rollup.published_ns / 1e9:.0f} s old" for name, rollup in found.items()
    )


def _against_quantlib() -> str:
    frames = Frames(connect(settings.REDIS_URL))
    found = [c for c in map(frames.check, CURRENCIES) if c is not None]
    if not found:
        return "no frame has been checked yet"
    said = ", ".join(f"{c.currency} {c.npv_error:.0e} of notional" for c in found)
    breaches = [f"{c.currency} {c.worst}" for c in found if c.breach]
    if breaches:
        raise Unwell(f"values differ from QuantLib: {', '.join(breaches)} ({said})")
    return f"largest difference of the last samples: {said}"


START = "make demo   (or set the URL of a running server in .env)"
CHECKS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("libraries", _libraries, "make venv"),
    ("PostgreSQL", _database, START),
    ("tables", _tables, "python manage.py migrate"),
    ("trades", _trades, "python manage.py seed_book"),
    ("fixings", _fixings, "python manage.py seed_fixings"),
    ("Redis", _redis, START),
    ("Kafka", _kafka, f"{START}; topics are made by: python manage.py runbridge, or kafka_grants"),
    ("processes", _processes, START),
    ("workers", _workers, "celery -A riskproject worker --queues pricing"),
    ("compiled books", _books, "celery -A riskproject worker --queues compile"),
    ("bridge", _bridge, "python manage.py runbridge"),
    ("frames", _frames, "python manage.py replay"),
    (
        "QuantLib check",
        _against_quantlib,
        "python manage.py price --engine quantlib   (and report it)",
    ),
)
