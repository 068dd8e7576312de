"""``manage.py load_curves``: add published curves to the history, or say why not."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from instruments.management.options import iso_date
from pricing.errors import BadInput
from risk.history import closes
from risk.history.layouts.files import read_curves
from risk.history.layouts.table import CurveQuotesFile, check_size
from risk.history.store import Origin, Stored, store

DIFFERENCES_SHOWN = 20
REASON_CHARACTERS = 400

HELP = """
Adds the curves of published files to the history in the database; without a file, lists what is
stored. The content of a file determines its layout. A file is taken as a whole or refused with a
sentence that says why.
"""

EPILOG = """
layouts that are read (percent, as published):
  US Treasury par yields   CSV of one year, archive CSV, XML feed            USD-GOVT
  Federal Reserve          FRED fredgraph.csv with DGS columns               USD-GOVT
                           feds200628.csv (GSW fitted par yields)            USD-GOVT
  European Central Bank    csvdata of the API, CSV of the website (AAA spot) EUR-GOVT
  Bank of England          XLSX of nominal spot rates, or the ZIP with it    GBP-GOVT
  own layout (decimals)    date,curve,quote,rate,label[,publisher]           any curve

examples:
  manage.py load_curves daily-treasury-rates.csv --dry-run
  manage.py load_curves daily-treasury-rates.csv yc_aaa.csv latest-yield-curve-data.zip
  manage.py load_curves corrected.csv --force "the 150 bp move of 2 May is confirmed"
"""


class Command(BaseCommand):
    """``manage.py load_curves``."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files of quotes")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change; write nothing"
        )
        parser.add_argument("--sheet", metavar="NAME", help="sheet of a workbook")
        parser.add_argument(
            "--force",
            metavar="REASON",
            default="",
            help="take moves above 150 bp and rates that differ from another publisher's; the "
            "reason is stored with the file",
        )
        parser.add_argument(
            "--retrieved",
            type=iso_date,
            metavar="DATE",
            help="day on which the files were downloaded (default: from the time of the file)",
        )
        parser.add_argument("--user", help="user that the history records; default: none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load each file by itself; exit with a non-zero status if any is refused."""
        if not options["files"]:
            self._list()
            return
        if len(options["force"]) > REASON_CHARACTERS:
            raise CommandError(f"--force: a reason of at most {REASON_CHARACTERS} characters")
        user = user_of(options["user"])
        refused = []
        for path in options["files"]:
            try:
                self._load(path, user, options)
            except BadInput as error:
                refused.append(f"{path.name}: refused, nothing of it was taken. {error}")
            except OSError as error:
                refused.append(f"{path}: cannot be read: {error.strerror}")
        if refused:
            raise CommandError("\n".join(refused))

    def _load(self, path: Path, user: Any, options: dict[str, Any]) -> None:
        check_size(path.stat().st_size)
        found = read_curves(path.read_bytes(), options["sheet"])
        origin = Origin(
            publisher=found.publisher,
            name=path.name,
            label=found.label,
            retrieved_at=retrieved_at(path, options["retrieved"]),
            sha256=found.sha256,
            user=user,
            forced_reason=options["force"],
        )
        done = store(found.quotes, origin, dry_run=options["dry_run"])
        self._say(path.name, found, done, dry_run=options["dry_run"])

    def _say(self, name: str, found: CurveQuotesFile, done: Stored, *, dry_run: bool) -> None:
        for warning in found.warnings:
            self.stderr.write(f"{name}: {warning}; it is not read")
        for change in done.changed[:DIFFERENCES_SHOWN]:
            self.stdout.write(f"  {change}")
        if len(done.changed) > DIFFERENCES_SHOWN:
            self.stdout.write(f"  and {len(done.changed) - DIFFERENCES_SHOWN} differences more")
        curves = ", ".join(dict.fromkeys(quote.curve for quote in found.quotes))
        kept = f", {done.kept} kept, where a better label is stored" if done.kept else ""
        self.stdout.write(
            f"{name}: {found.layout}, {curves}, {done.days} days: {done.new} quotes new, "
            f"{len(done.changed)} changed, {done.unchanged} as stored{kept}"
        )
        if dry_run:
            self.stdout.write("A dry run: nothing was written.")

    def _list(self) -> None:
        stored = closes.coverage()
        if not stored:
            self.stdout.write("No curve is stored yet: manage.py load_curves FILE adds one")
        for row in stored:
            self.stdout.write(
                f"{row.curve:<16} {row.first} to {row.last}  {row.days:>6} days  {row.label:<10}"
                f" {row.publisher}"
            )


def retrieved_at(path: Path, day: dt.date | None) -> dt.datetime:
    """When a file was downloaded: the stated day, else the time of the file."""
    if day is not None:
        return dt.datetime.combine(day, dt.time(), dt.UTC)
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)


def user_of(name: str | None) -> Any:
    """The user of that name.

    Raises:
        CommandError: There is none.
    """
    if name is None:
        return None
    found = get_user_model().objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"--user: there is no user {name!r}")
    return found
