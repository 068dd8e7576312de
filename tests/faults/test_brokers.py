"""Three brokers of Kafka: each is killed and started again, then all are restarted in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from devstack.errors import StackError
from tests import not_run
from tests.faults.brokers import NODES
from tests.faults.plant import Plant
from tests.faults.report import Row
from tests.faults.servers import ThreeBrokers
from tests.faults.trial import Trial
from tests.servers import BASE

BUDGET_MS = 10_000
"""A killed broker is fenced after 3 s (`broker.session.timeout.ms`); clients then ask again."""

SEED = int(os.environ.get("SEED", "1"))


@pytest.fixture(scope="module")
def plant_of_three() -> Iterator[Plant]:
    """A plant with three brokers."""
    try:
        made = Plant(BASE.with_name(f"{BASE.name}-brokers"), servers=ThreeBrokers)
    except StackError as error:
        not_run.stop(not_run.APACHE_KAFKA, str(error))
    yield made
    made.stop()


@pytest.fixture
def trial(plant_of_three: Plant, row: Row) -> Iterator[Trial]:  # type: ignore[override]
    """A live stream on that plant."""
    plant_of_three.heal()
    plant_of_three.wait_ready()
    made = Trial(plant_of_three, row, SEED)
    yield made
    made.close()


def none_lost_and_none_doubled(trial: Trial) -> None:
    """All invariants; and each tick is in the topic once, and counted once by one bridge."""
    trial.check()
    records, sent = trial.truth.records, trial.feed.sent - trial.feed.unsent
    trial.row.notes.append(f"{sent} ticks sent, {records} records in Kafka, each of them once")
    assert records == len(trial.truth.values) == sent
    assert trial.truth.states["duplicate"] == 0


@pytest.mark.fault("F32", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_each_of_three_brokers_is_killed_and_comes_back(trial: Trial):
    """SIGKILL each of three brokers in turn (replication 3, min.insync.replicas 2) and start it"""
    assert isinstance(trial.servers, ThreeBrokers)
    brokers, before = trial.servers.brokers, trial.plant.pulse()
    with trial.stream(every_s=0.1):
        for number in NODES:
            moment = time.time_ns()
            brokers.kill(number)
            trial.recover(moment)
            brokers.start_again(number)
            brokers.await_in_sync()
            trial.recovered(time.time_ns())
            trial.sample()
    none_lost_and_none_doubled(trial)
    trial.exact_counts(before)


@pytest.mark.fault("F32", budget_ms=3000)
@pytest.mark.faults_long
def test_a_rolling_restart_of_three_brokers_loses_no_tick_and_doubles_none(trial: Trial):
    """A rolling restart: SIGTERM each of three brokers, start it, wait for its replicas"""
    assert isinstance(trial.servers, ThreeBrokers)
    brokers, before = trial.servers.brokers, trial.plant.pulse()
    with trial.stream(every_s=0.1):
        for number in NODES:
            moment = time.time_ns()
            brokers.end(number)
            trial.recover(moment)
            brokers.start_again(number)
            brokers.await_in_sync()
            trial.recovered(time.time_ns())
            trial.sample()
    none_lost_and_none_doubled(trial)
    trial.exact_counts(before)
