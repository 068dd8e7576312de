"""Revalue netted groups, or trades, in full at many scenarios.

A scenario moves the calibrating quotes of a currency, or its continuous zero rates. Quotes are
moved and all curves rebuilt; zero rates are moved on the curves as they are, linear between the
nodes and flat outside, which is the tent of the measure ``krd``. The P&L of a scenario is V(moved)
- V(as it is) on the same date. Spreads of bonds are held.

All terms of a group add up before any market is known (``measures/netting.py``), so the cost does
not grow with the number of trades. What is not a sum of such terms must be valued by its own
function: ``Valued`` is what it has to give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from pricing import netting_kernel
from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.interpolation import Grid
from pricing.errors import PricingError
from pricing.kernel_arrays import Tables
from pricing.measures.compounding.netted import (
    NO_NETTED_CHAINS,
    NO_TABLES,
    NettedChains,
    ReadyChains,
    net_chains,
    number_chains,
    ready_chains,
)
from pricing.measures.delivery.choice import NO_CHOICES, Choices, fold_values
from pricing.measures.delivery.netted import with_deliveries
from pricing.measures.netted_terms import NettedTerms, growth_points, point_key, point_of
from pricing.measures.netting import NettedBlock, flow_rows, net_deliveries
from pricing.measures.next_day import PAID
from pricing.measures.value_date import DatedBlock
from pricing.netting_kernel import GroupedValues, add_up
from pricing.scenarios import kernel
from pricing.scenarios.curve_batch import solve_columns
from pricing.scenarios.moves import Moves

TILE = 32
"""Number of scenarios that are valued together: the discount factors of ten thousand points then
take 2.5 MB."""


class Valued(Protocol):
    """Something that is valued at node vectors by a function of its own."""

    def values(self, x: FloatArray, zero_moves: FloatArray | None) -> FloatArray:
        """Values at log node values and moves of zero rates, (nodes, columns); (columns,)."""


NOTHING = ReadyChains(number_chains(NO_NETTED_CHAINS), NO_TABLES)


@dataclass(frozen=True)
class ReadyRevaluation:
    """Terms with their weights on a grid: what a revaluation needs besides a market.

    ``flows`` are numbered by group, or by trade, with those of bonds that may be delivered behind
    them: ``choices`` says to what the cheapest of these are added, in each scenario by itself.
    ``chains`` compound what does not telescope. ``others`` are added to the groups that their
    numbers name.
    """

    grid: Grid
    flows: GroupedValues
    tables: Tables
    choices: Choices = NO_CHOICES
    chains: ReadyChains = NOTHING
    others: Sequence[tuple[int, Valued]] = ()

    @property
    def rows(self) -> int:
        """Number of groups or trades."""
        return len(self.flows.cash_ptr) - 1 - self.choices.alternatives


class Revalued(NamedTuple):
    """Values of g groups in n scenarios; trade currency.

    Attributes:
        base: Values of the market as it is; shape (g,).
        pnl: Value of the moved market minus ``base``; NaN where a scenario has no curve; (g, n).
        failures: Why a scenario has no curve, by its place.
    """

    base: FloatArray
    pnl: FloatArray
    failures: dict[int, PricingError]


def ready_groups(netted: NettedBlock, grid: Grid) -> ReadyRevaluation:
    """Number the terms of netted flows, and weigh their points on a grid of the same date."""
    return _ready(netted.all_terms, grid, netted.deliveries.choices, netted.chains)


def ready_trades(dated: DatedBlock, grid: Grid) -> ReadyRevaluation:
    """Prepare a block by trade instead of by group; failed trades are worth 0 here."""
    kept = np.ones(len(dated.block), dtype=bool)
    cash_rows, growth_rows = flow_rows(dated, kept)
    count = len(kept)
    cash = add_up(cash_rows.trade.astype(np.int32), cash_rows.key, cash_rows.money, count)
    growth = add_up(growth_rows.trade.astype(np.int32), growth_rows.key, growth_rows.money, count)
    terms = NettedTerms(cash.ptr, cash.key, cash.money, growth.ptr, growth.key, growth.money[:, 0])
    deliveries = net_deliveries(dated, np.arange(count), kept)
    key = point_key(dated.point_curve, dated.point_day)
    chains = net_chains(dated, key, np.arange(count), kept)
    return _ready(with_deliveries(terms, deliveries), grid, deliveries.choices, chains)


def _ready(
    terms: NettedTerms, grid: Grid, choices: Choices, chains: NettedChains
) -> ReadyRevaluation:
    term_key, growth_term = netting_kernel.number_keys(terms.growth_key)
    keys = np.concatenate((terms.cash_key, *growth_points(term_key)))
    point, places = netting_kernel.number_keys(keys)
    cash = len(terms.cash_key)
    flows = GroupedValues(
        cash_ptr=terms.cash_ptr.copy(),
        cash_point=places[:cash].copy(),
        cash_money=terms.cash_money[:, PAID].sum(axis=1),
        growth_ptr=terms.growth_ptr.copy(),
        growth_term=growth_term,
        growth_alpha=terms.growth_alpha.copy(),
        term_point=np.ascontiguousarray(places[cash:].reshape(3, -1).T),
    )
    tables = grid.tables(*point_of(point))
    return ReadyRevaluation(grid, flows, tables, choices, ready_chains(chains, grid))


def revalue(
    ready: ReadyRevaluation, curves: CurveSet, solved: Solved, moves: Moves, threads: int = 1
) -> Revalued:
    """Revalue all groups in all scenarios.

    Args:
        ready: Terms of the date of the curves.
        curves: The curves of the date.
        solved: Their nodes as the market is.
        moves: The scenarios.
        threads: Tiles of scenarios valued at once.
    """
    base = _values(ready, solved.x[:, None], None)[:, 0]
    pnl = np.empty((ready.rows, moves.scenarios))
    failures: dict[int, PricingError] = {}

    def work(first: int) -> None:
        tile = slice(first, min(first + TILE, moves.scenarios))
        x = np.repeat(solved.x[:, None], tile.stop - first, axis=1)
        par, zero = moves.par[tile].T, moves.zero[tile].T
        moved = np.flatnonzero(par.any(axis=0))
        if len(moved):
            quotes = np.ascontiguousarray(solved.quotes[:, None] + par[:, moved])
            found = solve_columns(curves, solved, quotes)
            x[:, moved] = found.x
            named = {first + int(moved[place]): error for place, error in found.failures.items()}
            failures.update(named)
        shift = np.ascontiguousarray(zero) if zero.any() else None
        pnl[:, tile] = _values(ready, x, shift) - base[:, None]

    _in_threads(work, range(0, moves.scenarios, TILE), threads)
    return Revalued(base, pnl, dict(sorted(failures.items())))


def _values(ready: ReadyRevaluation, x: FloatArray, zero: FloatArray | None) -> FloatArray:
    factor = kernel.discount_factors(ready.grid, ready.tables, np.ascontiguousarray(x), zero)
    values = fold_values(kernel.group_values(ready.flows, factor), ready.choices)
    if not ready.chains.is_empty:
        factor = kernel.discount_factors(
            ready.grid, ready.chains.tables, np.ascontiguousarray(x), zero
        )
        values += ready.chains.chains.values(factor, ready.rows)
    for group, other in ready.others:
        values[group] += other.values(x, zero)
    return values


def _in_threads(work: Callable[[int], Any], starts: Sequence[int], threads: int) -> None:
    if threads == 1:
        for start in starts:
            work(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, starts))


# --- Approximations --------------------------------------------------------------------------


class Approximated(NamedTuple):
    """P&L of groups in n scenarios by first and by second order; shape (g, n) each."""

    delta: FloatArray
    delta_gamma: FloatArray


def delta_pnl(ladder_par: FloatArray, krd: FloatArray, moves: Moves) -> FloatArray:
    """Approximate P&L by ladders alone; its error grows with the square of the move.

    Args:
        ladder_par: DV01 to each quote, positive where a fall earns; shape (g, keys).
        krd: DV01 under each tent on zero rates; shape (g, keys).
        moves: The scenarios.
    """
    bp = 1e4
    return np.asarray(-(ladder_par @ moves.par.T + krd @ moves.zero.T) * bp)


def approximate(
    ready: ReadyRevaluation,
    curves: CurveSet,
    solved: Solved,
    moves: Moves,
    delta: FloatArray,
    step: float = 1e-4,
) -> Approximated:
    """Approximate P&L by first and second order; the second's error grows with the move's cube.

    The second order is the second difference along the scenario's own direction, over a move whose
    largest rate is ``step``.

    Args:
        ready: Terms of the date.
        curves: The curves of the date.
        solved: Their nodes.
        moves: The scenarios.
        delta: ``delta_pnl`` of the same groups; shape (g, n).
        step: Decimal per year.
    """
    largest = np.maximum(np.abs(moves.par).max(axis=1), np.abs(moves.zero).max(axis=1))
    share = np.divide(step, largest, out=np.ones(moves.scenarios), where=largest > 0.0)
    up = revalue(ready, curves, solved, moves.scaled(share)).pnl
    down = revalue(ready, curves, solved, moves.scaled(-share)).pnl
    return Approximated(delta, delta + (up + down) / (2.0 * share**2))
