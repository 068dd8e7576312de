"""Price netted flows on solved curves: the additive measures of every frame, by group.

Signs and units are those of ``block.py``: a group's numbers are the sums of its trades' numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricing import netting_kernel as kernel
from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import YEAR, Grid
from pricing.errors import Failure
from pricing.kernel_arrays import Tables
from pricing.measures import formulas
from pricing.measures.block import make_ready, price_block, unsupported_rows
from pricing.measures.compounding.netted import ReadyChains, ready_chains
from pricing.measures.delivery.choice import Choices, fold_all
from pricing.measures.formulas import PricedFlows
from pricing.measures.netted_terms import discount_columns, growth_points, point_of
from pricing.measures.netting import Group, NettedBlock
from pricing.measures.next_day import ReadyNextDay, theta_of_groups
from pricing.measures.table import REQUIRED, SUMMED
from pricing.measures.value_date import DatedBlock
from pricing.netting_kernel import GroupedFlows, GroupGradients

_FORMULAS: Mapping[str, Callable[[PricedFlows], FloatArray]] = {
    name: getattr(formulas, name) for name in SUMMED
}


@dataclass(frozen=True)
class ReadyGroups:
    """Netted flows with their weights on a grid: what a tick needs besides quotes.

    Attributes:
        netted: The netted flows.
        grid: Nodes of the curves on the same date.
        flows: The flows, numbered for the loops.
        tables: Dependence of the points on the nodes.
        years: Time of each point from today, Act/365F; shape (points,).
        choices: How the rows of alternatives, behind those of groups, are added to them.
        chains: The terms that compound what does not telescope.
    """

    netted: NettedBlock
    grid: Grid
    flows: GroupedFlows
    tables: Tables
    years: FloatArray
    choices: Choices
    chains: ReadyChains

    def at(self, x: FloatArray) -> ReadyGroups:
        """Return the groups with their weights at log node values ``x``, which gradients need."""
        if self.grid.is_linear:
            return self
        tables = self.grid.tables_at(self.tables, x)
        return replace(self, tables=tables, chains=self.chains.at(self.grid, x))

    @cached_property
    def unsupported(self) -> dict[str, IntArray]:
        """Groups whose product does not have a measure, by measure."""
        return unsupported_rows(SUMMED, [product for _, product in self.netted.groups])


@dataclass(frozen=True)
class GroupSums:
    """Sums of g groups; trade currency.

    Attributes:
        groups: Book and product of each group.
        values: One sum a group by measure, in the order of ``table.SUMMED``; shape (g,) each. NaN
            where the group's product does not have the measure. With ``theta`` last, if it was
            asked for; NaN where a trade of the group has none.
        ladder_par: DV01 to each quote, in the order of ``CurveSet.keys``; shape (g, keys).
        krd: DV01 under each tent on zero rates, same order; shape (g, keys).
    """

    groups: tuple[Group, ...]
    values: Mapping[str, FloatArray]
    ladder_par: FloatArray
    krd: FloatArray

    @cached_property
    def not_finite(self) -> tuple[Group, ...]:
        """Groups with a required measure that is not finite, because one of a trade is not.

        ``not_numbers`` finds the trade. The flows are then netted afresh without it.
        """
        good = np.all([np.isfinite(self.values[name]) for name in REQUIRED], axis=0)
        return tuple(self.groups[place] for place in np.flatnonzero(~good))


def make_ready_groups(netted: NettedBlock, grid: Grid) -> ReadyGroups:
    """Number the terms of netted flows, and weigh their points on a grid of the same date."""
    terms = netted.all_terms
    term_key, growth_term = kernel.number_keys(terms.growth_key)
    cash = len(terms.cash_key)
    keys = np.concatenate((terms.cash_key, *growth_points(term_key)))
    point, places = kernel.number_keys(keys)
    term_point = np.ascontiguousarray(places[cash:].reshape(3, -1).T)
    growth_ptr, cash_ptr = terms.growth_ptr.copy(), terms.cash_ptr.copy()
    row_ptr, row_point, row_money, growth_row = kernel.group_rows(
        cash_ptr,
        places[:cash],
        terms.cash_money.copy(),
        growth_ptr,
        growth_term,
        term_point,
        len(point),
    )
    curve, day = point_of(point)
    flows = GroupedFlows(
        row_ptr=row_ptr,
        row_point=row_point,
        row_money=row_money,
        growth_ptr=growth_ptr,
        growth_term=growth_term,
        growth_row=growth_row,
        growth_alpha=terms.growth_alpha.copy(),
        term_point=term_point,
    )
    tables = grid.tables(curve, day)
    years = (day - netted.today) / YEAR
    choices, chains = netted.deliveries.choices, ready_chains(netted.chains, grid)
    return ReadyGroups(netted, grid, flows, tables, years, choices, chains)


def gradients(ready: ReadyGroups, factor: FloatArray, chain_factor: FloatArray) -> GroupGradients:
    """Value every group at three sets of discount factors, with its gradients at the first.

    The bond that is delivered is chosen at each set.

    Args:
        ready: Netted flows of the date, with the weights at the first (``at``).
        factor: Discount factors; shape (points, 3).
        chain_factor: Those of the points of chains; shape (their points, 3).
    """
    found = kernel.group_gradients(ready.flows, factor, ready.years, ready.tables, ready.grid.size)
    folded: GroupGradients = fold_all(found, ready.choices, ("value_up", "value_down"))
    if ready.chains.is_empty:
        return folded
    return ready.chains.add_gradients(folded, chain_factor, ready.netted.today)


def price_groups(
    ready: ReadyGroups, curves: CurveSet, solved: Solved, next_day: ReadyNextDay | None = None
) -> GroupSums:
    """All additive measures of all groups at one quote vector.

    Args:
        ready: Netted flows of the date.
        curves: The curves of the date.
        solved: Their nodes.
        next_day: The same trades' netted flows of the next day, for ``theta``.
    """
    x = curves.at_parallel_moves(solved)
    factor, chain_factor = (
        discount_columns(ready.grid, tables, x) for tables in (ready.tables, ready.chains.tables)
    )
    found = gradients(ready.at(solved.x), factor, chain_factor)
    with np.errstate(invalid="ignore", over="ignore"):  # ``not_finite`` tells
        priced = PricedFlows(
            leg_npv=found.leg_npv,
            annuity=found.annuity,
            ladder_par=found.node @ (solved.jacobian * -ONE_BP),
            outright=curves.outright,
            krd=found.tent * -ONE_BP,
            spread_slope=found.spread_slope,
            value_up=found.value_up,
            value_down=found.value_down,
        )
        values = {name: make(priced) for name, make in _FORMULAS.items()}
        if next_day is not None:
            values["theta"] = theta_of_groups(next_day, solved, priced.value)
    for name, places in ready.unsupported.items():
        values[name][places] = np.nan
    return GroupSums(ready.netted.groups, values, priced.ladder_par, priced.krd)


def not_numbers(
    blocks: Sequence[DatedBlock],
    curves: CurveSet,
    solved: Solved,
    groups: Collection[Group],
) -> list[Failure]:
    """Trades of some groups with a required measure that is not finite, found by pricing each.

    Args:
        blocks: Dated blocks that the groups were netted from.
        curves: The curves of their date.
        solved: Their nodes.
        groups: ``GroupSums.not_finite``.
    """
    found: list[Failure] = []
    for dated in blocks:
        pairs = zip(dated.block.books, dated.block.products, strict=True)
        if set(groups).isdisjoint(pairs):
            continue
        failures = price_block(make_ready(dated, curves.grid), curves, solved).failures
        found += failures[len(dated.failures) :]
    return found
