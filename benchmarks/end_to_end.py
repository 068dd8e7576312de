"""Measure the time from a tick produced to a frame published, through Kafka, Celery and Redis.

    make bench-e2e TRADES=1000,10000,100000 SECONDS=60

Phases: an empty book (the floor); then for each size of book: load and compile, one tick a second
and currency, ticks as fast as they are priced, the first tick of other days, and the floor again.
Every process is a real one; the clock starts when the tick is handed to Kafka's producer. The
output is a table and a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django

from benchmarks.hops import HOPS, WHOLE, summary
from benchmarks.machine import load_average, machine
from benchmarks.memory import largest_child, worker_memory
from benchmarks.system import System, running
from benchmarks.ticks import Market, send_on_time, send_when_priced, wait_until_priced
from feedbridge.kafka.producer import TickProducer, connector
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from risk.store.results import HistoryLine

RESULTS = Path(__file__).resolve().parent / "results"
WARM_ROUNDS, DAYS, COMPILE_LIMIT_S = 5, 6, 1800.0
CHECKS = 3


class Run:
    """One system, one market, and what has been measured so far."""

    def __init__(self, system: System, producer: TickProducer, seconds: float) -> None:
        """Nothing is sent yet."""
        self.system, self.producer, self.seconds = system, producer, seconds
        self.market = Market()
        self.empty = 0  # bytes of a pricing process that holds no trade

    def phase(self, send: Callable[[], None]) -> dict[str, Any]:
        """Send, wait for quiet, and sum up the frames that came out."""
        frames = self.system.frames
        before = frames.pointers(CURRENCIES)
        cpu, began = self.system.cpu_seconds(), time.perf_counter()
        send()
        wait_until_priced(frames, before)
        took, after = time.perf_counter() - began, self.system.cpu_seconds()
        lines = self._lines(before)
        return {
            **summary(lines),
            "frames_per_s": round(len(lines) / took, 1),
            "cpu_ms_a_frame": {
                name: round((after[name] - cpu[name]) / len(lines) * 1e3, 2) for name in after
            },
            "load_average": load_average(),
        }

    def _lines(self, before: dict[str, int]) -> list[HistoryLine]:
        """Frames of ticks; those of an edited book alone have no sender."""
        found = [
            line
            for name, number in before.items()
            for line in self.system.frames.history(name)
            if line.frame > number and line.sent_ns
        ]
        return sorted(found, key=lambda line: line.published_ns)

    def warm(self) -> None:
        """First frames compile nothing, but fetch the book and bring it to its day."""
        before = self.system.frames.pointers(CURRENCIES)
        send_on_time(self.producer, self.market, WARM_ROUNDS, 0.5)
        wait_until_priced(self.system.frames, before)

    def steady(self) -> dict[str, Any]:
        """One tick a second and currency."""
        rounds = round(self.seconds)
        return self.phase(lambda: send_on_time(self.producer, self.market, rounds, 1.0))

    def saturated(self) -> dict[str, Any]:
        """As many ticks as are priced."""
        frames, seconds = self.system.frames, self.seconds / 4
        return self.phase(lambda: send_when_priced(self.producer, self.market, frames, seconds))

    def new_days(self) -> dict[str, Any]:
        """The first frame of each currency on some days."""
        firsts = []
        for _ in range(DAYS):
            self.market.next_day()
            firsts.append(self.phase(lambda: send_on_time(self.producer, self.market, 1, 1.0)))
            self.warm()
        worst = [first["ms"][WHOLE]["max"] for first in firsts]
        typical = [first["ms"][WHOLE]["p50"] for first in firsts]
        return {"days": DAYS, "p50": statistics.median(typical), "max": max(worst)}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", default="1000,10000,100000", help="sizes of the book, rising")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each steady phase")
    parser.add_argument("--processes", type=int, default=2, help="that price")
    options = parser.parse_args()
    sizes = [int(word) for word in options.trades.split(",")]
    log = Path(os.environ.get("RISK_LOCAL_DIR", ".local/bench")) / "end_to_end.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), "broker": os.environ.get("KAFKA_BROKER_NAME", "")}
    result |= {"seconds": options.seconds, "worker_processes": options.processes}
    with running(log, options.processes) as system:
        django.setup()
        producer = TickProducer(connector(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
        result |= measure(Run(system, producer, options.seconds), sizes)
        producer.close()
    show(result)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "end-to-end.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


def measure(run: Run, sizes: Sequence[int]) -> dict[str, Any]:
    """Floor, each size, floor."""
    run.warm()
    floor = {"steady": run.steady(), "saturated": run.saturated()}
    run.empty = largest_child(run.system.children["worker"].pid)
    say("floor", floor)
    found = [of_size(run, size) for size in sizes]
    run.system.manage("seed_book", "--clear")
    run.system.compiled(COMPILE_LIMIT_S)
    run.warm()
    floor["steady_at_the_end"] = run.steady()
    return {"floor": floor, "sizes": found}


def of_size(run: Run, size: int) -> dict[str, Any]:
    """Everything that is measured on a book of some size."""
    system = run.system
    system.manage("seed_book", "--trades", str(size))
    cold_s = system.compiled(COMPILE_LIMIT_S)
    run.warm()
    system.spreads_solved(COMPILE_LIMIT_S)
    run.warm()
    found: dict[str, Any] = {"trades": size, "compiled_after_load_s": round(cold_s, 2)}
    found["steady"] = run.steady()
    found["check"] = checked(run)
    found["saturated"] = run.saturated()
    found["new_days"] = run.new_days()
    from benchmarks.edits import edits_ms, warm_start_s  # models need Django's set-up

    found["edits_ms"] = edits_ms(system)
    found["warm_compile_s"] = round(warm_start_s(system), 2)
    found["worker_memory"] = worker_memory(system.children["worker"].pid, size, run.empty)
    found["redis_bytes"] = int(system.client.info("memory")["used_memory"])
    say(f"{size} trades", found)
    return found


def checked(run: Run) -> dict[str, Any]:
    """Some trades of published frames against plain QuantLib: the largest differences."""
    from benchmarks.sample import largest_differences  # needs Django's set-up

    return largest_differences(run.system.frames, CURRENCIES, CHECKS)


def say(title: str, found: dict[str, Any]) -> None:
    """A line while the rest runs."""
    for name in ("steady", "saturated"):
        ms = found[name]["ms"][WHOLE]
        line = "  ".join(f"{key} {value:.1f}" for key, value in ms.items())
        print(f"{title:16} {name:10} {line} ms, {found[name]['frames_per_s']} frames/s", flush=True)


def show(result: dict[str, Any]) -> None:
    """Tables for people."""
    rows = [("floor", result["floor"])]
    rows += [(f"{found['trades']:,} trades", found) for found in result["sizes"]]
    head = "".join(f"{name:>8}" for name in ("p50", "p95", "p99", "max"))
    print(f"\n{'book':16}{'phase':11}{'frames':>7}{head}  p50 by hop")
    for title, found in rows:
        for name in ("steady", "saturated", "steady_at_the_end"):
            if name in found:
                _show_phase(title, name, found[name])
    for title, found in rows[1:]:
        check, memory = found["check"], found["worker_memory"]
        print(
            f"{title}: compiled {found['compiled_after_load_s']} s after loading; first frame of a"
            f" day p50 {found['new_days']['p50']} ms, worst {found['new_days']['max']} ms;"
            f" edited trade published after {found['edits_ms']['published_p50']} ms;"
            f" compiler started anew ready in {found['warm_compile_s']} s;"
            f" worker {memory['bytes_a_trade']} bytes a trade; {check['trades']} trades against"
            f" QuantLib: NPV {check['npv_error']:.1e} of notional,"
            f" ladder {check['ladder_error']:.1e} of gross DV01"
        )


def _show_phase(title: str, name: str, phase: dict[str, Any]) -> None:
    ms = phase["ms"]
    numbers = "".join(f"{ms[WHOLE][key]:8.1f}" for key in ("p50", "p95", "p99", "max"))
    hops = " ".join(f"{hop[3:]} {ms[hop]['p50']:.1f}" for hop in HOPS)
    print(f"{title:16}{name:11.11}{phase['frames']:7}{numbers}  {hops}")


if __name__ == "__main__":
    main()
