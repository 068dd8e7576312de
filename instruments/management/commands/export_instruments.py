"""``manage.py export_instruments``: export a table as a file that `load_instruments` can load."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from instruments import loading
from instruments.loading import FORMATS, KINDS

ROWS_READ = 1_000


class Command(BaseCommand):
    """Export a table as CSV or XLSX, to standard output or a file."""

    help = "Write issuers, bonds, positions, swaps, ... as CSV or XLSX."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(KINDS), help="the table")
        parser.add_argument("-o", "--out", type=Path, help="a file; default: standard output")
        parser.add_argument(
            "--format", choices=FORMATS, help="default: as the name of --out ends, else csv"
        )
        parser.add_argument(
            "--template", action="store_true", help="a header and one example row instead"
        )

    def handle(
        self,
        *args: object,
        kind: str,
        out: Path | None,
        format: str | None,
        template: bool,
        **options: object,
    ) -> None:
        what = KINDS[kind]
        name = format or ("xlsx" if out is not None and out.suffix == ".xlsx" else "csv")
        if template:
            content = loading.template(what, name)
        else:
            content = loading.export(what, what.rows().iterator(ROWS_READ), name)
        if out is None:
            _print(content, name)
            return
        try:
            out.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}") from None
        self.stderr.write(f"{out}: {len(content):,} bytes")


def _print(content: bytes, name: str) -> None:
    if name == "xlsx" and sys.stdout.isatty():
        raise CommandError("a workbook is not text: name a file with -o")
    sys.stdout.buffer.write(content)
