"""The measures that cost more than a frame may: they are made after frames, at a lower cadence.

Each function of ``MAKERS`` makes one or more of them, by name; shape (n,) each.
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
from pricing.measures.table import DETAILS
from pricing.products.cash_flows import FlowBlock


@dataclass(frozen=True)
class PricedBlock:
    """A block of n trades as a frame has priced it.

    Attributes:
        block: The trades.
        npv: Their values; NaN where a trade failed; shape (n,).
        curves: The curves of the valuation date.
        solved: Their nodes.
        fixings: Known fixings by index and date.
        next_day: Gives the curves of the next calendar day, see ``theta.curves_of_next_day``.
    """

    block: FlowBlock
    npv: FloatArray
    curves: CurveSet
    solved: Solved
    fixings: Fixings
    next_day: Callable[[], CurveSet]


Maker = Callable[[PricedBlock], Mapping[str, FloatArray]]


def make_details(priced: PricedBlock) -> dict[str, FloatArray]:
    """All measures of ``table.DETAILS``; NaN where a trade has none; shape (n,) each."""
    values: dict[str, FloatArray] = {}
    for make in dict.fromkeys(MAKERS[name] for name in DETAILS):
        values |= make(priced)
    blank_unsupported(values, priced.block.products)
    for column in values.values():
        column[~np.isfinite(priced.npv)] = np.nan
    return values


def _theta(priced: PricedBlock) -> dict[str, FloatArray]:
    """The same quotes may admit no curve on the next day; the other measures stand."""
    block, npv, solved = priced.block, priced.npv, priced.solved
    try:
        later = priced.next_day()
        return {"theta": theta.theta(block, npv, priced.curves, solved, priced.fixings, later)}
    except PricingError:
        return {"theta": np.full(len(block), np.nan)}


MAKERS: Mapping[str, Maker] = {"theta": _theta}
