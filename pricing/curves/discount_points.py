"""Number the distinct (curve, day) pairs, so that each discount factor is computed once."""

from __future__ import annotations

import numpy as np

from pricing.arrays import IntArray


class Points:
    """Numbers the distinct (curve, day) pairs by a table, which is faster than sorting them.

    First ``mark`` all pairs, then ask for their numbers.
    """

    def __init__(self, today: int, curves: int, last: int) -> None:
        """Pairs of ``curves`` curves and day numbers from today to last."""
        self.today, self.span = today, last - today + 1
        self.used = np.zeros(curves * self.span, dtype=bool)

    def mark(self, curve: IntArray, day: IntArray) -> IntArray:
        """Record pairs of curve and day; return keys for ``number``."""
        key = np.asarray(curve * self.span + (day - self.today))
        self.used[key] = True
        return key

    def number(self, key: IntArray) -> IntArray:
        """The numbers of noted pairs."""
        return (np.cumsum(self.used, dtype=np.int32) - 1)[key]

    def curve(self) -> IntArray:
        """Curve of each numbered pair."""
        return np.flatnonzero(self.used) // self.span

    def day(self) -> IntArray:
        """Day of each numbered pair."""
        return np.flatnonzero(self.used) % self.span + self.today
