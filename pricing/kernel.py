"""Discount flat arrays of cash flows: values and gradients, compiled by numba.

There is one loop per trade and leg. A fixed flow is ``amount * P(pay)``; a floating one is
``(alpha * P(start)/P(end) + beta) * P(pay)``. The same loop yields the gradients with respect to
the log discount factors of the points, and adds them up by curve node (for par ladders) and by
tent on zero rates (for key rates).

Indices are unsigned where it matters: numba tests signed ones for counting from the end, which
nearly doubles the time of a loop.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pricing.arrays import BoolArray, FloatArray, IntArray, SingleArray
from pricing.kernel_arrays import Flows, Gradients, Tables


def value_and_gradients(
    flows: Flows, discount: FloatArray, tables: Tables, nodes: int
) -> Gradients:
    """Value every trade, with its gradients.

    Args:
        flows: Flows of n trades.
        discount: Discount factor of each point.
        tables: Dependence of each point on ``nodes`` nodes and as many keys.
        nodes: Number of nodes.
    """
    n = len(flows.fixed_ptr) // 2
    # One row of both gradients a trade: what a trade touches lies together.
    both = np.empty((n, 2 * nodes))
    out = Gradients(np.empty((n, 2)), np.empty(n), both[:, :nodes], both[:, nodes:])
    if tables.node.shape[1] == 2:
        # One line of the processor's cache a point, instead of five.
        points = np.column_stack([discount, tables.node_weight, tables.tent_weight])
        _two_nodes(flows, points, tables.node, out.leg_npv, out.annuity, both)
    else:
        both[:] = 0.0
        _many_nodes(flows, discount, tables, out)
    return out


def value(flows: Flows, discount: FloatArray) -> FloatArray:
    """Value every trade; shape (n,)."""
    npv = np.empty(len(flows.fixed_ptr) // 2)
    _value(flows, discount, npv)
    return npv


def spread_slope(
    flows: Flows, discount: FloatArray, years: FloatArray, wanted: BoolArray
) -> FloatArray:
    """Derivative of every trade's value to a continuous spread over the curve that it is paid on.

    Growth does not depend on the spread.

    Args:
        flows: Flows of n trades.
        discount: Discount factor of each point.
        years: Time of each point from the valuation date.
        wanted: The trades to do; shape (n,).

    Returns:
        Per unit of the spread, 0 where not wanted; shape (n,).
    """
    slope = np.zeros(len(wanted))
    _spread_slope(flows, discount, -years * discount, wanted, slope)
    return slope


def not_zero(table: FloatArray) -> SingleArray:
    """Return what is not 0 in single precision, row after row, as float32."""
    flat = table.ravel()
    found = np.empty(len(flat) + 1, dtype=np.float32)
    return found[: _not_zero(flat, found)]


def add_rows(table: FloatArray, wanted: BoolArray) -> tuple[FloatArray, float]:
    """Add up some rows of a table.

    Args:
        table: Shape (n, columns).
        wanted: The rows to add; shape (n,).

    Returns:
        The sum of each column, and that of all absolute values.
    """
    sums = np.zeros(table.shape[1])
    return sums, _add_rows(table, wanted, sums)


@njit(cache=True, nogil=True)
def _add_rows(table: FloatArray, wanted: BoolArray, sums: FloatArray) -> float:
    size = 0.0
    for row in range(table.shape[0]):
        if wanted[row]:
            for column in range(table.shape[1]):
                number = table[row, column]
                sums[column] += number
                size += abs(number)
    return size


@njit(cache=True, nogil=True)
def _not_zero(flat: FloatArray, found: SingleArray) -> int:
    count = 0
    for number in flat:
        # Written always, kept only if the place moves on: a branch here costs five times more.
        value = np.float32(number)
        found[count] = value
        count += value != 0.0
    return count


# Division as in numpy: a factor of 0 makes one trade not a number, and stops no other.
@njit(cache=True, nogil=True, error_model="numpy")
def _two_nodes(
    flows: Flows,
    points: FloatArray,
    node: IntArray,
    leg_npv: FloatArray,
    annuity: FloatArray,
    both: FloatArray,
) -> None:
    """The loop where every curve is log-linear: a point lies between two nodes.

    Its two keys are the same two. ``points`` has discount factor, two weights of nodes and two
    of tents; ``both`` is a trade's node gradient, then its tent gradient.
    """
    nodes = np.uintp(both.shape[1] // 2)
    for trade in range(both.shape[0]):
        out = both[trade]
        out[:] = 0.0
        coupons = 0.0
        for leg in range(2):
            at = 2 * trade + leg
            total = 0.0
            for number in range(flows.fixed_ptr[at], flows.fixed_ptr[at + 1]):
                i = np.uintp(number)
                p = np.uintp(flows.fixed_pay[i])
                paid = flows.fixed_amount[i] * points[p, 0]
                total += paid
                coupons += flows.fixed_unit[i] * points[p, 0]
                _add(out, nodes, points, node, p, paid)
            for number in range(flows.float_ptr[at], flows.float_ptr[at + 1]):
                i = np.uintp(number)
                p = np.uintp(flows.float_pay[i])
                s, e = np.uintp(flows.float_start[i]), np.uintp(flows.float_end[i])
                grown = flows.float_alpha[i] * points[s, 0] / points[e, 0] * points[p, 0]
                paid = grown + flows.float_beta[i] * points[p, 0]
                total += paid
                _add(out, nodes, points, node, p, paid)
                _add(out, nodes, points, node, s, grown)
                _add(out, nodes, points, node, e, -grown)
            leg_npv[trade, leg] = total
        annuity[trade] = coupons


@njit(cache=True, nogil=True, inline="always")
def _add(
    out: FloatArray,
    nodes: np.uintp,
    points: FloatArray,
    node: IntArray,
    p: np.uintp,
    money: float,
) -> None:
    a, b = np.uintp(node[p, 0]), np.uintp(node[p, 1])
    out[a] += money * points[p, 1]
    out[b] += money * points[p, 2]
    out[nodes + a] += money * points[p, 3]
    out[nodes + b] += money * points[p, 4]


@njit(cache=True, nogil=True, error_model="numpy")
def _many_nodes(flows: Flows, discount: FloatArray, tables: Tables, out: Gradients) -> None:
    width = tables.node.shape[1]
    node, node_weight = tables.node, tables.node_weight
    tent, tent_weight = tables.tent, tables.tent_weight
    for trade in range(out.node.shape[0]):
        node_out, tent_out = out.node[trade], out.tent[trade]
        coupons = 0.0
        for leg in range(2):
            at = 2 * trade + leg
            total = 0.0
            for i in range(flows.fixed_ptr[at], flows.fixed_ptr[at + 1]):
                p = flows.fixed_pay[i]
                paid = flows.fixed_amount[i] * discount[p]
                total += paid
                coupons += flows.fixed_unit[i] * discount[p]
                for k in range(width):
                    node_out[node[p, k]] += paid * node_weight[p, k]
                for k in range(2):
                    tent_out[tent[p, k]] += paid * tent_weight[p, k]
            for i in range(flows.float_ptr[at], flows.float_ptr[at + 1]):
                p, s, e = flows.float_pay[i], flows.float_start[i], flows.float_end[i]
                grown = flows.float_alpha[i] * discount[s] / discount[e] * discount[p]
                paid = grown + flows.float_beta[i] * discount[p]
                total += paid
                for k in range(width):
                    node_out[node[p, k]] += paid * node_weight[p, k]
                    node_out[node[s, k]] += grown * node_weight[s, k]
                    node_out[node[e, k]] -= grown * node_weight[e, k]
                for k in range(2):
                    tent_out[tent[p, k]] += paid * tent_weight[p, k]
                    tent_out[tent[s, k]] += grown * tent_weight[s, k]
                    tent_out[tent[e, k]] -= grown * tent_weight[e, k]
            out.leg_npv[trade, leg] = total
        out.annuity[trade] = coupons


@njit(cache=True, nogil=True, error_model="numpy")
def _value(flows: Flows, discount: FloatArray, npv: FloatArray) -> None:
    for trade in range(npv.shape[0]):
        first, end = 2 * trade, 2 * trade + 2
        total = 0.0
        for number in range(flows.fixed_ptr[first], flows.fixed_ptr[end]):
            i = np.uintp(number)
            total += flows.fixed_amount[i] * discount[np.uintp(flows.fixed_pay[i])]
        for number in range(flows.float_ptr[first], flows.float_ptr[end]):
            i = np.uintp(number)
            start, grown_to = np.uintp(flows.float_start[i]), np.uintp(flows.float_end[i])
            growth = discount[start] / discount[grown_to]
            paid = flows.float_alpha[i] * growth + flows.float_beta[i]
            total += paid * discount[np.uintp(flows.float_pay[i])]
        npv[trade] = total


@njit(cache=True, nogil=True, error_model="numpy")
def _spread_slope(
    flows: Flows,
    discount: FloatArray,
    slope_of_factor: FloatArray,
    wanted: BoolArray,
    slope: FloatArray,
) -> None:
    for trade in range(slope.shape[0]):
        if not wanted[trade]:
            continue
        first, end = 2 * trade, 2 * trade + 2
        total = 0.0
        for number in range(flows.fixed_ptr[first], flows.fixed_ptr[end]):
            i = np.uintp(number)
            total += flows.fixed_amount[i] * slope_of_factor[np.uintp(flows.fixed_pay[i])]
        for number in range(flows.float_ptr[first], flows.float_ptr[end]):
            i = np.uintp(number)
            start, grown_to = np.uintp(flows.float_start[i]), np.uintp(flows.float_end[i])
            growth = discount[start] / discount[grown_to]
            paid = flows.float_alpha[i] * growth + flows.float_beta[i]
            total += paid * slope_of_factor[np.uintp(flows.float_pay[i])]
        slope[trade] = total
