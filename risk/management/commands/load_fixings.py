"""``manage.py load_fixings``: published fixings and exchange rates, and proxies of fixings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from instruments.management.options import iso_date
from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from risk.history.fixing_store import Stored, derive, store_derived, store_file
from risk.history.layouts.fixings import read_fixings
from risk.history.layouts.table import MAX_BYTES

SHOWN = 20

HELP = """
Adds published fixings, and the ECB's reference exchange rates, to the tables that pricing reads.
The content of a file determines its layout. A file is taken as a whole or refused with a sentence
that says why. With --derive fixings are made of the stored closes instead, and labelled proxy or
synthetic; a published fixing replaces them, and they replace none.
"""
EPILOG = """
layouts that are read (percent, as published):
  New York Fed            CSV of the rates page: Effective Date, Rate Type      SOFR
  European Central Bank   csvdata of the API (EST.B.EU000A2X2A25.WT)            ESTR
                          csvdata (EXR.D.USD.EUR.SP00.A), eurofxref CSV         exchange rates
  Bank of England         database CSV, IUDSOIA                                 SONIA
  Deutsche Bundesbank     CSV, BBIG1.D.D0.EUR.MMKT.EURIBOR.M06.BID._Z (and M03) EURIBOR
  Bank of Japan           search CSV, FM01'STRDCLUCON                           TONA
  Swiss National Bank     data portal CSV, SARON                                SARON
  Bank of Canada          Valet CSV, AVG.INTWO                                  CORRA
  Reserve Bank of Australia  table F1 CSV, FIRMMCRID                            AONIA
  FRED                    fredgraph.csv: SOFR, ECBESTRVOLWGTTRMDMNRT, IUDSOIA

examples:
  manage.py load_fixings sofr.csv estr.csv eurofxref-hist.csv --dry-run
  manage.py load_fixings --derive --from 2022-01-03 --to 2022-12-30 --currency GBP
"""


class Command(BaseCommand):
    """``manage.py load_fixings``."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "files", nargs="*", type=Path, metavar="FILE", help="files of fixings or exchange rates"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would change")
        parser.add_argument(
            "--force",
            default="",
            metavar="REASON",
            help="load rates that differ from another publisher's; the reason is stored",
        )
        parser.add_argument(
            "--derive", action="store_true", help="derive proxies of fixings from stored closes"
        )
        parser.add_argument(
            "--from", dest="start", type=iso_date, metavar="DATE", help="with --derive: first day"
        )
        parser.add_argument(
            "--to", dest="end", type=iso_date, metavar="DATE", help="with --derive: last day"
        )
        parser.add_argument(
            "--currency",
            nargs="+",
            choices=CURRENCIES,
            metavar="CCY",
            help="with --derive: only these currencies",
        )

    def handle(self, **options: Any) -> None:
        """Load each file by itself; the exit status is 1 when one was refused."""
        if options["derive"]:
            self._derive(options)
            return
        if not options["files"]:
            raise CommandError("name a file, or --derive with --from and --to")
        refused = 0
        for path in options["files"]:
            try:
                self._load(path, options)
            except (BadInput, OSError) as error:
                refused += 1
                self.stderr.write(f"{path.name}: refused: {error}")
        if refused:
            raise CommandError(f"{refused} of {len(options['files'])} files were refused")

    def _load(self, path: Path, options: dict[str, Any]) -> None:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput("file", f"{size:,} bytes", f"at most {MAX_BYTES // 2**20} MB")
        found = read_fixings(path.read_bytes())
        for warning in found.warnings:
            self.stderr.write(f"{path.name}: {warning}")
        done = store_file(found, dry_run=options["dry_run"], forced_reason=options["force"])
        self._say(f"{path.name}: {found.publisher}", done, options["dry_run"])

    def _derive(self, options: dict[str, Any]) -> None:
        start, end = options["start"], options["end"]
        if start is None or end is None or start > end or options["files"]:
            raise CommandError("--derive needs --from and --to in order, and no file")
        for currency in options["currency"] or CURRENCIES:
            try:
                found = derive(currency, start, end)
            except BadInput as error:
                if options["currency"]:
                    raise CommandError(str(error)) from None
                continue
            for label, fixings in found.items():
                done = store_derived(fixings, label, dry_run=options["dry_run"])
                self._say(f"{currency} {label}", done, options["dry_run"])

    def _say(self, what: str, done: Stored, dry_run: bool) -> None:
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{what}: {done.new:,} {would}new, {len(done.changed):,} {would}changed, "
            f"{done.unchanged:,} unchanged, {done.kept:,} published ones kept"
        )
        for difference in done.changed[:SHOWN]:
            self.stdout.write(f"  {difference}")
        if len(done.changed) > SHOWN:
            self.stdout.write(f"  and {len(done.changed) - SHOWN:,} more")
