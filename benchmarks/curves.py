"""Time curves by the number and kind of their quotes: ``python -m benchmarks.curves``.

Of each market: the solution with its Jacobian, beside QuantLib's own bootstrap of the same quotes
without derivatives where it has one, and the solution of 500 scenarios in one batch. The output is
a table and ``benchmarks/results/curves.json``.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from benchmarks.machine import machine
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveQuotes, shape_of, tenor_days
from pricing.markets import conventions
from pricing.scenarios.curve_batch import solve_columns

RESULT = Path(__file__).resolve().parent / "results" / "curves.json"
DAY = dt.date(2025, 11, 27)
ROUNDS, SCENARIOS = 30, 500
TENORS = (
    *("1D", "1W", "2W", "1M", "2M", "3M", "4M", "5M", "6M", "7M", "8M", "9M", "10M", "11M", "1Y"),
    *("15M", "18M", "21M", "2Y", "30M", "3Y", "42M", "4Y", "5Y", "6Y", "7Y", "8Y", "9Y", "10Y"),
    *("11Y", "12Y", "13Y", "14Y", "15Y", "17Y", "20Y", "25Y", "30Y", "40Y", "50Y"),
)
FUTURES = ("SR3H26", "SR3M26", "SR3U26", "SR3Z26", "SR3H27", "SR3M27", "SR3U27", "SR3Z27")
MEETINGS = ("FOMC-2026-01-28", "FOMC-2026-03-18", "FOMC-2026-04-29", "FOMC-2026-06-17")
NODES = ("1M", "3M", "6M", "1Y", "18M", "2Y", "3Y", "4Y", "5Y", "7Y", "10Y", "15Y", "20Y", "30Y")


def rates(quotes: tuple[str, ...]) -> CurveQuotes:
    """A smooth SOFR curve."""
    found = {}
    for place, quote in enumerate(quotes):
        years = tenor_days(quote) / 365.25 if quote in TENORS else 0.3 + 0.2 * place
        found[quote] = 0.036 + 0.006 * (1.0 - float(np.exp(-years / 6.0)))
    return {"USD-SOFR": found}


MARKETS: dict[str, tuple[CurveQuotes, dict[str, Any]]] = {
    "10 tenors": (rates(TENORS[::4]), {}),
    "20 tenors": (rates(TENORS[::2]), {}),
    "40 tenors": (rates(TENORS), {}),
    "40 tenors, natural log-cubic": (rates(TENORS), {"interpolation": "natural_log_cubic"}),
    "40 tenors, monotone convex": (rates(TENORS), {"interpolation": "monotone_convex"}),
    "32 tenors and 8 futures, fitted": (
        rates((*TENORS[:2], *TENORS[10:], *FUTURES)),
        {"fit": "least_squares", "nodes": (*NODES, "40Y", "50Y")},
    ),
    "14 tenors and swaps between meetings": (
        rates(("1D", *MEETINGS, "9M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y")),
        {"meetings": "FOMC"},
    ),
}


def milliseconds(work: Callable[[], object]) -> float:
    """Median of some rounds, after one that compiles."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def measured(name: str) -> dict[str, Any]:
    """Measure one market: our solution and Jacobian, QuantLib's bootstrap, one scenario."""
    quotes, fields = MARKETS[name]
    plain = conventions.CURVES
    row = msgspec.structs.replace(plain["USD-SOFR"], **fields)
    conventions.CURVES = MappingProxyType({**plain, "USD-SOFR": row})
    try:
        curves = CurveSet(DAY, shape_of(quotes))
        vector = curves.vector(quotes)
        solved = curves.solve(vector)
        moves = np.random.default_rng(1).normal(0.0, 5e-4, (1, SCENARIOS))
        noise = np.random.default_rng(2).normal(0.0, 1e-4, (len(vector), SCENARIOS))
        columns = vector[:, None] + moves + noise
        batch = solve_columns(curves, solved, columns)
        assert not batch.failures, batch.failures
        by_quantlib = None
        if curves.has_bootstrap:
            by_quantlib = milliseconds(lambda: curves.bootstrap(vector))
        return {
            "market": name,
            "quotes": len(vector),
            "nodes": len(curves.grid.unknown),
            "solution_ms": milliseconds(lambda: curves.solve(vector)),
            "quantlib_bootstrap_ms": by_quantlib,
            "scenario_ms": milliseconds(lambda: solve_columns(curves, solved, columns)) / SCENARIOS,
        }
    finally:
        conventions.CURVES = plain


def main() -> None:
    """Print a row for each market, and keep them as JSON."""
    rows = [measured(name) for name in MARKETS]
    result = {"machine": machine(), "scenarios": SCENARIOS, "rounds": ROUNDS, "markets": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print("| quotes of USD-SOFR | nodes | solution ms | QuantLib's bootstrap ms | a scenario ms |")
    print("|---|--:|--:|--:|--:|")
    for row in rows:
        theirs = row["quantlib_bootstrap_ms"]
        print(
            f"| {row['market']} | {row['nodes']} | {row['solution_ms']:.2f} |"
            f" {'' if theirs is None else f'{theirs:.2f}'} | {row['scenario_ms']:.3f} |"
        )


if __name__ == "__main__":
    main()
