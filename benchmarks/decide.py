"""Measure what-if, hedges and files at 10,000 trades, and what one user's flood does to another.

    make bench-decide                       TRADES=10000

Calls go through all of Django in this process, without a network; the preview worker is a process
of its own behind Celery and Redis, as in production. The output is milliseconds, as JSON in
``benchmarks/results/decide.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from benchmarks.rest import servers
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES

RESULT = Path(__file__).parent / "results" / "decide.json"
CALLS, READS, FLOOD_S, FLOOD_PER_S = 200, 30, 20.0, 50.0
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
            flooded = flood(client)
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
    """Until the worker answers."""
    path, body = QUESTIONS["one new swap"]
    end = time.monotonic() + READY_S
    answer = client.post(f"/api/v1/{path}", body, format="json")
    while answer.status_code != 200:
        assert time.monotonic() < end, answer.content
        answer = client.post(f"/api/v1/{path}", body, format="json")


def measured(client: Any, name: str, path: str, body: Any) -> dict[str, Any]:
    """The same question again and again."""

    def call() -> None:
        answer = client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == 200, answer.content[:500]

    call()  # what is made once per book version is made now
    return {"name": name, **spread([timed(call) for _ in range(CALLS)])}


def read(client: Any, name: str, paths: list[str]) -> dict[str, Any]:
    """The same files again and again; the time is that of all of them."""

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


def spread(times: list[float]) -> dict[str, float]:
    """Median and high percentiles."""
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}


def flood(client: Any) -> dict[str, Any]:
    """One user's questions while another sends fifty a second; who floods is refused with 429."""
    from django.contrib.auth import get_user_model
    from rest_framework.test import APIClient

    other = get_user_model().objects.create_superuser(f"flood-{time.time_ns()}")
    path, body = QUESTIONS["ten entries"]
    end = time.monotonic() + FLOOD_S
    statuses: list[int] = []

    def send() -> None:
        caller = APIClient(HTTP_HOST="localhost")
        caller.force_authenticate(other)
        statuses.append(caller.post(f"/api/v1/{path}", body, format="json").status_code)

    def sender() -> None:
        while time.monotonic() < end:
            threading.Thread(target=send, daemon=True).start()
            time.sleep(1.0 / FLOOD_PER_S)

    flooding = threading.Thread(target=sender)
    flooding.start()
    own_path, own = QUESTIONS["one new swap"]
    times: list[float] = []
    refused = 0
    while time.monotonic() < end:
        start = time.perf_counter()
        if client.post(f"/api/v1/{own_path}", own, format="json").status_code != 200:
            refused += 1
        times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.1)
    flooding.join()
    answered, asked = statuses.count(200), len(statuses)
    name = f"one new swap of another user, beside {FLOOD_PER_S:g} questions a second of one"
    return {
        "name": name,
        **spread(times),
        "calls": len(times),
        "refused": refused,
        "flood_asked": asked,
        "flood_answered": answered,
    }


if __name__ == "__main__":
    main()
