"""Load rows of one table into the database, or report an error for each row that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from instruments.loading.check import Checked, Checker
from instruments.loading.errors import BadFile, Conflict
from instruments.loading.result import LoadResult
from instruments.loading.table_spec import TableSpec
from instruments.loading.tables import MOST_ROWS, Table
from instruments.loading.write import write
from instruments.models import BookVersion
from instruments.models.book_version import bulk_change

ROWS_AT_ONCE = 2_000
"""Checked and written at a time: bounds memory and the length of statements."""


class _Undone(Exception):
    """Leaves the transaction of a load that has errors."""


@dataclass
class _Load:
    kind: TableSpec
    checker: Checker
    user: Any
    reason: str
    partial: bool
    dry_run: bool
    result: LoadResult = field(default_factory=LoadResult)

    def add(self, batch: list[Checked]) -> None:
        """Record the results of a batch, and write it unless that is not allowed."""
        self.result.rows += [checked.result for checked in batch]
        good = [c for c in batch if c.row is not None and c.result.status in ("new", "update")]
        if self.dry_run or not good or (self.result.failed and not self.partial):
            return
        write(self.kind, good, user=self.user, reason=self.reason)
        self.result.written = True


def load(
    kind: TableSpec,
    rows: Table | Sequence[Mapping[str, object]],
    *,
    user: Any = None,
    reason: str = "",
    dry_run: bool = False,
    partial: bool = False,
    books: Collection[str] | None = None,
    books_seen: Collection[str] | None = None,
    first_row: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> LoadResult:
    """Load rows: one transaction, one book version, one request to compile.

    Args:
        kind: The table of the rows.
        rows: A file's table, or mappings from column to text or JSON value. A column that a
            row has not stays as it is; one that is empty is emptied.
        user: Named in the history.
        reason: What the history says of each row.
        dry_run: Check and compare only.
        partial: Write the good rows though others are bad; else any error stops all.
        books: Codes of the books the user may write to; None for all.
        books_seen: Codes of the books the user may know of; None for all. Trades of other books
            are answered like trades that do not exist.
        first_row: Number of the first row, for mappings.
        progress: Told the number of rows done.

    Raises:
        BadFile: Too many rows.
        Conflict: Somebody else wrote the same rows in this moment.
    """
    table = rows if isinstance(rows, Table) else Table.of(rows, first_row)
    if len(table.rows) > MOST_ROWS:
        raise BadFile(f"{len(table.rows):,} rows are too many: load {MOST_ROWS:,} at a time")
    checker = Checker(kind, table, books=books, books_seen=books_seen, lock=not dry_run)
    work = _Load(kind, checker, user, reason, partial, dry_run)
    try:
        with bulk_change(), transaction.atomic():
            _run(work, table, progress)
            if work.result.failed and not partial:
                raise _Undone
            if work.result.written:
                kind.model.changed()
    except _Undone:
        work.result.written = False
    except IntegrityError as error:
        raise Conflict(_told(error)) from None
    work.result.book_version = BookVersion.current()
    return work.result


def _run(work: _Load, table: Table, progress: Callable[[int], None]) -> None:
    done = 0
    for batch in _batches(table):
        work.add(work.checker.check(batch))
        done += len(batch)
        progress(done)


def _batches(table: Table) -> Iterator[list[tuple[int, Mapping[str, object]]]]:
    for start in range(0, len(table.rows), ROWS_AT_ONCE):
        end = start + ROWS_AT_ONCE
        yield list(zip(table.numbers[start:end], table.rows[start:end], strict=True))


def _told(error: IntegrityError) -> str:
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "a rule"
    return (
        f"The database refused the rows ({name}): another user wrote the same rows at the same "
        "time, or two rows exchange an identifier. Nothing was written; try again"
    )
