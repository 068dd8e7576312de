"""Publish a frame from its parts in Redis."""

from __future__ import annotations

import time

from risk.store.compiled_book import Manifest
from risk.store.frames import Frames
from risk.store.messages import FrameHeader
from risk.store.results import UnpricedTrade, roll_up

MISSING_BLOCK = "MISSING_BLOCK"


def publish_parts(frames: Frames, header: FrameHeader, manifest: Manifest) -> str:
    """Sum the stored parts and publish: PUBLISHED, OLD, INCOMPLETE or EMPTY.

    Safe to call twice and from two processes: parts are added in block order, and the
    frame's number decides who is first.
    """
    parts = frames.sums(header.currency, header.frame, header.blocks)
    if not parts:
        return "EMPTY"
    rollup = roll_up(
        header,
        parts,
        desk_of_book=manifest.desk_of_book,
        trades=manifest.trades,
        not_compiled=manifest.failures,
        published_ns=time.time_ns(),
        not_arrived=_not_arrived(header, manifest, {part.block for part in parts}),
    )
    return frames.publish(rollup)


def _not_arrived(header: FrameHeader, manifest: Manifest, present: set[int]) -> list[UnpricedTrade]:
    """Trades of the blocks that have put no part."""
    reason = f"its block was not priced in time for frame {header.frame}"
    missing = [block for block in range(header.blocks) if block not in present]
    return [
        trade for block in missing for trade in manifest.trades_of(block, MISSING_BLOCK, reason)
    ]
