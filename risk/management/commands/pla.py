"""``manage.py pla``: the P&L attribution test of each desk over the stored days."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Mapping, Sequence
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
from risk.explain.attribution_runs import keep
from risk.history.closes import closes
from risk.management.stored_days import (
    add_stored_days,
    currencies_by_desk,
    usd_rates,
    why_not_whole,
)

HELP = """
Explains the present book from close to close over the stored days, and compares for each desk the
hypothetical P&L (HPL) with what carry, roll-down, fixings, delta and gamma explain (RTPL): Spearman
correlation, Kolmogorov-Smirnov distance and zone, as Basel MAR32 defines them. Amounts are
converted to US dollars at the newest rates. The result of the whole book is stored
for REST and the dashboard, in place of the last one; with --currency nothing is stored.
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
        self.notes: list[str] = []
        self.of_trades: list[str] = []
        book = master.load_trades()
        if not book.trades:
            raise CommandError(
                "the book has no active trades: load some first (manage.py load_instruments)"
            )
        fixings = master.load_fixings()
        desk_of = {trade.terms.book: trade.desk for trade in book.trades}
        held = dict.fromkeys(str(trade.terms.currency) for trade in book.trades)
        parts: dict[str, dict[str, DeskSeries]] = {}
        wanted = options["currency"] or list(held)
        fx = usd_rates(wanted, self._warn)
        for currency in [name for name in wanted if name in fx]:
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
                self._warn_of_trades(f"left out: {sentence}")
            steps = track(
                days(blocks, states, choices),
                f"{currency}: days explained",
                total=len(states) - 1,
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),
            )
            self._add(parts, list(steps), desk_of, currency, fx[currency])
        found = self._whole(parts, book.trades, wanted)
        if not found:
            raise CommandError("nothing could be compared: see the reasons above")
        if not options["currency"]:
            by_desk = {desk: series.days() for desk, series in found.items()}
            keep(by_desk, self.notes, self.of_trades)
        (self._series if options["series"] else self._tests)(found)

    def _add(
        self,
        parts: dict[str, dict[str, DeskSeries]],
        made: list[Day],
        desk_of: Mapping[str, str],
        currency: str,
        rate: float,
    ) -> None:
        """Add a currency's days to the desks, and say what is in none."""
        for day in made:
            for book, hpl in day.hpl.items():
                of_desk = parts.setdefault(desk_of.get(book, ""), {})
                series = of_desk.setdefault(currency, DeskSeries())
                series.add(day.date, rate * hpl, rate * day.rtpl[book])
        skipped = [day for day in made if day.skipped]
        for day in skipped[:SHOWN]:
            self._warn(f"{currency} {day.date} is left out: {day.skipped}")
        failed = sorted({name for day in made for name in day.failed})
        if failed:
            names = ", ".join(failed[:SHOWN])
            self._warn_of_trades(
                f"{currency}: {len(failed):,} trades have no number on some days and are in none "
                f"of these: {names}{' ...' if len(failed) > SHOWN else ''}"
            )

    def _whole(
        self,
        parts: Mapping[str, Mapping[str, DeskSeries]],
        trades: Sequence[master.BookTrade],
        wanted: Sequence[str],
    ) -> dict[str, DeskSeries]:
        """The series of desks, of the days on which all their currencies have a number."""
        held = currencies_by_desk(trades, wanted)
        found: dict[str, DeskSeries] = {}
        for desk, by_currency in parts.items():
            name = desk or "(no desk)"
            if why := why_not_whole(name, held.get(desk, set()), by_currency):
                self._warn_of_trades(why)
                continue
            every = [set(series.hpl) for series in by_currency.values()]
            whole, dates = DeskSeries(), set.intersection(*every)
            for series in by_currency.values():
                for date in dates:
                    whole.add(date, series.hpl[date], series.rtpl[date])
            some = len(set.union(*every)) - len(dates)
            if some:
                self._warn_of_trades(
                    f"{name}: {some:,} days are left out on which one of its currencies has none"
                )
            found[desk] = whole
        return found

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
                self._warn_of_trades(
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
            for day in series.days():
                writer.writerow((desk, day.date, f"{day.hpl:.2f}", f"{day.rtpl:.2f}"))

    def _warn_of_trades(self, sentence: str) -> None:
        """Say and keep what names a trade or a desk."""
        self.of_trades.append(sentence)
        self.stderr.write(sentence)

    def _warn(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.stderr.write(sentence)
