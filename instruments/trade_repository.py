"""Convert rows of the tables of trades into terms of the pricing library, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import RawSQL
from simple_history.utils import get_history_manager_for_model

from instruments import validation
from instruments.models import (
    Bond,
    BondPosition,
    Book,
    BookVersion,
    Desk,
    Fixing,
    FxRate,
    Quarantine,
    Status,
    Trade,
    trade_models,
)
from instruments.models.book_version import book_changed, bulk_change
from pricing.errors import BadInput
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import Terms

ROWS_AT_ONCE = 2_000
"""Rows fetched at a time: bounds memory, not time."""

SOLVED = "z-spread made from the clean price"
SPREAD_DIGITS = 6
"""Decimal places of a basis point in the database column."""


@dataclass(frozen=True)
class BookTrade:
    """A trade as pricing needs it; ``desk`` is the code of its book's desk.

    ``mark`` changes whenever one of the trade's rows is written in any way.
    """

    terms: Terms
    desk: str
    mark: str = ""


class LoadedBook(NamedTuple):
    """One snapshot: ``rejected`` names the active trades that are not in ``trades``, and why."""

    version: int
    trades: list[BookTrade]
    rejected: list[tuple[str, str]]


def current_version() -> int:
    """The book's version: 0 before the first change, higher after each."""
    return BookVersion.current()


def load_trades(before: LoadedBook | None = None) -> LoadedBook:
    """Return the book version and its active trades, sorted by trade_id, from one snapshot.

    A row that is not a valid trade (written past the models, or by an older release) is
    rejected with a message and does not affect the others.

    Args:
        before: The previous load: only rows that have changed since are read in full.
    """
    known = {(t.terms.trade_id, t.mark): t for t in before.trades} if before else {}
    trades: dict[str, BookTrade] = {}
    rejected: list[tuple[str, str]] = []
    with _snapshot():
        version = BookVersion.current()
        for trade_id, found in _active_trades(known):
            if isinstance(found, str):
                rejected.append((trade_id, found))
            elif trade_id in trades:
                rejected.append((trade_id, "a position and a swap both have this identifier"))
            else:
                trades[trade_id] = found
    return LoadedBook(version, [trades[key] for key in sorted(trades)], sorted(rejected))


def _active_trades(
    known: Mapping[tuple[str, str], BookTrade],
) -> Iterator[tuple[str, BookTrade | str]]:
    """Every active trade, or what is wrong with it; as it is known where its mark is."""
    for model in trade_models():
        columns = model.terms_columns()
        rows = model._base_manager.filter(status=Status.ACTIVE)
        marks = dict(_marks(model, rows))
        new = [name for name, mark in marks.items() if (name, mark) not in known]
        for name in marks.keys() - set(new):
            yield name, known[name, marks[name]]
        some = rows if len(new) > ROWS_AT_ONCE else rows.filter(trade_id__in=new)
        found = some.values_list("trade_id", "book__desk__code", *columns.values())
        wanted = set(new)
        for name, desk, *values in found.iterator(ROWS_AT_ONCE) if new else ():
            if name in wanted:
                row = dict(zip(columns, values, strict=True))
                yield name, _trade(model.product, row, desk, marks)


def _trade(
    product: str, row: dict[str, object], desk: str, marks: Mapping[str, str]
) -> BookTrade | str:
    try:
        terms = validation.terms_of(product, row)
    except BadInput as error:
        return str(error)
    return BookTrade(terms, desk, marks[terms.trade_id])


def _marks(model: type[Trade], rows: QuerySet[Any]) -> Iterator[tuple[str, str]]:
    """Return each trade's last writing transactions: PostgreSQL's ``xmin``."""
    joined = _joined(model)
    tables = [each._meta.db_table for each in (model, *joined)]
    sql = " || '.' || ".join(f'"{table}".xmin::text' for table in tables)
    column = RawSQL(sql, ())  # nosec B611  # noqa: S611 - names of our own tables
    marked = rows.annotate(mark=column)
    for name, mark, *_ in marked.values_list("trade_id", "mark", *joined.values()):
        yield name, mark


def _joined(model: type[Trade]) -> dict[type[Model], str]:
    """The other tables that a trade is made of, each with the path to one of its columns."""
    joined: dict[type[Model], str] = {Book: "book__code", Desk: "book__desk__code"}
    for path in model.terms_columns().values():
        name, _, rest = path.partition("__")
        if rest:
            related: Any = model._meta.get_field(name).related_model
            joined.setdefault(related, path)
    return joined


def load_fixings() -> dict[str, dict[dt.date, float]]:
    """All fixings: index, then fixing date, then the rate as a decimal per year."""
    fixings: dict[str, dict[dt.date, float]] = {}
    rows = Fixing.objects.order_by("index", "date").values_list("index", "date", "rate")
    for index, date, rate in rows.iterator(ROWS_AT_ONCE):
        fixings.setdefault(index, {})[date] = float(rate)
    return fixings


def load_fx() -> dict[str, float]:
    """US dollars per unit of each currency, of its newest date in the master."""
    newest = FxRate.objects.order_by("currency", "-date").distinct("currency")
    return {currency: float(usd) for currency, usd in newest.values_list("currency", "usd")}


def quarantined() -> dict[str, str]:
    """Trades that are not to be priced, and why."""
    return dict(Quarantine.objects.values_list("trade_id", "reason"))


def quarantine(trade_id: str, currency: str, frame: int, reason: str) -> bool:
    """Quarantine a trade until a user releases it; False when it already is."""
    _, made = Quarantine.objects.get_or_create(
        trade_id=trade_id, defaults={"currency": currency, "frame": frame, "reason": reason}
    )
    return made


def release(trade_id: str) -> bool:
    """Price a trade again; False when it was not kept out."""
    kept_out = Quarantine.objects.filter(trade_id=trade_id).first()
    if kept_out is None:
        return False
    kept_out.delete()
    return True


def store_spreads(spreads_bp: Mapping[str, float]) -> int:
    """Keep the z-spreads that prices have made; returns how many positions took theirs.

    A position that got a spread or another price meanwhile is left as it is.
    """
    stored: list[str] = []
    with bulk_change():
        for trade_id, spread_bp in spreads_bp.items():
            waiting = BondPosition.objects.filter(
                trade_id=trade_id, clean_price__isnull=False, z_spread_bp__isnull=True
            )
            value = round(Decimal(repr(spread_bp)), SPREAD_DIGITS)
            if waiting.update(z_spread_bp=value, version=F("version") + 1):
                stored.append(trade_id)
        if stored:
            note_history(BondPosition.objects.filter(trade_id__in=stored), SOLVED)
            book_changed()
    return len(stored)


def note_history(rows: QuerySet[Any], reason: str, *, new: bool = False) -> None:
    """A line of history for rows that were written past their models."""
    history = get_history_manager_for_model(rows.model)
    history.bulk_history_create(
        rows, batch_size=ROWS_AT_ONCE, update=not new, default_change_reason=reason
    )


@contextmanager
def _snapshot() -> Iterator[None]:
    """All queries inside see the database of one moment."""
    with transaction.atomic():
        # Inside a caller's transaction (a test's, say) it is too late to ask for a snapshot.
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def trade_row(terms: Terms, **links: int | None) -> Trade:
    """An unsaved row of a trade.

    Args:
        terms: What the contract says.
        links: Keys of the rows that it belongs to, such as ``book_id``.
    """
    model = next(each for each in trade_models() if each.product == terms.product)
    own = (name for name, path in model.terms_columns().items() if path == name)
    return model(**links, **_columns({name: getattr(terms, name) for name in own}))


def bond_row(terms: BondTerms, code: str, *, is_sample: bool) -> Bond:
    """An unsaved row of the bond behind a position."""
    values = {name: getattr(terms, name) for name in validation.STATIC_FIELDS}
    return Bond(code=code, is_sample=is_sample, **_columns(values))


def _columns(values: Mapping[str, object]) -> dict[str, object]:
    """Floats as the decimals they were written as; what is not given is left to the column."""
    return {
        name: Decimal(repr(value)) if isinstance(value, float) else validation.plain(value)
        for name, value in values.items()
        if value is not None
    }
