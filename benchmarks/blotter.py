"""Measure what the dashboard's process does for one tab of the blotter, at 100,000 trades.

    python -m benchmarks.blotter --trades 100000

The trades are those of one published detail of one currency, with numbers drawn at random. A first
draw finds and sorts all rows; a refresh keeps their order and makes a page of 100. The output is
medians, as JSON in ``benchmarks/results/blotter.json``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dashboard.blotter import Trades, trades_of
from dashboard.risk import Choice
from dashboard.trades.columns import COLUMNS
from dashboard.trades.rows import Search, Sort, Stack, csv_bytes
from pricing.headlines import Headline, Headlines
from risk.store.compiled_book import Manifest, block_of, blocks_for
from risk.store.results import PartColumns
from risk.workers.block_result import pack
from tests.dashboard import made

RESULT = Path(__file__).parent / "results" / "blotter.json"
REPEATS = 9
PAGE_ROWS = 100
ALL = Choice(("USD",))


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=100_000)
    options = parser.parse_args()
    trades = detail(options.trades)
    stack = Stack([trades])
    order = stack.ordered(stack.found(Search(), ALL), Sort("npv", descending=True))
    steps: dict[str, Callable[[], object]] = {
        "find and sort by id": lambda: draw(stack, Search(), Sort()),
        "find and sort by NPV": lambda: draw(stack, Search(), Sort("npv", descending=True)),
        "find and sort by instrument": lambda: draw(stack, Search(), Sort("instrument")),
        "search a text, sort by maturity": lambda: draw(
            stack, Search(text="treasury 7"), Sort("maturity")
        ),
        "a refresh: a page, its summary": lambda: refresh(stack, order),
        "CSV of all rows and columns": lambda: csv_bytes(
            stack.rows(order), {"USD": trades.stamp}, COLUMNS
        ),
    }
    result = {
        "trades": options.trades,
        "median_ms": {name: round(median_ms(step), 1) for name, step in steps.items()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def draw(stack: Stack, search: Search, sort: Sort) -> object:
    """Return what a new question costs: find, sort, and the first page."""
    return stack.rows(stack.ordered(stack.found(search, ALL), sort)[:PAGE_ROWS])


def refresh(stack: Stack, order: np.ndarray) -> object:
    """Return what a refresh costs, with an order that is held."""
    return stack.not_priced(order), stack.rows(order[:PAGE_ROWS])


def median_ms(step: Callable[[], object]) -> float:
    """Return the median of several runs, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def detail(count: int) -> Trades:
    """A detail of that many trades."""
    blocks = blocks_for(count)
    names: list[list[str]] = [[] for _ in range(blocks)]
    for number in range(count):
        trade_id = f"T{number:07d}"
        names[block_of(trade_id, blocks)].append(trade_id)
    rng = np.random.default_rng(1)
    parts = {}
    for block, ids in enumerate(names):
        numbers = rng.normal(0.0, 1e5, (5, len(ids)))
        ladder = pack(rng.normal(0.0, 10.0, (len(ids), len(made.KEYS["USD"]))))
        parts[block] = PartColumns(
            block=block,
            trades=len(ids),
            keys=len(made.KEYS["USD"]),
            numbers=numbers.tobytes(),
            ladder_par=ladder,
            krd=ladder,
        )
    book = Manifest(
        version=f"1-{count}",
        number=1,
        currency="USD",
        blocks=blocks,
        trade_ids=names,
        books=[["B"] * len(ids) for ids in names],
        products=[["bond" if n % 2 else "swap" for n in range(len(ids))] for ids in names],
        desk_of_book={"B": "D1"},
        failures=[],
        fixings={},
        headlines=[Headlines.of([_headline(name) for name in ids]) for ids in names],
    )
    frame = made.make("USD", 1)
    return trades_of(frame.rollup, book, parts)


def _headline(trade_id: str) -> Headline:
    number = int(trade_id[1:])
    return Headline(
        instrument=f"Treasury {number % 997}",
        issuer="UST",
        side="long",
        quantity=1e6 + number,
        quantity_of="face",
        rate=0.01 + 0.00001 * (number % 4000),
        maturity=dt.date(2026, 1, 1) + dt.timedelta(days=number % 10_000),
    )


if __name__ == "__main__":
    main()
