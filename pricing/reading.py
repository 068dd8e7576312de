"""Published frames in; rows and sums for people out: what REST answers and screens show.

Reads the frame under each currency's pointer once, so that an answer never mixes frames.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricing.books import Books, Manifest
from pricing.core.conventions import CURRENCIES
from pricing.core.results import MEASURES, Cell, PartColumns, Rollup
from pricing.frames import Frames

STALE_AFTER_S = 10.0
"""A frame older than this is flagged; a quiet market has old frames that are still right."""

SUMMED = (*MEASURES, "notional")
GROUPINGS = ("currency", "desk", "book", "type")


class FrameMoved(Exception):
    """The frame expired while it was read: read again."""


@dataclass(frozen=True)
class FrameView:
    """One published frame with its book."""

    rollup: Rollup
    manifest: Manifest

    @property
    def age_s(self) -> float:
        """Seconds since publication."""
        return time.time() - self.rollup.published_ns / 1e9

    def stamp(self) -> dict[str, Any]:
        """What every risk answer carries about the frame it is from."""
        rollup = self.rollup
        return {
            "currency": rollup.currency,
            "frame": rollup.frame,
            "as_of": rollup.as_of,
            "valuation_date": rollup.valuation_date,
            "curve_version": rollup.curve_version,
            "book_version": rollup.book_version,
            "labels": rollup.labels,
            "status": rollup.status,
            "priced": rollup.priced,
            "total": rollup.trades,
            "age_s": round(self.age_s, 3),
            "stale": self.age_s > STALE_AFTER_S,
            "fx_usd": rollup.fx.get(rollup.currency),
            "fx_label": rollup.fx_label,
        }


def current_views(
    frames: Frames, books: Books, currencies: Iterable[str] = CURRENCIES
) -> list[FrameView]:
    """The published frames, with the books they were made with."""
    views = []
    for name in currencies:
        rollup = frames.current(name)
        manifest = books.manifest(name, rollup.book_version) if rollup else None
        if rollup is not None and manifest is not None:
            views.append(FrameView(rollup, manifest))
    return views


# --- Trades ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TradeTable:
    """All trades of one frame as columns; failed and missing ones have NaN."""

    view: FrameView
    trade_ids: list[str]
    books: list[str]
    products: list[str]
    numbers: dict[str, Any]
    reasons: dict[str, tuple[str, str]]


def trade_table(frames: Frames, view: FrameView) -> TradeTable:
    """Every trade of a frame, priced or not.

    Raises:
        FrameMoved: A part that the frame has is no longer there.
    """
    rollup, manifest = view.rollup, view.manifest
    ids = [name for block in manifest.trade_ids for name in block]
    blocks = [_columns(frames, rollup, block) for block in range(manifest.blocks)]
    numbers = {
        name: np.concatenate([_column(manifest, b, c, name) for b, c in enumerate(blocks)])
        for name in MEASURES
    }
    reasons = {f.trade_id: (f.code, f.message) for f in rollup.failures}
    for block in rollup.missing:
        late = ("MISSING_BLOCK", "its block did not arrive in time for this frame")
        reasons |= dict.fromkeys(manifest.trade_ids[block], late)
    lost = [f.trade_id for f in manifest.failures]
    blank = np.full(len(lost), np.nan)
    return TradeTable(
        view=view,
        trade_ids=ids + lost,
        books=[b for block in manifest.books for b in block] + [""] * len(lost),
        products=[p for block in manifest.products for p in block] + [""] * len(lost),
        numbers={name: np.concatenate([column, blank]) for name, column in numbers.items()},
        reasons=reasons,
    )


def _columns(frames: Frames, rollup: Rollup, block: int) -> PartColumns | None:
    if block in rollup.missing:
        return None
    found = frames.columns(rollup.currency, rollup.frame, block)
    if found is None:
        raise FrameMoved(f"{rollup.currency} frame {rollup.frame}")
    return found


def _column(manifest: Manifest, block: int, columns: PartColumns | None, name: str) -> Any:
    if columns is None:
        return np.full(len(manifest.trade_ids[block]), np.nan)
    return columns.column(name)


def trade_row(table: TradeTable, row: int) -> dict[str, Any]:
    """One trade as a flat record; a number that could not be made is None, with a reason."""
    name, book = table.trade_ids[row], table.books[row]
    code, message = table.reasons.get(name, ("", ""))
    return {
        "trade_id": name,
        "currency": table.view.rollup.currency,
        "desk": table.view.manifest.desk_of_book.get(book, ""),
        "book": book,
        "type": table.products[row],
        **{m: _number(column[row]) for m, column in table.numbers.items()},
        "status": "failed" if code else "priced",
        "failure": {"code": code, "message": message} if code else None,
        "frame": table.view.rollup.frame,
    }


def trade_detail(frames: Frames, view: FrameView, trade_id: str) -> dict[str, Any] | None:
    """One trade with its ladders by curve and tenor; None when the frame has no such trade.

    Raises:
        FrameMoved: The frame expired meanwhile.
    """
    place = view.manifest.place_of(trade_id)
    failure = next((f for f in view.rollup.failures if f.trade_id == trade_id), None)
    if place is None and failure is None:
        return None
    table = trade_table(frames, view)
    record = trade_row(table, table.trade_ids.index(trade_id))
    record |= {"ladder_par": {}, "krd": {}, "stamp": view.stamp()}
    if place is None or record["status"] == "failed":
        return record
    columns = _columns(frames, view.rollup, place[0])
    if columns is not None:
        for name in ("ladder_par", "krd"):
            record[name] = by_curve(view.rollup.keys, columns.ladder(name)[place[1]])
    return record


def by_curve(keys: Sequence[tuple[str, str]], values: Iterable[float]) -> dict[str, Any]:
    """A ladder as {curve: {tenor: number}}."""
    ladder: dict[str, dict[str, float | None]] = {}
    for (curve, tenor), value in zip(keys, values, strict=True):
        ladder.setdefault(curve, {})[tenor] = _number(value)
    return ladder


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- Sums ------------------------------------------------------------------------------------


def portfolio(
    views: Sequence[FrameView], group_by: Sequence[str], reporting: str | None
) -> list[dict[str, Any]]:
    """Sums by groups. Currencies are added only when converted, by each frame's own FX.

    Args:
        views: One frame per currency.
        group_by: Any of GROUPINGS; without ``currency`` a reporting currency is needed.
        reporting: Currency to convert to, or None to stay in each trade's own.

    Raises:
        ValueError: Two currencies would be added unconverted, or an FX rate is missing.
    """
    if reporting is None and "currency" not in group_by and len(views) > 1:
        raise ValueError(
            "give reporting_currency, or group by currency: amounts of two"
            " currencies are never added unconverted"
        )
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for view in views:
        factor = conversion(views, view, reporting)
        for cell in view.rollup.cells:
            place = tuple(_label(view, cell, name) for name in group_by)
            group = groups.setdefault(place, _empty(group_by, place, reporting))
            _add(group, view.rollup, cell, factor)
    return [groups[place] for place in sorted(groups)]


def conversion(views: Sequence[FrameView], view: FrameView, reporting: str | None) -> float:
    """Units of the reporting currency per unit of the frame's, by the frame's own FX."""
    if reporting is None or reporting == view.rollup.currency:
        return 1.0
    fx = view.rollup.fx
    missing = [name for name in (view.rollup.currency, reporting) if name not in fx]
    if missing:
        raise ValueError(f"no FX rate for {', '.join(missing)} in the current frames")
    return fx[view.rollup.currency] / fx[reporting]


def _label(view: FrameView, cell: Cell, name: str) -> str:
    return {
        "currency": view.rollup.currency,
        "desk": cell.desk,
        "book": cell.book,
        "type": cell.product,
    }[name]


def _empty(
    group_by: Sequence[str], place: tuple[str, ...], reporting: str | None
) -> dict[str, Any]:
    labels = dict(zip(group_by, place, strict=True))
    return {
        **labels,
        "reporting_currency": reporting,
        "trades": 0,
        "failed": 0,
        **dict.fromkeys(SUMMED, 0.0),
        "ladder_par": {},
        "krd": {},
    }


def _add(group: dict[str, Any], rollup: Rollup, cell: Cell, factor: float) -> None:
    group["trades"] += cell.trades
    group["failed"] += cell.failed
    for name in SUMMED:
        group[name] += factor * getattr(cell, name)
    for name in ("ladder_par", "krd"):
        for (curve, tenor), value in zip(rollup.keys, getattr(cell, name), strict=True):
            ladder = group[name].setdefault(curve, {})
            ladder[tenor] = ladder.get(tenor, 0.0) + factor * value
