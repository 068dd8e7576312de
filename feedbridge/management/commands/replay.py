"""``manage.py replay``: replay stored curves to the tick topic, with progress on the terminal."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import itertools
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka.errors import KafkaError
from redis import RedisError

from feedbridge.handover.resets import write_reset
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable
from feedbridge.kafka.producer import TickProducer, connector
from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from feedbridge.replay import ticks
from feedbridge.replay.history import daily
from feedbridge.replay.history.daily import CurveHistory
from feedbridge.replay.playback import FxFeed, Playback, Summary
from feedbridge.replay.progress import Progress, progress_for
from feedbridge.replay.readiness import owners_of, wait_for_system
from instruments.management.options import iso_date
from pricing.errors import BadInput
from risk.history import events
from risk.history.layouts import curves as layouts
from risk.store.compiled_book import Books
from risk.store.frames import Frames, connect
from risk.store.heartbeats import speaking

DRY_RUN_TICKS = 9
RESETS_ARE_READ_S, TAKE_OVER_S = 1.0, 5.0

HELP = """
Replays stored curves as live market ticks onto the Kafka topic yield_curve_ticks.

By default one tick per currency and second: 30 ticks make a market day, the last of which is
the day's close, so a year takes about two hours. --speed 10 is ten times faster.
USD-GOVT is the US Treasury's published curve (official), USD-SOFR that curve plus a fixed
spread (proxy); all other currencies are invented (synthetic). The path between two closes is a
drawn Brownian bridge. Every tick carries these labels.
"""

EPILOG = """
examples:
  manage.py replay                                         2024, one tick a second and currency
  manage.py replay --from 2023-03-08 --to 2023-03-13 --speed 5 --loop
  manage.py replay --currency USD --max --once 10000       as fast as it goes
  manage.py replay --usd-file daily-treasury-rates.csv     every day of a downloaded file
  manage.py replay --event svb-2023 --take-over            a named window: manage.py list_events
  manage.py replay --dry-run                               print ticks, send nothing
"""


class Command(BaseCommand):
    """``manage.py replay``."""

    help = HELP
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """What to replay, how fast, and where to."""
        _add_what(parser)
        _add_pace(parser)
        _add_where(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            history = self._history(options["usd_file"])
            plan = _plan(history, options)
            plan.check(history)
        except BadInput as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"--usd-file: {error}") from error
        if options["dry_run"]:
            self._print_ticks(history, plan)
            return
        with _quiet_client(options["verbosity"]):
            how = {"wait": options["wait"], "take_over": options["take_over"]}
            of_book = options["currencies"] is None
            summary = self._play(history, plan, _bootstrap(options), **how, of_book=of_book)
        self.stdout.write(str(summary))
        if not summary.stopped and (summary.failed or summary.unconfirmed):
            raise CommandError("not every tick was acknowledged")

    def _history(self, usd_file: Path | None) -> CurveHistory:
        if usd_file is None:
            return daily.stored()
        table = layouts.load(usd_file)
        for warning in table.warnings:
            self.stderr.write(f"{usd_file.name}: {warning}; it is not read")
        return CurveHistory(table)

    def _play(
        self,
        history: CurveHistory,
        plan: ticks.ReplayPlan,
        bootstrap: str,
        *,
        wait: bool,
        take_over: bool,
        of_book: bool,
    ) -> Summary:
        client = connect(settings.REDIS_URL)
        with _stop_signals() as stop, speaking(client, "replay"):
            if wait:
                wait_for_system(client, stop)
            plan = _with_book(client, plan) if of_book else plan
            _release_others(client, plan, stop, take_over=take_over)
            producer = _producer(bootstrap)
            self.stdout.write(f"{_headline(history, plan)} to {YIELD_CURVE_TICKS} at {bootstrap}")
            try:
                with progress_for(self.stdout, plan.total(history)) as progress:
                    return _run(producer, progress, stop, history, plan)
            finally:
                producer.close(timeout_s=0)
                _release(client, plan)

    def _print_ticks(self, history: CurveHistory, plan: ticks.ReplayPlan) -> None:
        self.stdout.write(f"would send {_headline(history, plan)}")
        total, shown = plan.total(history), plan.limit or DRY_RUN_TICKS
        for due in itertools.islice(ticks.ticks(history, plan), shown):
            self.stdout.write(_line(due))
        if total is None or total > shown:
            more = "without end" if total is None else f"{total - shown} more"
            self.stdout.write(f"... {more} (--once N prints N)")


# --- Sources ---------------------------------------------------------------------------------


def _with_book(client: Any, plan: ticks.ReplayPlan) -> ticks.ReplayPlan:
    """The plan with all other currencies that the system has trades in."""
    try:
        served = Books(client).served()
    except RedisError:
        return plan
    return replace(plan, currencies=tuple(dict.fromkeys((*plan.currencies, *served))))


def _release_others(
    client: Any, plan: ticks.ReplayPlan, stop: threading.Event, *, take_over: bool
) -> None:
    """Refuse to send what bridges would refuse: another source publishes a currency.

    Raises:
        CommandError: Names the source and what to run.
    """
    try:
        owners = owners_of(Frames(client), plan.currencies) - {
            (plan.source, c) for c in plan.currencies
        }
        if not owners:
            return
        if not take_over:
            source, currency = min(owners)
            raise CommandError(
                f"{currency} is published by the source {source}: add --take-over to publish"
                " instead of it, until this replay ends"
            )
        for source in {source for source, _ in owners}:
            write_reset(client, source, for_s=TAKE_OVER_S)
    except RedisError:
        return  # bridges say it, if it is so
    stop.wait(RESETS_ARE_READ_S)


def _release(client: Any, plan: ticks.ReplayPlan) -> None:
    """Release the source at the end of the replay, so that another one may publish."""
    with contextlib.suppress(RedisError):
        write_reset(client, plan.source)


def _run(
    producer: TickProducer,
    progress: Progress,
    stop: threading.Event,
    history: CurveHistory,
    plan: ticks.ReplayPlan,
) -> Summary:
    return Playback(FxFeed(producer), progress, stop).run(ticks.ticks(history, plan))


# --- Options ---------------------------------------------------------------------------------


def _add_what(parser: CommandParser) -> None:
    parser.add_argument(
        "--from",
        dest="start",
        type=iso_date,
        metavar="DATE",
        help=f"first market day (default {ticks.DEFAULT_START}, of --usd-file its first day; "
        "the stored history starts on 1990-01-02)",
    )
    parser.add_argument(
        "--to",
        dest="end",
        type=iso_date,
        metavar="DATE",
        help="last market day (default: the last)",
    )
    parser.add_argument(
        "--event",
        metavar="NAME",
        help="a named window, such as svb-2023, instead of --from and --to: manage.py list_events",
    )
    parser.add_argument(
        "--currency",
        action="append",
        dest="currencies",
        metavar="CCY",
        help=f"repeat for several (default: {', '.join(CurveHistory.CURRENCIES)}, "
        "and all others that have trades)",
    )
    parser.add_argument(
        "--usd-file",
        type=Path,
        metavar="FILE",
        help="nominal par yields as downloaded from the US Treasury (CSV or XML) or FRED (DGS "
        "columns), instead of the stored ones; all its days are played",
    )
    parser.add_argument(
        "--seed", type=int, default=ticks.DEFAULT_SEED, help="seed of the path between two closes"
    )


def _add_pace(parser: CommandParser) -> None:
    parser.add_argument(
        "--interval-ms",
        type=float,
        default=ticks.DEFAULT_INTERVAL_MS,
        metavar="MS",
        help="seconds between two ticks of a currency (default %(default)g)",
    )
    parser.add_argument(
        "--ticks-per-day",
        type=int,
        default=ticks.DEFAULT_TICKS_PER_DAY,
        metavar="N",
        help="ticks per currency and market day; 1 sends only the closes (default %(default)s)",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="divides the interval (default 1)"
    )
    parser.add_argument(
        "--max", action="store_true", help=("send as fast as the broker accepts ticks")
    )
    parser.add_argument(
        "--loop", action="store_true", help=("start again after the last tick, until stopped")
    )
    parser.add_argument(
        "--once", type=int, dest="limit", metavar="N", help="stop after N ticks in total"
    )


def _add_where(parser: CommandParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print ticks, send nothing")
    parser.add_argument(
        "--wait", action="store_true", help="wait until a bridge and a pricing worker are running"
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="publish instead of the source that publishes these currencies now, until the end",
    )
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT", help=("broker address, instead of the configured one")
    )
    parser.add_argument(
        "--run-id", metavar="NAME", help="the ticks' source is replay-NAME (default: random)"
    )


def _plan(history: CurveHistory, options: dict[str, Any]) -> ticks.ReplayPlan:
    if not 0 < options["speed"] < float("inf"):
        raise BadInput("--speed", options["speed"], "above 0")
    currencies = options["currencies"] or CurveHistory.CURRENCIES
    start, end = _window(history, options)
    return ticks.ReplayPlan(
        currencies=tuple(dict.fromkeys(name.upper() for name in currencies)),
        start=start,
        end=end,
        run_id=options["run_id"] or secrets.token_hex(4),
        epoch=int(time.time()),
        ticks_per_day=options["ticks_per_day"],
        interval_s=0.0 if options["max"] else options["interval_ms"] / 1000 / options["speed"],
        seed=options["seed"],
        loop=options["loop"],
        limit=options["limit"],
    )


def _window(history: CurveHistory, options: dict[str, Any]) -> tuple[dt.date, dt.date]:
    """The first and the last day, of the options or of an event."""
    if options["event"] is None:
        default = history.first if options["usd_file"] is not None else ticks.DEFAULT_START
        return options["start"] or default, options["end"] or history.last
    for option in ("start", "end"):
        if options[option] is not None:
            raise BadInput("--event", options["event"], "has its own days: leave --from, --to out")
    found = events.event(options["event"])
    return found.start, found.end


def _bootstrap(options: dict[str, Any]) -> str:
    configured = getattr(settings, "KAFKA_BOOTSTRAP_SERVERS", None)
    found = options["bootstrap"] or configured or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if isinstance(found, (list, tuple)):
        return ",".join(found)
    return str(found or "localhost:9092")


# --- Broker and signals ----------------------------------------------------------------------


def _producer(bootstrap: str) -> TickProducer:
    try:
        access = settings.KAFKA_ACCESS.options_for(bootstrap)
        return TickProducer(connector(bootstrap, access))
    except (AccessRefused, BrokerUnreachable, ImproperlyConfigured, KafkaError) as error:
        raise CommandError(str(error)) from error


@contextlib.contextmanager
def _quiet_client(verbosity: int) -> Iterator[None]:
    """Hide what the Kafka client repeats many times a second; we say it once. -v 2 shows it."""
    log = logging.getLogger("kafka")
    before = log.level
    if verbosity < 2:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event set by Ctrl-C and SIGTERM; a second signal does what it would do without us."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    caught = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, caught[signal.Signals(number)])

    for number in caught:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)


# --- Text ------------------------------------------------------------------------------------


def _headline(history: CurveHistory, plan: ticks.ReplayPlan) -> str:
    days = len(history.between(plan.start, plan.end))
    pace = f"every {plan.interval_s * 1000:g} ms" if plan.interval_s else "as fast as possible"
    loop = ", looping" if plan.loop else ""
    return (
        f"{', '.join(plan.currencies)}, {plan.start} to {plan.end} ({days} market days,"
        f" {plan.ticks_per_day} ticks each, {pace}{loop}) as replay-{plan.run_id}"
    )


def _line(due: ticks.Due) -> str:
    tick = due.tick
    curves = ", ".join(
        f"{name} {len(quotes)} quotes {tick.labels[name]}, 10Y {quotes['10Y']:.4%}"
        for name, quotes in tick.curves.items()
        if "10Y" in quotes
    )
    return f"{due.due_s:8.3f} s  {tick.as_of:%Y-%m-%d %H:%M}  {tick.currency} {tick.seq}: {curves}"
