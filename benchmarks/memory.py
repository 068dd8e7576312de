"""Measure the memory of a worker's pricing processes, in bytes per trade."""

from __future__ import annotations

from typing import Any

from benchmarks.cpu import descendants, resident_bytes


def worker_memory(pid: int, trades: int, empty: int) -> dict[str, Any]:
    """Private memory of the children: each can price every block, so each may hold them all.

    ``bytes_a_trade`` is what the largest has more than with an empty book, over the trades.
    """
    largest = largest_child(pid)
    return {
        "empty_bytes": empty,
        "bytes": largest,
        "bytes_a_trade": round((largest - empty) / trades),
    }


def largest_child(pid: int) -> int:
    """Private memory of the largest process below one, in bytes."""
    return max(resident_bytes(child) for child in descendants(pid))
