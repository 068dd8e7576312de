"""``manage.py quote_bonds``: write bonds of the security master as quotes of a government curve.

Without ``--out`` the tables are printed. The file is checked together with the market files that
are loaded. Exit status: 0, or 1 when nothing can be written.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from instruments.loading.quoted_bonds import FIRST_LINE, curve_of, write_quoted_bonds
from instruments.management.options import iso_date
from instruments.models import Bond, Status
from pricing.markets import conventions, loader


class Command(BaseCommand):
    """Write a market file in which bonds of the security master are quotes of a curve."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        curves = [row.name for row in conventions.CURVES.values() if row.index is None]
        parser.add_argument(
            "--curve", required=True, choices=curves, metavar="EUR-GOVT", help="the curve"
        )
        parser.add_argument(
            "--code",
            action="append",
            default=[],
            help="code of a bond; repeatable; default: all with active positions",
        )
        parser.add_argument(
            "--nodes",
            default="",
            metavar="1Y,5Y,10Y",
            help="write the curve's row too: fitted by least squares, with nodes at these tenors",
        )
        parser.add_argument(
            "--date",
            type=iso_date,
            help="day on which the bonds must be outstanding; default: today",
        )
        parser.add_argument(
            "--out", type=Path, metavar="FILE.toml", help="write to this file; default: print"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, or print it; a bond that is left out is named."""
        today = options["date"] or timezone.now().date()
        curve, out = options["curve"], options["out"]
        nodes = [tenor for tenor in options["nodes"].split(",") if tenor]
        found = write_quoted_bonds(_bonds(curve, options["code"]), curve, today, nodes)
        for bond in found.left_out:
            self.stderr.write(f"{bond.code}: left out: {bond.reason}")
        if not found.names:
            raise CommandError(f"no bond can be a quote of {curve}")
        _check(found.text, curve)
        if out is None:
            self.stdout.write(found.text)
            return
        _refuse_other_file(out, curve)
        try:
            out.write_text(found.text)
        except OSError as error:
            raise CommandError(f"--out: {out}: {error.strerror}") from None
        self.stdout.write(
            f"{out}: {len(found.names)} bonds as quotes of {curve}, such as BOND-{found.names[0]}; "
            "put it into the directory of MARKETS_DIR and start the processes again."
        )


def _bonds(curve: str, codes: list[str]) -> list[Bond]:
    if not codes:
        active = Bond.objects.filter(positions__status=Status.ACTIVE).distinct()
        return [
            bond for bond in active.order_by("maturity_date", "code") if curve_of(bond) == curve
        ]
    found = list(Bond.objects.filter(code__in=codes).order_by("maturity_date", "code"))
    missing = sorted(set(codes) - {bond.code for bond in found})
    if missing:
        raise CommandError(f"--code: no bond {missing[0]!r} in the security master")
    return found


def _check(text: str, curve: str) -> None:
    """Read the file as the processes will, with all others."""
    loaded = [path for paths in conventions.MARKETS.files.values() for path in paths]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / _file_of(curve)
        file.write_text(text)
        try:
            loader.read([*loaded, file])
        except loader.BadMarketFile as error:
            raise CommandError(str(error).replace(f"{directory}/", "")) from None


def _file_of(curve: str) -> str:
    return f"{conventions.CURVES[curve].currency.lower()}.toml"


def _refuse_other_file(out: Path, curve: str) -> None:
    if out.name != _file_of(curve):
        raise CommandError(f"--out: {out.name!r} is not valid; use {_file_of(curve)}")
    if out.exists() and not out.read_text().startswith(FIRST_LINE):
        reason = "it has other tables; write to another directory and join the two by hand"
        raise CommandError(f"--out: {out} exists: {reason}")
