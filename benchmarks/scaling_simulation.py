"""Simulate tick-to-published latency for a million trades on many worker hosts.

    python -m benchmarks.scaling_simulation

This is a small queueing model, not a measurement. Costs come from the results of ``make bench`` and
``make bench-e2e``; three currencies tick once a second each, spread evenly. A frame goes

    Kafka -> the bridge opens it and sends one task per block, one after another
          -> the first free process prices the block (curves, then trades)
          -> Redis takes the part (one thread per node, first come, first served)
          -> the process with the last part adds all parts and publishes

Every step except the network's is a measured mean times a random factor of mean 1.
"""

from __future__ import annotations

import heapq
import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
SHARES = (0.4, 0.4, 0.2)
"""Of the trades, by currency: the sample book's."""

TICKS, SEED, SPREAD = 120, 20_241_123, 0.25
"""Rounds; seed; sigma of the random factor's logarithm."""


@dataclass(frozen=True)
class Costs:
    """Seconds of one core.

    Attributes:
        arrival: Tick to bridge, through Kafka.
        opening: Bridge, once a frame.
        sending: Bridge, once a task.
        delivery: Queue to the running task.
        curves: Worker, once a task: bootstrap, Jacobian and all else that is no trade's.
        trade: Worker, once a trade.
        put: Redis, once a part.
        byte: Redis, once a byte of a part.
        bytes_a_trade: Of a part.
        merging: Publisher, once a part.
        publishing: Publisher and Redis, once a frame.
        network: One way between hosts; a step crosses it twice.
    """

    arrival: float
    opening: float
    sending: float
    delivery: float
    curves: float
    trade: float
    put: float
    byte: float
    bytes_a_trade: float
    merging: float
    publishing: float
    network: float = 0.0001


@dataclass(frozen=True)
class Plant:
    """What is there: hosts with processes that price, bridges, and Redis nodes."""

    hosts: int
    processes_a_host: int = 8
    bridges: int = 1
    redis_nodes: int = 1

    @property
    def processes(self) -> int:
        """That price, and so the blocks of a currency."""
        return self.hosts * self.processes_a_host


def measured() -> Costs:
    """Costs from the results of the benchmarks.

    Raises:
        FileNotFoundError: A benchmark has not been run.
    """
    small, large = _result("kernel-1000"), _result("kernel-100000")
    steady = _result("end-to-end")["floor"]["steady"]
    hops = {name: ms["p50"] / 1e3 for name, ms in steady["ms"].items()}
    few, many = (_sums(result) for result in (small, large))
    trade = (many["work"] - few["work"]) / (many["trades"] - few["trades"])
    put_a_byte = (many["put"] - few["put"]) / (many["bytes"] - few["bytes"])
    currencies = len(large["currencies"])
    sending = _result("tasks")["send_s"]
    return Costs(
        arrival=hops["to_bridge"],
        opening=hops["to_open"],
        sending=sending,
        delivery=max(hops["to_worker"] - sending, 0.0),
        curves=(few["work"] - trade * few["trades"]) / currencies,
        trade=trade,
        put=(few["put"] - put_a_byte * few["bytes"]) / currencies,
        byte=put_a_byte,
        bytes_a_trade=many["bytes"] / many["trades"],
        merging=_result("tasks")["merge_s"],
        publishing=few["publish"] / currencies,
    )


def _sums(result: dict[str, Any]) -> dict[str, float]:
    """Over all currencies of one size, in seconds and bytes."""
    rows = result["currencies"]
    names = ("price_block", "curves_and_jacobian", "sums", "pack", "encode")
    return {
        "trades": sum(row["trades"] for row in rows),
        "work": sum(row["parts_us"][name] for row in rows for name in names) / 1e6,
        "put": sum(row["parts_us"]["put"] for row in rows) / 1e6,
        "publish": sum(row["parts_us"]["publish"] for row in rows) / 1e6,
        "bytes": sum(row["part_bytes"] for row in rows),
    }


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


class Simulation:
    """One plant under ticks; all times in seconds."""

    def __init__(self, costs: Costs, plant: Plant, trades: int, seed: int = SEED) -> None:
        """Everything is idle."""
        self.costs, self.plant, self.trades = costs, plant, trades
        self.random = random.Random(seed)
        self.free = {
            "bridge": [0.0] * plant.bridges,
            "redis": [0.0] * plant.redis_nodes,
            "workers": [0.0] * plant.processes,
        }
        self.busy = dict.fromkeys(self.free, 0.0)

    def run(self, ticks: int = TICKS) -> dict[str, Any]:
        """Latencies and how busy each resource was."""
        found = [
            self._frame(number + place / len(SHARES), place, share)
            for number in range(ticks)
            for place, share in enumerate(SHARES)
        ]
        found.sort()
        return {
            "p50_ms": round(found[len(found) // 2] * 1e3, 1),
            "p99_ms": round(found[math.ceil(len(found) * 0.99) - 1] * 1e3, 1),
            "busy": {
                name: round(busy / len(self.free[name]) / ticks, 3)
                for name, busy in self.busy.items()
            },
        }

    def _frame(self, sent: float, place: int, share: float) -> float:
        """Seconds from tick to published."""
        costs, blocks = self.costs, self.plant.processes
        size = self.trades * share / blocks
        now = sent + self._about(costs.arrival)
        now = self._use("bridge", place, now, costs.opening)
        ends = []
        for _ in range(blocks):
            now = self._use("bridge", place, now, costs.sending)
            there = now + self._about(costs.delivery) + 2 * costs.network
            ends.append(self._use("workers", None, there, costs.curves + size * costs.trade))
        put = costs.put + size * costs.bytes_a_trade * costs.byte
        parts = [self._use("redis", place, end + costs.network, put) for end in sorted(ends)]
        merged = max(parts) + 2 * costs.network + self._about(costs.merging * blocks)
        return self._use("redis", place, merged, costs.publishing) - sent

    def _use(self, name: str, place: int | None, since: float, work: float) -> float:
        """When a resource has done work that came at some time; any one if no place is told."""
        free, taken = self.free[name], self._about(work)
        if place is None:
            end = max(heapq.heappop(free), since) + taken
            heapq.heappush(free, end)
        else:
            end = max(free[place % len(free)], since) + taken
            free[place % len(free)] = end
        self.busy[name] += taken
        return end

    def _about(self, mean: float) -> float:
        return mean * self.random.lognormvariate(-SPREAD * SPREAD / 2, SPREAD)


def table(costs: Costs, trades: int, plants: Sequence[Plant]) -> list[dict[str, Any]]:
    """One row a plant."""
    return [{**asdict(plant), **Simulation(costs, plant, trades).run()} for plant in plants]


def plants() -> list[Plant]:
    """One bridge and one Redis, then one of each a currency."""
    hosts = [Plant(hosts) for hosts in (1, 2, 4, 8, 16, 32)]
    return hosts + [replace(plant, bridges=3, redis_nodes=3) for plant in hosts]


def main() -> None:
    """Run and print."""
    costs, trades = measured(), 1_000_000
    rows = table(costs, trades, plants())
    for name, value in asdict(costs).items():
        print(f"{name:14} {value:.3g}")
    print(f"\n{trades:,} trades, one tick a second and currency")
    print(
        f"{'hosts':>6}{'processes':>10}{'bridges':>8}{'redis':>6}{'p50 ms':>9}{'p99 ms':>9}  busy"
    )
    for row in rows:
        busy = "  ".join(f"{name} {share:.0%}" for name, share in row["busy"].items())
        processes = row["hosts"] * row["processes_a_host"]
        print(
            f"{row['hosts']:6}{processes:10}{row['bridges']:8}{row['redis_nodes']:6}"
            f"{row['p50_ms']:9.0f}{row['p99_ms']:9.0f}  {busy}"
        )
    path = RESULTS / "scaling.json"
    path.write_text(
        json.dumps({"trades": trades, "costs": asdict(costs), "rows": rows}, indent=1) + "\n"
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main()
