"""Redis fails over by Sentinel: killed, frozen, and with a replica that lacks the last frames."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from tests.faults.plant import Plant, until
from tests.faults.readers import WAYS, Readers
from tests.faults.report import Row
from tests.faults.servers import SentinelServers
from tests.faults.trial import Trial
from tests.sentinels import ReplicatedRedis
from tests.servers import BASE

SEED = int(os.environ.get("SEED", "1"))
BUDGET_MS = 8000
"""Two seconds until Sentinel calls the primary down, one or two for the election, and then what a
client waits for at most: two timeouts of two seconds."""


@pytest.fixture(scope="module")
def replicated() -> Iterator[Plant]:
    """A plant whose processes find Redis by Sentinel."""
    made = Plant(BASE.with_name(f"{BASE.name}-sentinel"), servers=SentinelServers)
    made.system.log_in()
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


def pointer(replicated: ReplicatedRedis, port: int, currency: str) -> int:
    """The frame that one server of Redis shows."""
    with replicated.client(port) as client:
        return int(client.get(f"risk:{{{currency}}}:pointer") or 0)


def note(trial: Trial, taken: list[dict[str, float]]) -> None:
    """How long after the recovery the readers still had no newer frames."""
    worst = ", ".join(f"{way} {max(each[way] for each in taken):.1f} s" for way in WAYS)
    trial.row.notes.append(f"readers had newer frames after that: {worst}, at worst")


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_the_primary_is_killed_and_a_replica_takes_over(
    trial: Trial, servers: SentinelServers, readers: Readers
):
    """SIGKILL the primary of Redis, four times: Sentinel promotes a replica"""
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
    note(trial, taken)
    trial.check()


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
def test_frames_that_no_replica_got_are_published_again_above_all_numbers(
    trial: Trial, servers: SentinelServers
):
    """The replicas are cut off, the last ticks are published, the primary dies: frames are lost"""
    replicated = servers.replicated
    trial.flow()
    trial.rest()
    others = replicated.others()
    replicated.cut_replication()
    trial.flow()  # published where nobody has a copy
    lost = shown(trial)
    assert all(pointer(replicated, port, n) < f for port in others for n, f in lost.items())
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


@pytest.mark.fault("F31", budget_ms=BUDGET_MS)
@pytest.mark.faults_long
@pytest.mark.parametrize("least", [1, 0])
def test_a_primary_in_the_minority_loses_no_market_and_no_number_falls(
    trial: Trial, servers: SentinelServers, readers: Readers, least: int
):
    """The primary is cut off from Sentinels and replicas for 12 s, and its clients are not"""
    trial.row.done += f": min-replicas-to-write {least}"
    replicated = servers.replicated
    replicated.demand_replicas(least)
    try:
        with trial.stream(every_s=0.1):
            readers.await_newer(dict.fromkeys(shown(trial), 0), 60)
            servers.redis_kills += 1
            moment = time.time_ns()
            with replicated.cut_off_primary() as alone:
                replicated.await_another(alone)
                if least:
                    # Who writes is refused, and goes to another; here that is the witness's part.
                    trial.plant.client.set("faults:minority", least)
                    trial.recover(moment)
                time.sleep(max(0.0, 12.0 - (time.time_ns() - moment) / 1e9))
                found = {port: newest_of(replicated, port) for port in replicated.ports}
            healed = time.time_ns()
            replicated.await_replica(alone)
            (trial.recovered if least else trial.recover)(healed)
            trial.sample()
    finally:
        replicated.demand_replicas(0)
    ahead = found[alone] > max(found[port] for port in found if port != alone)
    trial.row.notes.append(f"newest frames on the side of the {'minority' if ahead else 'rest'}")
    assert not (least and ahead), "it took writes without replicas"
    trial.check()


def newest_of(replicated: ReplicatedRedis, port: int) -> int:
    """The highest frame number that one server shows."""
    return max(pointer(replicated, port, name) for name in CURRENCIES)
