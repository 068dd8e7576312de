"""Codes of a batch in; the rows of other tables that they name out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from instruments.loading import cells
from instruments.loading.columns import Column
from instruments.loading.errors import BadCell
from instruments.loading.kind import Kind
from instruments.models import Bond

CODES_COMPARED = 2_000
CODES_SHOWN = 8


class References:
    """The rows that a batch refers to, read once."""

    def __init__(self, kind: Kind, rows: Iterable[Mapping[str, object]]) -> None:
        """Read what any of the rows may mean."""
        self._found: dict[str, dict[str, Any]] = {}
        given = list(rows)
        for column in kind.stored:
            if column.refers is not None:
                codes = {_code(column, values.get(column.name)) for values in given} - {""}
                self._found[column.name] = _named(column, codes)

    def find(self, column: Column, code: object) -> Any:
        """The row of that code.

        Raises:
            BadCell: There is none; the sentence says which there are.
        """
        row = self._found[column.name].get(str(code))
        if row is None:
            raise BadCell(_unknown(column, str(code)))
        return row


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


def _unknown(column: Column, code: str) -> str:
    model: Any = column.refers
    codes = list(
        model._base_manager.order_by("code").values_list("code", flat=True)[:CODES_COMPARED]
    )
    what = f"{cells.shown(code)} does not exist"
    if not codes:
        return f"{what}; there are no {model._meta.verbose_name_plural} yet"
    close = difflib.get_close_matches(code, codes, n=1)
    if close:
        return f"{what}; did you mean {close[0]}?"
    more = ", ..." if len(codes) > CODES_SHOWN else ""
    return f"{what}; there are: {', '.join(codes[:CODES_SHOWN])}{more}"
