"""The trades of a published detail as a table: its rows, their order, and the table as CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pricing.errors import Failure
from pricing.measures.table import ANALYTICS, BY_NAME, LIVE, MEASURES
from risk.queries.trade_numbers import UNSUPPORTED, made_of, numbers
from risk.store.block_analytics import BlockAnalytics
from risk.store.compiled_book import Manifest
from risk.store.results import PartColumns, Rollup, UnpricedTrade

TEXTS = ("trade", "currency", "desk", "book", "product", "status", "message")
OK, FAILED, MISSING = "ok", "failed", "missing"


TradeKey = tuple[str, str]
"""Currency and trade id: what names a row, wherever it stands."""


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

    def order(self, rows: pd.DataFrame) -> list[TradeKey]:
        """Keys of the rows in this order; a number that is missing stands last."""
        by = [self.column, "trade"] if self.column != "trade" else ["trade"]
        ascending = [not self.descending, True][: len(by)]
        found = rows.sort_values(by, ascending=ascending, kind="stable", na_position="last")
        return list(zip(found["currency"], found["trade"], strict=True))


def in_order(rows: pd.DataFrame, keys: Sequence[TradeKey]) -> pd.DataFrame:
    """The rows of these keys, in their order."""
    places = dict(
        zip(zip(rows["currency"], rows["trade"], strict=True), range(len(rows)), strict=True)
    )
    return rows.iloc[[places[key] for key in keys]].reset_index(drop=True)


@dataclass(frozen=True)
class Stamp:
    """What the numbers of a frame were made from, for a copy that leaves the screen."""

    frame: int
    market_time: dt.datetime
    valuation_date: dt.date
    published_ns: int
    labels: Mapping[str, str]

    def row(self) -> dict[str, str]:
        """Columns of a CSV file; times in UTC."""
        published = dt.datetime.fromtimestamp(self.published_ns / 1e9, dt.UTC)
        return {
            "frame": str(self.frame),
            "market_time": self.market_time.astimezone(dt.UTC).isoformat(timespec="seconds"),
            "valuation_date": self.valuation_date.isoformat(),
            "published_at": published.isoformat(timespec="milliseconds"),
            "quotes": "; ".join(f"{curve} {label}" for curve, label in self.labels.items()),
        }


@dataclass(frozen=True)
class TradeRow:
    """Where a trade's ladders stand, and in which currency."""

    trade: str
    currency: str
    block: int
    row: int


@dataclass(frozen=True)
class Trades:
    """The trades of one published detail; ``table`` serves all readers: do not write to it.

    ``pnl`` of the table is the NPV less that of the detail whose market time is ``since``: the
    first one of the same day and book that this process has read. NaN where nothing compares.
    """

    currency: str
    stamp: Stamp
    keys: list[tuple[str, str]]
    table: pd.DataFrame
    parts: Mapping[int, PartColumns]
    analytics: Sequence[BlockAnalytics | None] = ()
    since: dt.datetime | None = None

    @property
    def frame(self) -> int:
        """Number of the frame."""
        return self.stamp.frame

    def ladder(self, place: TradeRow) -> pd.DataFrame:
        """KRD and par ladder of one trade by curve and tenor; trade currency per bp."""
        part = self.parts.get(place.block)
        if part is None:
            return pd.DataFrame(columns=["curve", "tenor", "krd", "ladder_par"])
        return ladder_table(self.keys, *(part.ladder(name)[place.row] for name in LADDERS))

    def measures(self, place: TradeRow, product: str) -> pd.DataFrame:
        """All measures of one trade with unit and frame; why one is missing instead of a number."""
        part = self.parts.get(place.block)
        if part is None:
            return pd.DataFrame(columns=["measure", "value", "unit", "frame"])
        analytics = self._analytics_of(place.block)
        return measure_table(
            numbers(made_of(part, place.row), product, analytics, place.row), self.frame
        )

    def _analytics_of(self, block: int) -> BlockAnalytics | None:
        return self.analytics[block] if block < len(self.analytics) else None


LADDERS: tuple[Literal["krd", "ladder_par"], ...] = ("krd", "ladder_par")


def ladder_table(
    keys: Sequence[tuple[str, str]], krd: Iterable[float], ladder_par: Iterable[float]
) -> pd.DataFrame:
    """Both ladders of a trade by curve and tenor; trade currency per bp."""
    found = pd.DataFrame(keys, columns=["curve", "tenor"])
    found["krd"], found["ladder_par"] = list(krd), list(ladder_par)
    return found


def measure_table(found: Mapping[str, Any], frame: int) -> pd.DataFrame:
    """The measures of a trade, as ``trade_numbers.numbers`` has them, as a table.

    Args:
        found: Its numbers; ``unavailable`` says why one is missing.
        frame: The frame of all that is not made at a lower cadence.
    """
    reasons = found["unavailable"]
    rows = [
        {
            "measure": BY_NAME[name].label,
            "value": reasons[name]
            if name in reasons
            else _printed(BY_NAME[name].number_format, found[name]),
            "unit": BY_NAME[name].unit,
            "frame": _text(found["analytics_frame"] if name in ANALYTICS else frame),
        }
        for name in LIVE
        if reasons.get(name) != UNSUPPORTED
    ]
    return pd.DataFrame(rows)


def _printed(number_format: str, value: float) -> str:
    """A number in the format of a row of the table of measures, such as ``%,.2f``."""
    return format(value, number_format.removeprefix("%"))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def trades_of(
    rollup: Rollup,
    manifest: Manifest,
    parts: Mapping[int, PartColumns],
    analytics: Sequence[BlockAnalytics | None] = (),
) -> Trades:
    """One row per trade, priced, failed or missing; money in the trade's currency."""
    failures = {failure.trade_id: failure for failure in rollup.failures}
    blocks = [
        _block(manifest, block, parts.get(block), failures) for block in range(manifest.blocks)
    ]
    listed = {trade for names in manifest.trade_ids for trade in names}
    others = [failure for failure in rollup.failures if failure.trade_id not in listed]
    blocks.append(_not_compiled(others, {lost.trade_id: lost for lost in manifest.failures}))
    table = pd.concat([block for block in blocks if len(block)] or blocks, ignore_index=True)
    table["currency"], table["pnl"] = rollup.currency, np.nan
    table["desk"] = table["book"].map(lambda book: manifest.desk_of_book.get(book, ""))
    stamp = Stamp(
        rollup.frame, rollup.as_of, rollup.valuation_date, rollup.published_ns, rollup.labels
    )
    return Trades(rollup.currency, stamp, rollup.keys, table, dict(parts), analytics)


def _block(
    manifest: Manifest, block: int, part: PartColumns | None, failures: Mapping[str, Failure]
) -> pd.DataFrame:
    names = manifest.trade_ids[block]
    table = pd.DataFrame({"trade": names, "book": manifest.books[block]})
    table["product"] = manifest.products[block]
    for measure in MEASURES:
        table[measure] = np.full(len(names), np.nan) if part is None else part.column(measure)
    found = [failures.get(trade) for trade in names]
    normal = MISSING if part is None else OK
    table["status"] = [normal if f is None else f"{FAILED}: {f.code}" for f in found]
    table["message"] = ["" if f is None else f.message for f in found]
    table["block"], table["row"] = block, np.arange(len(names))
    return table


def _not_compiled(failures: Iterable[Failure], lost: Mapping[str, UnpricedTrade]) -> pd.DataFrame:
    """Trades that no block has, since they could not be compiled."""
    rows = [
        {
            "trade": failure.trade_id,
            "book": lost[failure.trade_id].book if failure.trade_id in lost else "",
            "product": lost[failure.trade_id].product if failure.trade_id in lost else "",
            "status": f"{FAILED}: {failure.code}",
            "message": failure.message,
            "block": -1,
            "row": -1,
        }
        for failure in failures
    ]
    columns = ["trade", "book", "product", "status", "message", "block", "row"]
    table = pd.DataFrame(rows, columns=columns)
    for measure in MEASURES:
        table[measure] = np.full(len(table), np.nan)
    return table


def csv_bytes(table: pd.DataFrame, stamps: Mapping[str, Stamp]) -> bytes:
    """CSV that a spreadsheet reads as text and numbers, never as formulas.

    Each row says of which frame, market time and quotes its numbers are (``stamps`` by currency).
    """
    safe = table.copy()
    for column in safe.columns.intersection(list(TEXTS)):
        safe[column] = safe[column].map(_as_text)
    made_from = {currency: stamp.row() for currency, stamp in stamps.items()}
    for name in next(iter(made_from.values()), {}):
        safe[name] = [made_from[currency][name] for currency in table["currency"]]
    return str(safe.to_csv(index=False)).encode()


def _as_text(value: object) -> str:
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
