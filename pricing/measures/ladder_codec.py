"""Encode the ladders of a block's trades compactly, and decode them.

Two of three entries are 0, as a trade depends on no quote beyond its last flow. The others are
kept in single precision, row after row, with one bit for each place:

    [v v v v ... v][bits]      float32 of what is not 0, then trades x keys bits
"""

from __future__ import annotations

import numpy as np

from pricing.arrays import BoolArray, FloatArray, SingleArray


def unpack(raw: bytes, trades: int, keys: int) -> FloatArray:
    """The ladders of these bytes; shape (trades, keys)."""
    size = trades * keys
    width = (size + 7) // 8
    bits = np.frombuffer(raw, dtype=np.uint8, offset=len(raw) - width)
    found = np.zeros(size)
    there = np.unpackbits(bits, count=size).view(bool)
    found[there] = np.frombuffer(raw, dtype=np.float32, count=(len(raw) - width) // 4)
    return found.reshape(trades, keys)


def join(values: SingleArray, there: BoolArray) -> bytes:
    """The bytes of single precision values and of the places where they stand."""
    return values.tobytes() + np.packbits(there).tobytes()
