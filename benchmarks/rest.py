"""Measure REST pages at 100,000 trades beside a bare SELECT of the same database in the same run.

    make bench-rest                         TRADES=100000

Lists of the security master come from PostgreSQL, lists of risk from the published frame in Redis.
Calls go through all of Django in this process, without a network. The output is medians, as JSON in
``benchmarks/results/rest.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from devstack.stack import Stack

RESULT = Path(__file__).parent / "results" / "rest.json"
REPEATS = 9
TARGET_MS = 200.0

SELECT = "SELECT trade_id, notional, fixed_rate FROM instruments_swap ORDER BY trade_id LIMIT 100"
MASTER = (
    "swaps/",
    "swaps/?currency=USD&ordering=-notional",
    "swaps/?desk=DESK-3&page=20",
    "swaps/?search=T0004",
)
RISK = (
    "risk/trades/",
    "risk/trades/?ordering=-npv",
    "risk/trades/?desk=DESK-3&ordering=dv01_par&page=5",
    "risk/trades/?currency=USD&search=t0004",
    "risk/trades/T0000007/",
    "risk/portfolio/?group_by=desk,currency",
)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=100_000)
    options = parser.parse_args()
    with servers():
        django.setup()
        from benchmarks.rest_data import fill  # models: only after the set-up

        client = fill(options.trades)
        bare = median_ms(bare_select)
        rows = [measured(client, path, bare) for path in (*MASTER, *RISK)]
    result = {
        "trades": options.trades,
        "target_ms": TARGET_MS,
        "repeats": REPEATS,
        "bare_select_ms": bare,
        "pages": rows,
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{options.trades:,} trades; a bare SELECT of 100 rows takes {bare:.2f} ms")
    for row in rows:
        print(f"{row['median_ms']:8.1f} ms {row['ratio']:7.1f}x  {row['path']}")
    slow = [row["path"] for row in rows if row["median_ms"] > TARGET_MS]
    print(f"slower than {TARGET_MS:g} ms: {', '.join(slow) or 'none'}")


@contextmanager
def servers() -> Iterator[None]:
    """PostgreSQL and Redis of this run, under .local/bench-rest."""
    stack = Stack(Path(".local/bench-rest"), durable=False)
    os.environ.update(stack.start().environment())
    os.environ["API_USER_CALLS_PER_MINUTE"] = "1000000"
    os.environ["LOG_LEVEL"] = "WARNING"
    os.environ["DJANGO_SETTINGS_MODULE"] = "riskproject.settings"
    try:
        yield
    finally:
        stack.stop()


def bare_select() -> None:
    """Select the rows of a page from the database alone."""
    from django.db import connection  # as above

    with connection.cursor() as cursor:
        cursor.execute(SELECT)
        cursor.fetchall()


def measured(client: Any, path: str, bare: float) -> dict[str, Any]:
    """Measure one address."""

    def call() -> None:
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.content[:500]

    call()  # what is made once per book version is made now
    found = median_ms(call)
    return {"path": path, "median_ms": found, "ratio": found / bare}


def median_ms(call: Callable[[], None]) -> float:
    """Median wall time."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    main()
