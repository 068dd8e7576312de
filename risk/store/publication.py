"""Publish the sums of a frame from their parts, and its detail from its blocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain

import numpy as np

from pricing.arrays import FloatArray
from risk.store.compiled_book import BookHead, Books
from risk.store.frames import Frames
from risk.store.messages import FrameHeader
from risk.store.results import (
    CHECKED_SUMS,
    BlockTotals,
    Detail,
    PartSums,
    Rollup,
    UnpricedTrade,
    missing_blocks,
    roll_up,
)

MISSING_BLOCK = "MISSING_BLOCK"

LADDERS = ("ladder_par", "krd")

SUMS_LIMIT = 1e-9
"""Largest difference between the sums of a frame and of its detail, as a share of gross."""


class TradesLost(Exception):
    """Redis has lost the list of a missing block's trades: they could not be named."""


class SumsDiffer(Exception):
    """The detail of a frame does not add up to the frame's sums: it is not published."""


def make_rollup(
    header: FrameHeader, parts: Sequence[PartSums], head: BookHead, books: Books
) -> Rollup:
    """The sums of a frame from at least one part; ``head`` is that of its book version.

    Raises:
        TradesLost: A block is missing, and nobody knows its trades any more.
    """
    missing = missing_blocks(header, parts)
    return roll_up(
        header,
        parts,
        desk_of_book=head.desk_of_book,
        trades=head.trades,
        not_compiled=head.failures,
        published_ns=time.time_ns(),
        not_arrived=_not_arrived(header, head, books, missing) if missing else [],
    )


def publish_parts(frames: Frames, header: FrameHeader, head: BookHead, books: Books) -> str:
    """Add the stored parts of the sums and publish: PUBLISHED, OLD, UNKNOWN, INCOMPLETE or EMPTY.

    Safe to call twice and from two processes: parts are added in order, and the frame's number
    decides who is first.

    Raises:
        TradesLost: As ``make_rollup``.
    """
    parts = frames.sums(header.currency, header.frame)
    if not parts:
        return "EMPTY"
    return frames.publish(make_rollup(header, parts, head, books), stored=len(parts))


def _not_arrived(
    header: FrameHeader, head: BookHead, books: Books, missing: Sequence[int]
) -> list[UnpricedTrade]:
    """Trades of the blocks that are in no part."""
    reason = f"its block was not priced in time for frame {header.frame}"
    found: list[UnpricedTrade] = []
    for block in missing:
        trades = books.trades_of_block(header.currency, head.block_names[block])
        if trades is None:
            raise TradesLost(f"the trades of {header.currency} block {block} of {head.version}")
        found += trades.unpriced(MISSING_BLOCK, reason)
    return found


def publish_detail(frames: Frames, rollup: Rollup, missing: Sequence[int] = ()) -> str:
    """Compare the stored detail of a frame with its sums, and publish it.

    Args:
        frames: Where both are.
        rollup: The frame's sums.
        missing: Blocks that the detail leaves out.

    Returns:
        PUBLISHED, OLD, UNKNOWN, INCOMPLETE, or EMPTY when no block is there.

    Raises:
        SumsDiffer: The detail does not add up to the sums.
    """
    out = {*missing, *rollup.missing}
    blocks = [block for block in range(rollup.blocks) if block not in out]
    totals = frames.totals(rollup.currency, rollup.frame, blocks)
    if not totals:
        return "EMPTY"
    # What the detail leaves out and the sums have cannot be compared.
    whole = out == set(rollup.missing) and len(totals) == len(blocks)
    error, worst = sums_error(rollup, totals) if whole else (0.0, "")
    if not error <= SUMS_LIMIT:
        raise SumsDiffer(
            f"{rollup.currency} frame {rollup.frame}: {worst} of the detail is {error:.1e} of gross"
            " away from the sums"
        )
    return frames.publish_detail(
        Detail(
            frame=rollup.frame,
            currency=rollup.currency,
            blocks=rollup.blocks,
            missing=sorted(out),
            sums_error=error,
            opened_ns=rollup.published_ns,
            started_ns=min(one.started_ns for one in totals),
            finished_ns=max(one.finished_ns for one in totals),
            published_ns=time.time_ns(),
            sent_ns=rollup.sent_ns,
            trades=rollup.trades,
        )
    )


def sums_error(rollup: Rollup, totals: Sequence[BlockTotals]) -> tuple[float, str]:
    """The largest difference between sums and detail as a share of gross, and where it is.

    Measures are compared by book and product, ladders over the whole currency.
    """
    place: dict[tuple[str, str], int] = {}
    for published_cell in rollup.cells:
        place.setdefault((published_cell.book, published_cell.product), len(place))
    cells = [cell for block in totals for cell in block.cells]
    group_of = [place.setdefault((cell.book, cell.product), len(place)) for cell in cells]
    if not place:
        return _ladders_error(rollup, totals)
    sums = _by_group([cell.sums for cell in cells], group_of, len(place))
    gross = _by_group([cell.gross for cell in cells], group_of, len(place))
    published = np.zeros((len(place), len(CHECKED_SUMS)))
    for row, cell in zip(published, rollup.cells, strict=False):
        row[:] = [getattr(cell, name) for name in CHECKED_SUMS]
    error, worst = _worst(sums.ravel(), gross.ravel(), published.ravel())
    group, measure = divmod(worst, len(CHECKED_SUMS))
    where = f"{CHECKED_SUMS[measure]} of {' '.join(list(place)[group])}"
    ladders = _ladders_error(rollup, totals)
    return (error, where) if ladders[0] <= error or np.isnan(error) else ladders


def _by_group(rows: Sequence[Sequence[float]], group_of: Sequence[int], groups: int) -> FloatArray:
    """Rows of CHECKED_SUMS added up by group; shape (groups, measures)."""
    width = len(CHECKED_SUMS)
    count = len(rows) * width
    numbers = np.fromiter(chain.from_iterable(rows), np.float64, count).reshape(-1, width)
    return np.stack(
        [
            np.bincount(group_of, column, groups) if count else np.zeros(groups)
            for column in numbers.T
        ],
        axis=1,
    )


def _ladders_error(rollup: Rollup, totals: Sequence[BlockTotals]) -> tuple[float, str]:
    keys = len(rollup.keys)
    if not keys:
        return 0.0, ""
    ladders = [[getattr(cell, name) for cell in rollup.cells] for name in LADDERS]
    published = np.array(ladders).reshape(len(LADDERS), -1, keys).sum(axis=1).ravel()
    sums, gross = np.zeros(2 * keys), np.zeros(2)
    for block in totals:
        sums += block.ladders
        gross += block.ladders_gross
    error, place = _worst(sums, np.repeat(gross, keys), published)
    ladder, key = divmod(place, keys)
    return error, f"{LADDERS[ladder]} {' '.join(rollup.keys[key])}"


def _worst(sums: FloatArray, gross: FloatArray, published: FloatArray) -> tuple[float, int]:
    off = np.abs(sums - published)
    error = np.divide(off, gross, out=np.where(off > 0, np.inf, 0.0), where=gross > 0)
    place = int(np.argmax(error))
    return float(error[place]), place
