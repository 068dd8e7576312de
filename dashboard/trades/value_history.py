"""Remember values of all trades of a currency, so that the page of one can show its past.

Redis keeps the numbers by trade of the newest frame alone. The arrays are kept as they were read,
with the names of the book that they are of; a trade is looked up when its page asks.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dashboard.blotter import Trades
from pricing.arrays import FloatArray

KEPT, EVERY_S = 240, 15.0
"""Number of kept values, and the least seconds between two of them: one hour when details are
published often."""

BOOKS_KEPT = 4


class Value(NamedTuple):
    """The value of a trade in one frame; ``npv`` in trade currency, NaN where it had none."""

    as_of: dt.datetime
    frame: int
    npv: float


@dataclass(frozen=True)
class _Sample:
    as_of: dt.datetime
    published_ns: int
    frame: int
    book_version: str
    names: Any
    npv: FloatArray


class ValueHistory:
    """Values of the trades of one currency over time."""

    def __init__(self) -> None:
        """Start without values."""
        self._samples: deque[_Sample] = deque(maxlen=KEPT)

    def note(self, trades: Trades) -> None:
        """Keep the values of a detail, unless the last ones are EVERY_S younger than them or less.

        Values of the newest BOOKS_KEPT books are kept: each has names of its own.
        """
        last, stamp = self._samples[-1] if self._samples else None, trades.stamp
        if last is not None and stamp.published_ns - last.published_ns < EVERY_S * 1e9:
            return
        same = last is not None and last.book_version == trades.book_version
        names = last.names if last is not None and same else trades.column("trade")
        self._samples.append(
            _Sample(
                stamp.market_time,
                stamp.published_ns,
                trades.frame,
                trades.book_version,
                names,
                trades.column("npv"),
            )
        )
        versions = list(dict.fromkeys(sample.book_version for sample in self._samples))
        while versions[:-BOOKS_KEPT] and self._samples[0].book_version in versions[:-BOOKS_KEPT]:
            self._samples.popleft()

    def of(self, trade_id: str) -> list[Value]:
        """The values of a trade, oldest first; a frame whose book does not have it is left out."""
        found: list[Value] = []
        place: dict[int, int | None] = {}
        for sample in list(self._samples):
            known = id(sample.names)
            if known not in place:
                here = np.flatnonzero(sample.names == trade_id)
                place[known] = int(here[0]) if len(here) else None
            row = place[known]
            if row is not None and row < len(sample.npv):
                found.append(Value(sample.as_of, sample.frame, float(sample.npv[row])))
        return found
