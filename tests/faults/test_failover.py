"""Redis fails over by Sentinel: killed, frozen, and with a replica that lacks the last frames."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.faults.plant import Plant, until
from tests.faults.readers import WAYS, Readers
from tests.faults.report import Row
from tests.faults.servers import SentinelServers
from tests.faults.trial import Trial
from tests.servers import BASE

GENEROUS = 4
SEED = int(os.environ.get("SEED", "1"))
BUDGET_MS = 8000
"""Two seconds until Sentinel calls the primary down, one or two for the election, and then what a
client waits for at most: two timeouts of two seconds."""


@pytest.fixture(scope="module")
def replicated() -> Iterator[Plant]:
    """A plant whose processes find Redis by Sentinel."""
    made = Plant(BASE.with_name(f"{BASE.name}-sentinel"), servers=SentinelServers)
    made.system.manage("create_admin")
    made.system.token = made.system.manage("create_token", "admin").split()[-1]
    yield made
    made.stop()


@pytest.fixture
def servers(replicated: Plant) -> SentinelServers:
    """Those of the plant."""
    assert isinstance(replicated.servers, SentinelServers)
    return replicated.servers


@pytest.fixture
def trial(replicated: Plant, row: Row) -> Iterator[Trial]:  # type: ignore[override]
    """A live stream on that plant."""
    replicated.heal()
    replicated.wait_ready()
    made = Trial(replicated, row, SEED)
    yield made
    made.close()


@pytest.fixture
def readers(trial: Trial) -> Iterator[Readers]:
    """Dashboard, REST and the stream of events, all reading."""
    trial.system.start_web()
    made = Readers(trial.system)
    yield made
    made.close()
    trial.plant.end("web")


def shown(trial: Trial) -> dict[str, int]:
    """The newest frame of each currency."""
    trial.collect()
    return {name: seen.rollup.frame for name, seen in trial.watch.last.items()}


def note(trial: Trial, taken: list[dict[str, float]]) -> None:
    """How long after the recovery the readers still had no newer frames."""
    worst = ", ".join(f"{way} {max(each[way] for each in taken):.1f} s" for way in WAYS)
    trial.row.notes.append(f"readers had newer frames after that: {worst}, at worst")


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_the_primary_is_killed_and_its_replica_takes_over_and_back(
    trial: Trial, servers: SentinelServers, readers: Readers
):
    """SIGKILL the primary of Redis, four times: Sentinel promotes its replica, there and back"""
    replicated, taken = servers.replicated, []
    with trial.stream(every_s=0.1):
        readers.await_newer(dict.fromkeys(shown(trial), 0), 60)
        for _ in range(4):
            trial.sample()
            before, moment = shown(trial), time.time_ns()
            killed = servers.kill_primary()
            trial.recover(moment)
            taken.append(readers.await_newer(before, 60))
            assert replicated.primary() != killed
            replicated.bring_back(killed)
            trial.recovered(time.time_ns())
        assert replicated.primary() == replicated.first
    note(trial, taken)
    trial.check()
    assert statistics.median(trial.row.recovery_ms) < GENEROUS * BUDGET_MS


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_frames_that_the_replica_never_got_are_published_again_above_all_numbers(
    trial: Trial, servers: SentinelServers
):
    """The replica is cut off, the last ticks are published, the primary dies: frames are lost"""
    replicated = servers.replicated
    trial.flow()
    trial.rest()
    other = replicated.second if replicated.primary() == replicated.first else replicated.first
    replicated.cut_replication()
    trial.flow()  # published where nobody has a copy
    lost = shown(trial)
    with replicated.client(other) as replica:
        for name, frame in lost.items():
            assert int(replica.get(f"risk:{{{name}}}:pointer")) < frame
    moment = time.time_ns()
    killed = servers.kill_primary()

    def published_again() -> bool:
        now = shown(trial)
        return all(now[name] > frame for name, frame in lost.items())

    until(published_again, 60, f"frames above {lost}; {shown(trial)}")
    trial.row.recovery_ms.append(round((time.time_ns() - moment) / 1e6, 1))
    trial.row.notes.append(f"old frames shown again, unchanged: {trial.watch.restored}")
    replicated.bring_back(killed)
    replicated.mend_replication()
    trial.check()


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_a_primary_that_hangs_and_wakes_as_one_too_many_is_left_by_everybody(
    trial: Trial, servers: SentinelServers, readers: Readers
):
    """SIGSTOP the primary for 15 s: out of reach of everybody, and primary when it wakes"""
    replicated = servers.replicated
    with trial.stream(every_s=0.1):
        readers.await_newer(dict.fromkeys(shown(trial), 0), 60)
        servers.redis_kills += 1
        before, moment = shown(trial), time.time_ns()
        with replicated.frozen_primary() as frozen:
            trial.recover(moment)
            taken = readers.await_newer(before, 60)
            time.sleep(max(0.0, 15.0 - (time.time_ns() - moment) / 1e9))
        replicated.await_replica(frozen)
        trial.recovered(time.time_ns())
        trial.sample()
    note(trial, [taken])
    trial.check()
    assert trial.row.recovery_ms[0] < GENEROUS * BUDGET_MS
