"""Replay all stored days twice, the second time killing pricing processes, and compare the hashes.

    make replay-all FILES=daily-treasury-rates.csv      FROM=1990-01-02 TO=2026-12-31 CURRENCY=USD

Loads the files into the curve history, the sample book into the security master, and replays the
days into two markets of their own. The hash of a replay is of every number of every frame. The exit
status is 1 where the hashes differ, or where no process was killed. The output is a line a run,
the days without numbers with their first reason, and JSON in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.core.management import call_command

from benchmarks.cpu import seconds_of
from benchmarks.machine import machine

if TYPE_CHECKING:
    from risk.models import Replay

RESULT = Path(__file__).resolve().parent / "results" / "replay-days.json"
NAMES = ("undisturbed", "killed")
SHOWN_EVERY_S = 20.0


def main() -> int:
    """Replay, compare, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="published curves; none: what is stored")
    parser.add_argument("--from", dest="start", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--to", dest="end", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--currency", default="USD", help="by comma")
    parser.add_argument("--trades", type=int, default=200, help="of the sample book")
    parser.add_argument("--workers", default="1,2", help="processes of the first and second run")
    parser.add_argument("--expect", default="", help="hash of an earlier run instead of a first")
    parser.add_argument("--kill-every-s", type=float, default=15.0, help="in the second run")
    options = parser.parse_args()
    django.setup()
    fill(options.files, options.trades)
    workers = [int(word) for word in options.workers.split(",")]
    killers = (None, Killer(options.kill_every_s))
    runs = []
    for name, count, killer in zip(NAMES, workers, killers, strict=True):
        if killer is None and options.expect:
            continue
        runs.append(
            run(name, options.currency.split(","), options.start, options.end, count, killer)
        )
        print(line_of(runs[-1]), flush=True)
    expected = options.expect or runs[0]["sha256"]
    equal = runs[-1]["sha256"] == expected != ""
    result = {"machine": machine(), "trades": options.trades, "expected": expected}
    result |= {"equal": equal, "runs": runs}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print("the hashes are equal" if equal else "THE HASHES DIFFER")
    return 0 if equal and runs[-1]["killed"] else 1


def fill(files: Sequence[str], trades: int) -> None:
    """An empty master with the sample book, and the files as history."""
    quiet: dict[str, Any] = {"stdout": StringIO()}
    call_command("migrate", verbosity=0, **quiet)
    if files:
        call_command("load_curves", *files)
    call_command("seed_book", "--clear", **quiet)
    call_command("seed_book", "--trades", str(trades), **quiet)
    call_command("seed_fixings", **quiet)


class Killer:
    """Kills a pricing process at intervals, as a machine without memory would."""

    def __init__(self, every_s: float) -> None:
        """End nothing yet."""
        self.every_s, self.killed = every_s, 0
        self._due = time.monotonic() + every_s
        self.processes: Callable[[], Sequence[Any]] = lambda: ()

    def look(self) -> None:
        """End the next process, if it is time: each of them in turn."""
        alive = [each.process for each in self.processes() if each.process is not None]
        if alive and time.monotonic() >= self._due:
            os.kill(alive[self.killed % len(alive)].pid, signal.SIGKILL)
            self.killed += 1
            self._due = time.monotonic() + self.every_s


def run(
    name: str,
    currencies: Sequence[str],
    start: dt.date,
    end: dt.date,
    workers: int,
    killer: Killer | None,
) -> dict[str, Any]:
    """A whole replay; its closes are deleted again."""
    from django.conf import settings

    from pricing.curves.quotes import CurveOptions
    from risk.models import Replay
    from risk.replays import control
    from risk.replays.plan import Plan
    from risk.replays.runner import Runner, forget, prepare

    for before in Replay.objects.filter(name=name):
        forget(before)
    options = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
    row = control.make(name, start=start, end=end, currencies=currencies)
    row.save()
    prepared = prepare(Plan.read(row.currencies, start, end), options, 1)
    shown = time.monotonic()

    def say(now: Replay) -> None:
        nonlocal shown
        if killer is not None:
            killer.look()
        if time.monotonic() - shown > SHOWN_EVERY_S:
            shown = time.monotonic()
            print(f"{name}: {now.date}, {now.place:,} of {now.steps:,} days", flush=True)

    runner = Runner(row, prepared, options, processes=workers, say=say)
    if killer is not None:
        killer.processes = lambda: runner.processes.all
    began, cpu = time.monotonic(), seconds_of(os.getpid())
    found = runner.run()
    result = {
        "name": name,
        "workers": workers,
        "killed": killer.killed if killer else 0,
        "days": len(prepared.plan.days),
        "first_day": prepared.plan.days[0].isoformat(),
        "last_day": prepared.plan.days[-1].isoformat(),
        "frames": found.frames,
        "failed": found.failed,
        "first_failure": found.first_failure,
        "history_sha256": found.history_sha256,
        "book_sha256": found.book_sha256,
        "sha256": found.sha256,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_s": round(seconds_of(os.getpid()) - cpu, 1),
    }
    forget(found)
    return result


def line_of(found: dict[str, Any]) -> str:
    """A run in a line or two."""
    lost = f"; {found['failed']:,} without numbers: {found['first_failure']}"
    return (
        f"{found['name']}: {found['days']:,} days, {found['first_day']} to {found['last_day']}, "
        f"{found['frames']:,} frames by {found['workers']} processes of which {found['killed']} "
        f"were killed, in {found['seconds']:.0f} s ({found['cpu_s']:.0f} s of processor)"
        f"{lost if found['failed'] else ''}\n  frames {found['sha256']}"
    )


if __name__ == "__main__":
    sys.exit(main())
