"""Compute latency percentiles by hop from the history of published frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from risk.store.results import HistoryLine

STAMPS = ("sent_ns", "received_ns", "opened_ns", "started_ns", "finished_ns", "published_ns")
HOPS = ("to_bridge", "to_open", "to_worker", "to_priced", "to_published")
WHOLE = "tick_to_published"
THIRDS = 3


def latencies_ms(lines: Sequence[HistoryLine]) -> dict[str, Any]:
    """Milliseconds of each frame, by hop and in all; shape (frames,) each."""
    stamps = np.array([[getattr(line, name) for name in STAMPS] for line in lines], dtype=np.int64)
    steps = np.diff(stamps, axis=1) / 1e6
    found = {name: steps[:, place] for place, name in enumerate(HOPS)}
    return {**found, WHOLE: (stamps[:, -1] - stamps[:, 0]) / 1e6}


def percentiles(values: Any) -> dict[str, float]:
    """p50, p95, p99 and the worst."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    worst = float(np.max(values))
    return {
        k: round(float(v), 2)
        for k, v in zip(("p50", "p95", "p99", "max"), (p50, p95, p99, worst), strict=True)
    }


def summary(lines: Sequence[HistoryLine]) -> dict[str, Any]:
    """Of one phase: percentiles by hop, and how far thirds of it lie apart (noise)."""
    found = latencies_ms(lines)
    thirds = [percentiles(part) for part in np.array_split(found[WHOLE], THIRDS) if len(part)]
    return {
        "frames": len(lines),
        "complete": sum(line.status == "COMPLETE" for line in lines),
        "trades_priced": int(np.median([line.priced for line in lines])),
        "ms": {name: percentiles(values) for name, values in found.items()},
        "noise": {name: [third[name] for third in thirds] for name in ("p50", "p99")},
    }
