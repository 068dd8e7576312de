"""``manage.py backtest``: hypothetical P&L against value at risk, by desk, over stored days."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from instruments import trade_repository as master
from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput, PricingError
from pricing.scenarios.backtest import DAYS, BacktestDay, backtest
from pricing.scenarios.tail import tail_count
from risk.explain.attribution_days import Day, blocks_of, days, state_of
from risk.history.closes import closes
from risk.management.stored_days import (
    add_stored_days,
    currencies_by_desk,
    usd_rates,
    why_not_whole,
)
from risk.scenarios.backtest_days import CurrencyBook, losses_on, value_at_risk
from risk.scenarios.backtest_runs import keep
from risk.scenarios.inputs import for_scenarios

HELP = """
Revalues the present book on each stored day: its hypothetical P&L from close to close, as manage.py
pla explains it, against its value at risk of the evening before, by full revaluation of the closes
up to that evening. Prints for each desk and the firm the days on which the loss was larger, and the
Basel traffic light of the last 250 days. Amounts are in US dollars at the newest rates. A day on
which a currency of the book has no close is in no series, and is said; so are a desk with trades in
a currency that cannot be compared at all, and the firm then. The result of the whole book is stored
for REST, in place of the last one at its level.
"""
FIRST = dt.date(1990, 1, 1)
FIRM = "(firm)"
SHOWN = 5


class Command(BaseCommand):
    """``manage.py backtest``."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        add_stored_days(parser, DAYS)
        parser.add_argument(
            "--level", default="99", help="level of the value at risk in percent (default: 99)"
        )

    def handle(self, **options: Any) -> None:
        """Print a line for each desk; with ``--series`` one for each desk and day."""
        try:
            tail_count(1, options["level"])
        except BadInput as error:
            raise CommandError(str(error)) from None
        self.notes: list[str] = []
        choices = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
        book = master.load_trades()
        if not book.trades:
            raise CommandError(
                "the book has no active trades: load some first (manage.py load_instruments)"
            )
        held = dict.fromkeys(str(trade.terms.currency) for trade in book.trades)
        wanted = options["currency"] or list(held)
        books, pnl = self._books(book.trades, wanted, options, choices)
        scopes = self._scopes(book.trades, wanted, books)
        series = self._series_of(books, pnl, scopes, choices, options["level"])
        if not series:
            raise CommandError("nothing could be compared: see the reasons above")
        if not options["currency"]:
            firm = series.get(FIRM, [])
            desks = {scope: rows for scope, rows in series.items() if scope != FIRM}
            keep(options["level"], desks, firm, self.notes)
        (self._print_series if options["series"] else self._print_lights)(series)

    # --- Inputs ------------------------------------------------------------------------------

    def _books(
        self,
        every: Sequence[master.BookTrade],
        wanted: Sequence[str],
        options: Mapping[str, Any],
        choices: CurveOptions,
    ) -> tuple[dict[str, CurrencyBook], dict[str, list[Day]]]:
        fixings = master.load_fixings()
        found: dict[str, CurrencyBook] = {}
        pnl: dict[str, list[Day]] = {}
        fx = usd_rates(wanted, self._warn)
        for currency in [name for name in wanted if name in fx]:
            table = closes(currency, FIRST, options["to"])
            first = max(0, len(table.dates) - options["days"] - 1)
            states = [
                state_of(table.dates[n], table.close(n).curves, fixings)
                for n in range(first, len(table.dates))
            ]
            if len(states) < 2 or first + len(states) < 3:
                self._warn(f"{currency} is left out: fewer than three closes are stored")
                continue
            trades = [t.terms for t in every if t.terms.currency == currency]
            try:
                blocks, lost = blocks_of(trades, states[0], choices)
            except PricingError as error:
                raise CommandError(f"{currency} {states[0].date}: {error}") from None
            for sentence in lost[:SHOWN]:
                self._warn(f"left out: {sentence}")
            if not blocks:
                continue
            by_date = {state.date: state for state in states}
            found[currency] = CurrencyBook(blocks, by_date, for_scenarios(table), fx[currency])
            pnl[currency] = list(days(blocks, states, choices))
            self._say_failed(currency, pnl[currency])
        return found, pnl

    def _scopes(
        self,
        trades: Sequence[master.BookTrade],
        wanted: Sequence[str],
        compared: Collection[str],
    ) -> dict[str, list[str]]:
        """Books by desk, and those of the firm; without those of which a currency has no days."""
        held = currencies_by_desk(trades, wanted)
        by_desk: dict[str, list[str]] = {}
        for book, desk in sorted({trade.terms.book: trade.desk for trade in trades}.items()):
            by_desk.setdefault(desk, []).append(book)
        found: dict[str, list[str]] = {}
        for desk, books in by_desk.items():
            if why := why_not_whole(desk or "(no desk)", held.get(desk, ()), compared):
                self._warn(why)
            else:
                found[desk] = books
        if why := why_not_whole(FIRM, wanted, compared):
            self._warn(why)
            return found
        return {**found, FIRM: [book for books in by_desk.values() for book in books]}

    def _say_failed(self, currency: str, made: Sequence[Day]) -> None:
        failed = sorted({name for day in made for name in day.failed})
        if failed:
            names = ", ".join(failed[:SHOWN])
            more = " ..." if len(failed) > SHOWN else ""
            self._warn(
                f"{currency}: {len(failed):,} trades have no number on some days, in P&L or value"
                f" at risk: {names}{more}"
            )

    # --- Series ------------------------------------------------------------------------------

    def _series_of(
        self,
        books: Mapping[str, CurrencyBook],
        pnl: Mapping[str, Sequence[Day]],
        scopes: Mapping[str, Sequence[str]],
        choices: CurveOptions,
        level: str,
    ) -> dict[str, list[BacktestDay]]:
        """Days by desk, and of the firm."""
        of_day = {
            currency: {day.date: day for day in made if not day.skipped}
            for currency, made in pnl.items()
        }
        for currency, made in pnl.items():
            for day in [one for one in made if one.skipped][:SHOWN]:
                self._warn(f"{currency} {day.date} is left out: {day.skipped}")
        every = sorted({date for book in books.values() for date in book.states})
        found: dict[str, list[BacktestDay]] = {}
        for evening, date in itertools.pairwise(every):
            without = [name for name, book in books.items() if evening not in book.states]
            without += [name for name, by_date in of_day.items() if date not in by_date]
            if without:
                self._warn(f"{date} is left out: no P&L of {', '.join(sorted(set(without)))}")
                continue
            try:
                losses = losses_on(
                    evening, books, choices, count=settings.VAR_SCENARIOS, kind=settings.VAR_MOVES
                )
            except PricingError as error:
                self._warn(f"{date} is left out: no value at risk of {evening}: {error}")
                continue
            earned: dict[str, float] = {}
            for currency, by_date in of_day.items():
                for name, hpl in by_date[date].hpl.items():
                    earned[name] = earned.get(name, 0.0) + books[currency].usd * hpl
            for scope, mine in scopes.items():
                own = [name for name in mine if name in earned]
                if own:
                    var = value_at_risk(losses, own, level)
                    total = sum(earned[name] for name in own)
                    found.setdefault(scope, []).append(BacktestDay(date, total, var, evening))
        return found

    # --- What is printed ---------------------------------------------------------------------

    def _print_lights(self, series: Mapping[str, Sequence[BacktestDay]]) -> None:
        self.stdout.write(f"{'desk':<20} {'days':>5} {'exceptions':>10}  zone")
        results = {scope: backtest(rows) for scope, rows in _in_order(series)}
        for scope, result in results.items():
            self.stdout.write(
                f"{scope or '(no desk)':<20} {result.days:>5} {len(result.exceptions):>10}  "
                f"{result.zone}"
            )
            if result.days < DAYS:
                self._warn(
                    f"{scope or '(no desk)'}: {result.days} days are fewer than the {DAYS} that "
                    "the zones are made for"
                )
        for scope, result in results.items():
            for day in result.exceptions:
                self.stdout.write(
                    f"{scope or '(no desk)'} {day.date}: P&L {day.pnl:,.0f}, value at risk of "
                    f"{day.evening} {day.var:,.0f}"
                )

    def _print_series(self, series: Mapping[str, Sequence[BacktestDay]]) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(("desk", "date", "hpl_usd", "var_usd", "evening", "exception"))
        for scope, rows in _in_order(series):
            for day in rows:
                writer.writerow(
                    (
                        *(scope, day.date, f"{day.pnl:.2f}", f"{day.var:.2f}", day.evening),
                        "yes" if day.is_exception else "",
                    )
                )

    def _warn(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.stderr.write(sentence)


def _in_order(
    series: Mapping[str, Sequence[BacktestDay]],
) -> Iterator[tuple[str, Sequence[BacktestDay]]]:
    """Desks by name, the firm last."""
    yield from sorted(series.items(), key=lambda each: (each[0] == FIRM, each[0]))
