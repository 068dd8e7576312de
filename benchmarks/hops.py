"""Compute latency percentiles of published sums, by hop, and of details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from risk.store.results import Detail, HistoryLine

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
    """Return percentiles by hop of a phase's sums, and of each third of it (the noise)."""
    found = latencies_ms(lines)
    thirds = [percentiles(part) for part in np.array_split(found[WHOLE], THIRDS) if len(part)]
    return {
        "frames": len(lines),
        "frames_per_s": _rate([line.published_ns for line in lines]),
        "complete": sum(line.status == "COMPLETE" for line in lines),
        "trades_priced": int(np.median([line.priced for line in lines])),
        "ms": {name: percentiles(values) for name, values in found.items()},
        "noise": {name: [third[name] for third in thirds] for name in ("p50", "p99")},
    }


def detail_summary(details: Sequence[Detail], frames: int) -> dict[str, Any]:
    """Return latencies of a phase's details from the tick, and the frames without a detail.

    ``work_ms`` is from the first block that a worker began to the last one that was finished.
    """
    found: dict[str, Any] = {"details": len(details), "conflated": frames - len(details)}
    if not details:
        return found
    return {
        **found,
        "details_per_s": _rate([detail.published_ns for detail in details]),
        "ms": percentiles([detail.tick_to_published_ms for detail in details]),
        "work_ms": percentiles([(d.finished_ns - d.started_ns) / 1e6 for d in details]),
        "sums_error": max(detail.sums_error for detail in details),
        "missing_blocks": sum(len(detail.missing) for detail in details),
    }


def _rate(published_ns: Sequence[int]) -> float:
    """How many a second, between the first and the last."""
    spent = (published_ns[-1] - published_ns[0]) / 1e9 if published_ns else 0.0
    return round((len(published_ns) - 1) / spent, 1) if spent else 0.0
