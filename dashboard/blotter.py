"""The trades of a published detail as a table, and ladders and measures of one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from dashboard.format import signed
from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import Failure
from pricing.measures.table import ANALYTICS, BY_NAME, LIVE, MEASURES
from risk.queries.trade_fields import LABELLED, QUOTES, quote_of
from risk.queries.trade_list import BOOKS_KEPT, Directory, directory
from risk.queries.trade_numbers import UNSUPPORTED, made_of, numbers
from risk.store.block_analytics import BlockAnalytics
from risk.store.compiled_book import Manifest
from risk.store.results import PartColumns, Rollup

OK, FAILED, MISSING = "ok", "failed", "missing"


ObjectArray = Any
"""An array of text; shape (trades,)."""

TradeKey = tuple[str, str]
"""Currency and trade id, which identify a row in any table."""


@dataclass(frozen=True)
class Stamp:
    """Frame, market and book that numbers were made from, for a table that is copied or saved."""

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
    """The row of a trade's ladders, and their currency."""

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
    """Moves of zero rates since ``since``, in bp; shape (keys,).

    None where the two frames do not compare.
    """
    book_version: str = ""
    """Version of the compiled book, within which the rows are the same trades in every frame."""

    @property
    def frame(self) -> int:
        """Number of the frame."""
        return self.stamp.frame

    def column(self, name: str) -> Any:
        """A column of the table, or ``why``; shape (trades,)."""
        return self._why if name == "why" else self.table[name].to_numpy()

    def rows(self, some: IntArray) -> pd.DataFrame:
        """Some rows of the table, with ``why``."""
        return self.table.iloc[some].assign(why=self._why[some])

    def having(self, text: str) -> BoolArray:
        """Which trades have a text in their id, instrument or issuer; shape (trades,)."""
        words = self.table["searched"].to_numpy().astype(np.str_)
        found: BoolArray = np.char.find(words, text.lower()) >= 0
        return found

    @cached_property
    def _why(self) -> ObjectArray:
        """The zero rate that moved each trade most, such as ``USD-SOFR 10Y +3.2 bp``.

        To first order: minus the key-rate DV01 times the move. Where what is left of the P&L is
        larger than the largest of these terms, that is said instead. "" where there is no P&L.
        """
        found = np.full(len(self.table), "", dtype=object)
        if self.moves_bp is None or not len(self.moves_bp):
            return found
        names = [
            f"{curve} {tenor} {signed(move, 1)} bp"
            for (curve, tenor), move in zip(self.keys, self.moves_bp, strict=True)
        ]
        texts = np.array([*names, TIME_AND_OTHER], dtype=object)
        block, row = self.table["block"].to_numpy(), self.table["row"].to_numpy()
        pnl = self.table["pnl"].to_numpy()
        for number, part in self.parts.items():
            here = np.flatnonzero((block == number) & np.isfinite(pnl) & (pnl != 0.0))
            if not len(here):
                continue
            terms = -part.ladder("krd")[row[here]] * self.moves_bp
            most = np.argmax(np.abs(terms), axis=1)
            largest = np.abs(terms[np.arange(len(here)), most])
            most[np.abs(pnl[here] - terms.sum(axis=1)) > largest] = len(names)
            found[here] = texts[most]
        return found

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


TIME_AND_OTHER = "time, curvature"

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

    def measure(name: str) -> FloatArray:
        return _column(names, analytics if name in ANALYTICS else parts, name)

    products = names.labels["type"]
    quotes = {field.name: quote_of(field.name, products, measure) for field in QUOTES}
    table = _of_book(_Book(names, rollup.currency)).assign(
        **quotes,
        **{name: measure(name) for name in MEASURES},
        status=status,
        message=message,
        pnl=np.nan,
    )
    unknown = [failure for failure in rollup.failures if failure.trade_id not in names.row_of]
    if unknown:
        table = pd.concat([table, _in_no_book(unknown, rollup.currency)], ignore_index=True)
    stamp = Stamp(
        rollup.frame, rollup.as_of, rollup.valuation_date, rollup.published_ns, rollup.labels
    )
    return Trades(
        rollup.currency,
        stamp,
        rollup.keys,
        table,
        dict(parts),
        analytics,
        book_version=manifest.version,
    )


@dataclass(frozen=True, eq=False)
class _Book:
    """The directory of a book, known by itself: there is one of each version."""

    names: Directory
    currency: str

    def __hash__(self) -> int:
        return hash((id(self.names), self.currency))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Book) and self.names is other.names


@lru_cache(maxsize=BOOKS_KEPT)
def _of_book(book: _Book) -> pd.DataFrame:
    """The columns that the book alone decides."""
    names = book.names
    days = names.number("maturity")
    dates = np.full(len(names), np.datetime64("NaT", "D"))
    known = np.isfinite(days)
    dates[known] = days[known].astype(np.int64).astype("datetime64[D]")
    return pd.DataFrame(
        {
            "trade": names.trade_ids.astype(object),
            "currency": book.currency,
            "desk": names.labels["desk"].astype(object),
            "book": names.labels["book"].astype(object),
            "product": names.labels["type"].astype(object),
            **{name: names.labels[name].astype(object) for name in LABELLED},
            **{name: names.number(name) for name in ("quantity", "rate", "spread_bp")},
            "maturity": dates.astype("datetime64[s]"),
            "searched": names.searched.astype(object),
            **_places(names),
        }
    )


def _column(
    names: Directory,
    blocks: Mapping[int, PartColumns] | Sequence[BlockAnalytics | None],
    measure: str,
) -> FloatArray:
    """A measure by trade; NaN where there is none; shape (trades,)."""
    column = np.full(len(names), np.nan)
    found = blocks.items() if isinstance(blocks, Mapping) else enumerate(blocks)
    for block, part in found:
        if part is not None:
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
            **dict.fromkeys(("book", "desk", "product", *LABELLED), ""),
            **dict.fromkeys((*MEASURES, *(field.name for field in QUOTES)), np.nan),
            **dict.fromkeys(("quantity", "rate", "spread_bp"), np.nan),
            "maturity": pd.NaT,
            "searched": failure.trade_id.lower(),
            "status": f"{FAILED}: {failure.code}",
            "message": failure.message,
            "block": -1,
            "row": -1,
            "pnl": np.nan,
        }
        for failure in failures
    ]
    return pd.DataFrame(rows)
