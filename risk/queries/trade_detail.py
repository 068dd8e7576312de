"""Read one trade of a published frame: its measures, its ladders and the frame's header.

The frame under each currency's pointer is read once, so an answer never mixes frames. Lists of
trades are in ``trade_list.py``, sums in ``portfolio.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pricing.markets.conventions import CURRENCIES
from risk.queries.trade_numbers import no_numbers, number, numbers
from risk.store.block_analytics import AnalyticsStore
from risk.store.compiled_book import Books, Manifest
from risk.store.frames import Frames
from risk.store.results import PartColumns, Rollup

STALE_AFTER_S = 10.0
"""A frame older than this is flagged; a quiet market has old frames that are still right."""

LATE = ("MISSING_BLOCK", "its block was not priced in time for this frame")


class FrameMoved(Exception):
    """The frame expired while it was read: read again."""


@dataclass(frozen=True)
class FrameView:
    """One published frame with its book."""

    rollup: Rollup
    manifest: Manifest

    def stamp(self) -> dict[str, Any]:
        """What every risk answer carries about the frame it is from."""
        return stamp(self.rollup)

    def reasons(self) -> dict[str, tuple[str, str]]:
        """Code and sentence of each trade that has no number."""
        late = (name for block in self.rollup.missing for name in self.manifest.trade_ids[block])
        named = {f.trade_id: (f.code, f.message) for f in self.rollup.failures}
        return dict.fromkeys(late, LATE) | named


def stamp(rollup: Rollup) -> dict[str, Any]:
    """What every risk answer carries about the frame it is from."""
    age_s = time.time() - rollup.published_ns / 1e9
    return {
        "currency": rollup.currency,
        "frame": rollup.frame,
        "as_of": rollup.as_of,
        "valuation_date": rollup.valuation_date,
        "curve_version": rollup.curve_version,
        "conventions": rollup.conventions,
        "book_version": rollup.book_version,
        "labels": rollup.labels,
        "status": rollup.status,
        "priced": rollup.priced,
        "total": rollup.trades,
        "coverage": rollup.coverage,
        "age_s": round(age_s, 3),
        "stale": age_s > STALE_AFTER_S,
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


def columns_of(frames: Frames, rollup: Rollup, block: int) -> PartColumns | None:
    """Numbers by trade of one block; None when the frame went out without it.

    Raises:
        FrameMoved: The frame has it, and it is no longer there.
    """
    if block in rollup.missing:
        return None
    found = frames.columns(rollup.currency, rollup.frame, block)
    if found is None:
        raise FrameMoved(f"{rollup.currency} frame {rollup.frame}")
    return found


def trade_detail(frames: Frames, view: FrameView, trade_id: str) -> dict[str, Any] | None:
    """One trade with its ladders by curve and tenor; None when the frame has no such trade.

    Raises:
        FrameMoved: The frame expired meanwhile.
    """
    place = view.manifest.place_of(trade_id)
    failure = view.reasons().get(trade_id)
    if place is None and failure is None:
        return None
    record = trade_head(view, trade_id, place, failure)
    record |= {"ladder_par": {}, "krd": {}, "stamp": view.stamp()}
    columns = None if place is None or failure else columns_of(frames, view.rollup, place[0])
    if place is None or columns is None:
        return record
    (analytics,) = AnalyticsStore(frames.client).of_blocks(view.rollup, [place[0]])
    record |= numbers(columns, place[1], record["type"], analytics)
    record["ladder_par"] = by_curve(view.rollup.keys, columns.ladder("ladder_par")[place[1]])
    record["krd"] = by_curve(view.rollup.keys, columns.ladder("krd")[place[1]])
    return record


def trade_head(
    view: FrameView,
    trade_id: str,
    place: tuple[int, int] | None,
    failure: tuple[str, str] | None,
) -> dict[str, Any]:
    """A trade's flat record before its numbers: what is not made is None, with a reason."""
    book, product = _labels(view, trade_id, place)
    return {
        "trade_id": trade_id,
        "currency": view.rollup.currency,
        "desk": view.manifest.desk_of_book.get(book, ""),
        "book": book,
        "type": product,
        **no_numbers(),
        "status": "failed" if failure else "priced",
        "failure": {"code": failure[0], "message": failure[1]} if failure else None,
        "frame": view.rollup.frame,
    }


def _labels(view: FrameView, trade_id: str, place: tuple[int, int] | None) -> tuple[str, str]:
    """Book and product; empty when not even they could be read."""
    if place is not None:
        block, row = place
        return view.manifest.books[block][row], view.manifest.products[block][row]
    lost = next((f for f in view.manifest.failures if f.trade_id == trade_id), None)
    return (lost.book, lost.product) if lost else ("", "")


def by_curve(keys: Sequence[tuple[str, str]], values: Iterable[float]) -> dict[str, Any]:
    """A ladder as {curve: {tenor: number}}."""
    ladder: dict[str, dict[str, float | None]] = {}
    for (curve, tenor), value in zip(keys, values, strict=True):
        ladder.setdefault(curve, {})[tenor] = number(value)
    return ladder
