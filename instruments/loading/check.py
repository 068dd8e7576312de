"""Check a batch of rows, compare them with the stored rows, and prepare them for writing."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from instruments.loading import cells
from instruments.loading.errors import BadCell
from instruments.loading.references import References
from instruments.loading.result import WHOLE_ROW, RowResult
from instruments.loading.table_spec import VERSION, TableSpec
from instruments.loading.tables import Table, unknown_column
from instruments.models import QuotedTrade, Row, Trade
from instruments.models.row import StaleRow
from instruments.models.trade import stored_under, taken

Key = tuple[object, ...]
Numbered = tuple[int, Mapping[str, object]]
COLUMNS_NAMED = 8
"""Unknown columns of one row that a refusal names; the rest is counted."""


@dataclass(slots=True)
class Checked:
    """The result for one row, and the row of the table to write, if any."""

    result: RowResult
    row: Any = None


class Checker:
    """Checks the rows of one load, batch by batch."""

    def __init__(
        self,
        kind: TableSpec,
        table: Table,
        *,
        books: Collection[str] | None,
        books_seen: Collection[str] | None,
        lock: bool,
        taken_ids: Collection[str] | None = None,
    ) -> None:
        """Check that no row occurs twice in the file.

        Args:
            kind: The table of the rows.
            table: All rows of the file.
            books: Codes of the books that a row may be in; None for all.
            books_seen: Codes of the books that the user may know of; None for all.
            lock: Whether stored rows are locked until the transaction ends.
            taken_ids: Which identifiers of new trades are taken; None asks the database.
        """
        self.taken_ids = taken_ids
        self.kind, self.books, self.books_seen, self.lock = kind, books, books_seen, lock
        self._first: dict[Key, int] = {}
        self._again: set[Key] = set()
        self._unique: dict[tuple[str, object], int] = {}
        for number, values in zip(table.numbers, table.rows, strict=True):
            key = self._key(values)
            if key is not None and self._first.setdefault(key, number) != number:
                self._again.add(key)

    def _key(self, values: Mapping[str, object]) -> Key | None:
        """Identity of a row; None when it cannot be read: the row's own check says why."""
        try:
            return tuple(self.kind.columns[n].parse(_given(values[n])) for n in self.kind.key)
        except (BadCell, KeyError):
            return None

    def check(self, batch: Sequence[Numbered]) -> list[Checked]:
        """Check one batch with a few queries for all of its rows."""
        keys = [self._key(values) for _, values in batch]
        stored = self._stored([key for key in keys if key is not None])
        references = References(
            self.kind, [values for _, values in batch], books_seen=self.books_seen
        )
        made = [
            self._row(number, values, key, stored.get(key) if key else None, references)
            for (number, values), key in zip(batch, keys, strict=True)
        ]
        self._refuse_taken(made)
        return made

    # --- What is stored ----------------------------------------------------------------------

    def _stored(self, keys: list[Key]) -> dict[Key, Any]:
        columns = [list(part) for part in zip(*keys, strict=True)]
        found = {f"{name}__in": part for name, part in zip(self.kind.key, columns, strict=False)}
        rows = self.kind.rows().filter(**found) if keys else self.kind.rows().none()
        if self.lock:
            rows = rows.select_for_update(of=("self",)).order_by("pk")
        named = {tuple(getattr(row, name) for name in self.kind.key): row for row in rows}
        if self.books_seen is None or not issubclass(self.kind.model, Trade):
            return named
        # A trade of a desk that the user may not see is answered like one that is not there.
        return {key: row for key, row in named.items() if row.book.code in self.books_seen}

    # --- One row -----------------------------------------------------------------------------

    def _row(
        self,
        number: int,
        values: Mapping[str, object],
        key: Key | None,
        stored: Row | None,
        references: References,
    ) -> Checked:
        result = RowResult(number, " ".join(map(str, key or ())))
        if key in self._again and key is not None:
            self._refuse_repeated(result, key)
        parsed = self._parsed(values, result, references)
        self._require(parsed, values, stored, result)
        if result.errors:
            return Checked(result)
        row = copy.copy(stored) if stored is not None else self.kind.model()
        for name, value in parsed.items():
            if name != VERSION.name:
                setattr(row, name, value)
        self._check_model(row, result)
        self._check_books(row, stored, result)
        if not result.errors:
            self._compare(row, stored, parsed.get(VERSION.name), result)
        return Checked(result, row)

    def _refuse_repeated(self, result: RowResult, key: Key) -> None:
        first = self._first[key]
        where = "given again further down" if first == result.row else f"already in row {first}"
        result.refuse(self.kind.key[0], f"{result.id!r} is {where}")

    def _parsed(
        self, values: Mapping[str, object], result: RowResult, references: References
    ) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        self._refuse_unknown_columns(values, result)
        for name, cell in values.items():
            column = self.kind.columns.get(name)
            if column is None:
                continue
            if cells.is_empty(cell):
                if not column.keeps and not column.virtual:
                    parsed[name] = column.empty
                continue
            try:
                value = column.parse(_given(cell))
                parsed[name] = references.find(column, value) if column.refers else value
            except BadCell as error:
                result.refuse(name, str(error))
        return parsed

    def _refuse_unknown_columns(self, values: Mapping[str, object], result: RowResult) -> None:
        unknown = [str(name) for name in values if name not in self.kind.columns]
        for name in unknown[:COLUMNS_NAMED]:
            result.refuse(WHOLE_ROW, unknown_column(name, self.kind))
        if len(unknown) > COLUMNS_NAMED:
            more = len(unknown) - COLUMNS_NAMED
            result.refuse(WHOLE_ROW, f"{more:,} more columns are unknown")

    def _require(
        self,
        parsed: dict[str, Any],
        values: Mapping[str, object],
        stored: Row | None,
        result: RowResult,
    ) -> None:
        """Fill fields that another column replaces, and report missing ones."""
        start = parsed.get("effective_date") or getattr(stored, "effective_date", None)
        for name, sentence in self.kind.complete(parsed, start).items():
            result.refuse(name, sentence)
        for column in self.kind.columns.values():
            name = column.name
            if not column.required or name in result.errors:
                continue
            other = self.kind.instead.get(name, "")
            if other in result.errors:
                continue
            if name in parsed and parsed[name] in (None, ""):
                result.refuse(name, f"is empty; allowed: {column.allowed}")
            elif name not in parsed and stored is None:
                hint = f" (or {other})" if other else ""
                result.refuse(name, f"is missing{hint}; allowed: {column.allowed}")

    # --- Rules of the row --------------------------------------------------------------------

    def _check_model(self, row: Any, result: RowResult) -> None:
        try:
            if isinstance(row, Trade):
                row.check_terms()  # clean() would ask the database for each row
            else:
                row.clean()
        except ValidationError as error:
            for name, sentences in error.message_dict.items():
                place = WHOLE_ROW if name == NON_FIELD_ERRORS else name
                for sentence in sentences:
                    result.refuse(place, sentence.removeprefix(f"{name}: "))

    def _check_books(self, row: Any, stored: Any, result: RowResult) -> None:
        if self.books is None or "book" not in self.kind.columns or result.errors:
            return
        for held in (row, stored):
            if held is not None and held.book.code not in self.books:
                allowed = ", ".join(sorted(self.books)) or "none"
                result.refuse("book", f"{held.book.code!r} is not of your desks; yours: {allowed}")
                return

    def _compare(self, row: Any, stored: Any, version: object, result: RowResult) -> None:
        if stored is not None and isinstance(row, QuotedTrade):
            row.forget_solved(stored)
        for column in self.kind.stored:
            new, old = column.text(row), "" if stored is None else column.text(stored)
            if new != old:
                result.changes[column.name] = (old, new)
        result.status = "new" if stored is None else "update" if result.changes else "skip"
        if isinstance(row, Trade):
            doubts = row.doubts().items()
            result.warnings = {name: [text] for name, text in doubts if name in result.changes}
        if result.status == "update" and version not in (None, stored.version):
            stale = StaleRow(str(stored), int(str(version)), stored.version)
            result.refuse(VERSION.name, str(stale))

    # --- Identifiers that others have --------------------------------------------------------

    def _refuse_taken(self, made: list[Checked]) -> None:
        fresh = [c for c in made if c.row is not None and c.result.status in ("new", "update")]
        if issubclass(self.kind.model, Trade):
            self._refuse_taken_ids([c for c in fresh if c.result.status == "new"])
        for name in self._unique_columns():
            self._refuse_double(name, [c for c in fresh if name in c.result.changes])

    def _refuse_taken_ids(self, new: list[Checked]) -> None:
        """Refuse identifiers of trades of any other product, of any desk."""
        held = self.taken_ids
        if held is None:
            held = {found.trade_id for found in stored_under([each.row.trade_id for each in new])}
        for checked in new:
            if checked.row.trade_id in held:
                sentence = taken(checked.row.trade_id)
                checked.result.refuse("trade_id", sentence.removeprefix("trade_id: "))

    def _unique_columns(self) -> list[str]:
        fields = self.kind.model._meta.get_fields()
        unique = {f.name for f in fields if getattr(f, "unique", False)}
        return [c.name for c in self.kind.stored if c.name in unique - set(self.kind.key)]

    def _refuse_double(self, name: str, changed: list[Checked]) -> None:
        given = [getattr(checked.row, name) for checked in changed]
        found = self.kind.model._base_manager.filter(**{f"{name}__in": [v for v in given if v]})
        owner: dict[object, str] = dict(found.values_list(name, self.kind.key[0]))
        for checked, value in zip(changed, given, strict=True):
            if not value:
                continue
            first = self._unique.setdefault((name, value), checked.result.row)
            if value in owner and owner[value] != getattr(checked.row, self.kind.key[0]):
                checked.result.refuse(name, f"{value!r} belongs to {owner[value]} already")
            elif first != checked.result.row:
                checked.result.refuse(name, f"{value!r} is already in row {first}")


def _given(cell: object) -> object:
    """Text without blanks at its ends; all else as it is."""
    return cell.strip() if isinstance(cell, str) else cell
