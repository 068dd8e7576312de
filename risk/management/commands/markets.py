"""``manage.py markets``: list the market conventions that are loaded, or check a file of them.

Needs no database and no server. Exit status: 0, or 2 when a file cannot be used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from pricing.markets import conventions, loader

PIPE_WIDTH = 150


class Command(BaseCommand):
    """List or check market files."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            type=Path,
            metavar="FILE.toml",
            help="check this file together with those that are loaded, and load nothing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per currency, or one sentence about a file."""
        # A pipe has no width of its own; eighty columns would cut most names.
        console = Console()
        console = console if console.is_terminal else Console(width=PIPE_WIDTH)
        file = options["check"]
        if file is None:
            console.print(_table(conventions.MARKETS))
            return
        loaded = [path for paths in conventions.MARKETS.files.values() for path in paths]
        known = file.resolve() in [path.resolve() for path in loaded]
        try:
            found = loader.read(loaded if known else [*loaded, file])
        except loader.BadMarketFile as error:
            raise CommandError(str(error), returncode=2) from None
        console.print(_table(found, file.stem.upper()))
        if known:
            self.stdout.write(f"{file} can be used, and is loaded.")
        else:
            self.stdout.write(f"{file} can be used: put it into the directory of MARKETS_DIR.")


def _table(markets: loader.Markets, only: str | None = None) -> Table:
    table = Table()
    for heading in ("Currency", "Indices", "Curves", "Swaps", "Bonds", "Futures", "Files", "Hash"):
        table.add_column(heading, overflow="fold")
    for code, files in markets.files.items():
        if only is None or code == only:
            table.add_row(code, *_rows(markets, code), _files(files), _digest(markets, code))
    return table


def _rows(markets: loader.Markets, code: str) -> list[str]:
    """The names of a file's rows, one cell per table."""
    currency = None if code == loader.ANY.upper() else code
    return [
        ", ".join(name for name, row in rows.items() if row.currency == currency) or "-"
        for rows in (
            *(markets.indices, markets.curves, markets.swaps, markets.bonds),
            markets.futures,
        )
    ]


def _files(files: tuple[Path, ...]) -> str:
    return ", ".join(map(loader.shown, files))


def _digest(markets: loader.Markets, code: str) -> str:
    return conventions.digest_of(markets, code) if code in markets.currencies else "-"
