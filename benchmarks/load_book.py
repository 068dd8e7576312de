"""Load a large book into PostgreSQL by COPY, with the history of its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from psycopg.types.json import Jsonb
from simple_history.utils import get_history_model_for_model

from benchmarks import large_book
from instruments.models import Bond, BondPosition, Book, Desk, Swap
from instruments.models.book_version import book_changed, bulk_change
from instruments.trade_repository import bond_row
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.templates import template_key
from pricing.products.terms import Terms

REASON = "make bench-scale"
SWAP_FIELDS = (
    *("trade_id", "convention", "pay_receive", "notional", "effective_date"),
    *("termination_date", "fixed_rate", "spread_bp"),
)
POSITION_FIELDS = ("trade_id", "face_amount", "z_spread_bp")


@dataclass(frozen=True)
class Loaded:
    """The result of a load; ``templates`` are distinct sets of rules and dates."""

    trades: int
    swaps: int
    bonds: int
    templates: int


def load(count: int, say: Callable[[str], None]) -> Loaded:
    """Load so many trades, and fixings of their currencies, as one change of the book."""
    say("making the trades")
    swaps: list[tuple[Any, ...]] = []
    positions: list[tuple[Any, ...]] = []
    with bulk_change():
        books, bonds = _books(), _bonds(count)
        templates = set()
        for terms, bond in large_book.trades(count):
            templates.add(hash(template_key(terms, indexed=False)))
            if isinstance(terms, SwapTerms):
                swaps.append(_swap(terms, books))
            else:
                positions.append(_position(terms, books, bonds[str(bond)]))
        say(f"copying {len(swaps):,} swaps and {len(positions):,} positions into PostgreSQL")
        _copy(Swap, ("book_id", *SWAP_FIELDS, "notional_schedule"), swaps)
        _copy(BondPosition, ("book_id", *POSITION_FIELDS, "bond_id"), positions)
        say("writing the history of the rows")
        for model in (Swap, BondPosition):
            _note_history(model)
        _analyze()
        say("writing fixings")
        call_command("seed_fixings", stdout=StringIO())
        book_changed()
    return Loaded(count, len(swaps), len(bonds), len(templates))


def _swap(terms: SwapTerms, books: dict[str, int]) -> tuple[Any, ...]:
    steps = terms.notional_schedule
    return (
        books[terms.book],
        *(getattr(terms, name) for name in SWAP_FIELDS),
        None if steps is None else Jsonb(list(steps)),
    )


def _position(terms: Terms, books: dict[str, int], bond: int) -> tuple[Any, ...]:
    return (books[terms.book], *(getattr(terms, name) for name in POSITION_FIELDS), bond)


def _books() -> dict[str, int]:
    """Primary keys of books by code."""
    desks: dict[str, Desk] = {}
    found = {}
    for code, desk in large_book.books().items():
        if desk not in desks:
            desks[desk], _ = Desk.objects.get_or_create(code=desk, defaults={"name": desk})
        book, _ = Book.objects.get_or_create(
            code=code, defaults={"name": code, "desk": desks[desk]}
        )
        found[code] = book.pk
    return found


def _bonds(count: int) -> dict[str, int]:
    """Primary keys of bonds by code."""
    made = [bond_row(b.terms(), b.code, is_sample=True) for b in large_book.bonds(count)]
    Bond.objects.bulk_create(made)
    return {bond.code: bond.pk for bond in made}


def _copy(model: type[Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows into a model's table; what ``names`` leave out has the default of its field."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    now = dt.datetime.now(dt.UTC)
    rest: dict[str, Any] = {
        name: now if name in ("created", "updated") else field.get_default()
        for name, field in fields.items()
        if name not in names and not field.primary_key
    }
    columns = [fields[name].column for name in (*names, *rest)]
    statement = f"COPY {model._meta.db_table} ({_listed(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in _joined(rows, tuple(rest.values())):
            copy.write_row(row)


def _joined(rows: Iterable[Sequence[Any]], rest: tuple[Any, ...]) -> Iterator[Sequence[Any]]:
    for row in rows:
        yield (*row, *rest)


def _note_history(model: type[Model]) -> None:
    """A record of its creation for each row, as a form would have left."""
    history = get_history_model_for_model(model)
    names = [f.column for f in model._meta.concrete_fields]
    known = {f.column for f in history._meta.concrete_fields}
    columns = _listed([name for name in names if name in known])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {history._meta.db_table}"  # noqa: S608
            f" ({columns}, history_date, history_type, history_change_reason)"
            f" SELECT {columns}, now(), '+', %s FROM {model._meta.db_table}",
            [REASON],
        )


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _analyze() -> None:
    """Analyse the tables, as PostgreSQL's autovacuum would within a minute."""
    with connection.cursor() as cursor:
        for model in (Swap, BondPosition):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
