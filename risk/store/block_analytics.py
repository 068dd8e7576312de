"""Store a block's measures that are computed at a lower cadence than frames.

    risk:{USD}:analytics:B         the newest analytics of block B
    risk:{USD}:analytics:B:number  the number of their frame: older analytics do not replace them

They usually belong to an earlier frame than the published one, and name it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import redis

from pricing.arrays import FloatArray
from risk.store.frames import key, script
from risk.store.results import Rollup

NOT_MADE_YET = "NOT_MADE_YET"
"""Reason code: the measure has not been made for this book version and valuation date."""


class BlockAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """Measures by trade of one block, in its order.

    ``columns`` holds float64 columns by measure. ``reasons`` says why measures of a trade could not
    be made, by its row. ``frame``, ``as_of`` and ``valuation_date`` are of the frame that they are
    of.
    """

    block: int
    book_version: str
    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    worker: str
    trades: int
    columns: dict[str, bytes]
    reasons: dict[int, str] = {}

    def column(self, name: str) -> FloatArray:
        """One measure by trade; NaN where there is none; shape (trades,)."""
        if name not in self.columns:
            return np.full(self.trades, np.nan)
        return np.frombuffer(self.columns[name], dtype=np.float64)

    def is_for(self, rollup: Rollup) -> bool:
        """Return whether they are of the same trades on the same date as a published frame."""
        mine = (self.book_version, self.valuation_date)
        return mine == (rollup.book_version, rollup.valuation_date)


_encode = msgspec.msgpack.Encoder().encode
_analytics = msgspec.msgpack.Decoder(BlockAnalytics)


class AnalyticsStore:
    """The analytics of all currencies, behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._set_if_newer = script(client, "set_if_newer")

    def put(self, currency: str, analytics: BlockAnalytics) -> None:
        """Put analytics, unless those of a newer frame are there."""
        name = ("analytics", analytics.block)
        keys = [key(currency, *name, "number"), key(currency, *name)]
        self._set_if_newer(keys=keys, args=[analytics.frame, _encode(analytics)])

    def of(self, rollup: Rollup) -> list[BlockAnalytics | None]:
        """The analytics of a published frame's book by block; None where there are none yet."""
        return self.of_blocks(rollup, range(rollup.blocks))

    def of_blocks(self, rollup: Rollup, blocks: Sequence[int]) -> list[BlockAnalytics | None]:
        """The analytics of some blocks of a frame's book; None where there are none yet."""
        return decoded(rollup, self.client.mget(keys_of(rollup, blocks))) if blocks else []


def keys_of(rollup: Rollup, blocks: Iterable[int]) -> list[str]:
    """Where the analytics of blocks are."""
    return [key(rollup.currency, "analytics", block) for block in blocks]


def decoded(rollup: Rollup, found: Iterable[bytes | None]) -> list[BlockAnalytics | None]:
    """Decode what is stored; None where it is of other trades or of another date than a frame."""
    made = [_analytics.decode(raw) if raw else None for raw in found]
    return [one if one is not None and one.is_for(rollup) else None for one in made]
