"""Metrics of limits, of the board that their evaluator shows and of what the database keeps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from django.db import Error as DatabaseError
from django.db.models import Exists, OuterRef
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pricing.exposure.states import STATES
from risk.limits import board
from risk.models import LimitBreach, LimitDelivery, LimitGap, LimitReview


def of_board(client: Any, now_s: float | None = None) -> Iterator[Metric]:
    """States and utilisations; absent where no evaluator has shown any."""
    found = board.read(client)
    if found is None:
        return
    now_s = time.time() if now_s is None else now_s
    yield GaugeMetricFamily(
        "risk_limits_board_age_seconds",
        "Seconds since the evaluator of limits has shown their states",
        value=now_s - found.made_ns / 1e9,
    )
    yield GaugeMetricFamily(
        "risk_limits_behind", "Published results that wait for the limits", value=found.behind
    )
    states = GaugeMetricFamily("risk_limits", "Limits by state", labels=["state"])
    counts = [row.state for row in found.limits]
    for name in STATES:
        states.add_metric([name], counts.count(name))
    yield states
    state = GaugeMetricFamily(
        "risk_limit_state", "1 for the state that a limit is in", labels=["limit", "desk", "state"]
    )
    used = GaugeMetricFamily(
        "risk_limit_utilisation_ratio",
        "The number of a limit as a fraction of its hard bound; absent where it is not known",
        labels=["limit", "desk"],
    )
    for row in found.limits:
        state.add_metric([row.code, row.desk, row.state], 1.0)
        if row.utilisation is not None:
            used.add_metric([row.code, row.desk], row.utilisation)
    yield from (state, used)


def of_database() -> Iterator[Metric]:
    """Breaches, gaps and deliveries; absent until the tables are made."""
    with contextlib.suppress(DatabaseError):
        yield from list(_of_database())


def _of_database() -> Iterator[Metric]:
    reviewed = Exists(LimitReview.objects.filter(breach=OuterRef("pk")))
    yield GaugeMetricFamily(
        "risk_limit_breaches_open",
        "Breaches that go on",
        value=LimitBreach.objects.filter(ended=None).count(),
    )
    yield GaugeMetricFamily(
        "risk_limit_breaches_unacknowledged",
        "Breaches that nobody has judged",
        value=LimitBreach.objects.filter(~reviewed).count(),
    )
    yield CounterMetricFamily(
        "risk_limit_breaches", "Breaches ever found", value=LimitBreach.objects.count()
    )
    yield CounterMetricFamily(
        "risk_limit_gaps",
        "Times that results were lost before limits were evaluated on them",
        value=LimitGap.objects.count(),
    )
    waiting = LimitDelivery.objects.filter(delivered=None)
    yield GaugeMetricFamily(
        "risk_limit_deliveries_waiting",
        "Events that the webhook has not taken yet",
        value=waiting.exclude(next_try=None).count(),
    )
    yield GaugeMetricFamily(
        "risk_limit_deliveries_given_up",
        "Events that the webhook has not taken within a day",
        value=waiting.filter(next_try=None).count(),
    )
