"""Measure what-if, hedges and files at 10,000 trades, and what one user's flood does to another.

    make bench-decide                       TRADES=10000

Calls go through all of Django in this process, without a network; the preview worker is a process
of its own behind Celery and Redis, as in production. During the flood the web server and the user
who floods are processes too. The output is milliseconds, as JSON in
``benchmarks/results/decide.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from benchmarks import flood
from benchmarks.numbers import spread
from benchmarks.rest import servers
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES

RESULT = Path(__file__).parent / "results" / "decide.json"
CALLS, READS = 200, 30
READY_S = 180.0
HEDGED = [f"USD-SOFR:{year}Y" for year in range(1, 21)]

QUESTIONS: dict[str, tuple[str, Any]] = {
    "one new swap": ("what-if/", {"book": "BOOK-1", "text": "rec 50m USD 10Y 3.85"}),
    "ten entries": (
        "what-if/",
        {
            "book": "BOOK-1",
            "text": "rec 50m USD 10Y 3.85\npay 20m USD 5Y\nrec 5m USD 2Y 4\npay 7m USD 15Y 4\n"
            "sell 100 SR3Z4\namend T0000000 notional=5000000\namend T0000003 fixed_rate=0.05\n"
            "amend T0000006 notional=7000000\nterminate T0000009\nterminate T0000012 fee 10",
        },
    ),
    "hedge, 20 par swaps": (
        "hedge/",
        {"currency": "USD", "book": "BOOK-1", "tolerance": 1.0, "buckets": HEDGED},
    ),
}


FILES = {
    "all trades with both ladders as Arrow, a file a currency": [
        f"risk/trades/?format=arrow&currency={name}&fields=trade_id,desk,book,type,status,npv,"
        "dv01_par,gamma,par_rate,ladder_par,krd"
        for name in CURRENCIES
    ],
    "all trades as CSV": ["risk/trades/?format=csv"],
}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000)
    options = parser.parse_args()
    with servers():
        django.setup()
        from benchmarks.rest_data import fill  # models: only after the set-up

        client = fill(options.trades)
        with previewer():
            wait(client)
            rows = [measured(client, name, *question) for name, question in QUESTIONS.items()]
            rows += [read(client, name, paths) for name, paths in FILES.items()]
            flooded = flood.measure(QUESTIONS["one new swap"], QUESTIONS["ten entries"])
    result = {
        "trades": options.trades,
        "calls": CALLS,
        "questions": rows,
        "flood": flooded,
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for row in [*rows, flooded]:
        print(f"p50 {row['p50_ms']:7.1f}  p95 {row['p95_ms']:7.1f}  p99 {row['p99_ms']:7.1f} ms"
              f"  {row['name']}")  # fmt: skip


@contextmanager
def previewer() -> Iterator[None]:
    """The preview worker, as in the Procfile."""
    command = [sys.executable, "-m", "celery", "-A", "riskproject", "worker", "--queues", "preview"]
    process = subprocess.Popen([*command, "--concurrency", "1", "--loglevel", "WARNING"])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait(client: Any) -> None:
    """Wait until the worker answers."""
    path, body = QUESTIONS["one new swap"]
    end = time.monotonic() + READY_S
    answer = client.post(f"/api/v1/{path}", body, format="json")
    while answer.status_code != 200:
        assert time.monotonic() < end, answer.content
        answer = client.post(f"/api/v1/{path}", body, format="json")


def measured(client: Any, name: str, path: str, body: Any) -> dict[str, Any]:
    """Measure one question, asked repeatedly."""

    def call() -> None:
        answer = client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == 200, answer.content[:500]

    call()  # what is made once per book version is made now
    return {"name": name, **spread([timed(call) for _ in range(CALLS)])}


def read(client: Any, name: str, paths: list[str]) -> dict[str, Any]:
    """Load the same files repeatedly; the time is that of all of them."""

    def call() -> None:
        for path in paths:
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 200, answer.content[:500]

    call()
    return {"name": name, **spread([timed(call) for _ in range(READS)])}


def timed(call: Callable[[], None]) -> float:
    """Wall time, ms."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
