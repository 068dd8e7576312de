"""What it costs to judge 1,000 limits on a frame: numbers, states and what has changed.

``python -m benchmarks.limits`` prints milliseconds a frame for two books: 8 books and 100 books of
three products, both ladders of 30 quotes. It measures the computation, without Redis and the
database, which are asked once for up to a hundred frames.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time

import numpy as np

from pricing.exposure.definition import Bounds, LimitTerms, Scope
from pricing.exposure.numbers import Group, GroupTable, Numbers
from pricing.exposure.states import judge, levels_of, nothing_before

PRODUCTS = ("bond", "swap", "fra")
TENORS = tuple(f"{n}Y" for n in range(1, 31))


def table(books: int, number: int) -> GroupTable:
    """A frame of USD with random numbers."""
    groups = tuple(
        Group(f"B{n}", product, f"D{n % 10}") for n in range(books) for product in PRODUCTS
    )
    columns = (
        *((name, "", "") for name in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01")),
        *(
            (ladder, "USD-SOFR", tenor)
            for ladder, tenor in itertools.product(("ladder_par", "krd"), TENORS)
        ),
    )
    values = np.random.default_rng(number).normal(size=(len(groups), len(columns)))
    return GroupTable(
        groups=groups,
        columns=columns,
        values=values,
        unpriced=np.zeros(len(groups), dtype=np.int64),
        elsewhere=0,
        factors={"USD": 1.0, "EUR": 0.9},
        frame=number,
        published_ns=number,
    )


def limits(count: int, books: int) -> list[LimitTerms]:
    """Limits on sums, buckets and gross ladders of firm, desks, books and types."""
    scopes = [
        Scope(),
        *(Scope(desk=f"D{n}") for n in range(10)),
        *(Scope(book=f"B{n}") for n in range(books)),
        *(Scope(product=name) for name in PRODUCTS),
    ]
    measures = [
        {"measure": "npv"},
        {"measure": "dv01_par"},
        {"measure": "ladder_par_gross"},
        *({"measure": "ladder_par", "curve": "USD-SOFR", "tenor": tenor} for tenor in TENORS),
    ]
    found = itertools.cycle(itertools.product(measures, scopes))
    return [
        LimitTerms(
            code=f"L{n}",
            scope=scope,
            amounts_in="USD",
            bounds=Bounds(hard=3.0, warning=2.0),
            hysteresis=0.1,
            **measure,
        )
        for n, (measure, scope) in zip(range(count), found, strict=False)
    ]


def milliseconds_a_frame(count: int, books: int, frames: int) -> list[float]:
    """Time of each frame after the first, which makes the plan."""
    rows = limits(count, books)
    numbers, before = Numbers(rows), nothing_before(count)
    levels = levels_of(
        [one.direction for one in rows],
        [one.bounds for one in rows],
        [one.hysteresis for one in rows],
    )
    tables = [table(books, number) for number in range(1, frames + 2)]
    everywhere, nowhere = np.ones(count, dtype=bool), np.zeros(count, dtype=bool)
    taken = []
    for one in tables:
        begun = time.perf_counter()
        numbers.put("sums", "USD", one)
        values, known = numbers.values(), numbers.known(one.published_ns)
        after = judge(values, known, everywhere, levels, before, nowhere)
        np.flatnonzero(after.state != before.state)
        before = after
        taken.append(1e3 * (time.perf_counter() - begun))
    return taken[1:]


def main() -> None:
    """Print a line for each book."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--limits", type=int, default=1000)
    options.add_argument("--frames", type=int, default=300)
    given = options.parse_args()
    for books in (8, 100):
        taken = sorted(milliseconds_a_frame(given.limits, books, given.frames))
        p99 = taken[int(0.99 * (len(taken) - 1))]
        print(
            f"{given.limits:,} limits, {books} books: p50 {statistics.median(taken):.2f} ms, "
            f"p99 {p99:.2f} ms a frame"
        )


if __name__ == "__main__":
    main()
