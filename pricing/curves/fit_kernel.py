"""Model rates of calibrating instruments and the gradient of a fit's sum of squares, by numba.

An instrument is worth ``value + quote * annuity``, so its model rate is ``-value / annuity``; that
of a bond is the yield of such a price. With residuals ``quote - rate`` and weights ``w``, half the
sum of squares has the gradient ``-sum w (quote - rate) d rate / dx``. It is added up by point
before it is spread over the nodes, so it costs about two valuations, whatever the number of nodes.

``instruments`` are ``calibration.FlatInstruments`` everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.curves.bonds.yield_kernel import price_of, yield_of


@njit(cache=True, nogil=True, error_model="numpy")
def slopes(
    instruments: Any,
    discount: FloatArray,
    value: FloatArray,
    annuity: FloatArray,
    value_slope: FloatArray,
    annuity_slope: FloatArray,
) -> None:
    """Value and annuity of every instrument with flows at quotes of 0, and their slopes.

    Args:
        instruments: n instruments.
        discount: Discount factor of each point.
        value: Filled; shape (n,).
        annuity: Filled; shape (n,).
        value_slope: d value / dx, filled; shape (n, nodes).
        annuity_slope: d annuity / dx, filled; shape (n, nodes).
    """
    flows, node, weight = instruments.flows, instruments.tables.node, instruments.tables.node_weight
    width = node.shape[1]
    for i in range(value.shape[0]):
        of_value, of_annuity = value_slope[i], annuity_slope[i]
        of_value[:] = 0.0
        of_annuity[:] = 0.0
        worth, unit = 0.0, 0.0
        for f in range(flows.fixed_ptr[2 * i], flows.fixed_ptr[2 * i + 2]):
            p = flows.fixed_pay[f]
            paid, coupon = flows.fixed_amount[f] * discount[p], flows.fixed_unit[f] * discount[p]
            worth += paid
            unit += coupon
            for k in range(width):
                of_value[node[p, k]] += paid * weight[p, k]
                of_annuity[node[p, k]] += coupon * weight[p, k]
        for f in range(flows.float_ptr[2 * i], flows.float_ptr[2 * i + 2]):
            p, s, e = flows.float_pay[f], flows.float_start[f], flows.float_end[f]
            grown = flows.float_alpha[f] * discount[s] / discount[e] * discount[p]
            paid = grown + flows.float_beta[f] * discount[p]
            worth += paid
            for k in range(width):
                of_value[node[p, k]] += paid * weight[p, k]
                of_value[node[s, k]] += grown * weight[s, k]
                of_value[node[e, k]] -= grown * weight[e, k]
        value[i], annuity[i] = worth, unit


@njit(cache=True, nogil=True, error_model="numpy")
def gradient(
    instruments: Any,
    weights: FloatArray,
    x: FloatArray,
    quotes: FloatArray,
    out: FloatArray,
) -> None:
    """``sum w (quote - rate) d rate / dx``, which is 0 at the nodes of a fit.

    Args:
        instruments: n instruments.
        weights: Of the squares; shape (n,).
        x: Log node values; shape (nodes,).
        quotes: Decimal per year; shape (n,).
        out: Filled; shape (nodes,).
    """
    flows, node, weight = instruments.flows, instruments.tables.node, instruments.tables.node_weight
    bonds = instruments.bonds
    points, width = node.shape
    discount, money = np.empty(points), np.zeros(points)
    for p in range(points):
        total = 0.0
        for k in range(width):
            total += weight[p, k] * x[node[p, k]]
        discount[p] = np.exp(total)
    out[:] = 0.0
    for i in range(quotes.shape[0]):
        first, end = flows.fixed_ptr[2 * i], flows.fixed_ptr[2 * i + 2]
        first_float, end_float = flows.float_ptr[2 * i], flows.float_ptr[2 * i + 2]
        if first == end and first_float == end_float:
            continue  # linear in the node values: below
        value, annuity = 0.0, 0.0
        for f in range(first, end):
            p = flows.fixed_pay[f]
            value += flows.fixed_amount[f] * discount[p]
            annuity += flows.fixed_unit[f] * discount[p]
        for f in range(first_float, end_float):
            p, s, e = flows.float_pay[f], flows.float_start[f], flows.float_end[f]
            growth = discount[s] / discount[e]
            value += (flows.float_alpha[f] * growth + flows.float_beta[f]) * discount[p]
        rate, by_price, bond = -value / annuity, 1.0, bonds.of[i]
        if bond >= 0:  # what it pays is a price, its quote a yield
            rate = yield_of(bonds, bond, rate, quotes[i])
            by_price = 1.0 / price_of(bonds, bond, rate)[1]
        of_value = -weights[i] * (quotes[i] - rate) * by_price / annuity
        of_annuity = -of_value * value / annuity
        for f in range(first, end):
            p = flows.fixed_pay[f]
            paid = of_value * flows.fixed_amount[f] + of_annuity * flows.fixed_unit[f]
            money[p] += paid * discount[p]
        for f in range(first_float, end_float):
            p, s, e = flows.float_pay[f], flows.float_start[f], flows.float_end[f]
            grown = of_value * flows.float_alpha[f] * discount[s] / discount[e] * discount[p]
            money[p] += grown + of_value * flows.float_beta[f] * discount[p]
            money[s] += grown
            money[e] -= grown
    for p in range(points):
        for k in range(width):
            out[node[p, k]] += money[p] * weight[p, k]
    for place in range(instruments.zero.shape[0]):
        i = instruments.zero[place]
        years = instruments.zero_years[place]
        out[i] -= weights[i] * (quotes[i] + x[i] / years) / years
    for place in range(instruments.linear.shape[0]):
        i, years = instruments.linear[place], instruments.years[place]
        rate = 0.0
        for n in range(x.shape[0]):
            rate -= instruments.weights[place, n] * x[n] / years
        money_of = weights[i] * (quotes[i] - rate) / years
        for n in range(x.shape[0]):
            out[n] -= money_of * instruments.weights[place, n]


@njit(cache=True, nogil=True, error_model="numpy")
def chord(
    instruments: Any,
    weights: FloatArray,
    inverse: FloatArray,
    unknown: IntArray,
    x: FloatArray,
    quotes: FloatArray,
    limits: tuple[float, float, float, int],
) -> BoolArray:
    """Chord steps to the nodes at which the gradient is 0, column by column; changes ``x``.

    Args:
        instruments: n instruments.
        weights: Of the squares; shape (n,).
        inverse: Of a fit near by, ``Solved.inverse``; shape (unknown, unknown).
        unknown: Places that the fit determines.
        x: Log node values; shape (columns, nodes).
        quotes: Decimal per year; shape (columns, n).
        limits: A step below the first ends a column; one below the second does when it is no
            longer shorter; a step longer than the third times the one before gives the column up;
            at most so many steps.

    Returns:
        Columns that have converged; shape (columns,).
    """
    below_rounding, at_rest, slow, most = limits
    columns, count = x.shape[0], unknown.shape[0]
    done = np.zeros(columns, dtype=np.bool_)
    slope, step = np.empty(x.shape[1]), np.empty(count)
    for column in range(columns):
        before = np.inf
        for _ in range(most):
            gradient(instruments, weights, x[column], quotes[column], slope)
            length = 0.0
            for a in range(count):
                total = 0.0
                for b in range(count):
                    total += inverse[a, b] * slope[unknown[b]]
                step[a] = total
                length = max(length, abs(total))
            if not (length < below_rounding or length < slow * before):
                done[column] = length < at_rest and before < at_rest
                break
            for a in range(count):
                x[column, unknown[a]] += step[a]
            if length < below_rounding:
                done[column] = True
                break
            before = length
    return done
