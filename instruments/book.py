"""Rows in, terms out, and terms in, rows out: the only file that knows tables and pricing core."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from instruments import rules
from instruments.models import Bond, BondPosition, BookVersion, Fixing, Status, Swap
from instruments.models.book_version import book_changed, bulk_change
from pricing.core.errors import BadInput
from pricing.core.terms import BondTerms, SwapTerms

ROWS_AT_ONCE = 2_000
"""Rows fetched at a time: bounds memory, not time."""

SPREAD_DIGITS = 6
"""Of a basis point, as the column keeps."""

COLUMNS_OF_A_SWAP = {**{name: name for name in rules.SWAP_FIELDS}, "book": "book__code"}
COLUMNS_OF_A_POSITION = {
    **{name: f"bond__{name}" for name in rules.STATIC_FIELDS},
    **{name: name for name in rules.POSITION_FIELDS},
    "book": "book__code",
}


@dataclass(frozen=True)
class BookTrade:
    """A trade as pricing needs it; ``desk`` is the code of its book's desk."""

    terms: BondTerms | SwapTerms
    desk: str


class LoadedBook(NamedTuple):
    """One snapshot: ``rejected`` names the active trades that are not in ``trades``, and why."""

    version: int
    trades: list[BookTrade]
    rejected: list[tuple[str, str]]


def current_version() -> int:
    """The book's version: 0 before the first change, higher after each."""
    return BookVersion.current()


def load_trades() -> LoadedBook:
    """Version and active trades, sorted by trade_id, as they stood at one moment.

    A row that is no valid trade (written past the models, or by an older release) is
    rejected with its sentence and holds nothing else up.
    """
    trades: dict[str, BookTrade] = {}
    rejected: list[tuple[str, str]] = []
    with _snapshot():
        version = BookVersion.current()
        for trade_id, desk, row, to_terms in _active_rows():
            try:
                terms = to_terms(row)
            except BadInput as error:
                rejected.append((trade_id, str(error)))
                continue
            if trade_id in trades:
                rejected.append((trade_id, "a position and a swap both have this identifier"))
                continue
            trades[trade_id] = BookTrade(terms, desk)
    return LoadedBook(version, [trades[key] for key in sorted(trades)], sorted(rejected))


ActiveRow = tuple[
    str, str, dict[str, object], Callable[[Mapping[str, object]], BondTerms | SwapTerms]
]


def _active_rows() -> Iterator[ActiveRow]:
    for model, columns, to_terms in (
        (BondPosition, COLUMNS_OF_A_POSITION, rules.bond_terms),
        (Swap, COLUMNS_OF_A_SWAP, rules.swap_terms),
    ):
        rows = model._base_manager.filter(status=Status.ACTIVE).values_list(
            "trade_id", "book__desk__code", *columns.values()
        )
        for trade_id, desk, *values in rows.iterator(ROWS_AT_ONCE):
            yield trade_id, desk, dict(zip(columns, values, strict=True)), to_terms


def load_fixings() -> dict[str, dict[dt.date, float]]:
    """All fixings: index, then fixing date, then the rate as a decimal per year."""
    fixings: dict[str, dict[dt.date, float]] = {}
    rows = Fixing.objects.order_by("index", "date").values_list("index", "date", "rate")
    for index, date, rate in rows.iterator(ROWS_AT_ONCE):
        fixings.setdefault(index, {})[date] = float(rate)
    return fixings


def store_spreads(spreads_bp: Mapping[str, float]) -> int:
    """Keep the z-spreads that prices have made; returns how many positions took theirs.

    A position that got a spread or another price meanwhile is left as it is.
    """
    stored = 0
    with bulk_change():
        for trade_id, spread_bp in spreads_bp.items():
            waiting = BondPosition.objects.filter(
                trade_id=trade_id, clean_price__isnull=False, z_spread_bp__isnull=True
            )
            value = round(Decimal(repr(spread_bp)), SPREAD_DIGITS)
            stored += waiting.update(z_spread_bp=value, version=F("version") + 1)
        if stored:
            book_changed()
    return stored


@contextmanager
def _snapshot() -> Iterator[None]:
    """All queries inside see the database of one moment."""
    with transaction.atomic():
        # Inside a caller's transaction (a test's, say) it is too late to ask for a snapshot.
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def swap_row(terms: SwapTerms, book_id: int) -> Swap:
    """An unsaved row of a swap."""
    values = {name: getattr(terms, name) for name in rules.SWAP_FIELDS if name != "book"}
    return Swap(book_id=book_id, **_columns(values))


def position_row(terms: BondTerms, book_id: int, bond_id: int) -> BondPosition:
    """An unsaved row of a position in a bond that has its row."""
    values = {name: getattr(terms, name) for name in rules.POSITION_FIELDS if name != "book"}
    return BondPosition(book_id=book_id, bond_id=bond_id, **_columns(values))


def bond_row(terms: BondTerms, code: str, *, is_sample: bool) -> Bond:
    """An unsaved row of the bond behind a position."""
    values = {name: getattr(terms, name) for name in rules.STATIC_FIELDS}
    return Bond(code=code, is_sample=is_sample, **_columns(values))


def _columns(values: Mapping[str, object]) -> dict[str, object]:
    """Floats as the decimals they were written as; what is not given is left to the column."""
    return {
        name: Decimal(repr(value)) if isinstance(value, float) else rules.plain(value)
        for name, value in values.items()
        if value is not None
    }
