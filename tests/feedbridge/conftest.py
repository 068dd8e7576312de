"""A plan of a small replay, and a Kafka broker: the configured one, else the packaged one."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devstack import stack
from feedbridge.kafka.topics import ensure_topics
from feedbridge.replay.history.daily import CurveHistory, stored
from feedbridge.replay.ticks import ReplayPlan
from risk.store.messages import MarketTick
from tests.feedbridge.cut import Proxy
from tests.feedbridge.rig import Rig


class MortalBroker(NamedTuple):
    """A broker of one test's own, to be killed; it comes back empty at the same address."""

    bootstrap: str
    kill: Callable[[], None]
    revive: Callable[[], None]


@pytest.fixture(scope="session")
def history() -> CurveHistory:
    return stored()


@pytest.fixture
def plan_of() -> Callable[..., ReplayPlan]:
    def make(**changes: Any) -> ReplayPlan:
        usual = {
            "currencies": ("USD", "EUR", "GBP"),
            "start": dt.date(2024, 1, 2),
            "end": dt.date(2024, 1, 5),
            "run_id": "test",
            "epoch": 7,
            "ticks_per_day": 4,
            "interval_s": 1.0,
        }
        return ReplayPlan(**{**usual, **changes})

    return make


@pytest.fixture
def tick() -> MarketTick:
    return MarketTick(
        currency="EUR",
        as_of=dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC),
        source="replay-test",
        seq=1,
        curves={"EUR-GOVT": {"10Y": 0.02}},
    )


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    configured = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if configured:
        yield configured
        return
    base = tmp_path_factory.mktemp("kafka")
    with stack.running(base, durable=False, want=("kafka",), environ=packaged()) as urls:
        yield urls.kafka_bootstrap


@pytest.fixture
def mortal_broker(tmp_path: Path) -> Iterator[MortalBroker]:
    mine = stack.Stack(tmp_path, durable=False, want=("kafka",), environ=packaged())
    urls = mine.start()
    try:
        yield MortalBroker(
            urls.kafka_bootstrap, lambda: mine.kill("kafka"), lambda: mine.revive("kafka")
        )
    finally:
        mine.stop()


def packaged() -> dict[str, str]:
    """The environment without a configured broker, and with the one that starts in 0.1 s."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("KAFKA_")}
    return {**others, "KAFKA_BROKER": "packaged"}


@pytest.fixture
def rig(redis_client: Any, kafka_bootstrap: str, redis_url: str) -> Iterator[Rig]:
    """Bridges with topics, a queue and a pretend worker around them."""
    ensure_topics(kafka_bootstrap)
    made = Rig(redis_client, kafka_bootstrap, redis_url)
    yield made
    made.close()


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """Redis at an address that can be cut."""
    made = Proxy(redis_url)
    yield made
    made.cut()
    made.listener.close()
