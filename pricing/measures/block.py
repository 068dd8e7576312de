"""Solved curves and a dated block in; the measures of definitions.md out, by trade.

All DV01-type numbers are what a fall of 1 bp earns, in trade currency: positive for a long
bond and a receiver swap. They are exact derivatives times 1 bp, so ladders add up to
their totals to rounding; the central difference over +-1 bp that defines them differs by
its third-order term: 2e-7 of the number for a par swap of 10 years, 1e-6 at 30 years
(docs/pricing.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricing import kernel
from pricing.arrays import FloatArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import Grid
from pricing.errors import Failure
from pricing.kernel_arrays import Tables
from pricing.measures.value_date import DatedBlock


@dataclass(frozen=True)
class ReadyBlock:
    """A dated block with its weights on a grid: what a tick needs besides quotes."""

    dated: DatedBlock
    grid: Grid
    tables: Tables


@dataclass(frozen=True)
class BlockRisk:
    """Numbers of a block's trades; a failed trade's are NaN. Trade currency.

    Attributes:
        npv: Value; shape (n,).
        leg_npv: Value of the fixed and of the floating leg; shape (n, 2).
        pv01: 1 bp of coupon; shape (n,).
        ladder_par: DV01 to each quote, in the order of ``CurveSet.keys``; shape (n, keys).
        krd: DV01 under each tent on zero rates, same order; shape (n, keys).
        gamma: Second difference of value for +-1 bp of all quotes; shape (n,).
        failures: Trades without numbers, and why.
    """

    npv: FloatArray
    leg_npv: FloatArray
    pv01: FloatArray
    ladder_par: FloatArray
    krd: FloatArray
    gamma: FloatArray
    failures: tuple[Failure, ...]

    @cached_property
    def dv01_par(self) -> FloatArray:
        """All calibrating quotes of all curves move together; shape (n,)."""
        return np.asarray(self.ladder_par.sum(axis=1))

    @cached_property
    def dv01_zero(self) -> FloatArray:
        """All zero rates of all curves move together; shape (n,)."""
        return np.asarray(self.krd.sum(axis=1))


def make_ready(dated: DatedBlock, grid: Grid) -> ReadyBlock:
    """Weigh a block's points on the nodes of a grid of the same date."""
    return ReadyBlock(dated, grid, grid.tables(dated.point_curve, dated.point_day))


def price_block(ready: ReadyBlock, curves: CurveSet, solved: Solved) -> BlockRisk:
    """All measures of all trades of a block at one quote vector."""
    discount = ready.grid.discount(ready.tables, solved.x)
    found = kernel.value_and_gradients(ready.dated.flows, discount, ready.tables, ready.grid.size)
    npv = found.leg_npv.sum(axis=1)
    up, down = parallel_values(ready, curves, solved)
    risk = BlockRisk(
        npv=npv,
        leg_npv=found.leg_npv,
        pv01=found.annuity * ONE_BP,
        ladder_par=found.node @ (solved.jacobian * -ONE_BP),
        krd=found.tent * -ONE_BP,
        gamma=up - 2.0 * npv + down,
        failures=ready.dated.failures,
    )
    failures = (*risk.failures, *_not_numbers(ready.dated, risk))
    if not failures:
        return risk
    _blank(risk, {failure.trade_id for failure in failures}, ready.dated.block.trade_ids)
    return replace(risk, failures=failures)


def parallel_values(
    ready: ReadyBlock, curves: CurveSet, solved: Solved
) -> tuple[FloatArray, FloatArray]:
    """Values with all quotes 1 bp up, and 1 bp down; shape (n,) each."""
    move = np.full(len(solved.quotes), ONE_BP)
    up = values_at(ready, curves.shifted(solved, move))
    down = values_at(ready, curves.shifted(solved, -move))
    return up, down


def values_at(ready: ReadyBlock, x: FloatArray) -> FloatArray:
    """Value of every trade at log node values ``x``; shape (n,)."""
    return kernel.value(ready.dated.flows, ready.grid.discount(ready.tables, x))


def _not_numbers(dated: DatedBlock, risk: BlockRisk) -> list[Failure]:
    """Trades of which any number came out as none: the others are not to be trusted either."""
    columns = (risk.npv, risk.pv01, risk.gamma, risk.dv01_par, risk.dv01_zero)
    good = np.all([np.isfinite(column) for column in columns], axis=0)
    return [
        Failure(
            trade_id=dated.block.trade_ids[row],
            code="NOT_A_NUMBER",
            message="a measure is not a finite number: check notional and rates",
        )
        for row in np.flatnonzero(~good)
    ]


def _blank(risk: BlockRisk, names: set[str], trade_ids: tuple[str, ...]) -> None:
    """A failed trade has no numbers: NaN, never 0."""
    rows = [row for row, name in enumerate(trade_ids) if name in names]
    for column in (risk.npv, risk.leg_npv, risk.pv01, risk.ladder_par, risk.krd, risk.gamma):
        column[rows] = np.nan
