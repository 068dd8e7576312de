"""Histograms of the time that published frames took from hop to hop."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise

from risk.store.heartbeats import HOP_BUCKETS_MS, HOPS
from risk.store.results import HistoryLine

NS_PER_MS = 1e6


@dataclass
class Hops:
    """Histograms by hop over HOP_BUCKETS_MS, the last place for what took longer; and totals."""

    counts: dict[str, list[int]] = field(
        default_factory=lambda: {hop: [0] * (len(HOP_BUCKETS_MS) + 1) for hop in HOPS}
    )
    sums_ms: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HOPS, 0.0))

    def add(self, line: HistoryLine) -> None:
        """Count one published frame; a hop without one of its two times is left out."""
        stamps = [line.sent_ns, line.received_ns, line.opened_ns]
        stamps += [line.started_ns, line.finished_ns, line.published_ns]
        for hop, (start, end) in zip(HOPS, pairwise(stamps), strict=False):
            self._add(hop, start, end)
        self._add("tick_to_published", line.sent_ns or line.received_ns, line.published_ns)

    def _add(self, hop: str, start_ns: int, end_ns: int) -> None:
        if not start_ns or not end_ns:
            return
        taken_ms = max(0.0, (end_ns - start_ns) / NS_PER_MS)  # clocks of two hosts may differ
        self.counts[hop][bisect_left(HOP_BUCKETS_MS, taken_ms)] += 1
        self.sums_ms[hop] += taken_ms
