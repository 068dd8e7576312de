"""Express the log discount factor of any day as a weighted sum of node values.

``log P(day) = sum_k weight_k x_k`` for the log discount factors ``x`` of a curve's nodes. The
weights of linear interpolations do not change from tick to tick: log-linear interpolation has two
per day, and a natural cubic spline on log discount factors is linear in all nodes. Past the last
node both continue with the last forward rate, as QuantLib does. Monotone convex interpolation has
four weights per day, which are the derivatives at the node values and change with these
(``monotone_convex``): ``Grid.tables_at`` makes them.

A curve whose nodes are not where its quotes end has a ``Layout``: as many places as quotes, of
which the first belong to its nodes, the next to its turns, and the rest to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.monotone_convex import hagan_west
from pricing.kernel_arrays import NO_BENT, Tables

YEAR = 365.0
"""Days of a year of curve time, which is Act/365F."""

NODES_OF_A_POINT = {"log_linear": 2, "monotone_convex": 4}
"""Number of nodes that the discount factor of a day depends on, for interpolations where these are
few. With all others it depends on every node."""


@dataclass(frozen=True)
class Layout:
    """Nodes and quote days of a curve on which the two are not the same.

    Attributes:
        ends: Day number on which each quote of the curve ends; shape (quotes,).
        keys: Places of the quotes whose ends are the keys of tents, in order of their days: the
            first quote of each day.
        flat: How many of the first nodes are joined by log-linear interpolation, whatever the
            curve's interpolation is: its forward rate is constant from each to the next. The
            curve's interpolation begins at the last of them.
        turns: Day numbers between which each turn of the overnight rate accrues; shape (turns, 2).
    """

    ends: IntArray
    keys: IntArray
    flat: int
    turns: IntArray


@dataclass(frozen=True)
class CurveNodes:
    """The nodes of one curve; time 0 is the valuation date and not a node.

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
    def is_linear(self) -> bool:
        """Return whether weights do not depend on node values."""
        return self.interpolation != "monotone_convex"

    @property
    def node_width(self) -> int:
        """Nodes that the factor of a day may depend on."""
        return NODES_OF_A_POINT.get(self.interpolation, len(self.days))

    @property
    def width(self) -> int:
        """Places of ``Grid`` that the factor of a day may depend on."""
        nodes = self.node_width
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
        """Return whether some curve's nodes are not where its quotes end."""
        return any(curve.layout is not None for curve in self.curves)

    @cached_property
    def is_linear(self) -> bool:
        """Return whether all weights are the same at all node values."""
        return all(curve.is_linear for curve in self.curves)

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
        """Weights of points, as far as they do not depend on node values.

        Args:
            curve: Place of each point's curve in ``curves``.
            day: Day number of each point; on or before today its factor is 1.
        """
        bent = [NO_BENT]
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
            elif nodes.interpolation == "monotone_convex":
                flat = _flat(nodes)
                near = (
                    np.full(len(t), flat == count) if flat in (0, count) else t <= knots[flat - 1]
                )
                close, far = mine[near], mine[~near]
                if len(close):
                    node[close, :2], node_weight[close, :2] = _log_linear(t[near], knots[:flat])
                node_weight[far, :4] = np.nan
                bent.append(np.stack((far, np.full(len(far), place), day[far]), axis=1))
            else:
                node[mine, :count] = np.arange(count)
                node_weight[mine, :count] = _cubic(t, knots, _flat(nodes))
            if nodes.layout is None:
                tent[mine], tent_weight[mine] = _tents(t, knots)
            else:
                keys = nodes.layout.keys
                near, tent_weight[mine] = _tents(t, (nodes.layout.ends[keys] - self.today) / YEAR)
                tent[mine] = keys[near]
                first = nodes.node_width
                for number, (start, end) in enumerate(nodes.layout.turns):
                    node[mine, first + number] = count + number
                    share = np.clip((day[mine] - start) / (end - start), 0.0, 1.0)
                    node_weight[mine, first + number] = share
            tent[mine] += offset
            node[mine] += offset
        return Tables(node, node_weight, tent, tent_weight, np.concatenate(bent))

    def tables_at(self, tables: Tables, x: FloatArray) -> Tables:
        """Return the tables with all weights: derivatives of log discount factors at ``x``.

        Args:
            tables: Of this grid's points.
            x: Log node values; shape (nodes,).
        """
        if not len(tables.bent):
            return tables
        node, weight = tables.node.copy(), tables.node_weight.copy()
        for rows, place, t, knots in self._bent_curves(tables):
            first = self._first_bent(place)
            nodes, made = hagan_west.weights(t, knots, self._values(place, x))
            # The curve's start has no place, and log P is 0 there.
            made[nodes + first < 0] = 0.0
            node[rows, :4] = np.maximum(nodes + first, 0) + self.offsets[place]
            weight[rows, :4] = made
        return tables._replace(node=node, node_weight=weight, bent=NO_BENT)

    def bent_log_factors(self, tables: Tables, x: FloatArray) -> FloatArray:
        """Log discount factors of the points of ``tables.bent`` at many vectors of node values.

        Args:
            tables: Of this grid's points.
            x: Log node values; shape (nodes, columns).

        Returns:
            In the order of ``tables.bent``; shape (k, columns).
        """
        found, start = np.empty((len(tables.bent), x.shape[1])), 0
        for rows, place, t, knots in self._bent_curves(tables):
            log = hagan_west.log_factors(t, knots, self._values(place, x))
            turns = slice(4, self.curves[place].width)
            turn, share = tables.node[rows, turns], tables.node_weight[rows, turns]
            for number in range(turn.shape[1]):
                log += share[:, number, None] * x[turn[:, number]]
            found[start : start + len(rows)] = log
            start += len(rows)
        return found

    def _bent_curves(
        self, tables: Tables
    ) -> Iterator[tuple[IntArray, int, FloatArray, FloatArray]]:
        """Of each curve with bent points: their rows, its place, their times, and its knots."""
        rows, places, days = tables.bent.T
        ends = np.flatnonzero(np.diff(places, append=-1)) + 1  # they are sorted by curve
        for start, end in zip((0, *ends[:-1]), ends, strict=True):
            place = int(places[start])
            knots = (self.curves[place].days - self.today) / YEAR
            first = self._first_bent(place)
            knots = np.concatenate(([0.0], knots)) if first < 0 else knots[first:]
            yield rows[start:end], place, (days[start:end] - self.today) / YEAR, knots

    def _first_bent(self, place: int) -> int:
        """Node of a curve at which its interpolation begins; -1 for the valuation date."""
        return _flat(self.curves[place]) - 1

    def _values(self, place: int, x: FloatArray) -> FloatArray:
        """Log discount factors of a curve from where its interpolation begins."""
        first, offset = self._first_bent(place), self.offsets[place]
        own = x[offset + max(first, 0) : offset + len(self.curves[place].days)]
        return np.concatenate((np.zeros_like(x[:1]), own)) if first < 0 else own

    def discount(self, tables: Tables, x: FloatArray) -> FloatArray:
        """Discount factors of the points of ``tables`` at log node values ``x``."""
        tables = self.tables_at(tables, x)
        log = np.einsum("pk,pk->p", tables.node_weight, x[tables.node])
        return np.asarray(np.exp(log))

    def with_bent(
        self,
        tables: Tables,
        x: FloatArray,
        factor: FloatArray,
        zero_moves: FloatArray | None = None,
    ) -> FloatArray:
        """Discount factors of points at many vectors of node values, bent points included.

        Args:
            tables: Of this grid's points.
            x: Log node values; shape (nodes, columns).
            factor: Those of all points that are not bent; filled in; shape (points, columns).
            zero_moves: Moves of continuous zero rates at the keys; decimal, shape as ``x``.
        """
        if not len(tables.bent):
            return factor
        rows, log = tables.bent[:, 0], self.bent_log_factors(tables, x)
        if zero_moves is not None:
            for key in range(tables.tent.shape[1]):
                log += tables.tent_weight[rows, key, None] * zero_moves[tables.tent[rows, key]]
        factor[rows] = np.exp(log)
        return factor


def _flat(curve: CurveNodes) -> int:
    """How many of a curve's first nodes are joined by lines."""
    return 0 if curve.layout is None else min(curve.layout.flat, len(curve.days))


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


def _cubic(t: FloatArray, knots: FloatArray, flat: int) -> FloatArray:
    """Weights of a natural cubic spline through (0, 0) and the nodes; shape (times, nodes).

    Before the last of the ``flat`` first nodes, which are joined by lines, the weights are
    log-linear, and the spline begins there.
    """
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
