"""Read the curves of a published frame: nodes, zero rates and discount factors of any day.

No bootstrap is needed: the frame carries the log discount factors at the nodes, and the market's
conventions name the interpolation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.interpolation import CurveNodes, Grid
from pricing.curves.quotes import CurveOptions, curve_version
from pricing.markets import conventions
from risk.store.results import Rollup

EPOCH = dt.date(1970, 1, 1)


class NoNodes(Exception):
    """The frame was published by a release that did not keep its nodes: wait for the next."""


@dataclass(frozen=True)
class FrameCurves:
    """All curves of one frame. ``x`` are log discount factors at the nodes; shape (nodes,)."""

    names: tuple[str, ...]
    tenors: tuple[tuple[str, ...], ...]
    grid: Grid
    x: FloatArray

    def discount(self, curve: IntArray, day: IntArray) -> FloatArray:
        """Discount factors of points; curves by their place in ``names``, days since 1970."""
        return self.grid.discount(self.grid.tables(curve, day), self.x)


def curves_of(rollup: Rollup, options: CurveOptions) -> FrameCurves:
    """The curves of a frame.

    Args:
        rollup: The published frame.
        options: As the pricing processes have them.

    Raises:
        NoNodes: The frame does not say where its nodes are, or was made with other options.
    """
    made_with = curve_version(rollup.curves, rollup.valuation_date, options)
    if len(rollup.node_days) != len(rollup.keys) or made_with != rollup.curve_version:
        raise NoNodes(f"{rollup.currency} frame {rollup.frame}")
    days = np.array(rollup.node_days, dtype=np.int64)
    today = (rollup.valuation_date - EPOCH).days
    nodes, tenors, start = [], [], 0
    for name, keys in groupby(rollup.keys, key=lambda key: key[0]):
        own = tuple(tenor for _, tenor in keys)
        kind = options.of(conventions.CURVES[name])
        nodes.append(CurveNodes(name, kind, days[start : start + len(own)]))
        tenors.append(own)
        start += len(own)
    grid = Grid(today, tuple(nodes))
    x = -np.array(rollup.zero_rates) * grid.node_years()
    return FrameCurves(tuple(node.name for node in nodes), tuple(tenors), grid, x)
