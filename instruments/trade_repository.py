"""Convert rows of the tables of trades into terms of the pricing library, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, F, Func, QuerySet, Value
from simple_history.utils import get_history_manager_for_model

from instruments import validation
from instruments.models import (
    Bond,
    BondFuture,
    Book,
    BookVersion,
    Deliverable,
    Fixing,
    FxRate,
    Quarantine,
    QuotedTrade,
    Status,
    Trade,
    trade_models,
)
from instruments.models.book_version import book_changed, bulk_change
from instruments.row_changes import Written, one_snapshot, written_since
from pricing.errors import BadInput
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import Terms

ROWS_AT_ONCE = 2_000
"""Rows fetched at a time: bounds memory, not time."""

NAMED_ROWS = 50_000
"""Number of identifiers up to which the database selects their rows. Of more, it reads all rows:
handing it the identifiers takes longer, once for each product."""

ROWS_UPDATED_AT_ONCE = 200
"""Rows updated by one statement. Django writes one comparison a row, and PostgreSQL evaluates all
of them for each row."""

SOLVED = "made from the quote on a market"
SOLVED_DIGITS = {"z_spread_bp": 6, "option_value": 8}
"""Decimal places of the columns of numbers that quotes make."""


class BookTrade(NamedTuple):
    """A trade as pricing needs it; ``desk`` is the code of its book's desk."""

    terms: Terms
    desk: str


class LoadedBook(NamedTuple):
    """One snapshot: ``rejected`` names the active trades that are not in ``trades``, and why."""

    version: int
    trades: list[BookTrade]
    rejected: list[tuple[str, str]]


@dataclass(frozen=True)
class Reading:
    """The tables at one moment, and the rows written since the previous reading.

    Attributes:
        version: The book version of the moment.
        written: The rows that were written.
    """

    version: int
    written: Written

    def changed_trades(self) -> set[str] | None:
        """Identifiers of all trades of which any row was written; None: any trade may be.

        Also of those that are deleted, and of those that were renamed by their old and new one.
        """
        if self.written.everything:
            return None
        found: set[str] = set()
        for model in trade_models():
            found |= self.written.of(model)
            rows = model._base_manager.filter(model.changed_with(self.written))
            found |= set(rows.values_list("trade_id", flat=True))
        return found

    def trades(self, names: Collection[str] | None = None) -> Iterator[tuple[str, Terms | str]]:
        """Give each active trade with its terms, or with what is wrong with its row.

        A row that is not a valid trade (written past the models, or by an older release) does not
        affect the others. An identifier that trades of two products have comes twice.

        Args:
            names: Identifiers of the trades to read; None reads all.
        """
        wanted = None if names is None else set(names)
        for model in trade_models():
            columns = model.terms_columns()
            place = list(columns).index("trade_id")
            rows = model.with_terms(model._base_manager.filter(status=Status.ACTIVE))
            if wanted is not None and len(wanted) <= NAMED_ROWS:
                rows = rows.filter(trade_id__in=_one_of(wanted))
            values = rows.values_list(*columns.values()).iterator(ROWS_AT_ONCE)
            if wanted is not None and len(wanted) > NAMED_ROWS:
                values = (row for row in values if row[place] in wanted)
            yield from _terms(model.product, tuple(columns), values)

    def desks(self) -> dict[str, str]:
        """The code of each book's desk, by the book's code."""
        return dict(Book._base_manager.values_list("code", "desk__code"))


def _one_of(names: Collection[str]) -> Func:
    """Names as one parameter: one for each costs more than reading the rows."""
    array = Value(sorted(names), output_field=ArrayField(CharField()))
    return Func(array, template="(SELECT unnest(%(expressions)s))")


@contextmanager
def reading(since: str | None = None) -> Iterator[Reading]:
    """Read the tables of one moment.

    Args:
        since: ``written.snapshot`` of the reading before; None: everything counts as written.
    """
    with one_snapshot():
        yield Reading(BookVersion.current(), written_since(since))


def current_version() -> int:
    """The book's version: 0 before the first change, higher after each."""
    return BookVersion.current()


TWICE = "trades of two products have this identifier"


def load_trades() -> LoadedBook:
    """Return the book version and its active trades, sorted by trade_id, from one snapshot."""
    trades: dict[str, BookTrade] = {}
    rejected: list[tuple[str, str]] = []
    with reading() as now:
        desks = now.desks()
        for trade_id, found in now.trades():
            if isinstance(found, str):
                rejected.append((trade_id, found))
            elif trade_id in trades:
                rejected.append((trade_id, TWICE))
            else:
                trades[trade_id] = BookTrade(found, desks[found.book])
    return LoadedBook(now.version, [trades[key] for key in sorted(trades)], sorted(rejected))


def terms_of_trades(names: Collection[str]) -> dict[str, Terms]:
    """The terms of these trades, without those that are not active or not valid."""
    with reading() as now:
        found = dict(now.trades(names))
    return {name: terms for name, terms in found.items() if not isinstance(terms, str)}


def _terms(
    product: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[str, Terms | str]]:
    place = columns.index("trade_id")
    for values in rows:
        try:
            yield (
                values[place],
                validation.terms_of(product, dict(zip(columns, values, strict=True))),
            )
        except BadInput as error:
            yield values[place], str(error)


def codes_of_basket(trade_id: str) -> list[tuple[str, dt.date]]:
    """Code and maturity of the bonds that may be delivered into a bond future, in its order."""
    contracts = BondFuture._base_manager.filter(trade_id=trade_id).values("contract")
    rows = Deliverable._base_manager.filter(contract__in=contracts).order_by("code")
    return list(rows.values_list("bond__code", "bond__maturity_date"))


def load_fixings() -> dict[str, dict[dt.date, float]]:
    """All fixings: index, then fixing date, then the rate as a decimal per year."""
    fixings: dict[str, dict[dt.date, float]] = {}
    rows = Fixing.objects.order_by("index", "date").values_list("index", "date", "rate")
    for index, date, rate in rows.iterator(ROWS_AT_ONCE):
        fixings.setdefault(index, {})[date] = float(rate)
    return fixings


def load_fx() -> dict[str, float]:
    """Return US dollars per unit of each currency on its newest date in the security master."""
    newest = FxRate.objects.order_by("currency", "-date").distinct("currency")
    return {currency: float(usd) for currency, usd in newest.values_list("currency", "usd")}


Change = Literal["new", "terminated", "amended"]


def considerations(
    changes: Mapping[str, Change], since: dt.datetime, until: dt.datetime | None = None
) -> dict[str, float | None]:
    """Return what was paid for trades that changed, trade currency; what was received is negative.

    Args:
        changes: By trade, what became of it: a new trade costs its traded price and upfront fee, a
            terminated one its termination fee, an amended one what these amounts rose by.
        since: When it had not changed yet.
        until: Rows are taken as they were then; None: as they are.

    Returns:
        None for a trade of which nothing is known.
    """
    found: dict[str, float | None] = dict.fromkeys(changes)
    for model in trade_models():
        for values in _rows_of(model, list(changes), until):
            paid = _paid(model, changes[values["trade_id"]], values, since)
            found[values["trade_id"]] = None if paid is None else float(paid)
    return found


def _rows_of(
    model: type[Trade], trade_ids: Sequence[str], until: dt.datetime | None
) -> Iterator[Mapping[str, Any]]:
    """The rows of some trades as they are, or as they were at a time."""
    if until is None:
        rows = model._base_manager.filter(trade_id__in=trade_ids)
    else:
        lines = get_history_manager_for_model(model).filter(
            trade_id__in=trade_ids, history_date__lte=until
        )
        newest_first = lines.order_by("trade_id", "-history_date", "-history_id")
        rows = newest_first.distinct("trade_id")
    yield from rows.values().iterator(ROWS_AT_ONCE)


def _paid(
    model: type[Trade], change: Change, values: Mapping[str, Any], since: dt.datetime
) -> Decimal | None:
    if change == "terminated":
        fee: Decimal | None = values["termination_fee"]
        return fee
    now = model.price_paid(values)
    if change == "new" or now is None:
        return now
    history = get_history_manager_for_model(model)
    lines = history.filter(trade_id=values["trade_id"], history_date__lte=since)
    before = lines.order_by("-history_date", "-history_id").values().first()
    return now - ((model.price_paid(before) if before else None) or 0)


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


def store_spreads(numbers: Mapping[str, float]) -> int:
    """Keep the z-spreads and option values that quotes made; returns how many trades took theirs.

    A trade that got a number or another quote meanwhile is left as it is.
    """
    stored = 0
    with bulk_change():
        for model in trade_models():
            if issubclass(model, QuotedTrade):
                stored += _store_numbers_of(model, numbers)
        if stored:
            book_changed()
    return stored


def _store_numbers_of(model: type[QuotedTrade], numbers: Mapping[str, float]) -> int:
    """The same for the positions of one table."""
    column, digits = model.solves, SOLVED_DIGITS[model.solves]
    waiting = model._default_manager.select_for_update().filter(
        model.waiting(), trade_id__in=_one_of(numbers)
    )
    stored = list(waiting)
    for position in stored:
        number = numbers[position.trade_id]
        setattr(position, column, round(Decimal(repr(number)), digits))
        position.version = F("version") + 1
    model._default_manager.bulk_update(stored, [column, "version"], ROWS_UPDATED_AT_ONCE)
    if stored:
        names = [position.trade_id for position in stored]
        note_history(model._default_manager.filter(trade_id__in=_one_of(names)), SOLVED)
    return len(stored)


def note_history(rows: QuerySet[Any], reason: str, *, new: bool = False) -> None:
    """A line of history for rows that were written past their models."""
    history = get_history_manager_for_model(rows.model)
    history.bulk_history_create(
        rows, batch_size=ROWS_AT_ONCE, update=not new, default_change_reason=reason
    )


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
