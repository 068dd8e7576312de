"""The trades of a published detail as a table: its rows, their order, and the table as CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pricing.arrays import FloatArray, IntArray
from pricing.errors import Failure
from pricing.measures.table import ANALYTICS, BY_NAME, LIVE, MEASURES
from risk.queries.trade_list import Directory, directory
from risk.queries.trade_numbers import UNSUPPORTED, made_of, numbers
from risk.store.block_analytics import BlockAnalytics
from risk.store.compiled_book import Manifest
from risk.store.results import PartColumns, Rollup

TEXTS = ("trade", "currency", "desk", "book", "product", "status", "message")
OK, FAILED, MISSING = "ok", "failed", "missing"


ObjectArray = Any
"""An array of text; shape (trades,)."""

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
    moves_bp: FloatArray | None = None
    """Moves of zero rates since then, bp; shape (keys,). None where they do not compare."""

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
    names = directory(manifest)
    failures = {failure.trade_id: failure for failure in rollup.failures}
    lost = [failure for failure in manifest.failures if failure.trade_id not in failures]
    status, message = _states(names, manifest, parts, [*rollup.failures, *lost])
    table = pd.DataFrame(
        {
            "trade": names.trade_ids.astype(object),
            "currency": rollup.currency,
            "book": names.labels["book"].astype(object),
            "desk": names.labels["desk"].astype(object),
            "product": names.labels["type"].astype(object),
            **{measure: _column(names, parts, measure) for measure in MEASURES},
            "status": status,
            "message": message,
            **_places(names),
            "pnl": np.nan,
        }
    )
    unknown = [failure for failure in rollup.failures if failure.trade_id not in names.row_of]
    if unknown:
        table = pd.concat([table, _in_no_book(unknown, rollup.currency)], ignore_index=True)
    stamp = Stamp(
        rollup.frame, rollup.as_of, rollup.valuation_date, rollup.published_ns, rollup.labels
    )
    return Trades(rollup.currency, stamp, rollup.keys, table, dict(parts), analytics)


def _column(names: Directory, parts: Mapping[int, PartColumns], measure: str) -> FloatArray:
    """A measure by trade; NaN where there is none; shape (trades,)."""
    column = np.full(len(names), np.nan)
    for block, part in parts.items():
        column[names.starts[block] : names.starts[block + 1]] = part.column(measure)
    return column


def _states(
    names: Directory,
    manifest: Manifest,
    parts: Mapping[int, PartColumns],
    failures: Iterable[Failure],
) -> tuple[ObjectArray, ObjectArray]:
    """Status and message of each trade; shape (trades,) each."""
    status = np.full(len(names), OK, dtype=object)
    message = np.full(len(names), "", dtype=object)
    for block in set(range(manifest.blocks)) - set(parts):
        status[names.starts[block] : names.starts[block + 1]] = MISSING
    for failure in failures:
        row = names.row_of.get(failure.trade_id)
        if row is not None:
            status[row], message[row] = f"{FAILED}: {failure.code}", failure.message
    return status, message


def _places(names: Directory) -> dict[str, IntArray]:
    """Block and row of each trade; -1 for those that did not compile."""
    sizes = np.diff(names.starts)
    block, row = np.full(len(names), -1), np.full(len(names), -1)
    block[: names.starts[-1]] = np.repeat(np.arange(len(sizes)), sizes)
    row[: names.starts[-1]] = np.arange(names.starts[-1]) - np.repeat(names.starts[:-1], sizes)
    return {"block": block, "row": row}


def _in_no_book(failures: Sequence[Failure], currency: str) -> pd.DataFrame:
    """Failures of trades that the book does not name."""
    rows = [
        {
            "trade": failure.trade_id,
            "currency": currency,
            **dict.fromkeys(("book", "desk", "product"), ""),
            **dict.fromkeys(MEASURES, np.nan),
            "status": f"{FAILED}: {failure.code}",
            "message": failure.message,
            "block": -1,
            "row": -1,
            "pnl": np.nan,
        }
        for failure in failures
    ]
    return pd.DataFrame(rows)


def csv_bytes(
    table: pd.DataFrame, stamps: Mapping[str, Stamp], columns: Sequence[str] = ()
) -> bytes:
    """CSV that a spreadsheet reads as text and numbers, never as formulas.

    Each row says of which frame, market time and quotes its numbers are (``stamps`` by currency).
    ``columns`` are the ones to write, all of them when there are none.
    """
    safe = table[list(columns or table.columns)].copy()
    for column in safe.columns.intersection(list(TEXTS)):
        safe[column] = safe[column].map(_as_text)
    made_from = {currency: stamp.row() for currency, stamp in stamps.items()}
    for name in next(iter(made_from.values()), {}):
        safe[name] = [made_from[currency][name] for currency in table["currency"]]
    return str(safe.to_csv(index=False)).encode()


def _as_text(value: object) -> str:
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
