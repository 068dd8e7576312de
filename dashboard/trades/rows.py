"""Find, order and cut the rows of the blotter without touching the others.

The tables of all currencies are laid end to end, and a place is the number of a row among them. As
long as the books are the same ones, a place is the same trade in every frame: an order is an array
of places, and only the rows of a page become a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.blotter import OK, Stamp, TradeKey, Trades
from dashboard.risk import NO_DESK, Choice
from dashboard.trades.columns import BY_NAME, TEXTS, ShownColumn
from pricing.arrays import BoolArray, IntArray


@dataclass(frozen=True)
class Sort:
    """The column that rows are ordered by."""

    column: str = "trade"
    descending: bool = False

    def after_click(self, column: str) -> Sort:
        """The order after a click on a heading: the same heading again turns it round."""
        if column == self.column:
            return Sort(column, not self.descending)
        return Sort(column, column not in TEXTS)


@dataclass(frozen=True)
class Search:
    """The choices in the second row of filters.

    Attributes:
        books: Codes of books; none: all.
        text: Part of a trade's id, its instrument or its issuer.
        not_priced: Only trades without numbers.
    """

    books: tuple[str, ...] = ()
    text: str = ""
    not_priced: bool = False


class Stack:
    """The tables of several currencies, one below the other."""

    def __init__(self, trades: Iterable[Trades]) -> None:
        """Keep the tables; nothing is copied."""
        self.trades = list(trades)
        self.starts = np.cumsum([0, *(len(each.table) for each in self.trades)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def books(self) -> tuple[tuple[str, str, int], ...]:
        """Names of the books: the same names give every place the same trade."""
        return tuple((t.currency, t.book_version, len(t.table)) for t in self.trades)

    def column(self, name: str) -> Any:
        """A column of all rows; shape (rows,)."""
        if not self.trades:
            return np.zeros(0)
        return np.concatenate([each.column(name) for each in self.trades])

    def found(self, search: Search, choice: Choice) -> IntArray:
        """Places of the rows that pass; a trade that never compiled has neither product nor desk.

        Args:
            search: The second row of filters.
            choice: The filters that all pages share.
        """
        kept = [_matching(each, search, choice) for each in self.trades]
        return np.flatnonzero(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.int64)

    def not_priced(self, places: IntArray) -> int:
        """How many of these rows have no numbers."""
        return int((self.column("status")[places] != OK).sum())

    def ordered(self, places: IntArray, sort: Sort) -> IntArray:
        """Places in that order; a missing number or text stands last either way."""
        if not len(places):
            return places
        ids = self.column("trade")[places]
        by_id = np.argsort(ids.astype(np.str_), kind="stable")
        if sort.column == "trade":
            return places[by_id[::-1] if sort.descending else by_id]
        keys = _sort_keys(self.column(sort.column)[places], sort.column)[by_id]
        return places[by_id[np.argsort(-keys if sort.descending else keys, kind="stable")]]

    def rows(self, places: IntArray) -> pd.DataFrame:
        """The rows at these places, in their order."""
        which = np.searchsorted(self.starts, places, side="right") - 1
        parts, order = [], []
        for number, trades in enumerate(self.trades):
            mine = np.flatnonzero(which == number)
            if len(mine):
                parts.append(trades.rows(places[mine] - self.starts[number]))
                order.append(mine)
        if not parts:
            return pd.DataFrame(columns=[*BY_NAME, "block", "row"])
        back = np.argsort(np.concatenate(order), kind="stable")
        return pd.concat(parts, ignore_index=True).iloc[back].reset_index(drop=True)

    def place_of(self, key: TradeKey | None) -> int | None:
        """The place of a trade; None where no table has it."""
        if key is None:
            return None
        for start, trades in zip(self.starts, self.trades, strict=False):
            if trades.currency == key[0]:
                here = np.flatnonzero(trades.column("trade") == key[1])
                if len(here):
                    return int(start + here[0])
        return None

    def key_of(self, trade_id: str) -> TradeKey | None:
        """Currency and id of a trade by its id alone; None where no table has it."""
        keys = ((trades.currency, trade_id) for trades in self.trades)
        return next((key for key in keys if self.place_of(key) is not None), None)


def _matching(trades: Trades, search: Search, choice: Choice) -> BoolArray:
    keep: BoolArray = np.ones(len(trades.table), dtype=bool)
    if not choice.all_products:
        keep &= np.isin(trades.column("product").astype(np.str_), ["", *choice.products])
    if choice.desk is not None:
        keep &= trades.column("desk") == ("" if choice.desk == NO_DESK else choice.desk)
    if search.books:
        keep &= np.isin(trades.column("book").astype(np.str_), search.books)
    if search.text.strip():
        keep &= trades.having(search.text.strip())
    if search.not_priced:
        keep &= trades.column("status") != OK
    return keep


def _sort_keys(values: Any, column: str) -> Any:
    """Numbers in the order of the values; NaN of none."""
    kind = BY_NAME[column].kind
    if kind == "number":
        return values.astype(np.float64)
    if kind == "date":
        keys = values.astype("datetime64[D]").astype(np.int64).astype(np.float64)
        keys[np.isnat(values)] = np.nan
        return keys
    texts = values.astype(np.str_)
    keys = np.unique(texts, return_inverse=True)[1].astype(np.float64)
    keys[texts == ""] = np.nan
    return keys


def csv_bytes(
    table: pd.DataFrame, stamps: Mapping[str, Stamp], columns: Sequence[ShownColumn]
) -> bytes:
    """CSV that a spreadsheet reads as text and numbers, never as formulas.

    Each row says of which frame, market time and quotes its numbers are.

    Args:
        table: The rows, with a column ``currency``.
        stamps: By currency.
        columns: Which to write, in their order.
    """
    safe = table[[column.name for column in columns]].copy()
    for column in columns:
        if column.kind == "text":
            safe[column.name] = safe[column.name].map(_as_text)
    safe = safe.rename(columns={column.name: column.in_files for column in columns})
    made_from = {currency: stamp.row() for currency, stamp in stamps.items()}
    for name in next(iter(made_from.values()), {}):
        safe[name] = [made_from[currency][name] for currency in table["currency"]]
    return str(safe.to_csv(index=False)).encode()


def _as_text(value: object) -> str:
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
