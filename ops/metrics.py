"""Expose heartbeats, frames and quarantine as Prometheus metrics, read at each scrape.

Bridges and workers write their counters to Redis; the web process serves them. A value that
cannot be read is left out, and ``risk_redis_up`` and ``risk_database_up`` show the reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from msgspec import MsgspecError
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from instruments.models import Quarantine
from ops import limit_metrics
from ops.checks import DETAIL, SUMS, State, read_state
from ops.ops_access import may_see_inside
from ops.readiness import look_at_database
from risk.store.frames import Frames, connect
from risk.store.heartbeats import HOP_BUCKETS_MS, HOPS, STALE_S, BridgePulse, read_pulses
from risk.store.results import CheckResult
from riskproject.waiting_tasks import read_waiting

TIMEOUT_S = 0.5
UNREADABLE = (redis.RedisError, MsgspecError)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metrics as text; 403 for callers without access."""
    if not may_see_inside(request, database_is_up=look_at_database().well):
        text = "Send 'Authorization: Bearer METRICS_TOKEN' or a user's token.\n"
        return HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@cache
def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(SystemCollector(Frames(connect(settings.REDIS_URL, timeout_s=TIMEOUT_S))))
    return registry


class SystemCollector:
    """Collects the metrics of the whole system."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def describe(self) -> Iterable[Metric]:
        """Describe no metrics in advance: the start must not wait for Redis."""
        return ()

    def collect(self) -> Iterator[Metric]:
        found, up = [], 1.0
        try:
            found = [*self._of_redis()]
        except UNREADABLE:
            up = 0.0
        yield GaugeMetricFamily("risk_redis_up", "1 when Redis answers", value=up)
        yield from found
        yield from quarantine()

    def _of_redis(self) -> Iterator[Metric]:
        state = read_state(self._frames)
        yield from processes(state)
        yield from queues(self._frames.client, time.time_ns())
        yield from bridges(read_pulses(self._frames.client))
        yield from published(state, time.time())
        yield from details(state, time.time())
        yield parts({name: self._frames.counts(name) for name in state.newest})
        yield from limit_metrics.of_board(self._frames.client)
        yield from checks([c for c in map(self._frames.check, state.newest) if c is not None])


def quarantine() -> Iterator[Metric]:
    """Trades that are kept out of pricing."""
    up = look_at_database().well
    yield GaugeMetricFamily("risk_database_up", "1 when the database answers", value=float(up))
    if up:
        with contextlib.suppress(DatabaseError):  # absent, until the tables are made
            text = "Trades excluded from pricing because they crash their worker"
            count = Quarantine.objects.count()
            yield GaugeMetricFamily("risk_quarantined_trades", text, value=count)
        yield from limit_metrics.of_database()


def processes(state: State) -> Iterator[Metric]:
    """Yield the numbers of running bridges, workers and processes."""
    yield GaugeMetricFamily(
        "risk_bridges", "Bridges with a recent heartbeat", value=len(state.bridges)
    )
    yield GaugeMetricFamily(
        "risk_workers", "Pricing workers with a recent heartbeat", value=len(state.workers)
    )
    total = sum(worker.processes for worker in state.workers)
    yield GaugeMetricFamily("risk_worker_processes", "Processes that price", value=total)
    by_queue = GaugeMetricFamily(
        "risk_queue_processes", "Processes that take tasks of a pricing queue", labels=["queue"]
    )
    for queue in (SUMS, DETAIL):
        by_queue.add_metric([queue], sum(w.processes for w in state.workers_of(queue)))
    yield by_queue
    family = GaugeMetricFamily(
        "risk_processes", "Processes with a recent heartbeat", labels=["kind"]
    )
    kinds = [pulse.kind for pulse in state.processes]
    for kind in sorted(set(kinds)):
        family.add_metric([kind], kinds.count(kind))
    yield family


def queues(client: Any, now_ns: int) -> Iterator[Metric]:
    """Yield what waits in each Celery queue; scalers of workers read it."""
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    tasks = GaugeMetricFamily(
        "risk_queue_tasks", "Tasks waiting in a queue, taken by no worker", labels=["queue"]
    )
    age = GaugeMetricFamily(
        "risk_queue_oldest_seconds",
        "Age of the oldest waiting task; 0 while none waits, absent if its sender did not say",
        labels=["queue"],
    )
    for found in read_waiting(client, names, now_ns):
        tasks.add_metric([found.queue], found.tasks)
        if found.oldest_s is not None:
            age.add_metric([found.queue], found.oldest_s)
    yield from (tasks, age)


# --- Bridges ---------------------------------------------------------------------------------

BRIDGE_GAUGES = {
    "in_flight": ("risk_ticks_in_flight", "Records read whose outcome is not decided yet"),
    "open_frames": ("risk_open_frames", "Frames whose sums are being priced"),
    "open_details": ("risk_open_details", "Frames whose detail is being priced"),
    "lag": ("risk_consumer_lag", "Records waiting in Kafka"),
    "partitions": ("risk_partitions", "Partitions assigned"),
}
BRIDGE_COUNTERS = {
    "consumed": ("risk_records_consumed", "Records read from Kafka"),
    "resent": ("risk_blocks_resent", "Parts of sums and blocks sent again by the watchdog"),
    "gap": ("risk_ticks_deleted_unread", "Records that Kafka deleted before they were read"),
    "details_conflated": (
        "risk_details_conflated",
        "Frames without a detail of their own, as a newer frame was there",
    ),
    "details_abandoned": ("risk_details_abandoned", "Details given up before they were complete"),
    "split": ("risk_blocks_split", "Blocks priced trade by trade to find one that crashes workers"),
}
BRIDGE_TABLES = {
    "states": ("risk_ticks", "state", "Records by the state they ended in"),
    "frames": ("risk_frames_published", "currency", "Frames whose sums were published"),
    "details": ("risk_details_published", "currency", "Frames whose detail was published"),
    "frame_states": ("risk_frames", "status", "Frames by how they ended"),
}


def bridges(pulses: list[BridgePulse]) -> Iterator[Metric]:
    """Counts of each bridge since its start; a silent bridge keeps its last values."""
    for field, (name, text) in BRIDGE_GAUGES.items():
        gauge = GaugeMetricFamily(name, text, labels=["bridge"])
        for pulse in pulses:
            gauge.add_metric([pulse.name], getattr(pulse, field))
        yield gauge
    for field, (name, text) in BRIDGE_COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=["bridge"])
        for pulse in pulses:
            counter.add_metric([pulse.name], getattr(pulse, field))
        yield counter
    for field, (name, label, text) in BRIDGE_TABLES.items():
        table = CounterMetricFamily(name, text, labels=["bridge", label])
        for pulse in pulses:
            for value, count in getattr(pulse, field).items():
                table.add_metric([pulse.name, value], count)
        yield table
    yield from _states_of(pulses)
    yield hops(pulses)


def _states_of(pulses: list[BridgePulse]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "risk_bridge_up", "1 when the bridge has a recent heartbeat", labels=["bridge"]
    )
    halted = GaugeMetricFamily(
        "risk_bridge_halted",
        ("1 when the bridge stopped reading because most records were invalid"),
        labels=["bridge"],
    )
    waiting = GaugeMetricFamily(
        "risk_bridge_waiting", "1 while the bridge is waiting for a server", labels=["bridge"]
    )
    for pulse in pulses:
        up.add_metric([pulse.name], float(pulse.age_s < STALE_S))
        halted.add_metric([pulse.name], float(bool(pulse.halted)))
        waiting.add_metric([pulse.name], float(bool(pulse.waiting_for)))
    yield from (up, halted, waiting)


def hops(pulses: list[BridgePulse]) -> Metric:
    """Yield the time of published frames by hop."""
    family = HistogramMetricFamily(
        "risk_hop_seconds", "Time of published frames by hop", labels=["bridge", "hop"]
    )
    for pulse in pulses:
        for hop in HOPS:
            counts = pulse.hops.get(hop)
            if counts is not None:
                total_s = pulse.hop_sums_ms.get(hop, 0.0) / 1e3
                family.add_metric([pulse.name, hop], cumulative(counts), total_s)
    return family


def cumulative(counts: list[int]) -> list[tuple[str, float]]:
    """Counts between bounds in; Prometheus' counts up to each bound (s) out, the last +Inf."""
    bounds = [*(repr(bound / 1e3) for bound in HOP_BUCKETS_MS), "+Inf"]
    return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]


# --- Frames ----------------------------------------------------------------------------------


def published(state: State, now_s: float) -> Iterator[Metric]:
    """The last frame of each currency."""
    age = GaugeMetricFamily(
        "risk_frame_age_seconds", "Seconds since the last frame was published", labels=["currency"]
    )
    trades = GaugeMetricFamily(
        "risk_frame_trades", "Trades in the book of the last frame", labels=["currency"]
    )
    priced = GaugeMetricFamily(
        "risk_frame_trades_priced",
        "Trades of the last frame that were priced",
        labels=["currency"],
    )
    partial = GaugeMetricFamily(
        "risk_frame_partial", "1 when blocks of the last frame are missing", labels=["currency"]
    )
    doubtful = GaugeMetricFamily(
        "risk_frame_curve_warnings",
        "Warnings of the curves of the last frame, each of which names a quote",
        labels=["currency"],
    )
    for name, age_s in state.ages_s(now_s).items():
        line = state.newest[name]
        age.add_metric([name], age_s)
        trades.add_metric([name], line.trades)
        priced.add_metric([name], line.priced)
        partial.add_metric([name], float(line.status != "COMPLETE"))
        doubtful.add_metric([name], line.warnings)
    yield from (age, trades, priced, partial, doubtful)


def details(state: State, now_s: float) -> Iterator[Metric]:
    """The last detail of each currency, and how far it is behind the sums."""
    age = GaugeMetricFamily(
        "risk_detail_age_seconds",
        "Seconds since the last detail was published",
        labels=["currency"],
    )
    lag = GaugeMetricFamily(
        "risk_detail_lag_seconds",
        "Between the publications of the sums of the detail's frame and of the newest frame",
        labels=["currency"],
    )
    missing = GaugeMetricFamily(
        "risk_detail_blocks_missing", "Blocks that the last detail lacks", labels=["currency"]
    )
    error = GaugeMetricFamily(
        "risk_detail_sums_error_ratio",
        "Largest difference between the last detail and the sums of its frame, as a fraction of"
        " gross",
        labels=["currency"],
    )
    lags_s = state.lags_s()
    for name, detail in state.details.items():
        age.add_metric([name], now_s - detail.published_ns / 1e9)
        lag.add_metric([name], lags_s.get(name, 0.0))
        missing.add_metric([name], len(detail.missing))
        error.add_metric([name], detail.sums_error)
    yield from (age, lag, missing, error)


def parts(counts: dict[str, dict[str, int]]) -> Metric:
    """Parts by what became of them: late and repeated ones change nothing, and are counted."""
    family = CounterMetricFamily(
        "risk_parts",
        "Parts of sums and blocks of details (DETAIL_) by outcome",
        labels=["currency", "outcome"],
    )
    for name, found in counts.items():
        for outcome, count in found.items():
            family.add_metric([name, outcome], count)
    return family


def checks(results: list[CheckResult]) -> Iterator[Metric]:
    """The last sample of each currency beside plain QuantLib."""
    npv = GaugeMetricFamily(
        "risk_quantlib_npv_error_ratio",
        ("Largest difference in the last sample, as a fraction of notional"),
        labels=["currency"],
    )
    ladder = GaugeMetricFamily(
        "risk_quantlib_ladder_error_ratio",
        ("Largest difference in the last sample, as a fraction of gross DV01"),
        labels=["currency"],
    )
    breach = GaugeMetricFamily(
        "risk_quantlib_breach",
        ("1 when the last sample differed by more than the tolerance"),
        labels=["currency"],
    )
    when = GaugeMetricFamily(
        "risk_quantlib_check_timestamp_seconds",
        "Time of the last sample, Unix seconds",
        labels=["currency"],
    )
    for result in results:
        npv.add_metric([result.currency], result.npv_error)
        ladder.add_metric([result.currency], result.ladder_error)
        breach.add_metric([result.currency], float(result.breach))
        when.add_metric([result.currency], result.checked_ns / 1e9)
    yield from (npv, ladder, breach, when)
