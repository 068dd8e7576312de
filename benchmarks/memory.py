"""Measure the memory of a host's processes, counting shared pages once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from benchmarks.cpu import descendants, proportional_bytes

SAMPLE_S = 0.5


def tree_bytes(pids: Iterable[int]) -> int:
    """Memory of these processes and all below them, in bytes.

    It is the sum of their proportional set sizes: a page that n processes share counts as 1/n in
    each, so that pages in shared memory count once.
    """
    return sum(proportional_bytes(child) for pid in pids for child in (pid, *descendants(pid)))


class Peak:
    """Records the largest memory use."""

    def __init__(self) -> None:
        """Start with no measurement."""
        self.bytes = 0


@contextmanager
def peak_of(pids: Iterable[int]) -> Iterator[Peak]:
    """Measure the memory of these processes and their descendants twice a second."""
    peak, stop, watched = Peak(), threading.Event(), tuple(pids)

    def watch() -> None:
        while not stop.wait(SAMPLE_S):
            peak.bytes = max(peak.bytes, tree_bytes(watched))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
        peak.bytes = max(peak.bytes, tree_bytes(watched))
