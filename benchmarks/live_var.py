"""Measure the time from a tick to its published sums while VaR is refreshed, and while it is not.

    make bench-live-var TRADES=10000 SECONDS=60

Steady phases of one tick a second and currency, in turn without and with the process that makes
500 historical and all stress scenarios by full revaluation every 5 s; the book, the servers and the
market are the same. Latencies of all phases of a kind are pooled, so that a machine that changes
its speed changes both. The output is a table and ``benchmarks/results/live-var.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from benchmarks.hops import WHOLE, summary
from benchmarks.machine import load_average, machine
from benchmarks.phases import Run
from benchmarks.recorder import Recorder
from benchmarks.system import running
from benchmarks.ticks import send_on_time
from feedbridge.kafka.producer import TickProducer, connector
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import ScenarioStore
from risk.store.results import HistoryLine

RESULT = Path(__file__).resolve().parent / "results" / "live-var.json"
ROUNDS, PIECE_S, COMPILE_LIMIT_S, FIRST_RUN_S = 3, 5, 1800.0, 120.0
WITHOUT, WITH = "without VaR", "with VaR"


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the six phases")
    parser.add_argument("--processes", type=int, default=2, help="for sums, and for the detail")
    options = parser.parse_args()
    log = Path(os.environ.get("RISK_LOCAL_DIR", ".local/bench")) / "live_var.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"machine": machine(), "trades": options.trades}
    result["worker_processes"] = options.processes
    with running(log, options.processes) as system:
        django.setup()
        producer = TickProducer(connector(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
        recorder = Recorder(os.environ["REDIS_URL"], system.currencies)
        run = Run(system, producer, recorder, options.seconds)
        result |= measure(run, options.trades)
        recorder.close()
        producer.close()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    show(result)
    print(f"written to {RESULT}")


def measure(run: Run, trades: int) -> dict[str, Any]:
    """Load a book and the history of its curves; then each kind of phase, three times in turn."""
    system = run.system
    call_command("seed_curves", stdout=StringIO())
    call_command("seed_book", "--trades", str(trades), stdout=StringIO())
    system.compiled(COMPILE_LIMIT_S)
    run.warm()
    system.spreads_solved(COMPILE_LIMIT_S)
    run.warm()
    lines: dict[str, list[HistoryLine]] = {WITHOUT: [], WITH: []}
    runs: list[ScenarioFrame] = []
    load: list[Any] = []
    for _ in range(ROUNDS):
        lines[WITHOUT] += steady(run)
        system.start("scenarios")
        first_run(run)
        watch = Watch(ScenarioStore(system.client))
        lines[WITH] += steady(run, watch)
        runs += watch.seen
        system.stop("scenarios")
        load.append(load_average())
    found = {name: summary(of_kind) for name, of_kind in lines.items()}
    return {**found, "runs_of_var": of_runs(runs), "load_average": load}


class Watch:
    """Collects the results of VaR that are published while it is asked at intervals."""

    def __init__(self, store: ScenarioStore) -> None:
        """Results that stand there now do not count."""
        self.store, self.seen = store, list[ScenarioFrame]()
        now = store.current()
        self._last = now.number if now else 0

    def look(self) -> None:
        """Note what is new."""
        frame = self.store.current()
        if frame is not None and frame.number > self._last:
            self.seen.append(frame)
            self._last = frame.number


def steady(run: Run, watch: Watch | None = None) -> list[HistoryLine]:
    """The sums of a phase of one tick a second and currency, in pieces of five seconds."""
    system = run.system
    before = system.frames.pointers(system.currencies)
    for _ in range(max(1, round(run.seconds / PIECE_S))):
        run.phase(lambda: send_on_time(run.producer, run.market, PIECE_S, 1.0))
        if watch is not None:
            watch.look()
    return run.recorder.published.lines_after(before)


def first_run(run: Run) -> None:
    """Send ticks until the process of scenarios has published once: its imports are not counted.

    Raises:
        TimeoutError: It publishes nothing for two minutes.
    """
    store, end = ScenarioStore(run.system.client), time.monotonic() + FIRST_RUN_S
    before = store.current()
    while True:
        now = store.current()
        if now is not None and (before is None or now.number > before.number):
            return
        if time.monotonic() > end:
            raise TimeoutError(f"no scenarios for {FIRST_RUN_S:.0f} s: see {run.system.log}")
        run.warm()


def of_runs(runs: Sequence[ScenarioFrame]) -> dict[str, Any]:
    """How many runs there were, of how many scenarios, and how long they took, s.

    Raises:
        RuntimeError: A run had no historical scenarios, so nothing was measured.
    """
    if not runs or any(frame.no_history or frame.unavailable for frame in runs):
        why = [frame.no_history or str(frame.unavailable) for frame in runs] or ["none was made"]
        raise RuntimeError(f"runs of VaR without all results: {why[0]}")
    times = [(frame.finished_ns - frame.started_ns) / 1e9 for frame in runs]
    return {
        "runs": len(runs),
        "days": len(runs[-1].days),
        "stress_scenarios": len(runs[-1].scenarios),
        "currencies": len(runs[-1].currencies),
        "run_s": {"min": round(min(times), 3), "max": round(max(times), 3)},
    }


def show(result: dict[str, Any]) -> None:
    """A row of each kind, the ratios, and what was run beside."""
    for name in (WITHOUT, WITH):
        ms = result[name]["ms"][WHOLE]
        numbers = "  ".join(f"{key} {value:6.1f}" for key, value in ms.items())
        print(f"{name:12} {result[name]['frames']:6} frames  {numbers} ms")
    ratio = {
        key: result[WITH]["ms"][WHOLE][key] / result[WITHOUT]["ms"][WHOLE][key]
        for key in ("p50", "p99")
    }
    made = result["runs_of_var"]
    print(
        f"ratio        p50 {ratio['p50']:.2f}  p99 {ratio['p99']:.2f}; {made['runs']} runs of"
        f" {made['days']} days and {made['stress_scenarios']} stress scenarios in"
        f" {made['currencies']} currencies, {made['run_s']['min']} to {made['run_s']['max']} s each"
    )


if __name__ == "__main__":
    main()
