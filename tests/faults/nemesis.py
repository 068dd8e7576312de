"""Inject seeded faults one after another, each with the time from which recovery counts.

Kills count from the kill; servers that were away count from their return.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable

from tests.faults.plant import WORKERS, Plant

PAIR = 0.2
"""Share of rounds with a second fault at once."""


class Nemesis:
    """Draws faults; ``schedule`` tells what was done and when."""

    def __init__(self, plant: Plant, seed: int) -> None:
        """The same seed draws the same faults in the same order."""
        self.plant, self.rng = plant, random.Random(seed)
        self.schedule: list[tuple[float, str]] = []
        self.began = time.monotonic()
        self.faults: dict[str, Callable[[], int]] = {
            "F1 pool process killed": self.kill_child,
            "F2 worker killed": self.kill_worker,
            "F3 popped task lost": self.lose_task,
            "F4 worker hangs": self.freeze_worker,
            "F6 Redis killed": self.kill_redis,
            "F8 Redis away": self.redis_away,
            "F9 Redis emptied": self.empty_redis,
            "F9 Redis set back": self.set_redis_back,
            "F10 half-open line": self.half_open,
            "F11 answers lost": self.lose_answers,
            "F13 bridge killed": self.kill_bridge,
            "F14 bridge hangs": self.freeze_bridge,
            "F21 PostgreSQL away": self.postgres_away,
            "F26 garbage in the queue": self.garbage,
        }
        if plant.servers.durable_kafka:
            self.faults["F16 Kafka killed"] = self.kill_kafka

    def strike(self) -> tuple[str, int]:
        """One fault, or two at once; returns its name and the moment (ns since 1970)."""
        names = self.rng.sample(list(self.faults), 2 if self.rng.random() < PAIR else 1)
        if {"F9 Redis emptied", "F13 bridge killed"} <= set(names):
            names.pop()  # both at once: see what is not promised in docs/reliability.md
        moment = 0
        for name in names:
            self.schedule.append((round(time.monotonic() - self.began, 1), name))
            moment = max(moment, self.faults[name]())
        return " + ".join(sorted(names)), moment

    # --- Workers -------------------------------------------------------------------------------

    def kill_child(self) -> int:
        """F1."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            for pid in self.plant.children(self._victim()):
                os.kill(pid, signal.SIGKILL)
        return time.time_ns()

    def kill_worker(self) -> int:
        """F2."""
        self.plant.system.kill(self._victim())
        return time.time_ns()

    def lose_task(self) -> int:
        """F3."""
        victim = self._victim()
        self.plant.system.signal(victim, signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.1, 0.5))
        self.plant.system.kill(victim)
        return time.time_ns()

    def freeze_worker(self) -> int:
        """F4."""
        with self.plant.frozen(self._victim()):
            moment = time.time_ns()
            time.sleep(self.rng.uniform(0.5, 6.0))
        return moment

    def garbage(self) -> int:
        """F26."""
        self.plant.client.lpush("sums", "x")
        return time.time_ns()

    def _victim(self) -> str:
        alive = [name for name in WORKERS if self.plant.system.runs(name)]
        if not alive:
            self.plant.heal()
            alive = list(WORKERS)
        return self.rng.choice(alive)

    # --- Servers -------------------------------------------------------------------------------

    def kill_redis(self) -> int:
        """F6, F7."""
        return self._away("redis", 0.0)

    def redis_away(self) -> int:
        """F8, shorter."""
        return self._away("redis", self.rng.uniform(1.0, 8.0))

    def empty_redis(self) -> int:
        """F9."""
        self.plant.client.flushall()
        return time.time_ns()

    def set_redis_back(self) -> int:
        """F9, from an append-only file some seconds old."""
        data = self.plant.servers.redis_data
        copy = data.with_name("older")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        time.sleep(self.rng.uniform(0.2, 3.0))
        self.plant.servers.kill("redis")
        shutil.rmtree(data)
        copy.rename(data)
        self.plant.servers.revive("redis")
        return time.time_ns()

    def half_open(self) -> int:
        """F10, for the worker that stands behind the proxy."""
        self.plant.servers.redis_proxy.go_half_open()
        return time.time_ns()

    def lose_answers(self) -> int:
        """F11, for the worker that stands behind the proxy."""
        for _ in range(self.rng.randrange(3, 15)):
            self.plant.servers.redis_proxy.drop_replies(1)
            time.sleep(0.1)
        self.plant.servers.redis_proxy.mend()
        return time.time_ns()

    def kill_kafka(self) -> int:
        """F16."""
        return self._away("kafka", 0.0)

    def postgres_away(self) -> int:
        """F21."""
        return self._away("postgres", self.rng.uniform(1.0, 5.0))

    def _away(self, name: str, seconds: float) -> int:
        self.plant.servers.kill(name)
        time.sleep(seconds)
        self.plant.servers.revive(name)
        return time.time_ns()

    # --- The bridge ----------------------------------------------------------------------------

    def kill_bridge(self) -> int:
        """F13."""
        moment = time.time_ns()
        self.plant.system.kill("bridge")
        self.plant.start_bridge()
        return moment

    def freeze_bridge(self) -> int:
        """F14 without a successor: it is thrown out of its group and must find back."""
        with self.plant.frozen("bridge"):
            time.sleep(self.rng.uniform(0.5, 9.0))
        return time.time_ns()
