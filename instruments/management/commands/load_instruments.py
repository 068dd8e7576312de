"""``manage.py load_instruments``: load a CSV or XLSX file, or report every row that is wrong."""

from __future__ import annotations

import difflib
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Printed

from instruments import loading
from instruments.loading import KINDS, LoadResult, RowResult, TableSpec
from instruments.models.book_version import BookVersion, bulk_change

CHANGES_SHOWN = 20


class Command(BaseCommand):
    """Load a file by the importer of the admin: the whole file or nothing."""

    help = "Load issuers, bonds, positions, swaps, ... from a CSV or XLSX file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV (UTF-8) or XLSX, with a header")
        parser.add_argument(
            "--kind",
            choices=sorted(KINDS),
            help="table of the rows; default: named by the sheet, else by the file",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change; write nothing"
        )
        parser.add_argument(
            "--sheet",
            metavar="NAME",
            action="append",
            default=[],
            help="sheet of the workbook, repeated for several; default: its only one with cells",
        )
        parser.add_argument("--user", help="user that the history records; default: none")

    def handle(
        self,
        *args: object,
        file: Path,
        kind: str | None,
        dry_run: bool,
        user: str | None,
        sheet: Sequence[str] = (),
        **options: object,
    ) -> None:
        """Load the file, and exit with a non-zero status if anything is wrong."""
        sheets = _sheets(file, kind, sheet)
        by = _user(user)
        content = _content(file)
        results = []
        try:
            with bulk_change():
                for name, what in sheets:
                    where = f"sheet {name}\n" if len(sheets) > 1 else ""
                    table = loading.read_table(content, what, sheet=name)
                    # A sheet may refer to rows of the one before, in a dry run too.
                    alone = dry_run and len(sheets) == 1
                    result = self._load(what, table, by, file.name, alone)
                    results.append((name, what, result))
                    if result.failed:
                        break
                if dry_run or results[-1][-1].failed:
                    raise _Undone
        except _Undone:
            pass
        except (loading.BadFile, loading.Conflict) as error:
            raise CommandError(f"{file}: nothing was loaded.\n{where}{error}") from None
        failed = results[-1][-1].failed
        for _, what, result in results:
            self._say(what, result)
        if failed:
            sentences = "\n".join(results[-1][-1].sentences())
            raise CommandError(f"{file}: nothing was loaded.\n{where}{sentences}")
        if dry_run:
            self.stdout.write("A dry run: nothing was written.")
        elif any(result.written for _, _, result in results):
            self.stdout.write(f"Book version {BookVersion.current()}.")

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

    def _say(self, kind: TableSpec, result: LoadResult) -> None:
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


class _Undone(Exception):
    """Rolls the transaction back: it was a dry run, or a sheet has errors."""


def _difference(row: RowResult) -> str:
    changes = ", ".join(
        f"{name} {old or '(empty)'} -> {new or '(empty)'}"
        for name, (old, new) in row.changes.items()
    )
    return f"row {row.row}: {row.id}: {changes}"


def _sheets(
    file: Path, kind: str | None, names: Sequence[str]
) -> list[tuple[str | None, TableSpec]]:
    """Sheets to load with their tables, in the order in which rows may refer to each other."""
    if len(names) < 2:
        sheet = names[0] if names else None
        named = KINDS[kind] if kind else _table_named(sheet or "") or _table_named(file.stem)
        if named is None:
            tried = f"neither sheet {sheet} nor {file.name} is" if sheet else f"{file.name} is not"
            raise CommandError(
                f"{tried} the name of a table: add --kind, one of {', '.join(KINDS)}"
            )
        return [(sheet, named)]
    if kind is not None:
        raise CommandError("--kind is for one sheet: several are loaded by their names")
    found = {name: _table_named(name) for name in names}
    if other := [name for name, named in found.items() if named is None]:
        raise CommandError(
            f"sheet {other[0]} is not the name of a table: load it alone with --kind, or rename "
            f"it to one of {', '.join(KINDS)}"
        )
    order = list(KINDS)
    pairs = [(name, named) for name, named in found.items() if named is not None]
    return sorted(pairs, key=lambda pair: order.index(pair[1].name))


def _table_named(name: str) -> TableSpec | None:
    """The table that a sheet or a file is named after."""
    found = difflib.get_close_matches(name.lower(), KINDS, n=1, cutoff=0.75)
    return KINDS[found[0]] if found else None


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
