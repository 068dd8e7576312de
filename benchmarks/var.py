"""Measure value at risk by full revaluation beside QuantLib's rebuild and reprice.

    python -m benchmarks.var --trades 10000,100000 --scenarios 500

A scenario moves every calibrating quote of every currency. Both sides rebuild all curves for each
scenario and value all trades. The fast path values the netted flows by book and product, after the
flows have been netted once per date and book version; QuantLib rebuilds its curves for a few
scenarios and reprices a sample of the trades, and its time for all of them is scaled. The values of
the sample are compared. The output is a table and a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from benchmarks.kernel import RESULTS, TODAY, Priced, _without_price
from benchmarks.machine import machine
from benchmarks.netting import _blocks
from demo import sample
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES
from pricing.curves.curve_set import Solved
from pricing.curves.fixings import Histories
from pricing.markets.calendars import day_of
from pricing.measures.netting import NettedBlock, merge, net
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.reference import Reference
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import (
    ReadyRevaluation,
    Revalued,
    ready_groups,
    ready_trades,
    revalue,
)
from pricing.scenarios.tail import tail_of

DAILY_BP = 6.0
"""Standard deviation of a quote's move; quotes of a curve move together by two thirds of it."""


@dataclass(frozen=True)
class Netted:
    """One currency's book, netted, with its moves."""

    priced: Priced
    netted: NettedBlock
    ready: ReadyRevaluation
    solved: Solved
    moves: Moves

    @classmethod
    def of(cls, one: Priced, scenarios: int) -> Self:
        """Net the book, and draw the moves."""
        known, names = Histories(one.fixings, day_of(TODAY)), one.curves.names
        dated = [roll_to(block, known.today, known, names) for block in _blocks(one.trades)]
        whole = merge([net(block, names) for block in dated])
        solved = one.curves.solve(one.vector())
        moves = drawn(scenarios, len(solved.quotes))
        return cls(one, whole, ready_groups(whole, one.curves.grid), solved, moves)

    def run(self, threads: int) -> Revalued:
        """Solve the curves at the market and at all scenarios, and value all groups."""
        solved = self.priced.curves.solve(self.priced.vector())
        return revalue(self.ready, self.priced.curves, solved, self.moves, threads)


def drawn(scenarios: int, keys: int) -> Moves:
    """Moves of the size of a day's."""
    random = np.random.default_rng(keys)
    together = random.normal(0.0, DAILY_BP * 0.8, (scenarios, 1))
    alone = random.normal(0.0, DAILY_BP * 0.6, (scenarios, keys))
    moves = (together + alone) * 1e-4
    return Moves(moves, np.zeros_like(moves))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", default="10000,100000", help="sizes of the book")
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--sample", type=int, default=20, help="trades QuantLib prices a currency")
    parser.add_argument("--rebuilds", type=int, default=4, help="scenarios QuantLib rebuilds")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    for size in (int(word) for word in options.trades.split(",")):
        result = measure(size, options)
        show(result)
        path = RESULTS / f"var-{size}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written to {path}\n", flush=True)


def measure(size: int, options: argparse.Namespace) -> dict[str, Any]:
    """All currencies of a book of some size."""
    book = [_without_price(terms) for terms in sample.trades(size)]
    priced = [Priced.of(currency, book) for currency in SAMPLE_CURRENCIES]
    every = [Netted.of(one, options.scenarios) for one in priced]
    whole = timed(options.repeats, lambda: run_all(every, options.threads))
    rows = [measure_currency(one, options) for one in every]
    pnl = np.sum([one.run(1).pnl.sum(axis=0) for one in every], axis=0)
    return {
        "machine": machine(),
        "valuation_date": TODAY.isoformat(),
        "trades": sum(row["trades"] for row in rows),
        "scenarios": options.scenarios,
        "threads": options.threads,
        "all_currencies_ms": round(whole, 1),
        "quantlib_s": round(sum(row["quantlib_s"] for row in rows), 1),
        "var_99_of_unconverted_sum": tail_of(pnl, "99").var,
        "currencies": rows,
    }


def run_all(every: list[Netted], threads: int) -> None:
    """All currencies, the tiles of each shared by some threads."""
    if threads == 1:
        for one in every:
            one.run(1)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda one: one.run(1), sorted(every, key=lambda o: -o.netted.terms)))


def measure_currency(one: Netted, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides on one currency's book."""
    alone = timed(options.repeats, lambda: one.run(1))
    few = one.priced.terms[:: max(1, len(one.priced.terms) // options.sample)][: options.sample]
    slow = quantlib(one, few, options)
    scale = options.scenarios / options.rebuilds
    repricing = slow.repricing_s * len(one.priced.terms) / len(few)
    return {
        "currency": one.priced.currency,
        "trades": len(one.priced.trades),
        "groups": len(one.netted.groups),
        "terms": one.netted.terms,
        "quotes": len(one.solved.quotes),
        "one_thread_ms": round(alone, 1),
        "quantlib_s": round((slow.rebuilding_s + repricing) * scale, 2),
        "largest_difference_of_notional": slow.difference,
    }


@dataclass
class Slow:
    """Seconds of QuantLib for a few scenarios, and how far values of the sample are apart."""

    rebuilding_s: float = 0.0
    repricing_s: float = 0.0
    difference: float = 0.0


def quantlib(one: Netted, few: list[Any], options: argparse.Namespace) -> Slow:
    """Rebuild QuantLib's curves for a few scenarios, and reprice a sample of trades."""
    found, priced = Slow(), one.priced
    reference = Reference(TODAY, priced.quotes, priced.fixings)
    place = {trade.trade_id: trade for trade in priced.trades}
    trades = [place[terms.trade_id] for terms in few]
    dated = roll_to(make_block(trades), day_of(TODAY), priced.fixings, priced.curves.names)
    size = np.array([terms.size for terms in few])
    some = Moves(*(moves[: options.rebuilds] for moves in one.moves))
    ready = ready_trades(dated, priced.curves.grid)
    ours = revalue(ready, priced.curves, one.solved, some).pnl
    with reference.history():
        made = [instrument for _, instrument in reference.instruments(few)]
        base = np.array([instrument.npv() for instrument in made])
        for number in range(options.rebuilds):
            started = time.perf_counter()
            reference.link(reference.rebuild(reference.quotes + some.par[number]))
            between = time.perf_counter()
            pnl = np.array([instrument.npv() for instrument in made]) - base
            found.repricing_s += time.perf_counter() - between
            found.rebuilding_s += between - started
            apart = np.abs(pnl - ours[:, number]) / size
            found.difference = max(found.difference, float(apart.max()))
    return found


def timed(repeats: int, work: Any) -> float:
    """Median milliseconds, after one run that warms."""
    work()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    fast, slow = result["all_currencies_ms"] / 1e3, result["quantlib_s"]
    print(
        f"{result['trades']:,} trades, {result['scenarios']} scenarios,"
        f" {result['threads']} threads: {fast:.3f} s, curves included;"
        f" QuantLib {slow:,.0f} s, {slow / fast:,.0f} times as long"
    )
    print("       trades  groups   terms quotes  one thread  QuantLib  difference of notional")
    for row in result["currencies"]:
        print(
            f"{row['currency']:>5} {row['trades']:>7,} {row['groups']:>7} {row['terms']:>7,}"
            f" {row['quotes']:>6} {row['one_thread_ms']:>8,.0f} ms {row['quantlib_s']:>7,.0f} s"
            f"  {row['largest_difference_of_notional']:.1e}"
        )


if __name__ == "__main__":
    main()
