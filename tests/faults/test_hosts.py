"""Four hosts: delay between them, a host of workers that leaves, joins and dies, links that fail.

`make hosts` makes the hosts of network namespaces and runs this file on the one with the servers.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import not_run
from tests.faults.plant import QUEUES, until
from tests.faults.report import Row
from tests.faults.trial import Trial
from tests.faults.watch import Seen
from tests.hosts import network
from tests.hosts.network import DATA, WEB, WORKERS, Host
from tests.hosts.plant import HostsPlant, is_data_host
from tests.servers import BASE

STREAM_S = 15.0
SEED = int(os.environ.get("SEED", "1"))
HOSTS = not_run.Need("four hosts of network namespaces", "sudo make hosts")

HOPS = ("sent", "received", "opened", "started", "finished", "published")
"""Times of a frame, in the order of a tick's way."""


@pytest.fixture(scope="module")
def hosts() -> Iterator[HostsPlant]:
    """The plant on four hosts."""
    if not is_data_host():
        not_run.stop(HOSTS)
    made = HostsPlant(BASE.with_name(f"{BASE.name}-hosts"))
    yield made
    made.stop()


@pytest.fixture
def trial(hosts: HostsPlant, row: Row) -> Iterator[Trial]:  # type: ignore[override]
    """A live stream on that plant."""
    hosts.heal()
    hosts.wait_ready()
    made = Trial(hosts, row, SEED)
    yield made
    made.close()
    hosts.servers.delay(0.0)


def hops_ms(frames: list[Seen]) -> dict[str, float]:
    """Median time between one step of a tick and the next, in ms, and of all of it."""
    times = [[getattr(seen.rollup, f"{hop}_ns") for hop in HOPS] for seen in frames]
    times = [each for each in times if all(each)]
    found = {
        f"to {later}": statistics.median((each[n + 1] - each[n]) / 1e6 for each in times)
        for n, later in enumerate(HOPS[1:])
    }
    return found | {"in all": statistics.median((each[-1] - each[0]) / 1e6 for each in times)}


@pytest.mark.fault("F34")
@pytest.mark.faults_long
@pytest.mark.parametrize("round_trip_ms", [0.0, 1.0, 20.0])
def test_ticks_are_priced_across_hosts_with_delay_between_them(
    trial: Trial, hosts: HostsPlant, round_trip_ms: float
):
    """Four hosts, TLS and accounts between them"""
    trial.row.done += f", a round trip takes {round_trip_ms:.0f} ms more"
    hosts.servers.delay(round_trip_ms)
    trial.flow()
    with trial.stream(every_s=0.1):
        time.sleep(2.0)
        from_here = len(trial.collect())
        time.sleep(STREAM_S)
        found = hops_ms(trial.collect()[from_here:])
    trial.row.notes.append(", ".join(f"{name} {ms:.1f}" for name, ms in found.items()) + " ms")
    trial.check()


@pytest.mark.fault("F34")
@pytest.mark.faults_long
def test_a_tick_becomes_risk_over_rest_on_another_host(trial: Trial, hosts: HostsPlant):
    """A tick from one host, priced on two others, is read over HTTPS from a fourth"""
    system = hosts.system
    system.log_in()
    system.start_web()
    trial.flow()
    trial.rest()
    path = "risk/portfolio/?group_by=currency"
    found = until(lambda: answer_of(hosts, path), 60, "the API answers from its host")
    sums = {group["currency"]: group["npv"] for group in found["groups"]}
    for currency, seen in trial.watch.last.items():
        assert sums[currency] == pytest.approx(sum(c.npv for c in seen.rollup.cells), rel=1e-12)
    for host in WORKERS:
        assert network.peers(host) == {DATA.address}, "workers talk to the data servers alone"
    hosts.end("web")
    trial.check()


def answer_of(hosts: HostsPlant, path: str) -> Any:
    """Return what the API answers; None while it does not."""
    try:
        return hosts.system.get(path)
    except OSError:
        return None


@pytest.mark.fault("F34", budget_ms=2000)
@pytest.mark.faults_long
def test_a_host_of_workers_leaves_and_joins_while_ticks_flow(trial: Trial, hosts: HostsPlant):
    """SIGTERM to all workers of a host, and the host joins again"""
    (name,) = hosts.on(WORKERS[1])
    with trial.stream(every_s=0.1):
        moment = time.time_ns()
        hosts.end(name)
        trial.recover(moment)
        trial.sample()
        hosts.start_worker(name)
        hosts.wait_ready()
        trial.recover(time.time_ns())
    trial.check()


@pytest.mark.fault("F34", budget_ms=3000)
@pytest.mark.faults_long
@pytest.mark.parametrize("host", [WORKERS[1], WEB], ids=["workers", "bridge and web"])
def test_a_host_is_killed_whole(trial: Trial, hosts: HostsPlant, host: Host):
    """SIGKILL everything on a host, and cut its link; after 5 s it starts anew"""
    trial.row.done += f" ({host.name})"
    with trial.stream(every_s=0.1):
        moment = time.time_ns()
        hosts.kill_host(host)
        network.cut(host)
        if host != WEB:
            trial.recover(moment)  # the other host goes on
        time.sleep(max(0.0, 5.0 - (time.time_ns() - moment) / 1e9))
        network.mend(host)
        moment = time.time_ns()
        hosts.heal()
        trial.recover(moment)
        hosts.wait_ready()
        trial.recovered(time.time_ns())
    trial.check()


@pytest.mark.fault("F34", budget_ms=8000)
@pytest.mark.faults_long
@pytest.mark.parametrize("seconds", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("host", [WORKERS[0], WEB], ids=["workers", "bridge and web"])
def test_a_link_goes_down_and_comes_back(
    trial: Trial, hosts: HostsPlant, host: Host, seconds: float
):
    """A host's link is down, and nobody is told"""
    trial.row.done += f": {host.name}, {seconds:.0f} s"
    with trial.stream(every_s=0.1):
        moment = time.time_ns()
        network.cut(host)
        try:
            time.sleep(seconds)
        finally:
            network.mend(host)
        mended = time.time_ns()
        if host != WEB:
            first = trial.recovered(moment)
            trial.row.notes.append(f"without the host, after {first:,.0f} ms")
        trial.row.recovery_ms.append(round(trial.recovered(mended, meanwhile=hosts.supervise), 1))
        until(lambda: hosts.supervise() or speaking(hosts), 90, "all workers speak again")
        trial.recovered(time.time_ns())
    trial.check()


def speaking(hosts: HostsPlant) -> bool:
    """Return whether all workers have sent a heartbeat lately."""
    return hosts._speak() >= set(QUEUES)
