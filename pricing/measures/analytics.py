"""Measures that cost too much for every frame and are computed after frames, at a lower cadence.

Each function of ``MAKERS`` computes one or more of them, by name; shape (n,) each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.errors import PricingError
from pricing.measures import theta
from pricing.measures.block import blank_unsupported
from pricing.measures.bond_analytics import BOND_ANALYTICS
from pricing.measures.bond_block import BondFlows, analytics_of
from pricing.measures.delivery.basis import FUTURE_BASIS, FutureFlows, basis_columns
from pricing.measures.table import ANALYTICS
from pricing.products.cash_flows import FlowBlock


@dataclass(frozen=True)
class PricedBlock:
    """A block of n trades with the curves and numbers of a frame.

    Attributes:
        block: The trades.
        npv: Their values; NaN where a trade failed; shape (n,).
        curves: The curves of the valuation date.
        solved: Their nodes.
        fixings: Known fixings by index and date.
        bonds: By row, what the date makes of each bond that is prepared.
        futures: The same of bond futures.
        next_day: Gives the curves of the next calendar day, see ``theta.curves_of_next_day``.
    """

    block: FlowBlock
    npv: FloatArray
    curves: CurveSet
    solved: Solved
    fixings: Fixings
    next_day: Callable[[], CurveSet]
    bonds: Mapping[int, BondFlows]
    futures: Mapping[int, FutureFlows]


Maker = Callable[[PricedBlock], Mapping[str, FloatArray]]


def make_analytics(priced: PricedBlock) -> dict[str, FloatArray]:
    """All measures of ``table.ANALYTICS``; NaN where a trade has none; shape (n,) each."""
    values: dict[str, FloatArray] = {}
    for make in dict.fromkeys(MAKERS[name] for name in ANALYTICS):
        values |= make(priced)
    blank_unsupported(values, priced.block.products)
    for column in values.values():
        column[~np.isfinite(priced.npv)] = np.nan
    return values


def _theta(priced: PricedBlock) -> dict[str, FloatArray]:
    """Compute theta; NaN where the quotes admit no curve on the next day."""
    block, npv, solved = priced.block, priced.npv, priced.solved
    try:
        later = priced.next_day()
        return {"theta": theta.theta(block, npv, priced.curves, solved, priced.fixings, later)}
    except PricingError:
        return {"theta": np.full(len(block), np.nan)}


def _bond_analytics(priced: PricedBlock) -> dict[str, FloatArray]:
    """Prices, yields and durations of the bonds that are prepared."""
    found = {name: np.full(len(priced.block), np.nan) for name in BOND_ANALYTICS}
    rows = np.array(list(priced.bonds), dtype=np.int64)
    if len(rows):
        spreads = priced.block.z_spread[rows]
        bonds = list(priced.bonds.values())
        made = analytics_of(bonds, spreads, priced.curves, priced.solved)
        for name, values in made.items():
            found[name][rows] = values
    return found


def _future_basis(priced: PricedBlock) -> dict[str, FloatArray]:
    """Prices and basis of the bond futures that are prepared."""
    return basis_columns(priced.futures, len(priced.block), priced.curves, priced.solved)


MAKERS: Mapping[str, Maker] = {
    "theta": _theta,
    **dict.fromkeys(BOND_ANALYTICS, _bond_analytics),
    **dict.fromkeys(FUTURE_BASIS, _future_basis),
}
