"""The queue model does what queues do: idle ones add up, and the busiest one gives out first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import scaling_simulation
from benchmarks.scaling_simulation import Costs, Plant, Simulation

COSTS = Costs(
    arrival=0.004,
    opening=0.001,
    sending=0.001,
    delivery=0.003,
    curves=0.003,
    trade=1e-6,
    put=0.0003,
    byte=3e-9,
    bytes_a_trade=120.0,
    merging=0.0001,
    publishing=0.001,
    network=0.0,
)


@pytest.fixture
def exact(monkeypatch):
    """Every step takes its mean."""
    monkeypatch.setattr(scaling_simulation, "SPREAD", 0.0)


def test_an_idle_plant_takes_the_sum_of_its_steps(exact):
    one = Simulation(COSTS, Plant(1, processes_a_host=1), 0).run(ticks=5)
    steps = 0.004 + 0.001 + 0.001 + 0.003 + 0.003 + 0.0003 + 0.0001 + 0.001
    assert one["p50_ms"] == pytest.approx(steps * 1e3, abs=0.05)


def test_twice_the_processes_halve_the_arithmetic_of_a_frame(exact):
    heavy = replace(COSTS, trade=1e-4, byte=0.0)
    found = [
        Simulation(heavy, Plant(1, processes_a_host=n), 10_000).run(3)["p50_ms"] for n in (2, 4)
    ]
    assert found[0] / found[1] == pytest.approx(2.0, rel=0.1)


def test_past_some_hosts_the_fan_out_makes_a_frame_slower():
    found = [Simulation(COSTS, Plant(hosts), 100_000).run()["p50_ms"] for hosts in (4, 32)]
    assert found[1] > 2 * found[0]


def test_a_million_trades_need_more_than_one_redis():
    costs = replace(COSTS, byte=1.2e-8)
    one = Simulation(costs, Plant(8), 1_000_000).run()
    three = Simulation(costs, Plant(8, redis_nodes=3), 1_000_000).run()
    assert one["busy"]["redis"] > 0.9
    assert three["p99_ms"] < one["p99_ms"] / 2


def test_the_same_seed_gives_the_same_numbers():
    first, again = (Simulation(COSTS, Plant(4), 1_000_000).run() for _ in range(2))
    assert first == again
