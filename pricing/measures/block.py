"""Price a dated block on solved curves: the measures of every frame, by trade.

All DV01-type numbers are what a fall of 1 bp earns, in trade currency: positive for a long
bond and a receiver swap. They are exact derivatives times 1 bp, so ladders add up to
their totals to rounding; the central difference over +-1 bp that defines them differs by
its third-order term: 2e-7 of the number for a par swap of 10 years, 1e-6 at 30 years
(docs/pricing.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricing import kernel
from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import YEAR, Grid
from pricing.errors import Failure
from pricing.kernel_arrays import Flows, Tables
from pricing.measures import formulas
from pricing.measures.compounding.chains import NO_CHAINS, Chains
from pricing.measures.delivery.choice import NO_DELIVERIES, Deliveries, flows_to_price
from pricing.measures.formulas import PricedFlows
from pricing.measures.table import BY_NAME, MEASURES, REQUIRED
from pricing.measures.value_date import DatedBlock
from pricing.products.swaps.par_terms import NO_PAR_TERMS, ParTerms, par_rates, par_terms

_FORMULAS: Mapping[str, Callable[[PricedFlows], FloatArray]] = {
    name: getattr(formulas, name) for name in MEASURES
}


@dataclass(frozen=True)
class ReadyBlock:
    """A block of n trades on a date and a grid: what a tick needs besides quotes.

    Attributes:
        trade_ids: Names of the trades.
        flows: Flows to come; those of a failed trade are left out.
        years: Time of each point from the date, Act/365F; shape (points,).
        matured: Trades that have made their last payment; shape (n,).
        unsupported: Rows of the trades whose product does not have a measure, by measure.
        failures: Trades that have failed on the date, and why.
        grid: Nodes of the curves on the date.
        tables: Dependence of the points on the nodes.
        deliveries: The flows of which a market chooses some.
        chains: The flows that compound what does not telescope.
        par: What the par rates of some products need beside value and annuity.
    """

    trade_ids: Sequence[str]
    flows: Flows
    years: FloatArray
    matured: BoolArray
    unsupported: Mapping[str, IntArray]
    failures: tuple[Failure, ...]
    grid: Grid
    tables: Tables
    deliveries: Deliveries = NO_DELIVERIES
    chains: Chains = NO_CHAINS
    par: ParTerms = NO_PAR_TERMS

    @cached_property
    def failed_rows(self) -> IntArray:
        """Rows of the trades of ``failures``."""
        failed = {failure.trade_id for failure in self.failures}
        rows = [row for row, name in enumerate(self.trade_ids) if name in failed] if failed else []
        return np.array(rows, dtype=np.int64)


@dataclass(frozen=True)
class BlockRisk:
    """Numbers of a block's n trades; a failed trade's are NaN. Trade currency.

    Each measure of ``values`` is an attribute also: ``risk.npv``.

    Attributes:
        values: One number a trade by measure, in the order of ``table.MEASURES``; shape (n,) each.
            NaN where the trade's product does not have the measure.
        leg_npv: Value of the two legs; shape (n, 2).
        ladder_par: DV01 to each quote, in the order of ``CurveSet.keys``; shape (n, keys).
        krd: DV01 under each tent on zero rates, same order; shape (n, keys).
        failures: Trades without numbers, and why.
    """

    values: Mapping[str, FloatArray]
    leg_npv: FloatArray
    ladder_par: FloatArray
    krd: FloatArray
    failures: tuple[Failure, ...]

    def __getattr__(self, name: str) -> FloatArray:
        """A measure by its name."""
        if name in BY_NAME:
            return self.values[name]
        raise AttributeError(name)


def make_ready(dated: DatedBlock, grid: Grid) -> ReadyBlock:
    """Weigh a block's points on the nodes of a grid of the same date."""
    return ReadyBlock(
        trade_ids=dated.block.trade_ids,
        flows=dated.flows,
        years=np.asarray((dated.point_day - dated.today) / YEAR),
        matured=dated.matured,
        unsupported=unsupported_rows(MEASURES, dated.block.products),
        failures=dated.failures,
        grid=grid,
        tables=grid.tables(dated.point_curve, dated.point_day),
        deliveries=dated.deliveries,
        chains=dated.chains,
        par=par_terms(dated.block),
    )


def price_block(ready: ReadyBlock, curves: CurveSet, solved: Solved) -> BlockRisk:
    """All measures of all trades of a block at one quote vector."""
    tables = ready.grid.tables_at(ready.tables, solved.x)
    discount = ready.grid.discount(tables, solved.x)
    flows = flows_to_price(ready.flows, ready.deliveries, ready.chains, discount)
    found = kernel.value_and_gradients(flows, discount, tables, ready.grid.size)
    up, down = parallel_values(ready, curves, solved)
    with np.errstate(invalid="ignore", over="ignore"):  # ``_not_numbers`` tells
        priced = PricedFlows(
            leg_npv=found.leg_npv,
            annuity=found.annuity,
            ladder_par=found.node @ (solved.jacobian * -ONE_BP),
            outright=curves.outright,
            krd=found.tent * -ONE_BP,
            spread_slope=_spread_slope(ready, flows, discount),
            value_up=up,
            value_down=down,
        )
        values = {name: make(priced) for name, make in _FORMULAS.items()}
        values["par_rate"][ready.par.row] = par_rates(ready.par, priced.value, priced.annuity)
    for name, rows in ready.unsupported.items():
        values[name][rows] = np.nan
    risk = BlockRisk(values, priced.leg_npv, priced.ladder_par, priced.krd, ready.failures)
    good = np.all([np.isfinite(values[name]) for name in REQUIRED], axis=0)
    good[ready.failed_rows] = True  # they have failed already
    bad = np.flatnonzero(~good)
    without = np.concatenate((ready.failed_rows, bad))
    if len(without):
        for column in (*values.values(), risk.leg_npv, risk.ladder_par, risk.krd):
            column[without] = np.nan
    return replace(risk, failures=(*risk.failures, *_not_numbers(ready, bad)))


def _spread_slope(ready: ReadyBlock, flows: Flows, discount: FloatArray) -> FloatArray:
    """Derivative of the value to a continuous spread over the discount curve; shape (n,).

    It is 0 where ``cs01`` is not a measure of the product.
    """
    wanted = np.ones(len(ready.trade_ids), dtype=bool)
    wanted[ready.unsupported["cs01"]] = False
    return kernel.spread_slope(flows, discount, ready.years, wanted)


def blank_unsupported(values: Mapping[str, FloatArray], products: Sequence[str]) -> None:
    """Set numbers of trades whose product does not have the measure to NaN, in place."""
    for name, rows in unsupported_rows(values, products).items():
        values[name][rows] = np.nan


def unsupported_rows(measures: Iterable[str], products: Sequence[str]) -> dict[str, IntArray]:
    """Rows of the trades whose product does not have a measure, by measure."""
    names = np.array(products, dtype=np.str_)
    found: dict[str, IntArray] = {}
    for row in (BY_NAME[name] for name in measures):
        if not row.every_product:
            having = [product for product in set(products) if row.supports(product)]
            found[row.name] = np.flatnonzero(~np.isin(names, having))
    return found


def parallel_values(
    ready: ReadyBlock, curves: CurveSet, solved: Solved
) -> tuple[FloatArray, FloatArray]:
    """Values with all outright quotes 1 bp up, and 1 bp down; shape (n,) each."""
    _, up, down = curves.at_parallel_moves(solved).T
    return values_at(ready, up), values_at(ready, down)


def values_at(ready: ReadyBlock, x: FloatArray) -> FloatArray:
    """Value of every trade at log node values ``x``; shape (n,)."""
    discount = ready.grid.discount(ready.tables, x)
    flows = flows_to_price(ready.flows, ready.deliveries, ready.chains, discount)
    return kernel.value(flows, discount)


def _not_numbers(ready: ReadyBlock, rows: IntArray) -> list[Failure]:
    """Failures of trades with a required measure that is not finite."""
    return [
        Failure(
            trade_id=ready.trade_ids[int(row)],
            code="NOT_A_NUMBER",
            message="a measure is not a finite number: check notional and rates",
        )
        for row in rows
    ]
