"""Store derived fixings in the database without overwriting fixings that a user loaded."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from feedbridge.replay.history.fixings import DerivedFixing
from instruments.models import Fixing
from instruments.models.book_version import book_changed, bulk_change
from instruments.trade_repository import note_history

DERIVED = frozenset({"proxy", "synthetic"})
"""Sources of rows that may be overwritten; rows of other sources belong to a user or a feed."""

BATCH = 2000
REASON = "derived from the stored curves"

Found = dict[tuple[str, dt.date], Fixing]


@dataclass(frozen=True)
class Stored:
    """Numbers of rows written, rows unchanged, and rows of other sources that were kept."""

    written: int
    unchanged: int
    kept: int


def store(fixings: Iterable[DerivedFixing]) -> Stored:
    """Insert or renew fixings in one change of the book; doing it twice changes nothing."""
    written = unchanged = kept = 0
    with bulk_change():
        for batch in _batches(fixings):
            found = _found(batch)
            free = [fixing for fixing in batch if not _loaded(found, fixing)]
            rows = [row for fixing in free if (row := _changed_row(found, fixing)) is not None]
            _write(rows)
            written += len(rows)
            unchanged += len(free) - len(rows)
            kept += len(batch) - len(free)
        if written:
            book_changed()
    return Stored(written, unchanged, kept)


def _batches(fixings: Iterable[DerivedFixing]) -> Iterator[list[DerivedFixing]]:
    rest = iter(fixings)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _found(batch: list[DerivedFixing]) -> Found:
    dates = [fixing.date for fixing in batch]
    rows = Fixing.objects.select_for_update().filter(
        index__in={fixing.index for fixing in batch}, date__range=(min(dates), max(dates))
    )
    return {(row.index, row.date): row for row in rows}


def _loaded(found: Found, fixing: DerivedFixing) -> bool:
    row = found.get((fixing.index, fixing.date))
    return row is not None and row.source not in DERIVED


def _changed_row(found: Found, fixing: DerivedFixing) -> Fixing | None:
    rate, label = Decimal(f"{fixing.rate:.8f}"), fixing.label
    row = found.get((fixing.index, fixing.date))
    if row is not None and (row.rate, row.source) == (rate, label):
        return None
    version = 1 if row is None else row.version + 1
    return Fixing(index=fixing.index, date=fixing.date, rate=rate, source=label, version=version)


def _write(rows: list[Fixing]) -> None:
    Fixing.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["index", "date"],
        update_fields=["rate", "source", "version", "updated"],
    )
    for new in (True, False):
        keys = [row.pk for row in rows if (row.version == 1) is new]
        if keys:
            note_history(Fixing.objects.filter(pk__in=keys), REASON, new=new)
