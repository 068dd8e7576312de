"""``manage.py load_instruments``: load a CSV or XLSX file, or report every row that is wrong."""

from __future__ import annotations

import difflib
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Printed

from instruments import loading
from instruments.loading import KINDS, LoadResult, RowResult, TableSpec

CHANGES_SHOWN = 20


class Command(BaseCommand):
    """The importer of the admin, from the shell: whole file, or nothing."""

    help = "Load issuers, bonds, positions, swaps, ... from a CSV or XLSX file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV (UTF-8) or XLSX, with a header")
        parser.add_argument(
            "--kind",
            choices=sorted(KINDS),
            help=("which table the rows belong to; default: from the file's name"),
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change; write nothing"
        )
        parser.add_argument(
            "--sheet",
            metavar="NAME",
            help="sheet of the workbook; default: its only visible sheet with cells",
        )
        parser.add_argument("--user", help="user that the history records; default: none")

    def handle(
        self,
        *args: object,
        file: Path,
        kind: str | None,
        dry_run: bool,
        user: str | None,
        sheet: str | None = None,
        **options: object,
    ) -> None:
        """Load the file, and exit with a non-zero status if anything is wrong."""
        what = KINDS[kind] if kind else _kind_of(file)
        by = _user(user)
        try:
            table = loading.read_table(_content(file), what, sheet=sheet)
            result = self._load(what, table, by, file.name, dry_run)
        except (loading.BadFile, loading.Conflict) as error:
            raise CommandError(f"{file}: nothing was loaded.\n{error}") from None
        self._say(what, result, dry_run)
        if result.failed:
            sentences = "\n".join(result.sentences())
            raise CommandError(f"{file}: nothing was loaded.\n{sentences}")

    def _load(
        self, kind: TableSpec, table: loading.Table, user: Any, reason: str, dry_run: bool
    ) -> LoadResult:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, disable=not sys.stdout.isatty()) as progress:
            task = progress.add_task(kind.name, total=len(table.rows), rate="")

            def done(rows: int) -> None:
                speed = progress.tasks[0].speed
                rate = f"{speed:,.0f} rows/s" if speed else ""
                progress.update(task, completed=rows, rate=rate)

            return loading.load(
                kind, table, user=user, reason=reason, dry_run=dry_run, progress=done
            )

    def _say(self, kind: TableSpec, result: LoadResult, dry_run: bool) -> None:
        changed = [row for row in result.rows if row.status == "update"]
        for row in changed[:CHANGES_SHOWN]:
            self.stdout.write(_difference(row))
        if len(changed) > CHANGES_SHOWN:
            self.stdout.write(f"and {len(changed) - CHANGES_SHOWN} changed rows more")
        for sentence in result.doubts():
            self.stderr.write(f"Warning: {sentence}")
        printed = Printed("new", "changed", "unchanged", "errors", title=kind.name)
        printed.add_row(*(str(number) for number in result.counts.values()))
        with (console := Console(width=80)).capture() as captured:
            console.print(printed)
        self.stdout.write(captured.get())
        if dry_run:
            self.stdout.write("A dry run: nothing was written.")
        elif result.written:
            self.stdout.write(f"Book version {result.book_version}.")


def _difference(row: RowResult) -> str:
    changes = ", ".join(
        f"{name} {old or '(empty)'} -> {new or '(empty)'}"
        for name, (old, new) in row.changes.items()
    )
    return f"row {row.row}: {row.id}: {changes}"


def _kind_of(file: Path) -> TableSpec:
    found = difflib.get_close_matches(file.stem.lower(), KINDS, n=1, cutoff=0.75)
    if not found:
        raise CommandError(
            f"{file.name} is not the name of a table: add --kind, one of {', '.join(KINDS)}"
        )
    return KINDS[found[0]]


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > loading.MOST_BYTES:
            raise CommandError(f"{file} is larger than {loading.MOST_BYTES // 2**20} MB: split it")
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None


def _user(name: str | None) -> Any:
    if name is None:
        return None
    found = get_user_model().objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"--user: there is no user {name!r}")
    return found
