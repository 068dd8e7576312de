"""Compute latencies by hop, in milliseconds, from the timestamps of frames."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dashboard.data import Market, Sample
from dashboard.risk import percentile
from risk.store.results import HistoryLine

HOPS = {
    "Transport": ("sent_ns", "received_ns"),
    "Wait for frame": ("received_ns", "opened_ns"),
    "Queue": ("opened_ns", "started_ns"),
    "Pricing": ("started_ns", "finished_ns"),
    "Publish": ("finished_ns", "published_ns"),
}
"""Hops of a tick in their order, each with the time stamps at which it begins and ends."""

MEANING = {
    "Transport": "from the feed's clock to the bridge, through Kafka",
    "Wait for frame": "until the previous frame is published and this one opens",
    "Queue": "until the first worker starts on the sums",
    "Pricing": "from the first part's start to the last part's end",
    "Publish": "adding the parts and publishing the sums",
}

PERCENTS = (50, 95, 99)
PAUSE_S = 600.0
"""Seconds without a frame after which a line starts again. A line across hours in which nothing ran
would leave little room for the frames of today."""


@dataclass(frozen=True)
class HopRow:
    """Percentiles of one hop in milliseconds; None when no frame carried its stamps."""

    hop: str
    p50: float | None
    p95: float | None
    p99: float | None
    frames: int


def hop_ms(sample: Sample, hop: str) -> float:
    """One hop of one frame; NaN without its stamps; clocks that disagree count as 0."""
    start, end = (getattr(sample, name) for name in HOPS[hop])
    return max(0.0, (end - start) / 1e6) if start and end else math.nan


def recent_samples(markets: Sequence[Market], count: int) -> list[Sample]:
    """The last frames of the chosen currencies that this screen has seen, oldest first."""
    found = [sample for market in markets for sample in market.samples]
    return sorted(found, key=lambda sample: sample.published_ns)[-count:]


def hop_rows(samples: Sequence[Sample]) -> list[HopRow]:
    """Percentiles by hop. They do not add up: a slow queue is rarely in a slow transport."""
    rows = []
    for hop in HOPS:
        values = [ms for s in samples if math.isfinite(ms := hop_ms(s, hop))]
        p50, p95, p99 = (percentile(values, percent) for percent in PERCENTS)
        rows.append(HopRow(hop, p50, p95, p99, len(values)))
    return rows


def stacked(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Milliseconds by hop, a value per frame; an unknown hop has no height."""
    return {hop: [0.0 if math.isnan(ms := hop_ms(s, hop)) else ms for s in samples] for hop in HOPS}


def latency_lines(markets: Sequence[Market]) -> dict[str, list[tuple[str, float]]]:
    """Tick to published risk by currency, since the last pause of ``PAUSE_S``.

    Publication time (UTC, ISO 8601) and milliseconds.
    """
    return {
        market.currency: [
            (_iso(line.published_ns), line.tick_to_published_ms)
            for line in _since_pause(market.history)
            if math.isfinite(line.tick_to_published_ms)
        ]
        for market in markets
    }


def _since_pause(history: Sequence[HistoryLine]) -> Sequence[HistoryLine]:
    """The frames after the last pause, oldest first."""
    pause_ns = int(PAUSE_S * 1e9)
    pairs = enumerate(pairwise(history), start=1)
    starts = [n for n, (one, two) in pairs if two.published_ns - one.published_ns > pause_ns]
    return history[starts[-1] :] if starts else history


def _iso(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns / 1e9, dt.UTC).isoformat(timespec="milliseconds")
