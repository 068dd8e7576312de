"""Measure the whole system with a large book: a million trades, a hundred books, eight currencies.

    make bench-scale TRADES=1000000

The book is that of ``large_book.py``, loaded by COPY. Steps: an empty book (the floor); load; cold
compilation; first frames; one tick a second and currency; ticks as fast as sums are published;
edits; the first frames of a new day. The run ends at a limit of time or memory with what it has
measured by then, and says what it left out. Progress is told on standard error; the output is a
table and a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

from benchmarks.end_to_end import show_phase
from benchmarks.hops import WHOLE
from benchmarks.large_book import CURRENCIES
from benchmarks.machine import load_average, machine
from benchmarks.memory import peak_of, tree_bytes
from benchmarks.phases import Run
from benchmarks.recorder import Recorder
from benchmarks.system import System, running
from feedbridge.kafka.producer import TickProducer, connector

RESULTS = Path(__file__).resolve().parent / "results"
EDITS, DAYS = 16, 1
GB = 2**30


class LimitReached(Exception):
    """A run has reached its limit of time or memory."""


class Limits:
    """What a run may use: seconds since it began, and bytes of all its processes."""

    def __init__(self, seconds: float, size: int) -> None:
        """Time runs from now."""
        self.seconds, self.bytes = seconds, size
        self._began, self._look_at = time.monotonic(), 0.0

    def spent_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def check(self, used: Callable[[], int]) -> None:
        """Compare with the limits; the memory once in some seconds, because looking takes time.

        Raises:
            LimitReached: A sentence that says which limit.
        """
        if self.spent_s() > self.seconds:
            raise LimitReached(f"the limit of {self.seconds / 60:.0f} minutes is reached")
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + 5.0
            if used() > self.bytes:
                raise LimitReached(f"the limit of {self.bytes / GB:.0f} GB of memory is reached")


class Steps:
    """Runs steps in order; after one that failed at a limit, the others are left out."""

    def __init__(self, limits: Limits, used: Callable[[], int]) -> None:
        """Start with no step done."""
        self.limits, self.used = limits, used
        self.found: dict[str, Any] = {"step_s": {}}
        self.left_out: list[str] = []
        self.why = ""

    def check(self) -> None:
        """Raise LimitReached when a limit is."""
        self.limits.check(self.used)

    def do(self, name: str, work: Callable[[], Any]) -> None:
        """Keep what a step finds under its name."""
        if self.why:
            self.left_out.append(name)
            return
        say(self.limits, name)
        began = time.monotonic()
        try:
            self.check()
            self.found[name] = work()
        except (LimitReached, TimeoutError) as error:
            self.why = str(error)
            self.left_out.append(name)
            say(self.limits, f"{name}: {error}. What follows is left out")
        self.found["step_s"][name] = round(time.monotonic() - began, 1)


def say(limits: Limits, sentence: str) -> None:
    """A line of progress."""
    print(
        f"[{limits.spent_s():5.0f} s, load {load_average():4.1f}] {sentence}",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of a steady phase")
    parser.add_argument("--processes", type=int, default=2, help="for sums, and for the detail")
    parser.add_argument("--minutes", type=float, default=20.0, help="limit of the whole run")
    parser.add_argument("--gigabytes", type=float, default=16.0, help="limit of all processes")
    options = parser.parse_args()
    limits = Limits(options.minutes * 60, int(options.gigabytes * GB))
    log = Path(os.environ.get("RISK_LOCAL_DIR", ".local/bench")) / "scale.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), "broker": os.environ.get("KAFKA_BROKER_NAME", "")}
    result |= {"trades": options.trades, "worker_processes": options.processes}
    result |= {"seconds": options.seconds, "limit_minutes": options.minutes}
    say(limits, f"{options.trades:,} trades; the log of all processes is {log}")
    with running(log, options.processes, CURRENCIES) as system:
        django.setup()
        producer = TickProducer(connector(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
        recorder = Recorder(os.environ["REDIS_URL"], CURRENCIES)
        run = Run(system, producer, recorder, options.seconds)
        result |= measure(run, options.trades, limits)
        recorder.close()
        producer.close()
    show(result)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"scale-{options.trades}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


def measure(run: Run, trades: int, limits: Limits) -> dict[str, Any]:
    """All steps."""
    system = run.system
    steps = Steps(limits, lambda: used_bytes(system))
    system.check = steps.check
    empty: list[int] = []

    def floor() -> dict[str, Any]:
        run.warm()
        found = {"steady": run.steady(), "saturated": run.saturated()}
        empty.append(run.pricing_bytes())
        return found

    def first_frames() -> dict[str, float]:
        began = time.perf_counter()
        run.warm()
        taken = round(time.perf_counter() - began, 2)
        run.warm()
        return {"all_currencies_s": taken}

    steps.do("floor", floor)
    steps.do("load", lambda: load(trades, limits))
    steps.do("compile", lambda: compile_cold(system, limits))
    steps.do("first_frames", first_frames)
    before = system.frames.pointers(system.currencies)
    steps.do("book", run.book)
    steps.do("steady", run.steady)
    steps.do("saturated", run.saturated)
    steps.do("check", lambda: run.checks(before))
    steps.do("edits_ms", lambda: edits(system))
    steps.do("new_days", lambda: run.new_days(DAYS))
    steps.do("memory", lambda: run.memory(trades, empty[0]))
    return {
        **steps.found,
        "used_bytes": used_bytes(system),
        "took_s": round(limits.spent_s(), 1),
        "left_out": steps.left_out,
        "why": steps.why,
    }


def load(trades: int, limits: Limits) -> dict[str, Any]:
    """Trades and fixings, in one transaction."""
    from benchmarks import load_book  # models need Django's set-up

    began = time.perf_counter()
    loaded = load_book.load(trades, lambda sentence: say(limits, sentence))
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "swaps": loaded.swaps,
        "positions": loaded.trades - loaded.swaps,
        "bonds": loaded.bonds,
        "templates": loaded.templates,
    }


def compile_cold(system: System, limits: Limits) -> dict[str, Any]:
    """Measure from the end of the load to the newest book of each currency."""
    began = time.perf_counter()
    with peak_of([system.children["compiler"].pid]) as peak:
        system.compiled(limits.seconds)
    return {"seconds": round(time.perf_counter() - began, 2), "peak_bytes": peak.bytes}


def edits(system: System) -> dict[str, Any]:
    """Edited trades of all currencies in turn."""
    from benchmarks.edits import edits_ms

    return edits_ms(system, EDITS)


def used_bytes(system: System) -> int:
    """Return the memory of this process, its descendants and Redis, without PostgreSQL."""
    return tree_bytes([os.getpid()]) + int(system.client.info("memory")["used_memory_rss"])


def show(result: dict[str, Any]) -> None:
    """Tables for people."""
    print(f"\n{result['trades']:,} trades, {result['took_s']} s")
    head = "".join(f"{name:>8}" for name in ("p50", "p95", "p99", "max"))
    print(f"{'book':16}{'phase':11}{'frames':>7}{head}{'detail':>9}{'p99':>8}  p50 by hop")
    for title, phases in (("floor", result.get("floor", {})), ("large book", result)):
        for name in ("steady", "saturated"):
            if name in phases:
                show_phase(title, name, phases[name])
    for name in ("steady", "saturated"):
        if name in result:
            of_floor = result["floor"][name]["ms"][WHOLE]["p50"]
            ratio = result[name]["ms"][WHOLE]["p50"] / of_floor
            print(f"{name}: {result[name]['frames_per_s']} frames/s, {ratio:.2f} x the floor's p50")
    for name in ("load", "compile", "first_frames", "check", "edits_ms", "new_days", "memory"):
        if name in result:
            print(name, " ".join(f"{key}={value}" for key, value in result[name].items()))
    for name, one in result.get("book", {}).items():
        print(name, " ".join(f"{key}={value:,}" for key, value in one.items()))
    if result["left_out"]:
        print(f"Left out: {', '.join(result['left_out'])}: {result['why']}.")


if __name__ == "__main__":
    main()
