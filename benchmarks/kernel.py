"""Compare the fast path with QuantLib's bump and reprice in one run.

    python -m benchmarks.kernel --trades 1000,10000,100000 --books 0,100

Both sides compute values and full par ladders of the same trades, with curves rebuilt for each
quote. The fast path prices the whole book (bootstrap, Jacobian, ladders, key rates and gamma
included). QuantLib rebuilds its curves twice per quote (central differences) and reprices a sample
of the trades; its time for the whole book is the rebuilds plus the sample's repricing, scaled. The
output is a table and a JSON file. Beside them stand the sums by book and product from netted flows,
for each number of books (0: the books of the sample).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from benchmarks.bandwidth import bytes_a_tick, triad_gb_s
from benchmarks.machine import machine
from benchmarks.netting import measure_sums, show_sums
from benchmarks.parts import frame_parts, pricing_parts
from benchmarks.processes import efficiency
from demo import sample
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES, stored
from feedbridge.replay.history.fixings import derive_fixings
from pricing.arrays import FloatArray
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveQuotes, shape_of
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.block import BlockRisk, ReadyBlock, make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import CompiledTrade, make_block
from pricing.products.flows import compile_book
from pricing.products.registry import as_security
from pricing.products.terms import Terms
from pricing.reference import Reference
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.results import PartColumns
from risk.workers.block_result import add_up, make_groups, pack_columns

TODAY = dt.date(2024, 3, 5)
PROCESS_S = 2.0
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", default="1000,10000,100000", help="sizes of the book")
    parser.add_argument("--books", default="0,100", help="numbers of books, 0 for the sample's own")
    parser.add_argument("--sample", type=int, default=40, help="trades QuantLib prices a currency")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    bandwidth = triad_gb_s()
    for size in (int(word) for word in options.trades.split(",")):
        result = measure_book(size, bandwidth, options)
        show(size, result)
        path = RESULTS / f"kernel-{size}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written to {path}\n", flush=True)


def measure_book(size: int, bandwidth: float, options: argparse.Namespace) -> dict[str, Any]:
    """All currencies of a book of some size, and one process against two."""
    book = [_without_price(terms) for terms in sample.trades(size)]
    priced = [Priced.of(currency, book) for currency in SAMPLE_CURRENCIES]
    rows = [measure(one, bandwidth, options) for one in priced]
    trades = sum(row["trades"] for row in rows)
    return {
        "machine": machine(),
        "valuation_date": TODAY.isoformat(),
        "bandwidth_gb_s": round(bandwidth, 2),
        "us_per_trade": round(sum(row["tick_ms"] for row in rows) / trades * 1e3, 3),
        "currencies": rows,
        "processes": efficiency([half for one in priced for half in one.halves()], PROCESS_S),
    }


@dataclass(frozen=True)
class Priced:
    """One currency's trades, and what a worker holds of them."""

    currency: str
    terms: list[Terms]
    trades: list[CompiledTrade]
    quotes: CurveQuotes
    fixings: dict[str, dict[dt.date, float]]
    curves: CurveSet
    ready: ReadyBlock

    @classmethod
    def of(cls, currency: str, book: list[Terms]) -> Self:
        """Bring the currency's trades to the day."""
        mine = [terms for terms in book if terms.currency == currency]
        trades, _ = compile_book(mine)
        quotes, fixings = stored().day(currency, TODAY).curves, fixings_of(currency)
        curves = CurveSet(TODAY, shape_of(quotes), fixings)
        dated = roll_to(make_block(trades), day_of(TODAY), fixings, curves.names)
        ready = make_ready(dated, curves.grid)
        return cls(currency, mine, trades, quotes, fixings, curves, ready)

    def tick(self) -> BlockRisk:
        """Quotes in, all measures of all trades out."""
        return price_block(self.ready, self.curves, self.curves.solve(self.vector()))

    def vector(self) -> FloatArray:
        """The day's quotes."""
        return self.curves.vector(self.quotes)

    def halves(self) -> list[Callable[[], Any]]:
        """A tick of each of two blocks, as two pricing processes share a book."""
        return [self._half(self.trades[start::2]) for start in range(2)]

    def _half(self, pile: list[CompiledTrade]) -> Callable[[], Any]:
        dated = roll_to(make_block(pile), day_of(TODAY), self.fixings, self.curves.names)
        ready, groups = make_ready(dated, self.curves.grid), make_groups(dated.block)

        def tick() -> PartColumns:
            risk = price_block(ready, self.curves, self.curves.solve(self.vector()))
            add_up(groups, risk, dated.matured)
            return pack_columns(0, risk)

        return tick


def measure(one: Priced, bandwidth: float, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides on one currency's trades."""
    fast = repeated(one.tick, options.repeats)
    tick_s, count = statistics.median(fast), len(one.trades)
    few = one.terms[:: max(1, count // options.sample)][: options.sample]
    values, ladders, rebuilding, repricing = bump_and_reprice(few, one.quotes, one.fixings)
    slow = (rebuilding + repricing * count / len(few)) / count
    touched = bytes_a_tick(one.ready)
    return {
        "currency": one.currency,
        "trades": count,
        "quotes": len(one.vector()),
        "flows": int(len(one.ready.flows.fixed_pay) + len(one.ready.flows.float_pay)),
        "tick_ms": tick_s * 1e3,
        "tick_ms_spread": [min(fast) * 1e3, max(fast) * 1e3],
        "us_per_trade": tick_s / count * 1e6,
        "quantlib_us_per_trade": slow * 1e6,
        "ratio": slow / (tick_s / count),
        **differences(one, few, values, ladders),
        "bytes_a_tick": touched,
        "part_bytes": part_bytes(one),
        "share_of_bandwidth": round(touched / bandwidth / 1e9 / tick_s, 3),
        "sums": [
            measure_sums(one.trades, one.curves, one.quotes, one.fixings, books, options.repeats)
            for books in (int(word) for word in options.books.split(","))
        ],
        "parts_us": {
            **pricing_parts(
                one.ready, make_groups(make_block(one.trades)), one.curves, one.vector()
            ),
            **redis_parts(one),
        },
    }


def differences(
    one: Priced, few: list[Terms], values: FloatArray, ladders: FloatArray
) -> dict[str, float]:
    """The sample's largest differences from QuantLib."""
    risk = one.tick()
    place = {trade.trade_id: row for row, trade in enumerate(one.trades)}
    rows = [place[terms.trade_id] for terms in few]
    size = np.array([terms.size for terms in few])
    moved = np.abs(risk.ladder_par[rows] - ladders).max(axis=1)
    return {
        "sample": len(few),
        "largest_npv_difference_of_notional": float(np.max(np.abs(risk.npv[rows] - values) / size)),
        "largest_ladder_difference_of_gross_dv01": float(
            np.max(moved / np.abs(ladders).sum(axis=1))
        ),
    }


def part_bytes(one: Priced) -> int:
    """Bytes of the numbers by trade that a frame puts into Redis."""
    columns = pack_columns(0, one.tick())
    return len(columns.numbers) + len(columns.ladder_par) + len(columns.krd)


def redis_parts(one: Priced) -> dict[str, float]:
    """Return the microseconds of a frame's steps in Redis, medians; nothing without Redis."""
    url = os.environ.get("REDIS_URL")
    if not url:
        return {}
    client = connect(url, timeout_s=10.0)
    client.flushdb()
    books = CompiledBooks(client)
    manifest = books.store(
        one.currency, 1, one.trades, blocks=1, desk_of_book={}, failures=[], fixings=one.fixings
    )
    return frame_parts(Frames(client), books, TODAY, one.quotes, manifest)


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
    """Return the seconds of each run, after a first one that is not counted."""
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
    bond = as_security(terms)
    return terms if bond is None else msgspec.structs.replace(bond, clean_price=None)


def show(size: int, result: dict[str, Any]) -> None:
    """Tables for people."""
    print(f"{size:,} trades, {result['us_per_trade']:.2f} us a trade")
    print(
        f"{'ccy':4} {'trades':>7} {'quotes':>7} {'tick ms':>9} {'us/trade':>9} {'QuantLib us':>12}"
        f" {'ratio':>7} {'NPV diff':>10} {'ladder diff':>12} {'bandwidth':>10}"
    )
    for r in result["currencies"]:
        print(
            f"{r['currency']:4} {r['trades']:7} {r['quotes']:7} {r['tick_ms']:9.2f}"
            f" {r['us_per_trade']:9.2f} {r['quantlib_us_per_trade']:12.0f} {r['ratio']:7.0f}"
            f" {r['largest_npv_difference_of_notional']:10.1e}"
            f" {r['largest_ladder_difference_of_gross_dv01']:12.1e}"
            f" {r['share_of_bandwidth']:10.0%}"
        )
    show_sums(result["currencies"])
    for r in result["currencies"]:
        print(r["currency"], " ".join(f"{name} {us:,.0f}" for name, us in r["parts_us"].items()))
    print(f"two processes against one: {result['processes']['efficiency']:.0%} efficiency")


if __name__ == "__main__":
    main()
