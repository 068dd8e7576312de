"""Read, check and book the entries of a what-if: new trades, amendments and terminations.

An entry is a row of the loader of the security master (``instruments/loading``), so that what is
previewed is checked and written by the same code as every other row.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from instruments import loading, validation
from instruments.loading.check import Checker
from instruments.loading.result import WHOLE_ROW, RowResult
from instruments.loading.tables import Table
from instruments.models import Desk, QuotedTrade, Status, Trade
from instruments.models.book_version import bulk_change
from instruments.models.trade import stored_under
from pricing import quick_text
from pricing.errors import BadInput
from pricing.products.terms import Terms

ACTIONS = ("new", "amend", "terminate")
FIELDS = ("action", "kind", "trade_id", "row", "text", "solve")
MAX_ENTRIES = 200
"""Largest number of entries in one what-if."""

PAR = "par"
"""Value of a column that asks for the market's number."""

PLACEHOLDERS: Mapping[str, Mapping[str, str]] = {
    "swaps": {"fixed_rate": "0"},
    "basis_swaps": {"first_spread_bp": "0"},
    "zero_coupon_swaps": {"fixed_rate": "0"},
    "fras": {"fixed_rate": "0"},
    "ir_futures": {"trade_price": "100"},
}
"""Columns that the market can supply, by table, each with a valid value that stands in until the
market's number is known."""

TRADE_KINDS: Mapping[str, type[Trade]] = {
    kind.name: kind.model for kind in loading.KINDS.values() if issubclass(kind.model, Trade)
}
KIND_OF_PRODUCT: Mapping[str, str] = {model.product: name for name, model in TRADE_KINDS.items()}

Json = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Why an entry cannot be used: ``sentence`` names field, text and what is allowed."""

    field: str
    text: object
    allowed: str
    sentence: str

    @classmethod
    def of(cls, error: BadInput) -> Problem:
        """The problem that an error tells of."""
        return cls(error.field, error.value, error.allowed, str(error))


@dataclass(frozen=True)
class Entry:
    """One entry of a what-if: a new, amended or terminated trade.

    Attributes:
        action: One of ACTIONS.
        kind: Name of the table of the trade, such as ``swaps``.
        row: Columns of the loader with JSON values; ``trade_id`` is among them.
        solve: Column that the market is to give; empty: none.
        sentence: What was understood, for entries that were text.
    """

    action: str
    kind: str
    row: Mapping[str, Any]
    solve: str = ""
    sentence: str = ""

    @property
    def trade_id(self) -> str:
        """The trade that it is about."""
        return str(self.row.get("trade_id", ""))

    def stored(self) -> Json:
        """Return the entry as a set stores it."""
        return {
            "action": self.action,
            "kind": self.kind,
            "row": dict(self.row),
            "solve": self.solve,
        }


@dataclass
class CheckedEntry:
    """An entry with what the checks of its row have found.

    Attributes:
        entry: The entry.
        terms: The trade as it would be; None where none would be left.
        desk: Desk of the trade as it would be.
        changes: Old and new text by column.
        warnings: Sentences on values that are accepted and may be mistakes.
        version: Of the stored row; 0 for a new one.
        problems: Why it cannot be previewed.
    """

    entry: Entry
    terms: Terms | None = None
    desk: str = ""
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    version: int = 0
    problems: Sequence[Problem] = ()


def read_entry(given: object, dates: Mapping[str, dt.date], book: str = "") -> Entry:
    """Read an entry: an object with ``text``, or with ``action``, ``kind`` and ``row``.

    Args:
        given: Decoded JSON.
        dates: The valuation date of each currency that has a market, for quick text.
        book: Of new trades that name none.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    if not isinstance(given, dict):
        raise BadInput("entry", given, 'an object such as {"text": "rec 50m USD 10Y 3.85"}')
    unknown = [name for name in given if name not in FIELDS]
    if unknown:
        raise BadInput(unknown[0], given[unknown[0]], f"fields of an entry: {', '.join(FIELDS)}")
    if "text" in given:
        return _read_text(given["text"], dates, book)
    action = given.get("action", "new")
    if action not in ACTIONS:
        raise BadInput("action", action, f"allowed: {', '.join(ACTIONS)}")
    row = given.get("row", {})
    if not isinstance(row, dict):
        raise BadInput("row", row, "an object of columns as in docs/loading.md")
    row = {str(name): value for name, value in row.items()}
    if "trade_id" in given:
        row["trade_id"] = given["trade_id"]
    kind = given.get("kind", "")
    if kind not in TRADE_KINDS and (kind or action == "new"):
        raise BadInput("kind", kind or None, f"allowed: {', '.join(TRADE_KINDS)}")
    solve = given.get("solve", "")
    if solve not in ("", *PLACEHOLDERS.get(str(kind), {})):
        known = ", ".join(PLACEHOLDERS.get(str(kind), {})) or "no column of this table"
        raise BadInput("solve", solve, f"the market can give: {known}")
    return _complete(action, str(kind), row, str(solve), book)


def _read_text(text: object, dates: Mapping[str, dt.date], book: str) -> Entry:
    if not isinstance(text, str):
        raise BadInput("text", text, "a line such as 'rec 50m USD 10Y 3.85'")
    found = quick_text.read_line(text, dates)
    row = {name: _plain(value) for name, value in found.row.items()}
    if found.trade_id:
        row["trade_id"] = found.trade_id
    kind = KIND_OF_PRODUCT.get(found.product, "")
    entry = _complete(found.action, kind, row, found.solve, book)
    return replace(entry, sentence=found.sentence)


def _complete(action: str, kind: str, row: Json, solve: str, book: str) -> Entry:
    if action == "new":
        row.setdefault("trade_id", f"W-{uuid.uuid4().hex[:10]}")
        if book:
            row.setdefault("book", book)
    elif not row.get("trade_id"):
        raise BadInput("trade_id", None, "the identifier of the trade that changes")
    if action == "terminate":
        other = [name for name in row if name not in ("trade_id", "termination_fee", "status")]
        if other:
            raise BadInput(other[0], row[other[0]], "a termination has only a termination_fee")
        row["status"] = Status.CANCELLED.value
    for column, placeholder in PLACEHOLDERS.get(kind, {}).items():
        if row.get(column) == PAR or (solve == column and column not in row):
            row[column], solve = placeholder, column
    return Entry(action, kind, row, solve)


def _plain(value: object) -> object:
    """A value as JSON has it and the loader reads it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, dt.date) else value


def check_entries(
    entries: Sequence[Entry], *, books: Collection[str] | None, books_seen: Collection[str] | None
) -> list[CheckedEntry]:
    """Check entries as the loader would; nothing is written.

    Args:
        entries: In their order.
        books: Codes of the books that new trades may be in; None for all.
        books_seen: Codes of the books that the user may know of; None for all.
    """
    stored = stored_under([entry.trade_id for entry in entries])
    kinds = {
        each.trade_id: KIND_OF_PRODUCT[each.model.product]
        for each in stored
        if books_seen is None or each.book in books_seen
    }
    checked = [CheckedEntry(_with_kind(entry, kinds)) for entry in entries]
    by_kind: dict[str, list[CheckedEntry]] = {}
    for each in checked:
        if each.entry.kind:
            by_kind.setdefault(each.entry.kind, []).append(each)
        else:
            error = BadInput("trade_id", each.entry.trade_id, "there is no such trade")
            each.problems = [Problem.of(error)]
    for name, some in by_kind.items():
        kind = loading.KINDS[name]
        table = Table.of([each.entry.row for each in some])
        checker = Checker(
            *(kind, table),
            books=books,
            books_seen=books_seen,
            lock=False,
            taken_ids={each.trade_id for each in stored},
        )
        found = checker.check(list(zip(table.numbers, table.rows, strict=True)))
        good = [one.row for one in found if one.row is not None and not one.result.errors]
        desks = Desk._base_manager.in_bulk({row.book.desk_id for row in good})
        for each, one in zip(some, found, strict=True):
            _take_over(each, one.result, one.row, desks)
    return checked


def _with_kind(entry: Entry, kinds: Mapping[str, str]) -> Entry:
    if entry.action == "new":
        return entry
    kind = kinds.get(entry.trade_id, "")
    return (
        _complete(entry.action, kind, dict(entry.row), entry.solve, "")
        if kind
        else replace(entry, kind="")
    )


EXPECTED_STATUS = {
    "new": ("new", "another trade has this identifier; amend it instead"),
    "amend": ("update", "the trade is so already: nothing would change"),
    "terminate": ("update", "the trade is terminated already"),
}


def _take_over(each: CheckedEntry, result: RowResult, row: Any, desks: Mapping[int, Desk]) -> None:
    """Note what the check of an entry's row has found."""
    problems = [
        Problem(name, each.entry.row.get(name), sentence, _sentence(name, sentence))
        for name, sentences in result.errors.items()
        for sentence in sentences
    ]
    status, otherwise = EXPECTED_STATUS[each.entry.action]
    if not problems and result.status != status:
        problems = [Problem.of(BadInput("trade_id", each.entry.trade_id, otherwise))]
    each.problems = problems
    if problems or row is None:
        return
    each.changes, each.warnings = result.changes, result.doubts()
    each.version = 0 if each.entry.action == "new" else row.version
    each.desk = desks[row.book.desk_id].code
    if row.status == Status.ACTIVE:
        each.terms = validation.terms_of(row.product, row.terms_values())


def _sentence(name: str, sentence: str) -> str:
    return sentence if name == WHOLE_ROW else f"{name}: {sentence}"


class BookingRefused(Exception):
    """Nothing was booked; ``sentences`` give the reasons."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(*sentences)
        self.sentences = list(sentences)


def unsolved(entries: Iterable[Entry], solved: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Trades whose par rate, model price, z-spread or option value no preview has solved yet."""
    return [
        entry.trade_id
        for entry in entries
        if _waits(entry) and not solved.get(entry.trade_id) and entry.action != "terminate"
    ]


def _waits(entry: Entry) -> bool:
    model = TRADE_KINDS[entry.kind]
    if not issubclass(model, QuotedTrade):
        return bool(entry.solve)
    quoted = any(entry.row.get(name) not in (None, "") for name in model.quotes)
    given = entry.row.get(model.solves) not in (None, "")
    return bool(entry.solve) or (quoted and not given)


def book_entries(
    entries: Sequence[Entry],
    solved: Mapping[str, Mapping[str, float]],
    versions: Mapping[str, int],
    *,
    user: Any,
    reason: str,
    books: Collection[str] | None,
    books_seen: Collection[str] | None,
) -> int:
    """Write all entries in one transaction, as one book version; returns how many rows.

    Args:
        entries: Of known kinds.
        solved: By trade, what the preview solved, by column.
        versions: By trade, the version of the row that was previewed: a later one is refused.
        user: Named in the history.
        reason: What the history says.
        books: Codes of the books the user may write to; None for all.
        books_seen: Codes of the books the user may know of; None for all.

    Raises:
        BookingRefused: A row is wrong, or was changed after the preview; nothing is written.
    """
    sentences: list[str] = []
    count = 0
    with bulk_change():
        for name, kind in loading.KINDS.items():
            mine = [entry for entry in entries if entry.kind == name]
            if not mine:
                continue
            rows = [_final(entry, solved, versions) for entry in mine]
            result = loading.load(
                kind, rows, user=user, reason=reason, books=books, books_seen=books_seen
            )
            for entry, row in zip(mine, result.rows, strict=True):
                sentences += [
                    f"{entry.trade_id}: {sentence.partition(': ')[2]}"
                    for sentence in row.sentences()
                ]
                if not row.errors and row.status != EXPECTED_STATUS[entry.action][0]:
                    sentences.append(f"{entry.trade_id}: {EXPECTED_STATUS[entry.action][1]}")
            count += len(rows)
        if sentences:
            raise BookingRefused(sentences)
    return count


def _final(
    entry: Entry, solved: Mapping[str, Mapping[str, float]], versions: Mapping[str, int]
) -> Json:
    given = {
        name: f"{Decimal(repr(value)):f}" for name, value in solved.get(entry.trade_id, {}).items()
    }
    version = {} if entry.action == "new" else {"version": versions.get(entry.trade_id)}
    return {**entry.row, **given, **version}
