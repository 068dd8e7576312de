"""``manage.py replay_market``: replay stored history into a market of its own."""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from instruments.management.options import iso_date
from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput, PricingError
from pricing.markets.conventions import CURRENCIES
from risk.models import Replay
from risk.replays import control
from risk.replays.plan import Plan
from risk.replays.processes import ProcessesEnd
from risk.replays.runner import Runner, forget, prepare

HELP = """
Prices the present book on the stored curves of a range of days, and stores each day's closing
frames in a market of its own, whose name is that of the replay. No frame, close, statistic or alert
of the live market is touched: no queue, no Redis and no feed is used. The hash that is printed at
the end is of every number of every frame; the same history, book and seed give the same hash,
whatever the number of processes, and also when one of them is killed.
"""
EPILOG = """
examples:
  manage.py replay_market                                   lists replays
  manage.py replay_market svb --event svb-2023              a named window: manage.py list_events
  manage.py replay_market week --from 2024-03-04 --to 2024-03-08 --ticks-per-day 30 --workers 2
  manage.py replay_market svb --pause                       and --resume, --seek DATE, --stop
  manage.py reprice --market svb --as-of 2023-03-13         one of its closes again
"""
EVERY_S = 5.0
MOST_WORKERS = 64


class Command(BaseCommand):
    """``manage.py replay_market``."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", nargs="?", help="name of the replay and its market; without it all are listed"
        )
        parser.add_argument(
            "--event", default="", metavar="NAME", help="a named period (manage.py list_events)"
        )
        parser.add_argument("--from", dest="start", type=iso_date, metavar="DATE", help="first day")
        parser.add_argument("--to", dest="end", type=iso_date, metavar="DATE", help="last day")
        parser.add_argument(
            "--currency",
            nargs="+",
            choices=CURRENCIES,
            default=(),
            metavar="CCY",
            help="only these currencies (default: those of active trades)",
        )
        parser.add_argument(
            "--ticks-per-day",
            type=int,
            default=1,
            metavar="N",
            help="ticks on each day; 1: only the closes (default)",
        )
        parser.add_argument(
            "--seed", type=int, default=0, help="seed of the path between two closes (default: 0)"
        )
        parser.add_argument(
            "--interval-ms",
            type=float,
            default=0.0,
            metavar="MS",
            help="milliseconds between two ticks (default: 0, as fast as possible)",
        )
        parser.add_argument("--loop", action="store_true", help="begin again after the last day")
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            metavar="N",
            help="pricing processes (default: 1); 0: price here",
        )
        asked = parser.add_mutually_exclusive_group()
        asked.add_argument("--pause", action="store_true", help="pause a running replay")
        asked.add_argument("--resume", action="store_true", help="resume a paused replay")
        asked.add_argument("--stop", action="store_true", help="stop a running replay")
        asked.add_argument("--seek", type=iso_date, metavar="DATE", help="move it to a day")
        asked.add_argument("--delete", action="store_true", help="delete it and its closes")

    def handle(self, **options: Any) -> None:
        """Run a replay, ask something of it, or list all."""
        try:
            self._handle(options)
        except (BadInput, PricingError, ProcessesEnd) as error:
            raise CommandError(str(error)) from None

    def _handle(self, options: dict[str, Any]) -> None:
        name = options["name"]
        if name is None:
            for replay in Replay.objects.all():
                self.stdout.write(line_of(replay))
            return
        asked = {"pause": "paused", "resume": "running", "stop": "stopped"}
        for option, wanted in asked.items():
            if options[option]:
                self.stdout.write(line_of(control.ask(name, wanted=wanted)))
                return
        if options["seek"]:
            self.stdout.write(line_of(control.ask(name, seek=options["seek"])))
            return
        if options["delete"]:
            closes = forget(control.ask(name))
            self.stdout.write(f"{name}: deleted with {closes:,} closes")
            return
        if not 0 <= options["workers"] <= MOST_WORKERS:
            raise BadInput("--workers", options["workers"], f"0 to {MOST_WORKERS}")
        self._run(self._replay(name, options), options["workers"])

    def _replay(self, name: str, options: dict[str, Any]) -> Replay:
        """The replay of that name as the options say, unsaved; one that is stored goes on."""
        found = Replay.objects.filter(name=name).first()
        if found is not None and not (options["event"] or options["start"] or options["end"]):
            return found
        return control.make(
            name,
            event_name=options["event"],
            start=options["start"],
            end=options["end"],
            currencies=options["currency"],
            ticks_per_day=options["ticks_per_day"],
            seed=options["seed"],
            interval_s=options["interval_ms"] / 1000,
            loop=options["loop"],
        )

    def _run(self, replay: Replay, workers: int) -> None:
        options = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
        plan = Plan.read(
            replay.currencies,
            replay.start,
            replay.end,
            ticks_per_day=replay.ticks_per_day,
            seed=replay.seed,
        )
        prepared = prepare(plan, options, settings.PRICING_PROCESSES)
        with transaction.atomic():
            if replay.pk is None:
                for before in Replay.objects.filter(name=replay.name):
                    forget(before)
            replay.wanted = Replay.State.RUNNING
            replay.save()
        with control.alone(replay):
            started = time.monotonic()
            said = started

            def say(now: Replay) -> None:
                nonlocal said
                if time.monotonic() - said > EVERY_S:
                    said = time.monotonic()
                    self.stdout.write(line_of(now))

            Runner(replay, prepared, options, processes=workers, say=say).run()
        seconds = time.monotonic() - started
        self.stdout.write(line_of(replay))
        self.stdout.write(f"  history  {replay.history_sha256}")
        self.stdout.write(f"  book     {replay.book_sha256}")
        whole = replay.sha256 or "none: the replay was not run from its first day to its last"
        self.stdout.write(f"  frames   {whole}")
        self.stdout.write(f"  {replay.frames:,} frames in {seconds:.1f} s")
        if replay.failed:
            self.stdout.write(f"  {replay.failed:,} without numbers; {replay.first_failure}")


def line_of(replay: Replay) -> str:
    """A replay in a line."""
    date = replay.date or replay.start
    return (
        f"{replay.name}: {replay.state}, {', '.join(replay.currencies)} {replay.start} to "
        f"{replay.end}, at {date}, {replay.place:,} of {replay.steps:,} steps"
        + (f"; {replay.message}" if replay.message else "")
    )
