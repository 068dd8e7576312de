"""Measure the time from a tick produced to sums and detail published, through all processes.

    make bench-e2e TRADES=1000,10000,100000 SECONDS=60

Phases: an empty book (the floor); then for each size of book: load and compile, one tick a second
and currency, ticks as fast as sums are published, the first tick of other days, edits; and the
floor again. Every process is a real one; the clock starts when the tick is handed to Kafka's
producer. The output is a table and a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from benchmarks.hops import HOPS, WHOLE
from benchmarks.machine import machine
from benchmarks.phases import Run
from benchmarks.recorder import Recorder
from benchmarks.system import running
from feedbridge.kafka.producer import TickProducer, connector

RESULTS = Path(__file__).resolve().parent / "results"
DAYS, COMPILE_LIMIT_S = 6, 1800.0


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", default="1000,10000,100000", help="sizes of the book, rising")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each steady phase")
    parser.add_argument("--processes", type=int, default=2, help="for sums, and for the detail")
    options = parser.parse_args()
    sizes = [int(word) for word in options.trades.split(",")]
    log = Path(os.environ.get("RISK_LOCAL_DIR", ".local/bench")) / "end_to_end.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), "broker": os.environ.get("KAFKA_BROKER_NAME", "")}
    result |= {"seconds": options.seconds, "worker_processes": options.processes}
    with running(log, options.processes) as system:
        django.setup()
        producer = TickProducer(connector(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
        recorder = Recorder(os.environ["REDIS_URL"], system.currencies)
        result |= measure(Run(system, producer, recorder, options.seconds), sizes)
        recorder.close()
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
    empty = run.pricing_bytes()
    say("floor", floor)
    found = [of_size(run, size, empty) for size in sizes]
    run.system.manage("seed_book", "--clear")
    run.system.compiled(COMPILE_LIMIT_S)
    run.warm()
    floor["steady_at_the_end"] = run.steady()
    return {"floor": floor, "sizes": found}


def of_size(run: Run, size: int, empty: int) -> dict[str, Any]:
    """Everything that is measured on a book of some size."""
    system = run.system
    call_command("seed_book", "--trades", str(size), stdout=StringIO())
    cold_s = system.compiled(COMPILE_LIMIT_S)
    run.warm()
    system.spreads_solved(COMPILE_LIMIT_S)
    run.warm()
    found: dict[str, Any] = {"trades": size, "compiled_after_load_s": round(cold_s, 2)}
    found["book"] = run.book()
    before = system.frames.pointers(system.currencies)
    found["steady"] = run.steady()
    found["saturated"] = run.saturated()
    found["check"] = run.checks(before)
    found["new_days"] = run.new_days(DAYS)
    from benchmarks.edits import edits_ms, warm_start_s  # models need Django's set-up

    found["edits_ms"] = edits_ms(system)
    found["warm_compile_s"] = round(warm_start_s(system), 2)
    found["memory"] = run.memory(size, empty)
    say(f"{size} trades", found)
    return found


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
    print(f"\n{'book':16}{'phase':11}{'frames':>7}{head}{'detail':>9}{'p99':>8}  p50 by hop")
    for title, found in rows:
        for name in ("steady", "saturated", "steady_at_the_end"):
            if name in found:
                show_phase(title, name, found[name])
    for title, found in rows[1:]:
        check, memory = found["check"], found["memory"]
        terms = sum(one["terms"] for one in found["book"].values())
        groups = sum(one["groups"] for one in found["book"].values())
        print(
            f"{title}: compiled {found['compiled_after_load_s']} s after loading; {terms:,} netted"
            f" terms in {groups} groups; first frame of a day p50 {found['new_days']['p50']} ms,"
            f" worst {found['new_days']['max']} ms;"
            f" edited trade published after {found['edits_ms']['published_p50']} ms;"
            f" compiler started anew ready in {found['warm_compile_s']} s;"
            f" pricing processes {memory['bytes_a_trade']} bytes a trade; {check['trades']} trades"
            f" against QuantLib: NPV {check['npv_error'] or 0.0:.1e} of notional,"
            f" ladder {check['ladder_error'] or 0.0:.1e} of gross DV01;"
            f" sums against details {check['sums_error'] or 0.0:.1e} of gross"
        )


def show_phase(title: str, name: str, phase: dict[str, Any]) -> None:
    """A row of a phase."""
    ms, detail = phase["ms"], phase["detail"].get("ms", {})
    numbers = "".join(f"{ms[WHOLE][key]:8.1f}" for key in ("p50", "p95", "p99", "max"))
    behind = "".join(f"{detail.get(key, float('nan')):8.1f}" for key in ("p50", "p99"))
    hops = " ".join(f"{hop[3:]} {ms[hop]['p50']:.1f}" for hop in HOPS)
    print(f"{title:16}{name:11.11}{phase['frames']:7}{numbers} {behind}  {hops}")


if __name__ == "__main__":
    main()
