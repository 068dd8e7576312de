"""List trades of published details as columns, for files of a whole book.

The same numbers as the rows of ``trade_list.py``, without an object for each trade
(``benchmarks/decide.py`` measures both).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.headlines import NO_DAY
from pricing.markets.calendars import date_of
from pricing.measures.table import BY_NAME, LIVE, with_new_names
from risk.queries.trade_fields import FIELD_OF
from risk.queries.trade_list import Query, Table, ordered
from risk.queries.trade_numbers import NOT_A_NUMBER, reason

LADDERS = ("ladder_par", "krd")
MEASURE_OF = {alias: name for name in LIVE for alias in with_new_names({name: None})}
"""Name of the measure by each name that answers give it."""

Column = Any
"""An array or list with one value for each trade."""


class SeveralCurrencies(ValueError):
    """Ladders of two currencies have no common columns."""


class TradeColumns:
    """The trades that a query finds, in its order."""

    def __init__(self, tables: Sequence[Table], query: Query) -> None:
        self.found = [(table, table.matching(query)) for table in tables]
        self.count = sum(len(rows) for _, rows in self.found)
        rows = [rows for _, rows in self.found]
        self._order = ordered(tables, rows, query.ordering, self.count) if self.count else None

    def column(self, name: str) -> Column:
        """One field of the rows of ``trade_list``; nested ones by ``failure.code``."""
        if name in MEASURE_OF:
            return self._joined([self._measure(table, name)[rows] for table, rows in self.found])
        if name in FIELD_OF and FIELD_OF[name].kind == "number":
            return self._joined([table.numbers(name)[rows] for table, rows in self.found])
        return self._joined([self._other(table, name)[rows] for table, rows in self.found])

    def ladder(self, name: str) -> dict[tuple[str, str], FloatArray]:
        """A ladder by curve and tenor, in single precision as it is stored.

        Raises:
            SeveralCurrencies: Trades of more than one currency are found.
        """
        having = [(table, rows) for table, rows in self.found if len(rows)]
        if len(having) > 1:
            names = ", ".join(table.view.rollup.currency for table, _ in having)
            raise SeveralCurrencies(
                f"{name}: has a column for each quote of one currency; found: {names}: give"
                " currency"
            )
        for table, rows in having:
            values = self._joined([_ladders(table, name)[rows]])
            keys = table.view.rollup.keys
            return {key: values[:, place] for place, key in enumerate(keys)}
        return {}

    def _joined(self, parts: Sequence[Any]) -> Any:
        if self._order is None:
            return []
        return np.concatenate(parts)[self._order]

    def _measure(self, table: Table, name: str) -> FloatArray:
        values = table.column(MEASURE_OF[name])
        values[table.failed | ~np.isfinite(values)] = np.nan
        return values

    def _other(self, table: Table, name: str) -> Any:
        names, rollup = table.names, table.view.rollup
        if name == "trade_id":
            return names.trade_ids
        if name in names.labels:
            return names.labels[name]
        if name == "maturity":
            return _dates(names.headlines.records[name])
        if name == "currency":
            return np.full(len(names), rollup.currency)
        if name == "frame":
            return np.full(len(names), rollup.frame)
        if name == "status":
            return np.where(table.failed, "failed", "priced")
        found = np.full(len(names), None, dtype=object)
        if name.startswith("failure."):
            for trade_id, reason in table.reasons.items():
                row = names.row_of.get(trade_id)
                if row is not None:
                    found[row] = reason[name == "failure.message"]
        elif name == "unavailable":
            _put_reasons(table, found)
        else:
            _put_analytics(table, found, name)
        return found


def _dates(days: IntArray) -> Any:
    """Dates of day numbers; None of none."""
    known = np.unique(days).tolist()
    date = {day: None if day == NO_DAY else date_of(day) for day in known}
    return np.array([date[day] for day in days.tolist()], dtype=object)


def _ladders(table: Table, name: str) -> Any:
    """Shape (trades, keys); NaN of a trade that is not priced."""
    found = np.full((len(table.names), len(table.view.rollup.keys)), np.nan, dtype=np.float32)
    which = cast(Literal["ladder_par", "krd"], name)
    for start, columns in zip(table.names.starts, table.blocks, strict=False):
        if columns is not None:
            found[start : start + columns.trades] = columns.ladder(which)
    found[table.failed] = np.nan
    return found


def _put_analytics(table: Table, found: Any, name: str) -> None:
    """The frame, or its time, that measures of a lower cadence are of."""
    field = name.removeprefix("analytics_")
    for start, columns, made in zip(
        table.names.starts, table.blocks, table.analytics, strict=False
    ):
        if columns is not None and made is not None:
            found[start : start + columns.trades] = getattr(made, field)
    found[table.failed] = None


def _put_reasons(table: Table, found: Any) -> None:
    """Why a measure of a priced trade is missing, but for what its product does not have."""
    products = table.names.labels["type"]
    for name in LIVE:
        values = table.column(name)
        lacking = ~np.isfinite(values) & ~table.failed
        for product in np.unique(products[lacking]).tolist():
            if not BY_NAME[name].supports(product):
                lacking &= products != product
        for row in np.flatnonzero(lacking).tolist():
            reason = _reason(table, name, row)
            found[row] = f"{found[row]}; {name}: {reason}" if found[row] else f"{name}: {reason}"


def _reason(table: Table, name: str, row: int) -> str:
    block, place = table.place(row)
    columns = table.blocks[block] if block is not None else None
    if block is None or columns is None:
        return NOT_A_NUMBER
    made = {name: None} if columns.has(name) else {}
    product = str(table.names.labels["type"][row])
    return reason(made, name, product, table.analytics[block], place)
