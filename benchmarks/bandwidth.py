"""Measure this machine's memory bandwidth per core, and compare it with what a tick must read."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numba import njit

from pricing.measures.block import ReadyBlock

NUMBERS, REPEATS = 8_000_000, 7
"""64 MB a column: three of them are far beyond any cache."""


def triad_gb_s() -> float:
    """``a = b + s c`` over columns beyond the cache, as STREAM does: 24 bytes a number."""
    a, b, c = np.zeros(NUMBERS), np.ones(NUMBERS), np.ones(NUMBERS)
    _triad(a, b, c, 3.0)
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        _triad(a, b, c, 3.0)
        taken.append(time.perf_counter() - began)
    return 24 * NUMBERS / statistics.median(taken) / 1e9


@njit(cache=True)
def _triad(a: Any, b: Any, c: Any, s: float) -> None:
    for i in range(len(a)):
        a[i] = b[i] + s * c[i]


def bytes_a_tick(ready: ReadyBlock) -> int:
    """Return the least bytes that pricing a block moves if nothing stays in a cache.

    Flows once for values and gradients and twice for gamma; of each trade both gradients
    written, both ladders made of them, and those read for sums and for packing.
    """
    flows = sum(column.nbytes for column in ready.flows)
    ladder = len(ready.trade_ids) * ready.grid.size * 8
    return 3 * flows + ladder * (2 + 4 + 2 + 2)
