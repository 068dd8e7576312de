"""Measure the sums of a frame from netted flows, and hold them to the sums of the trades.

A book is netted in the blocks that a compiled book has. ``books`` above 0 deals the trades to so
many books by turns; 0 leaves them in their own.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import Fixings, Histories
from pricing.curves.quotes import CurveQuotes
from pricing.markets.calendars import day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.groups import GroupSums, make_ready_groups, price_groups
from pricing.measures.netting import NettedBlock, merge, net
from pricing.measures.next_day import (
    NextDayFixings,
    make_ready_next_day,
    merge_next_day,
    net_next_day,
    theta_of_groups,
)
from pricing.measures.table import SUMMED
from pricing.measures.theta import curves_of_next_day, forecast_of_today
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import CompiledTrade, FlowBlock, make_block
from risk.store.compiled_book import block_of, blocks_for

T = TypeVar("T")


def measure_sums(
    trades: Sequence[CompiledTrade],
    curves: CurveSet,
    quotes: CurveQuotes,
    fixings: Fixings,
    books: int,
    repeats: int,
) -> dict[str, Any]:
    """Cost of netting once a date and of a tick, and the largest differences from the trades."""
    blocks, names = _blocks(_dealt(trades, books)), curves.names
    known = Histories(fixings, day_of(curves.today))
    taken: dict[str, float] = {}
    few = min(3, repeats)
    dated = _timed(taken, "roll_ms", few, lambda: _rolled(blocks, known, names))
    netted = _timed(taken, "net_ms", few, lambda: [net(block, names) for block in dated])
    whole = _timed(taken, "merge_ms", few, lambda: merge(netted))
    ready = _timed(taken, "ready_ms", few, lambda: make_ready_groups(whole, curves.grid))

    forecast, tomorrow = forecast_of_today(curves, fixings), curves_of_next_day(curves)
    open_ones = NextDayFixings.of(fixings, curves.today, forecast.indices)
    later = _timed(taken, "next_day_roll_and_net_ms", 1, lambda: _next_day(dated, open_ones, names))
    joined = merge_next_day(later)
    next_day = make_ready_next_day(joined, forecast, tomorrow)

    vector = curves.vector(quotes)
    solved = _timed(taken, "solve_ms", repeats, lambda: curves.solve(vector))
    _timed(taken, "solve_next_day_ms", repeats, lambda: tomorrow.solve(vector))
    sums = _timed(taken, "sums_ms", repeats, lambda: price_groups(ready, curves, solved))
    npv = sums.values["npv"]
    _timed(taken, "theta_ms", repeats, lambda: theta_of_groups(next_day, solved, npv))
    _timed(
        taken,
        "tick_ms",
        repeats,
        lambda: price_groups(ready, curves, curves.solve(vector), next_day),
    )
    risks = [price_block(make_ready(block, curves.grid), curves, solved) for block in dated]
    return {
        "books": books,
        "groups": len(whole.groups),
        "blocks": len(blocks),
        "flows": sum(len(d.flows.fixed_pay) + len(d.flows.float_pay) for d in dated),
        "block_terms": sum(block.terms for block in netted),
        "terms": whole.terms,
        "points": len(ready.years),
        "distinct_growth_terms": len(ready.flows.term_point),
        "netted_bytes": _bytes(whole),
        **{name: round(value, 3) for name, value in taken.items()},
        "largest_differences": _differences(sums, dated, risks),
    }


def _dealt(trades: Sequence[CompiledTrade], books: int) -> Sequence[CompiledTrade]:
    if not books:
        return trades
    return [dataclasses.replace(t, book=f"book {n % books:03}") for n, t in enumerate(trades)]


def _blocks(trades: Sequence[CompiledTrade]) -> list[FlowBlock]:
    """The blocks of a compiled book."""
    piles: list[list[CompiledTrade]] = [[] for _ in range(blocks_for(len(trades)))]
    for trade in sorted(trades, key=lambda trade: trade.trade_id):
        piles[block_of(trade.trade_id, len(piles))].append(trade)
    return [make_block(pile) for pile in piles if pile]


def _rolled(
    blocks: Sequence[FlowBlock], known: Histories, names: tuple[str, ...]
) -> list[DatedBlock]:
    return [roll_to(block, known.today, known, names) for block in blocks]


def _next_day(
    dated: Sequence[DatedBlock], fixings: NextDayFixings, names: tuple[str, ...]
) -> list[Any]:
    return [net_next_day(block, fixings, names) for block in dated]


def _timed(taken: dict[str, float], name: str, repeats: int, work: Callable[[], T]) -> T:
    """Note the median of a step's milliseconds, after one that warms."""
    found, times = work(), []
    for _ in range(repeats):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    taken[name] = statistics.median(times) * 1e3
    return found


def _bytes(netted: NettedBlock) -> int:
    columns = (getattr(netted, field.name) for field in dataclasses.fields(netted))
    return sum(column.nbytes for column in columns if isinstance(column, np.ndarray))


def _differences(
    sums: GroupSums, dated: Sequence[DatedBlock], risks: Sequence[BlockRisk]
) -> dict[str, float]:
    """Return by measure the largest difference from the sum of the trades, relative to its gross.

    Gamma is a second difference of values, so its share is of gross value.
    """
    place = {group: number for number, group in enumerate(sums.groups)}
    group = np.array(
        [
            place[pair]
            for block in dated
            for pair in zip(block.block.books, block.block.products, strict=True)
        ]
    )

    def added(values: FloatArray) -> FloatArray:
        return np.bincount(group, weights=np.nan_to_num(values), minlength=len(place))

    def column(name: str) -> FloatArray:
        return np.concatenate([risk.values[name] for risk in risks])

    found: Mapping[str, FloatArray] = {
        name: np.abs(np.nan_to_num(sums.values[name]) - added(column(name)))
        / np.maximum(added(np.abs(column("npv" if name == "gamma" else name))), 1e-300)
        for name in SUMMED
    }
    largest = {name: float(values.max()) for name, values in found.items()}
    for name in ("ladder_par", "krd"):
        table = np.concatenate([getattr(risk, name) for risk in risks])
        gross = added(np.abs(table).sum(axis=1))
        apart = np.array([added(key) for key in table.T]).T - getattr(sums, name)
        largest[name] = float((np.abs(apart).max(axis=1) / gross).max())
    return largest


def show_sums(rows: Sequence[dict[str, Any]]) -> None:
    """A table for people."""
    print(
        f"{'ccy':4} {'trades':>8} {'groups':>7} {'flows':>10} {'terms':>9} {'points':>7}"
        f" {'roll+net':>9} {'merge':>7} {'solve':>7} {'sums':>7} {'theta':>7} {'tick ms':>8}"
        f" {'by trade':>9} {'npv diff':>9} {'par diff':>9}"
    )
    for row in rows:
        for one in row["sums"]:
            worst = one["largest_differences"]
            print(
                f"{row['currency']:4} {row['trades']:8,} {one['groups']:7} {one['flows']:10,}"
                f" {one['terms']:9,} {one['points']:7,} {one['roll_ms'] + one['net_ms']:9.1f}"
                f" {one['merge_ms']:7.1f} {one['solve_ms']:7.3f} {one['sums_ms']:7.3f}"
                f" {one['theta_ms']:7.3f} {one['tick_ms']:8.3f} {row['tick_ms']:9.2f}"
                f" {worst['npv']:9.1e} {worst['ladder_par']:9.1e}"
            )
