"""Express the log discount factor of any day as a weighted sum of node values.

``log P(day) = sum_k weight_k x_k`` for the log discount factors ``x`` of a curve's nodes, with
weights that do not change from tick to tick. Log-linear interpolation has two weights per day; a
natural cubic spline on log discount factors is linear in all of them. Past the last node both
continue with the last forward rate, as QuantLib does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.kernel_arrays import Tables

YEAR = 365.0
"""Curve time is Act/365F."""


@dataclass(frozen=True)
class CurveNodes:
    """Where one curve has its nodes; time 0 is the valuation date and not a node."""

    name: str
    interpolation: str
    days: IntArray

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True)
class Grid:
    """All nodes of a currency's curves on one date, curve after curve."""

    today: int
    curves: tuple[CurveNodes, ...]

    @property
    def offsets(self) -> list[int]:
        """Place of each curve's first node."""
        return [0, *np.cumsum([len(c) for c in self.curves]).tolist()]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.offsets[-1]

    def node_years(self) -> FloatArray:
        """Time of every node from today, Act/365F; shape (nodes,)."""
        return np.asarray((self.node_days() - self.today) / YEAR)

    def node_days(self) -> IntArray:
        """Day number of every node; shape (nodes,)."""
        return np.concatenate([curve.days for curve in self.curves])

    def forwards(self, x: FloatArray) -> FloatArray:
        """Continuous forward rate from each node's predecessor to it, at log node values ``x``."""
        starts = self.offsets[:-1]
        years, before, value = self.node_years(), np.zeros(self.size), np.zeros(self.size)
        before[1:], value[1:] = years[:-1], x[:-1]
        before[starts] = value[starts] = 0.0
        return np.asarray((value - x) / (years - before))

    def tables(self, curve: IntArray, day: IntArray) -> Tables:
        """Weights of points.

        Args:
            curve: Place of each point's curve in ``curves``.
            day: Day number of each point; on or before today its factor is 1.
        """
        width = max([2] + [len(c) for c in self.curves if c.interpolation != "log_linear"])
        node = np.zeros((len(day), width), dtype=np.int32)
        node_weight = np.zeros((len(day), width))
        tent = np.zeros((len(day), 2), dtype=np.int32)
        tent_weight = np.zeros((len(day), 2))
        for place, (nodes, offset) in enumerate(zip(self.curves, self.offsets, strict=False)):
            mine = np.flatnonzero((curve == place) & (day > self.today))
            t, knots = (day[mine] - self.today) / YEAR, (nodes.days - self.today) / YEAR
            tent[mine], tent_weight[mine] = _tents(t, knots)
            tent[mine] += offset
            if nodes.interpolation == "log_linear":
                node[mine, :2], node_weight[mine, :2] = _log_linear(t, knots)
            else:
                node[mine, : len(nodes)] = np.arange(len(nodes))
                node_weight[mine, : len(nodes)] = _natural_cubic(t, knots)
            node[mine] += offset
        return Tables(node, node_weight, tent, tent_weight)

    def discount(self, tables: Tables, x: FloatArray) -> FloatArray:
        """Discount factors of the points of ``tables`` at log node values ``x``."""
        log = np.einsum("pk,pk->p", tables.node_weight, x[tables.node])
        return np.asarray(np.exp(log))


def _log_linear(t: FloatArray, knots: FloatArray) -> tuple[IntArray, FloatArray]:
    """Two nodes around each time; before the first node, the origin, where log P is 0."""
    right = np.minimum(np.searchsorted(knots, t), len(knots) - 1)
    left = right - 1
    start = np.where(left < 0, 0.0, knots[left])
    share = (t - start) / (knots[right] - start)
    weights = np.stack((np.where(left < 0, 0.0, 1.0 - share), share), axis=1)
    return np.stack((np.maximum(left, 0), right), axis=1), weights


def _tents(t: FloatArray, knots: FloatArray) -> tuple[IntArray, FloatArray]:
    """Zero rates under tents: flat outside the keys, linear between. d log P / d z = -t tent."""
    right = np.clip(np.searchsorted(knots, t), 0, len(knots) - 1)
    left = np.maximum(right - 1, 0)
    width = np.where(right > left, knots[right] - knots[left], 1.0)
    share = np.clip((t - knots[left]) / width, 0.0, 1.0)
    share = np.where(right > left, share, 1.0)
    weights = np.stack((1.0 - share, share), axis=1) * -t[:, None]
    return np.stack((left, right), axis=1), weights


def _natural_cubic(t: FloatArray, knots: FloatArray) -> FloatArray:
    """Weights of a natural cubic spline through (0, 0) and the nodes; shape (times, nodes)."""
    u = np.concatenate(([0.0], knots))
    h = np.diff(u)
    bends = _second_derivatives(h)
    place = np.clip(np.searchsorted(u, t) - 1, 0, len(h) - 1)
    inside = np.minimum(t, u[-1])
    a = (u[place + 1] - inside) / h[place]
    b = 1.0 - a
    eye = np.eye(len(u))
    curve_a = (a**3 - a)[:, None] * bends[place] + (b**3 - b)[:, None] * bends[place + 1]
    value = a[:, None] * eye[place] + b[:, None] * eye[place + 1]
    value += curve_a * (h[place] ** 2 / 6.0)[:, None]
    slope = (eye[-1] - eye[-2]) / h[-1] + h[-1] / 6.0 * (bends[-2] + 2.0 * bends[-1])
    value += np.maximum(t - u[-1], 0.0)[:, None] * slope
    return np.asarray(value[:, 1:])


def _second_derivatives(h: FloatArray) -> FloatArray:
    """Second derivatives of a natural spline per unit of each ordinate; shape (n, n)."""
    n = len(h) + 1
    left, right = np.zeros((n, n)), np.zeros((n, n))
    left[0, 0] = left[-1, -1] = 1.0
    for i in range(1, n - 1):
        left[i, i - 1 : i + 2] = h[i - 1] / 6.0, (h[i - 1] + h[i]) / 3.0, h[i] / 6.0
        right[i, i - 1 : i + 2] = 1.0 / h[i - 1], -1.0 / h[i - 1] - 1.0 / h[i], 1.0 / h[i]
    return np.asarray(np.linalg.solve(left, right))
