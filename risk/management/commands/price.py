"""``manage.py price``: compute all measures of a book file on a market file, without servers.

Exit status: 0 when every trade is priced, 1 when some failed (the others are in the output), 2 when
a file cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from pricing import limits
from pricing.batch.files import BadFile, read_book, read_market
from pricing.batch.run import TOTALS, price_files
from pricing.products.registry import as_security
from pricing.products.terms import Terms

SHOWN_TRADES, SHOWN_FAILURES, PIPE_WIDTH = 20, 50, 150


class Command(BaseCommand):
    """Price a book file on a market file; write JSON or print a table."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--book", type=Path, required=True, metavar="BOOK.json", help="file of trades"
        )
        parser.add_argument(
            "--market",
            type=Path,
            required=True,
            metavar="MARKET.json",
            help="file of quotes and fixings",
        )
        parser.add_argument(
            "--engine",
            choices=("compiled", "quantlib"),
            default="compiled",
            help="compiled flows (default), or plain QuantLib, which is slow",
        )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="OUT.json",
            help=("file for the results; default: print a table"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Price; every failed trade is named."""
        try:
            market, book = read_market(options["market"]), read_book(options["book"])
        except BadFile as error:
            raise CommandError(str(error), returncode=2) from None
        for sentence in _doubts(book.trades):
            self.stderr.write(f"Warning: {sentence}")
        answer = price_files(book, market, options["engine"])
        if options["out"] is None:
            # A pipe has no width of its own; eighty columns would cut every number.
            console = Console()
            show(answer, console if console.is_terminal else Console(width=PIPE_WIDTH))
        else:
            self._write(options["out"], answer)
        failed = answer["failed"]
        for failure in failed[:SHOWN_FAILURES]:
            self.stderr.write("{trade_id}: {code}: {message}".format(**failure))
        if len(failed) > SHOWN_FAILURES:
            self.stderr.write(f"... and {len(failed) - SHOWN_FAILURES} more in the output")
        if failed:
            total = len(failed) + len(answer["trades"])
            raise CommandError(f"{len(failed)} of {total} trades failed", returncode=1)

    def _write(self, path: Path, answer: dict[str, Any]) -> None:
        try:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(answer), indent=1))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=2) from None
        self.stdout.write(f"{len(answer['trades'])} trades priced, written to {path}")


def _doubts(trades: Sequence[Terms]) -> list[str]:
    """Sentences on prices that may be fractions of face; the first ones, and how many more."""
    bonds = [bond for terms in trades if (bond := as_security(terms)) is not None]
    prices = [(bond.trade_id, bond.clean_price) for bond in bonds]
    found = [(name, limits.price_doubt(price)) for name, price in prices if price is not None]
    said = [f"{name}: clean_price: {doubt}" for name, doubt in found if doubt is not None]
    more = len(said) - SHOWN_FAILURES
    return said[:SHOWN_FAILURES] + ([f"{more} more prices are below 3"] if more > 0 else [])


def show(answer: dict[str, Any], console: Console) -> None:
    """Sums by currency, and the trades that move most."""
    title = (
        f"{answer['valuation_date']}, engine {answer['engine']}, curves {answer['curve_version']}"
    )
    table = Table(title=title, title_justify="left")
    names = TOTALS
    for name in ("currency", "trades", *names):
        table.add_column(name, justify="right")
    for currency, total in answer["totals"].items():
        table.add_row(currency, str(total["trades"]), *(_money(total[n]) for n in names))
    console.print(table)
    largest = sorted(answer["trades"], key=lambda row: -abs(row["dv01_par"]))[:SHOWN_TRADES]
    table = Table(title="Largest DV01", title_justify="left")
    for name in ("trade_id", "currency", "type", *names):
        table.add_column(name, justify="right")
    for row in largest:
        fields = [row["trade_id"], row["currency"], row["type"]]
        table.add_row(*fields, *(_money(row.get(n)) for n in names))  # not every product has it
    console.print(table)


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
