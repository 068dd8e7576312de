"""``manage.py report``: the report of a stored day, made from its closes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Max

from instruments.management.options import iso_date
from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from risk.explain.frame_closes import LONGEST_GAP, NoClose
from risk.models import LIVE, FrameClose
from risk.reports.documents import document
from risk.reports.maker import make_results
from risk.reports.results import DayResults, keep
from risk.reports.tables import MAKERS, TOTAL, Asked, tables_of
from risk.reprice.repricer import NothingStored
from risk.scenarios.inputs import closes_before, stress_scenarios
from risk.store.frames import Frames, connect

HELP = """
Makes the report of a day from its stored closes: risk, P&L explain since the previous close, value
at risk, limits and breaches by desk. The report is stored; REST shows each user the desks that the
user may see. With --out it is also written as an HTML page, an XLSX workbook and CSV files.
"""


class Command(BaseCommand):
    """``manage.py report``."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--date",
            type=iso_date,
            help="date of the closes; default: the newest date of all currencies",
        )
        parser.add_argument("--market", default=LIVE, help="live, or the name of a replay")
        parser.add_argument(
            "--reporting",
            choices=CURRENCIES,
            default="USD",
            metavar="CCY",
            help="currency of the amounts (default: USD)",
        )
        parser.add_argument(
            "-o", "--out", type=Path, help="directory for the files; without it no file is written"
        )

    def handle(self, **options: Any) -> None:
        """Make and store the report, write the files, and print the totals."""
        market, date = options["market"], options["date"]
        date = date or last_whole_day(market)
        if date is None:
            raise CommandError(
                f"no close is stored in the market {market!r}: one is stored when the first frame "
                "of the next date is explained (make demo); manage.py closes lists them"
            )
        try:
            results = make_results(
                date,
                market,
                CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION),
                frames=Frames(connect(settings.REDIS_URL)),
                load_scenarios=stress_scenarios,
                load_closes=closes_before,
                count=settings.VAR_SCENARIOS,
                kind=settings.VAR_MOVES,
                processes=settings.PRICING_PROCESSES,
                say=self.stderr.write,
            )
        except (NoClose, NothingStored) as error:
            raise CommandError(str(error)) from None
        keep(results)
        asked = Asked(None, options["reporting"])
        try:
            self._print(results, asked)
            if options["out"] is not None:
                self._write(results, asked, options["out"])
        except ValueError as error:
            raise CommandError(f"--reporting {asked.reporting}: {error}") from None

    def _print(self, results: DayResults, asked: Asked) -> None:
        """The totals, and how many limits are in which state."""
        tables = {table.name: table for table in tables_of(results, asked)}
        self.stdout.write(f"report of {results.date}, market {results.market}, is stored")
        shown = (("risk", "npv"), ("risk", "dv01_par"), ("pnl", "total"), ("var", "var_99"))
        for name, column in shown:
            table = tables[name]
            place = [one.name for one in table.columns].index(column)
            for row in table.rows:
                if row[0] == TOTAL:
                    amount = "missing" if row[place] is None else f"{row[place]:,.0f}"
                    title = table.columns[place].title
                    self.stdout.write(f"{title}: {amount} {asked.reporting}")
        states = [row.state for row in results.limits]
        if states:
            counts = ", ".join(f"{states.count(n)} {n}" for n in dict.fromkeys(sorted(states)))
            self.stdout.write(f"limits: {counts}; breaches: {len(results.breaches)}")
        for table in tables.values():
            for note in table.notes:
                self.stderr.write(f"{table.name}: {note}")

    def _write(self, results: DayResults, asked: Asked, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        files = [document(results, asked, form) for form in ("html", "xlsx")]
        files += [document(results, asked, "csv", name) for name in MAKERS]
        for each in files:
            (out / each.name).write_bytes(each.content)
        self.stdout.write(f"{len(files)} files in {out}: {files[0].name}, {files[1].name}, ...")


def last_whole_day(market: str) -> dt.date | None:
    """The newest date of which all currencies have a close, but for those long without any."""
    by_currency = FrameClose.objects.filter(market=market).order_by().values("currency")
    last = [row["last"] for row in by_currency.annotate(last=Max("date"))]
    return min((day for day in last if max(last) - day <= LONGEST_GAP), default=None)
