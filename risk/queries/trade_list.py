"""List all trades of published details as columns, filtered, sorted and cut to a page.

Only the rows of the page become Python objects: at 100,000 trades a list of records would take a
second, the columns take milliseconds. Data that depend on the book alone (names, sort order of
names) are cached per book version.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.headlines import NO_DAY, UNKNOWN, Headlines
from pricing.measures.table import ANALYTICS, LIVE
from risk.queries.trade_detail import FrameView, columns_of
from risk.queries.trade_fields import FIELD_OF, FIELDS, LABELLED, MADE_OF, quote_of, terms_of
from risk.queries.trade_numbers import made_of, no_numbers, numbers
from risk.store.block_analytics import AnalyticsStore, BlockAnalytics
from risk.store.compiled_book import Manifest
from risk.store.frames import Frames
from risk.store.results import PartColumns

ORDERINGS = ("trade_id", *(field.name for field in FIELDS), *LIVE)
FILTERS = ("book", "desk", "type", *LABELLED)
BOOKS_KEPT = 8

Names = Any
"""An array of text; shape (trades,)."""


@dataclass(frozen=True)
class Directory:
    """The trades of one book version as columns; those that did not compile are last.

    ``searched`` are, in lower case, the texts that a search looks into. ``labels`` hold a text of
    each trade by the name of its column.
    """

    trade_ids: Names
    searched: Names
    labels: dict[str, Names]
    headlines: Headlines
    row_of: dict[str, int]
    starts: tuple[int, ...]
    rank: IntArray

    def __len__(self) -> int:
        return len(self.trade_ids)

    def number(self, name: str) -> FloatArray:
        """A number of the terms, a date as its day number; NaN where there is none."""
        found: FloatArray = self.headlines.records[name].astype(np.float64)
        if FIELD_OF[name].kind == "date":
            found[found == NO_DAY] = np.nan
        return found


def directory(manifest: Manifest) -> Directory:
    """Columns of a manifest, kept for the next call: a version never changes."""
    return _directory(_Named(manifest))


@dataclass(frozen=True)
class _Named:
    """A manifest that is known by its name."""

    manifest: Manifest

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and self._key == other._key

    @property
    def _key(self) -> tuple[str, str]:
        return self.manifest.currency, self.manifest.version


@lru_cache(maxsize=BOOKS_KEPT)
def _directory(named: _Named) -> Directory:
    manifest = named.manifest
    lost = manifest.failures
    ids = [*chain(*manifest.trade_ids), *(trade.trade_id for trade in lost)]
    books = [*chain(*manifest.books), *(trade.book for trade in lost)]
    products = [*chain(*manifest.products), *(trade.product for trade in lost)]
    trade_ids = np.array(ids, dtype=np.str_)
    order = np.argsort(trade_ids, kind="stable")
    rank = np.empty(len(ids), dtype=np.int64)
    rank[order] = np.arange(len(ids))
    headlines = _headlines(manifest)
    texts = {name: np.array(headlines.text(name), dtype=np.str_) for name in LABELLED}
    searched: Any = trade_ids
    for name in ("instrument", "issuer"):
        searched = np.char.add(np.char.add(searched, "\n"), texts[name])
    return Directory(
        trade_ids=trade_ids,
        searched=np.char.lower(searched),
        headlines=headlines,
        labels={
            "book": np.array(books, dtype=np.str_),
            "desk": np.array([manifest.desk_of_book.get(b, "") for b in books], dtype=np.str_),
            "type": np.array(products, dtype=np.str_),
            **texts,
        },
        row_of={name: row for row, name in enumerate(ids)},
        starts=tuple(np.cumsum([0, *map(len, manifest.trade_ids)]).tolist()),
        rank=rank,
    )


def _headlines(manifest: Manifest) -> Headlines:
    """Return the headlines of all trades; unknown ones for blocks without headlines."""
    found = manifest.headlines or [None] * len(manifest.trade_ids)
    parts = [
        Headlines.of([UNKNOWN] * len(ids)) if part is None else part
        for ids, part in zip(manifest.trade_ids, found, strict=True)
    ]
    lost = [trade.headline or UNKNOWN for trade in manifest.failures]
    return Headlines.joined([*parts, Headlines.of(lost)])


@dataclass(frozen=True)
class Query:
    """Which trades, in which order."""

    labels: dict[str, str]
    status: str = ""
    search: str = ""
    ordering: str = "trade_id"
    desks: Collection[str] | None = None
    after: str = ""
    """Only trades whose id sorts after this one."""


@dataclass(frozen=True)
class Page:
    """The rows of a page, and the number of trades that the query found."""

    count: int
    rows: list[dict[str, Any]]


class Table:
    """The trades of one published detail. Numbers that could not be made are NaN."""

    def __init__(
        self,
        view: FrameView,
        blocks: Sequence[PartColumns | None],
        analytics: Sequence[BlockAnalytics | None],
    ) -> None:
        """Hold the columns of all blocks, and their analytics."""
        self.view, self.names = view, directory(view.manifest)
        self.blocks, self.analytics = blocks, analytics
        self.reasons = view.reasons()
        self.failed = np.zeros(len(self.names), dtype=bool)
        self.failed[[self.names.row_of[n] for n in self.reasons if n in self.names.row_of]] = True

    @classmethod
    def read(cls, frames: Frames, view: FrameView) -> Table:
        """Fetch the columns of a published detail.

        Raises:
            FrameMoved: A part that the frame has is no longer there.
        """
        blocks = columns_of(frames, view, range(view.manifest.blocks))
        return cls(view, blocks, AnalyticsStore(frames.client).of(view.rollup))

    def column(self, name: str) -> FloatArray:
        """One measure; shape (trades,)."""
        found = np.full(len(self.names), np.nan)
        blocks = self.analytics if name in ANALYTICS else self.blocks
        for start, columns in zip(self.names.starts, blocks, strict=False):
            if columns is not None:
                found[start : start + columns.trades] = columns.column(name)
        return found

    def numbers(self, name: str) -> FloatArray:
        """A measure, a quote, or a number or date of the terms; NaN of none; shape (trades,)."""
        if name in MADE_OF:
            found = quote_of(name, self.names.labels["type"], self.column)
            found[self.failed] = np.nan
            return found
        return self.names.number(name) if name in FIELD_OF else self.column(name)

    def matching(self, query: Query) -> IntArray:
        """Rows that a query finds."""
        keep = np.ones(len(self.names), dtype=bool)
        for name, wanted in query.labels.items():
            keep &= self.names.labels[name] == wanted
        if query.status:
            keep &= self.failed == (query.status == "failed")
        if query.desks is not None:
            keep &= np.isin(self.names.labels["desk"], sorted(query.desks))
        if query.search:
            keep &= np.char.find(self.names.searched, query.search.lower()) >= 0
        if query.after:
            keep &= self.names.trade_ids > query.after
        return np.flatnonzero(keep)

    def record(self, row: int) -> dict[str, Any]:
        """One trade as a flat record."""
        name = str(self.names.trade_ids[row])
        failure = self.reasons.get(name)
        return {
            "trade_id": name,
            "currency": self.view.rollup.currency,
            **{label: str(self.names.labels[label][row]) for label in ("desk", "book", "type")},
            **terms_of(self.names.headlines[row]),
            **self._numbers(row, failed=failure is not None),
            "status": "failed" if failure else "priced",
            "failure": {"code": failure[0], "message": failure[1]} if failure else None,
            "frame": self.view.rollup.frame,
        }

    def _numbers(self, row: int, *, failed: bool) -> dict[str, Any]:
        block, place = self.place(row)
        columns = self.blocks[block] if block is not None else None
        if block is None or columns is None or failed:
            return no_numbers()
        product = str(self.names.labels["type"][row])
        return numbers(made_of(columns, place), product, self.analytics[block], place)

    def place(self, row: int) -> tuple[int | None, int]:
        """Block and row in it; None for a trade that did not compile."""
        block = int(np.searchsorted(self.names.starts, row, side="right")) - 1
        if block >= len(self.blocks):
            return None, 0  # did not compile
        return block, row - self.names.starts[block]


def page(tables: Sequence[Table], query: Query, number_of_page: int, size: int) -> Page:
    """One page of what a query finds in all tables; without a number comes last either way."""
    found = [table.matching(query) for table in tables]
    count = sum(len(rows) for rows in found)
    if not count:
        return Page(0, [])
    place = np.concatenate([np.full(len(rows), i) for i, rows in enumerate(found)])
    rows = np.concatenate(found)
    end = number_of_page * size
    chosen = ordered(tables, found, query.ordering, end)[end - size : end]
    return Page(count, [tables[place[i]].record(int(rows[i])) for i in chosen])


def ordered(
    tables: Sequence[Table], found: Sequence[IntArray], ordering: str, upto: int
) -> IntArray:
    """Places of the first ``upto`` of all found rows, laid end to end, in order."""
    name, downwards = ordering.removeprefix("-"), ordering.startswith("-")
    if name == "trade_id":
        return _by_name(tables, found, downwards, upto)
    pairs = list(zip(tables, found, strict=True))
    if name in LABELLED:
        texts = np.concatenate([table.names.labels[name][rows] for table, rows in pairs])
        keys = np.unique(texts, return_inverse=True)[1].astype(np.float64)
        keys[texts == ""] = np.nan
    else:
        keys = np.concatenate([table.numbers(name)[rows] for table, rows in pairs])
    return np.argsort(-keys if downwards else keys, kind="stable")[:upto]  # NaN sorts last


def _by_name(
    tables: Sequence[Table], found: Sequence[IntArray], downwards: bool, upto: int
) -> IntArray:
    """Merge the tables by trade id; each table is sorted, so only their first ids are compared."""
    step = -1 if downwards else 1
    places, names, start = [], [], 0
    for table, rows in zip(tables, found, strict=True):
        first = np.argsort(table.names.rank[rows], kind="stable")[::step][:upto]
        places.append(start + first)
        names.append(table.names.trade_ids[rows[first]])
        start += len(rows)
    order = np.argsort(np.concatenate(names), kind="stable")[::step]
    return np.asarray(np.concatenate(places)[order][:upto])
