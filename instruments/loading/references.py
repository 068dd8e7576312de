"""Look up the rows of other tables that a batch refers to by code."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from instruments.loading import cells
from instruments.loading.columns import Column
from instruments.loading.errors import BadCell
from instruments.loading.table_spec import TableSpec
from instruments.models import Bond, Book

CODES_COMPARED = 2_000
CODES_SHOWN = 8
CODES_SUGGESTED = 50
"""Unknown codes of a batch that get a suggestion: each is compared with all known ones."""


class References:
    """The rows that a batch refers to, read once."""

    def __init__(
        self,
        kind: TableSpec,
        rows: Iterable[Mapping[str, object]],
        *,
        books_seen: Collection[str] | None = None,
    ) -> None:
        """Read what any of the rows may mean.

        Args:
            kind: The table of the rows.
            rows: The batch.
            books_seen: Codes of the books the user may know of; None for all.
        """
        self._found: dict[str, dict[str, Any]] = {}
        self._codes: dict[str, list[str]] = {}
        self._sentences: dict[tuple[str, str], str] = {}
        self._books_seen = books_seen
        given = list(rows)
        for column in kind.stored:
            if column.refers is not None:
                codes = {_code(column, values.get(column.name)) for values in given} - {""}
                if column.refers is Book and books_seen is not None:
                    codes &= set(books_seen)
                self._found[column.name] = _named(column, codes)

    def find(self, column: Column, code: object) -> Any:
        """The row of that code.

        Raises:
            BadCell: There is none; the sentence says which there are.
        """
        row = self._found[column.name].get(str(code))
        if row is None:
            raise BadCell(self._unknown(column, str(code)))
        return row

    def _unknown(self, column: Column, code: str) -> str:
        place = (column.name, code)
        if place not in self._sentences:
            if len(self._sentences) >= CODES_SUGGESTED:
                return f"{cells.shown(code)} does not exist"
            self._sentences[place] = _sentence(column, code, self._known(column))
        return self._sentences[place]

    def _known(self, column: Column) -> list[str]:
        """The codes that may be named to the user."""
        if column.name not in self._codes:
            model: Any = column.refers
            rows = model._base_manager.order_by("code")
            if model is Book and self._books_seen is not None:
                rows = rows.filter(code__in=self._books_seen)
            self._codes[column.name] = list(rows.values_list("code", flat=True)[:CODES_COMPARED])
        return self._codes[column.name]


def _code(column: Column, cell: object) -> str:
    try:
        return "" if cells.is_empty(cell) else str(column.parse(cell))
    except BadCell:
        return ""  # the row's own check says why


def _named(column: Column, codes: set[str]) -> dict[str, Any]:
    model: Any = column.refers
    found = {row.code: row for row in model._base_manager.filter(code__in=codes)}
    if model is Bond:
        by_isin = model._base_manager.filter(isin__in=codes - found.keys())
        found |= {row.isin: row for row in by_isin}
    return found


def _sentence(column: Column, code: str, codes: list[str]) -> str:
    model: Any = column.refers
    what = f"{cells.shown(code)} does not exist"
    if not codes:
        return f"{what}; there are no {model._meta.verbose_name_plural} yet"
    close = difflib.get_close_matches(code, codes, n=1)
    if close:
        return f"{what}; did you mean {close[0]}?"
    more = ", ..." if len(codes) > CODES_SHOWN else ""
    return f"{what}; there are: {', '.join(codes[:CODES_SHOWN])}{more}"
