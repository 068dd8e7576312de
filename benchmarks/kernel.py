"""The fast path beside QuantLib's bump and reprice, in one run: a table and a JSON file out.

    python -m benchmarks.kernel --trades 10000

Both sides make value and full par ladder of the same trades, curves rebuilt for each quote. The
fast path prices the whole book (bootstrap, Jacobian, ladders, key rates and gamma included).
QuantLib rebuilds its curves twice per quote (central differences) and reprices a sample of the
trades; its time for the whole book is that of the rebuilds plus the sample's repricing, scaled.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feedbridge.history.daily import stored
from feedbridge.history.fixings import derive_fixings
from instruments import sample
from pricing.core import conventions
from pricing.core.curves import ONE_BP, CurveSet
from pricing.core.fixings import day_of, public_on
from pricing.core.flows import compile_book, make_block
from pricing.core.measures import make_ready, price_block
from pricing.core.quotes import shape_of
from pricing.core.reference import Reference
from pricing.core.roll import roll_to
from pricing.core.terms import BondTerms, Terms

TODAY = dt.date(2024, 3, 5)
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=40, help="trades QuantLib prices a currency")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    book = [_without_price(terms) for terms in sample.trades(options.trades)]
    rows = [measure(currency, book, options) for currency in conventions.CURRENCIES]
    result = {"machine": machine(), "valuation_date": TODAY.isoformat(), "currencies": rows}
    show(rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"kernel-{options.trades}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


def measure(currency: str, book: list[Terms], options: argparse.Namespace) -> dict[str, Any]:
    """Both sides on one currency's trades."""
    mine = [terms for terms in book if terms.currency == currency]
    quotes, fixings = stored().day(currency, TODAY).curves, fixings_of(currency)
    block = make_block(compile_book(mine)[0])
    curves = CurveSet(TODAY, shape_of(quotes), fixings)
    ready = make_ready(roll_to(block, day_of(TODAY), fixings, curves.names), curves.grid)
    vector = curves.vector(quotes)
    fast = repeated(lambda: price_block(ready, curves, curves.solve(vector)), options.repeats)
    risk = price_block(ready, curves, curves.solve(vector))
    few = mine[:: max(1, len(mine) // options.sample)][: options.sample]
    values, ladders, rebuilding, repricing = bump_and_reprice(few, quotes, fixings)
    slow = (rebuilding + repricing * len(block) / len(few)) / len(block)
    places = [block.trade_ids.index(terms.trade_id) for terms in few]
    gross = np.abs(ladders).sum(axis=1)
    size = np.array([terms_size(terms) for terms in few])
    return {
        "currency": currency,
        "trades": len(block),
        "quotes": len(vector),
        "tick_ms": statistics.median(fast) * 1e3,
        "tick_ms_spread": [min(fast) * 1e3, max(fast) * 1e3],
        "us_per_trade": statistics.median(fast) / len(block) * 1e6,
        "quantlib_us_per_trade": slow * 1e6,
        "ratio": slow / (statistics.median(fast) / len(block)),
        "largest_npv_difference_of_notional": float(
            np.max(np.abs(risk.npv[places] - values) / size)
        ),
        "largest_ladder_difference_of_gross_dv01": float(
            np.max(np.abs(risk.ladder_par[places] - ladders).max(axis=1) / gross)
        ),
    }


def bump_and_reprice(
    trades: list[Terms], quotes: Any, fixings: Any
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Values and central par ladders by QuantLib alone, and the seconds of its two halves."""
    reference = Reference(TODAY, quotes, fixings)
    with reference.history():
        alive = [instrument for _, instrument in reference.instruments(trades)]
        base = np.array([instrument.npv() for instrument in alive])
        columns = [column(reference, alive, number) for number in range(len(reference.quotes))]
    ladders = np.array([moved for moved, _, _ in columns]).T
    return base, ladders, sum(c[1] for c in columns), sum(c[2] for c in columns)


def column(reference: Reference, alive: list[Any], number: int) -> tuple[np.ndarray, float, float]:
    """DV01 of every instrument to one quote; seconds of rebuilding and of repricing."""
    shift = np.zeros(len(reference.quotes))
    shift[number] = ONE_BP
    moved, rebuilding, repricing = [], 0.0, 0.0
    for sign in (-1.0, 1.0):
        began = time.perf_counter()
        curves = reference.rebuild(reference.quotes + sign * shift)
        built = time.perf_counter()
        reference.link(curves)
        moved.append(np.array([instrument.npv() for instrument in alive]))
        rebuilding += built - began
        repricing += time.perf_counter() - built
    return np.asarray((moved[0] - moved[1]) / 2), rebuilding, repricing


def repeated(work: Callable[[], Any], times: int) -> list[float]:
    """Seconds of each run, after one that warms."""
    work()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken


def fixings_of(currency: str) -> dict[str, dict[dt.date, float]]:
    """The stand-in fixings of the demo, as they were public on the day."""
    known: dict[str, dict[dt.date, float]] = {}
    for fixing in derive_fixings(currency, dt.date(2018, 1, 1), TODAY):
        known.setdefault(fixing.index, {})[fixing.date] = fixing.rate
    return {n: public_on(conventions.INDICES[n], r, TODAY) for n, r in known.items()}


def _without_price(terms: Terms) -> Terms:
    return (
        msgspec.structs.replace(terms, clean_price=None) if isinstance(terms, BondTerms) else terms
    )


def terms_size(terms: Terms) -> float:
    """Notional or face."""
    return abs(terms.face_amount) if isinstance(terms, BondTerms) else terms.notional


def machine() -> dict[str, Any]:
    """What it ran on."""
    names = ("QuantLib", "numba", "numpy")
    return {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "libraries": {name: version(name) for name in names},
    }


def show(rows: list[dict[str, Any]]) -> None:
    """A table for people."""
    print(
        f"{'ccy':4} {'trades':>7} {'quotes':>7} {'tick ms':>9} {'us/trade':>9} {'QuantLib us':>12}"
        f" {'ratio':>7} {'NPV diff':>10} {'ladder diff':>12}"
    )
    for r in rows:
        print(
            f"{r['currency']:4} {r['trades']:7} {r['quotes']:7} {r['tick_ms']:9.2f}"
            f" {r['us_per_trade']:9.2f} {r['quantlib_us_per_trade']:12.0f} {r['ratio']:7.0f}"
            f" {r['largest_npv_difference_of_notional']:10.1e}"
            f" {r['largest_ladder_difference_of_gross_dv01']:12.1e}"
        )


if __name__ == "__main__":
    main()
