"""``manage.py crif``: standard sensitivities of live frames or stored closes, and their charge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import RedisError

from instruments.loading.errors import BadFile
from instruments.management.options import iso_date
from pricing.markets.conventions import CURRENCIES
from risk.api import source
from risk.explain.frame_closes import NoClose, closes_on, frame_of
from risk.models import LIVE
from risk.sensitivities.comparison import COMPARED, Sensitivities, compare, read
from risk.sensitivities.rows import COLUMNS, LADDERS, PORTFOLIOS, charges, crif
from risk.store.results import Rollup
from riskproject.web.tables.formats import csv_bytes, of_rows

HELP = """
Prints the sensitivities of the frames that are published now, or of the stored closes of --date, as
rows of the Common Risk Interchange Format (CSV): a row a desk, curve and tenor of the GIRR class.
With --charge it prints the charge for GIRR delta of each desk instead, in three scenarios of
correlations (Basel MAR21). An amount is (V(+1 bp) - V) / 0.0001, so -10,000 times a DV01.
With --compare it prints these rows beside those of another system's file, and their differences.
"""


class Command(BaseCommand):
    """``manage.py crif``."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--date",
            type=iso_date,
            help="stored closes of this date, such as 2024-09-24; default: the published frames",
        )
        parser.add_argument("--market", default=LIVE, help="live, or the name of a replay")
        parser.add_argument(
            "--currency",
            nargs="+",
            choices=CURRENCIES,
            metavar="CCY",
            help="only these currencies (default: all)",
        )
        parser.add_argument(
            "--ladder",
            choices=tuple(LADDERS),
            default="zero",
            help="which ladder is mapped: tents on zero rates (default), or quotes",
        )
        parser.add_argument(
            "--by",
            choices=PORTFOLIOS,
            default="desk",
            help="portfolios of the rows (default: desk)",
        )
        parser.add_argument(
            "--compare",
            type=Path,
            metavar="FILE",
            help="show the differences from a CRIF file of another system",
        )
        parser.add_argument(
            "--charge", action="store_true", help="print the charge of each desk instead of rows"
        )
        parser.add_argument(
            "--reporting",
            choices=CURRENCIES,
            default="USD",
            metavar="CCY",
            help="reporting currency of the charge (default: USD)",
        )
        parser.add_argument("-o", "--out", type=Path, help="write to this file")

    def handle(self, **options: Any) -> None:
        """Print rows or charges; say on the screen of which frames they are."""
        theirs = _theirs(options)
        rollups = self._frames(options)
        for rollup in rollups:
            self.stderr.write(
                f"{rollup.currency}: frame {rollup.frame} of {rollup.valuation_date}, "
                f"{rollup.priced:,} of {rollup.trades:,} trades priced"
            )
        out: Path | None = options["out"]
        if theirs is not None:
            content = self._compared(rollups, theirs, options)
        else:
            content = _charges(rollups, options) if options["charge"] else _rows(rollups, options)
        if out is None:
            self.stdout.write(content, ending="")
            return
        try:
            out.write_bytes(content.encode())
        except OSError as error:
            raise CommandError(f"--out {out}: {error.strerror}") from None
        self.stderr.write(f"written to {out}")

    def _compared(
        self, rollups: Sequence[Rollup], theirs: Sensitivities, options: dict[str, Any]
    ) -> str:
        rows = compare(crif(rollups, options["ladder"], options["by"]), theirs)
        both = [row for row in rows if None not in (row["Ours"], row["Theirs"])]
        self.stderr.write(
            f"{len(both):,} rows in both, {sum(row['Theirs'] is None for row in rows):,} in ours "
            f"alone, {sum(row['Ours'] is None for row in rows):,} in theirs alone; largest "
            f"difference {max((abs(row['Difference']) for row in rows), default=0.0):,.2f}"
        )
        for name, count in sorted(theirs.other.items()):
            self.stderr.write(f"{count:,} rows of {name or 'no RiskType'} are not compared")
        return csv_bytes(
            [of_rows("comparison", COMPARED, (list(r.values()) for r in rows))]
        ).decode()

    def _frames(self, options: dict[str, Any]) -> Sequence[Rollup]:
        currencies = options["currency"] or CURRENCIES
        if options["date"] is not None:
            try:
                rows = closes_on(options["date"], currencies, options["market"])
                return [frame_of(row) for row in rows.values()]
            except NoClose as error:
                raise CommandError(str(error)) from None
            except msgspec.MsgspecError as error:
                raise CommandError(f"another release stored these closes: {error}") from None
        try:
            found = list(source.frames().current_all(tuple(currencies)).values())
        except RedisError as error:
            raise CommandError(
                f"Redis does not answer ({type(error).__name__}): start `make demo`, or give "
                "--date for stored closes"
            ) from None
        if not found:
            raise CommandError(
                f"no risk is published in {', '.join(currencies)}: start `make demo`, or give "
                "--date for stored closes (manage.py closes lists them)"
            )
        return found


def _theirs(options: dict[str, Any]) -> Sensitivities | None:
    file: Path | None = options["compare"]
    if file is None:
        return None
    if options["charge"]:
        raise CommandError("--compare: not together with --charge")
    try:
        return read(file.read_bytes())
    except OSError as error:
        raise CommandError(f"--compare {file}: {error.strerror}") from None
    except BadFile as error:
        raise CommandError(f"--compare {file}:\n{error}") from None


def _rows(rollups: Sequence[Rollup], options: dict[str, Any]) -> str:
    rows = (row.values() for row in crif(rollups, options["ladder"], options["by"]))
    return csv_bytes([of_rows("crif", COLUMNS, map(list, rows))]).decode()


def _charges(rollups: Sequence[Rollup], options: dict[str, Any]) -> str:
    reporting = options["reporting"]
    try:
        found = charges(rollups, options["ladder"], reporting)
    except ValueError as error:
        raise CommandError(f"--reporting {reporting}: {error}") from None
    names = ("low", "medium", "high")
    lines = [f"{'desk':<20}" + "".join(f"{name:>16}" for name in names) + "  charge"]
    rows = [*((one["desk"] or "(no desk)", one) for one in found["desks"])]
    for name, one in [*rows, ("(firm)", found["total"])]:
        scenarios = "".join(f"{one['scenarios'][s]['charge']:>16,.2f}" for s in names)
        lines.append(f"{name:<20}{scenarios}  {one['charge']:,.2f} {reporting}")
    return "\n".join(lines) + "\n"
