"""Percentiles of measured times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median and high percentiles of times in milliseconds."""
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}
