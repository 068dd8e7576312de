"""Read one trade of a published detail: its measures, its ladders and the frame's header.

The detail under each currency's pointer is read once, with the sums and the book of the same frame,
so an answer never mixes frames. Lists of trades are in ``trade_list.py``, sums in ``portfolio.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pricing.headlines import Headline
from pricing.markets.conventions import CURRENCIES
from risk.queries.trade_fields import terms_of
from risk.queries.trade_numbers import made_of, no_numbers, number, numbers
from risk.store.block_analytics import AnalyticsStore, BlockAnalytics
from risk.store.compiled_book import Books, Manifest
from risk.store.frames import Frames
from risk.store.publication import MISSING_BLOCK
from risk.store.results import Detail, PartColumns, Rollup

STALE_AFTER_S = 10.0
"""A frame older than this is flagged; a quiet market has old frames that are still right."""

LATE = (MISSING_BLOCK, "its block was not priced in time for this frame")

Place = tuple[int, int]
"""Block and row of a trade."""


class FrameMoved(Exception):
    """The frame expired while it was read: read again."""


@dataclass(frozen=True)
class FrameView:
    """A published frame with its book, in which trades are looked up.

    ``detail`` is the frame's numbers by trade; None in a view of the newest sums, of which single
    trades are priced on demand. ``sums_frame`` and ``detail_frame`` are the frames that were
    published as sums and as detail when the view was made; the latter is 0 without a detail.
    """

    rollup: Rollup
    manifest: Manifest
    detail: Detail | None
    sums_frame: int
    detail_frame: int

    def stamp(self) -> dict[str, Any]:
        """Return what every answer about trades carries about the frame that it is from.

        ``status`` and ``priced`` are those of the numbers by trade, which may lack blocks that the
        frame's sums have.
        """
        late = self._late()
        failed = {failure.trade_id for failure in self.rollup.failures}
        found = stamp(self.rollup)
        return found | {
            "status": "PARTIAL" if late else found["status"],
            "priced": found["priced"] - sum(name not in failed for name in late),
            "sums_frame": self.sums_frame,
            "detail_frame": self.detail_frame or None,
        }

    def missing(self) -> set[int]:
        """Blocks of which there are no numbers by trade."""
        return {*self.rollup.missing, *(self.detail.missing if self.detail else ())}

    def reasons(self) -> dict[str, tuple[str, str]]:
        """Code and sentence of each trade that has no number."""
        named = {f.trade_id: (f.code, f.message) for f in self.rollup.failures}
        return dict.fromkeys(self._late(), LATE) | named

    def _late(self) -> list[str]:
        """Trades of the blocks that are missing."""
        return [name for block in self.missing() for name in self.manifest.trade_ids[block]]


def stamp(rollup: Rollup) -> dict[str, Any]:
    """Return what every answer of sums carries about the frame that it is from."""
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


def detailed_views(
    frames: Frames, books: Books, currencies: Iterable[str] = CURRENCIES
) -> list[FrameView]:
    """The published details, with the sums and the books of the same frames."""
    views = []
    for name in currencies:
        found = frames.detailed(name)
        manifest = books.manifest(name, found.rollup.book_version) if found else None
        if found is not None and manifest is not None:
            # Asked for last: sums are never behind the detail.
            newest = max(frames.pointer(name), found.rollup.frame)
            views.append(
                FrameView(found.rollup, manifest, found.detail, newest, found.rollup.frame)
            )
    return views


def view_of_sums(frames: Frames, books: Books, currency: str) -> FrameView | None:
    """The frame of the newest sums with its book, whether or not its detail is published."""
    rollup = frames.current(currency)
    manifest = books.manifest(currency, rollup.book_version) if rollup else None
    if rollup is None or manifest is None:
        return None
    return FrameView(rollup, manifest, None, rollup.frame, frames.detail_pointer(currency))


def columns_of(frames: Frames, view: FrameView, blocks: Sequence[int]) -> list[PartColumns | None]:
    """Numbers by trade of blocks; None where the detail went out without the block.

    Raises:
        FrameMoved: The detail has a block, and it is no longer there.
    """
    missing = view.missing()
    found = frames.columns_of(view.rollup.currency, view.rollup.frame, blocks)
    for block, columns in zip(blocks, found, strict=True):
        if columns is None and block not in missing:
            raise FrameMoved(f"{view.rollup.currency} frame {view.rollup.frame}")
    return [None if b in missing else c for b, c in zip(blocks, found, strict=True)]


def trade_detail(frames: Frames, view: FrameView, trade_id: str) -> dict[str, Any] | None:
    """One trade with its ladders by curve and tenor; None when the frame has no such trade.

    Raises:
        FrameMoved: The frame expired meanwhile.
    """
    place = view.manifest.place_of(trade_id)
    failure = view.reasons().get(trade_id)
    if place is None and failure is None:
        return None
    if place is None or failure:
        return without_numbers(view, trade_id, place, failure)
    (columns,) = columns_of(frames, view, [place[0]])
    if columns is None:
        return without_numbers(view, trade_id, place, LATE)
    ladders = {name: columns.ladder(name)[place[1]] for name in LADDERS}  # type: ignore[arg-type]
    made = made_of(columns, place[1])
    return with_numbers(view, trade_id, place, made, ladders, analytics_of(frames, view, place[0]))


def record_of(
    view: FrameView, trade_id: str, blocks: Sequence[PartColumns | None]
) -> dict[str, Any] | None:
    """One trade as ``trade_detail`` has it, from the columns of all blocks, without analytics."""
    place = view.manifest.place_of(trade_id)
    failure = view.reasons().get(trade_id)
    if place is None and failure is None:
        return None
    columns = blocks[place[0]] if place is not None else None
    if place is None or failure or columns is None:
        return without_numbers(view, trade_id, place, failure or LATE)
    ladders = {name: columns.ladder(name)[place[1]] for name in LADDERS}  # type: ignore[arg-type]
    return with_numbers(view, trade_id, place, made_of(columns, place[1]), ladders, None)


LADDERS = ("ladder_par", "krd")


def analytics_of(frames: Frames, view: FrameView, block: int) -> BlockAnalytics | None:
    """The newest analytics of a block for the view's book and date; None without any."""
    (found,) = AnalyticsStore(frames.client).of_blocks(view.rollup, [block])
    return found


def with_numbers(
    view: FrameView,
    trade_id: str,
    place: Place,
    made: Mapping[str, float | None],
    ladders: Mapping[str, Iterable[float | None]],
    analytics: BlockAnalytics | None,
) -> dict[str, Any]:
    """The record of a priced trade; ladders are in the order of the frame's keys."""
    record = trade_head(view, trade_id, place, None)
    record |= numbers(made, record["type"], analytics, place[1])
    record |= {name: by_curve(view.rollup.keys, values) for name, values in ladders.items()}
    return record | {"stamp": view.stamp()}


def without_numbers(
    view: FrameView, trade_id: str, place: Place | None, failure: tuple[str, str] | None
) -> dict[str, Any]:
    """The record of a trade that is not priced."""
    record = trade_head(view, trade_id, place, failure)
    return record | {name: {} for name in LADDERS} | {"stamp": view.stamp()}


def trade_head(
    view: FrameView, trade_id: str, place: Place | None, failure: tuple[str, str] | None
) -> dict[str, Any]:
    """A trade's flat record before its numbers: what is not made is None, with a reason."""
    book, product = _labels(view, trade_id, place)
    return {
        "trade_id": trade_id,
        "currency": view.rollup.currency,
        "desk": view.manifest.desk_of_book.get(book, ""),
        "book": book,
        "type": product,
        **terms_of(_headline(view, trade_id, place)),
        **no_numbers(),
        "status": "failed" if failure else "priced",
        "failure": {"code": failure[0], "message": failure[1]} if failure else None,
        "frame": view.rollup.frame,
    }


def _labels(view: FrameView, trade_id: str, place: Place | None) -> tuple[str, str]:
    """Book and product; empty when not even they could be read."""
    if place is not None:
        block, row = place
        return view.manifest.books[block][row], view.manifest.products[block][row]
    lost = next((f for f in view.manifest.failures if f.trade_id == trade_id), None)
    return (lost.book, lost.product) if lost else ("", "")


def _headline(view: FrameView, trade_id: str, place: Place | None) -> Headline | None:
    """Return what lists say of the trade; None when not even that could be read."""
    if place is None:
        lost = (f for f in view.manifest.failures if f.trade_id == trade_id)
        return next((each.headline or None for each in lost), None)
    block, row = place
    made = view.manifest.headlines[block] if view.manifest.headlines else None
    return made[row] if made is not None else None


def by_curve(keys: Sequence[tuple[str, str]], values: Iterable[float | None]) -> dict[str, Any]:
    """A ladder as {curve: {tenor: number}}."""
    ladder: dict[str, dict[str, float | None]] = {}
    for (curve, tenor), value in zip(keys, values, strict=True):
        ladder.setdefault(curve, {})[tenor] = number(value)
    return ladder
