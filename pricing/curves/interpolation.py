"""Express the log discount factor of any day as a weighted sum of node values.

``log P(day) = sum_k weight_k x_k`` for the log discount factors ``x`` of a curve's nodes, with
weights that do not change from tick to tick. Log-linear interpolation has two weights per day; a
natural cubic spline on log discount factors is linear in all of them. Past the last node both
continue with the last forward rate, as QuantLib does.

A curve whose nodes are not where its quotes end has a ``Layout``: as many places as quotes, of
which the first belong to its nodes, the next to its turns, and the rest to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.kernel_arrays import Tables

YEAR = 365.0
"""Curve time is Act/365F."""


@dataclass(frozen=True)
class Layout:
    """A curve whose nodes and quotes are not the same days.

    Attributes:
        ends: Day number on which each quote of the curve ends; shape (quotes,).
        keys: Places of the quotes whose ends are the keys of tents, in order of their days: the
            first quote of each day.
        flat: How many of the first nodes are joined by log-linear interpolation, whatever the
            curve's interpolation is: its forward rate is constant from each to the next.
        turns: Day numbers between which each turn of the overnight rate accrues; shape (turns, 2).
    """

    ends: IntArray
    keys: IntArray
    flat: int
    turns: IntArray


@dataclass(frozen=True)
class CurveNodes:
    """Where one curve has its nodes; time 0 is the valuation date and not a node.

    Attributes:
        name: Of the curve.
        interpolation: One of ``quotes.INTERPOLATIONS``.
        days: Day number of each node, ascending.
        layout: None where each quote has the node on which it ends.
    """

    name: str
    interpolation: str
    days: IntArray
    layout: Layout | None = None

    def __len__(self) -> int:
        """Places that the curve has in ``Grid``: one for each of its quotes."""
        return len(self.days) if self.layout is None else len(self.layout.ends)

    @property
    def unknowns(self) -> int:
        """Nodes and turns, which a solution determines."""
        return len(self.days) + (0 if self.layout is None else len(self.layout.turns))

    @property
    def width(self) -> int:
        """Places of ``Grid`` that the factor of a day may depend on."""
        nodes = 2 if self.interpolation == "log_linear" else len(self.days)
        # Loops for two nodes a point take them for the point's keys too.
        return nodes if self.layout is None else max(3, nodes + len(self.layout.turns))


@dataclass(frozen=True)
class Grid:
    """All nodes of a currency's curves on one date, curve after curve.

    A curve has as many places here as it has quotes.
    """

    today: int
    curves: tuple[CurveNodes, ...]

    @cached_property
    def has_layouts(self) -> bool:
        """Whether some curve's nodes are not where its quotes end."""
        return any(curve.layout is not None for curve in self.curves)

    @cached_property
    def unknown(self) -> IntArray:
        """Places that a solution determines: nodes and turns."""
        return np.concatenate(
            [
                np.arange(0),  # a market may have no curves
                *(
                    np.arange(offset, offset + curve.unknowns)
                    for curve, offset in zip(self.curves, self.offsets, strict=False)
                ),
            ]
        )

    @cached_property
    def offsets(self) -> list[int]:
        """Place of each curve's first node."""
        return [0, *np.cumsum([len(c) for c in self.curves]).tolist()]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.offsets[-1]

    @cached_property
    def node_years(self) -> FloatArray:
        """Time of every node from today, Act/365F; shape (nodes,)."""
        return np.asarray((self.node_days() - self.today) / YEAR)

    def node_days(self) -> IntArray:
        """Day number of every node; shape (nodes,). A place without a node has the last one's."""
        return np.concatenate(
            [
                np.concatenate(
                    (curve.days, np.repeat(curve.days[-1:], len(curve) - len(curve.days)))
                )
                for curve in self.curves
            ]
        )

    def key_days(self) -> IntArray:
        """Day number on which every quote ends; shape (nodes,)."""
        return np.concatenate(
            [curve.days if curve.layout is None else curve.layout.ends for curve in self.curves]
        )

    def key_years(self) -> FloatArray:
        """Time from today to the end of every quote, Act/365F; shape (nodes,)."""
        return np.asarray((self.key_days() - self.today) / YEAR)

    def quote_of_node(self, place: int) -> int:
        """Place of the quote behind a node: the first of its curve that does not end before it."""
        curve = int(np.searchsorted(self.offsets, place, side="right")) - 1
        nodes, offset = self.curves[curve], self.offsets[curve]
        if nodes.layout is None:
            return place
        ends = nodes.layout.ends
        later = np.where(ends >= nodes.days[min(place - offset, len(nodes.days) - 1)], ends, np.inf)
        found = later if np.isfinite(later).any() else -ends.astype(float)
        return offset + int(np.argmin(found))

    def zero_rates(self, x: FloatArray) -> FloatArray:
        """Continuous zero rate on the day on which every quote ends, at log node values ``x``."""
        if not self.has_layouts:
            return np.asarray(-x / self.node_years)
        curve = np.repeat(np.arange(len(self.curves)), [len(nodes) for nodes in self.curves])
        return np.asarray(
            -np.log(self.discount(self.tables(curve, self.key_days()), x)) / self.key_years()
        )

    def forwards(self, x: FloatArray) -> FloatArray:
        """Continuous forward rate from each node's predecessor to it, at log node values ``x``.

        0 in places without a node.
        """
        if self.has_layouts:
            return np.concatenate(
                [
                    _forwards(curve, self.today, x[offset : offset + len(curve)])
                    for curve, offset in zip(self.curves, self.offsets, strict=False)
                ]
            )
        starts = self.offsets[:-1]
        years, before, value = self.node_years, np.zeros(self.size), np.zeros(self.size)
        before[1:], value[1:] = years[:-1], x[:-1]
        before[starts] = value[starts] = 0.0
        return np.asarray((value - x) / (years - before))

    def tables(self, curve: IntArray, day: IntArray) -> Tables:
        """Weights of points.

        Args:
            curve: Place of each point's curve in ``curves``.
            day: Day number of each point; on or before today its factor is 1.
        """
        width = max([2] + [nodes.width for nodes in self.curves])
        node = np.zeros((len(day), width), dtype=np.int32)
        node_weight = np.zeros((len(day), width))
        tent = np.zeros((len(day), 2), dtype=np.int32)
        tent_weight = np.zeros((len(day), 2))
        for place, (nodes, offset) in enumerate(zip(self.curves, self.offsets, strict=False)):
            mine = np.flatnonzero((curve == place) & (day > self.today))
            t, knots = (day[mine] - self.today) / YEAR, (nodes.days - self.today) / YEAR
            count = len(nodes.days)
            if nodes.interpolation == "log_linear":
                node[mine, :2], node_weight[mine, :2] = _log_linear(t, knots)
            else:
                node[mine, :count] = np.arange(count)
                node_weight[mine, :count] = _cubic(t, knots, nodes.layout)
            if nodes.layout is None:
                tent[mine], tent_weight[mine] = _tents(t, knots)
            else:
                keys = nodes.layout.keys
                near, tent_weight[mine] = _tents(t, (nodes.layout.ends[keys] - self.today) / YEAR)
                tent[mine] = keys[near]
                first = 2 if nodes.interpolation == "log_linear" else count
                for number, (start, end) in enumerate(nodes.layout.turns):
                    node[mine, first + number] = count + number
                    share = np.clip((day[mine] - start) / (end - start), 0.0, 1.0)
                    node_weight[mine, first + number] = share
            tent[mine] += offset
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


def _forwards(curve: CurveNodes, today: int, x: FloatArray) -> FloatArray:
    """Forward rates from node to node of one curve, turns left out; shape (places,)."""
    found, count = np.zeros(len(curve)), len(curve.days)
    days = np.concatenate(([today], curve.days))
    found[:count] = -np.diff(np.concatenate(([0.0], x[:count]))) / (np.diff(days) / YEAR)
    return found


def _cubic(t: FloatArray, knots: FloatArray, layout: Layout | None) -> FloatArray:
    """Weights of a natural cubic spline through (0, 0) and the nodes; shape (times, nodes).

    Before the last of the first nodes that ``layout`` joins by lines the weights are log-linear,
    and the spline begins there.
    """
    flat = 0 if layout is None else min(layout.flat, len(knots))
    if flat == 0:
        return _natural_spline(t, np.concatenate(([0.0], knots)))[:, 1:]
    weights = np.zeros((len(t), len(knots)))
    near = t <= knots[flat - 1] if flat < len(knots) else np.ones(len(t), dtype=bool)
    place, share = _log_linear(t[near], knots[:flat])
    rows = np.flatnonzero(near)
    np.add.at(weights, (rows, place[:, 0]), share[:, 0])
    np.add.at(weights, (rows, place[:, 1]), share[:, 1])
    weights[~near, flat - 1 :] = _natural_spline(t[~near], knots[flat - 1 :])
    return weights


def _natural_spline(t: FloatArray, u: FloatArray) -> FloatArray:
    """Weights of a natural cubic spline through ordinates at ``u``; shape (times, ordinates)."""
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
    return np.asarray(value)


def _second_derivatives(h: FloatArray) -> FloatArray:
    """Second derivatives of a natural spline per unit of each ordinate; shape (n, n)."""
    n = len(h) + 1
    left, right = np.zeros((n, n)), np.zeros((n, n))
    left[0, 0] = left[-1, -1] = 1.0
    for i in range(1, n - 1):
        left[i, i - 1 : i + 2] = h[i - 1] / 6.0, (h[i - 1] + h[i]) / 3.0, h[i] / 6.0
        right[i, i - 1 : i + 2] = 1.0 / h[i - 1], -1.0 / h[i - 1] - 1.0 / h[i], 1.0 / h[i]
    return np.asarray(np.linalg.solve(left, right))
