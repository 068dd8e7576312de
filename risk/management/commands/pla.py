"""``manage.py pla``: the P&L attribution test of each desk over the stored days."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import track

from instruments import trade_repository as master
from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from pricing.explain.pla import DAYS
from risk.explain.attribution_days import Day, DeskSeries, blocks_of, days, state_of
from risk.history.closes import closes
from risk.management.stored_days import add_stored_days

HELP = """
Explains the present book from close to close over the stored days, and compares for each desk the
hypothetical P&L (HPL) with what carry, roll-down, fixings, delta and gamma explain (RTPL): Spearman
correlation, Kolmogorov-Smirnov distance and zone, as Basel MAR32 defines them. Amounts are
converted to US dollars at the newest rates of the master.
"""
FIRST = dt.date(1990, 1, 1)
SHOWN = 5
"""Number of reasons and trades that are named."""


class Command(BaseCommand):
    """``manage.py pla``."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        add_stored_days(parser, DAYS)

    def handle(self, **options: Any) -> None:
        """Print a line for each desk; with ``--series`` one for each desk and day."""
        book = master.load_trades()
        if not book.trades:
            raise CommandError(
                "the book has no active trades: load some first (manage.py load_instruments)"
            )
        fx, fixings = {"USD": 1.0, **master.load_fx()}, master.load_fixings()
        desk_of = {trade.terms.book: trade.desk for trade in book.trades}
        held = dict.fromkeys(str(trade.terms.currency) for trade in book.trades)
        found: dict[str, DeskSeries] = {}
        for currency in options["currency"] or held:
            if currency not in fx:
                self._warn(f"{currency} is left out: the master has no exchange rate of it")
                continue
            table = closes(currency, FIRST, options["to"])
            first = max(0, len(table.dates) - options["days"] - 1)
            states = [
                state_of(table.dates[n], table.close(n).curves, fixings)
                for n in range(first, len(table.dates))
            ]
            if len(states) < 2:
                self._warn(
                    f"{currency} is left out: fewer than two closes are stored; "
                    "load some with manage.py load_curves"
                )
                continue
            trades = [t.terms for t in book.trades if t.terms.currency == currency]
            choices = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
            try:
                blocks, lost = blocks_of(trades, states[0], choices)
            except PricingError as error:
                raise CommandError(f"{currency} {states[0].date}: {error}") from None
            for sentence in lost[:SHOWN]:
                self._warn(f"left out: {sentence}")
            steps = track(
                days(blocks, states, choices),
                f"{currency}: days explained",
                total=len(states) - 1,
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),
            )
            self._add(found, list(steps), desk_of, currency, fx[currency])
        if not found:
            raise CommandError("nothing could be compared: see the reasons above")
        (self._series if options["series"] else self._tests)(found)

    def _add(
        self,
        found: dict[str, DeskSeries],
        made: list[Day],
        desk_of: Mapping[str, str],
        currency: str,
        rate: float,
    ) -> None:
        """Add a currency's days to the desks, and say what is in none."""
        for day in made:
            for book, hpl in day.hpl.items():
                desk = found.setdefault(desk_of.get(book, ""), DeskSeries())
                desk.add(day.date, rate * hpl, rate * day.rtpl[book])
        skipped = [day for day in made if day.skipped]
        for day in skipped[:SHOWN]:
            self._warn(f"{currency} {day.date} is left out: {day.skipped}")
        failed = sorted({name for day in made for name in day.failed})
        if failed:
            names = ", ".join(failed[:SHOWN])
            self._warn(
                f"{currency}: {len(failed):,} trades have no number on some days and are in none "
                f"of these: {names}{' ...' if len(failed) > SHOWN else ''}"
            )

    def _tests(self, found: Mapping[str, DeskSeries]) -> None:
        self.stdout.write(f"{'desk':<20} {'days':>5} {'Spearman':>9} {'KS':>7}  zone")
        for desk, series in sorted(found.items()):
            name = desk or "(no desk)"
            try:
                result = series.test()
            except ValueError as error:
                self.stdout.write(f"{name:<20} {error}")
                continue
            if result.days < DAYS:
                self._warn(
                    f"{name}: {result.days} days are fewer than {DAYS}; the distance comes in "
                    f"steps of 1/{result.days}"
                )
            self.stdout.write(
                f"{name:<20} {result.days:>5} {result.spearman:>9.5f} {result.ks:>7.4f}  "
                f"{result.zone}"
            )

    def _series(self, found: Mapping[str, DeskSeries]) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(("desk", "date", "hpl_usd", "rtpl_usd"))
        for desk, series in sorted(found.items()):
            for date in sorted(series.hpl):
                hpl, rtpl = series.hpl[date], series.rtpl[date]
                writer.writerow((desk, date, f"{hpl:.2f}", f"{rtpl:.2f}"))

    def _warn(self, sentence: str) -> None:
        self.stderr.write(sentence)
