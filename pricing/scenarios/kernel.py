"""Value calibrating instruments and netted flows at many node vectors at once, compiled by numba.

Scenarios are the columns of every array and the innermost loop, so that the processor handles
several of them with one instruction. Callers pass tiles of a few dozen columns: the factors of a
tile stay in the processor's cache. All loops add in the order of their input, and a column does not
depend on the other columns of its tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pricing.arrays import FloatArray, IntArray
from pricing.curves.interpolation import Grid
from pricing.kernel_arrays import Flows, Tables
from pricing.netting_kernel import GroupedValues


def discount_factors(
    grid: Grid, tables: Tables, x: FloatArray, zero_moves: FloatArray | None
) -> FloatArray:
    """Discount factors of points at several node vectors, with zero rates moved on top.

    Args:
        grid: Nodes of the curves.
        tables: Dependence of points on nodes and on zero rates.
        x: Log node values; shape (nodes, columns).
        zero_moves: Moves of continuous zero rates at the keys, linear between them; decimal, shape
            as ``x``. None for none.

    Returns:
        Shape (points, columns).
    """
    log = np.empty((len(tables.node), x.shape[1]))
    _log_factors(tables.node, tables.node_weight, x, log)
    if zero_moves is not None:
        _add_log_factors(tables.tent, tables.tent_weight, zero_moves, log)
    return grid.with_bent(tables, x, np.exp(log, out=log), zero_moves)


def instrument_values(
    flows: Flows, factor: FloatArray, quotes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Value of calibrating instruments, and its derivative to each one's own quote.

    Args:
        flows: Two legs an instrument: ``fixed_amount`` is what it pays at quotes of 0.
        factor: Discount factors; shape (points, columns).
        quotes: Decimal per year; shape (instruments, columns).

    Returns:
        Per unit of notional; shape (instruments, columns) each.
    """
    value, by_quote = np.empty_like(quotes), np.empty_like(quotes)
    _instrument_values(flows, factor, quotes, value, by_quote)
    return value, by_quote


def group_values(flows: GroupedValues, factor: FloatArray) -> FloatArray:
    """Value of every group of netted flows; shape (groups, columns).

    Args:
        flows: Netted flows.
        factor: Discount factors; shape (points, columns).
    """
    columns = factor.shape[1]
    grown = np.empty((len(flows.term_point), columns))
    values = np.empty((len(flows.cash_ptr) - 1, columns))
    _grown(flows.term_point, factor, grown)
    _group_values(flows, factor, grown, values)
    return values


@njit(cache=True, nogil=True)
def _log_factors(node: IntArray, weight: FloatArray, x: FloatArray, log: FloatArray) -> None:
    for p in range(node.shape[0]):
        for c in range(x.shape[1]):
            log[p, c] = 0.0
        for k in range(node.shape[1]):
            n, w = np.uintp(node[p, k]), weight[p, k]
            if w != 0.0:
                for c in range(x.shape[1]):
                    log[p, c] += w * x[n, c]


@njit(cache=True, nogil=True)
def _add_log_factors(node: IntArray, weight: FloatArray, x: FloatArray, log: FloatArray) -> None:
    for p in range(node.shape[0]):
        for k in range(node.shape[1]):
            n, w = np.uintp(node[p, k]), weight[p, k]
            if w != 0.0:
                for c in range(x.shape[1]):
                    log[p, c] += w * x[n, c]


@njit(cache=True, nogil=True, error_model="numpy")
def _instrument_values(
    flows: Flows, factor: FloatArray, quotes: FloatArray, value: FloatArray, by_quote: FloatArray
) -> None:
    columns = quotes.shape[1]
    for i in range(quotes.shape[0]):
        first, end = 2 * i, 2 * i + 2
        for c in range(columns):
            value[i, c] = by_quote[i, c] = 0.0
        for number in range(flows.fixed_ptr[first], flows.fixed_ptr[end]):
            f = np.uintp(number)
            p = np.uintp(flows.fixed_pay[f])
            amount, unit = flows.fixed_amount[f], flows.fixed_unit[f]
            for c in range(columns):
                value[i, c] += amount * factor[p, c]
                by_quote[i, c] += unit * factor[p, c]
        for c in range(columns):
            value[i, c] += by_quote[i, c] * quotes[i, c]
        for number in range(flows.float_ptr[first], flows.float_ptr[end]):
            f = np.uintp(number)
            p = np.uintp(flows.float_pay[f])
            s, e = np.uintp(flows.float_start[f]), np.uintp(flows.float_end[f])
            alpha, beta = flows.float_alpha[f], flows.float_beta[f]
            for c in range(columns):
                value[i, c] += (alpha * factor[s, c] / factor[e, c] + beta) * factor[p, c]


# Division as in numpy: a factor of 0 makes one term not a number, and stops no other.
@njit(cache=True, nogil=True, error_model="numpy")
def _grown(point: IntArray, factor: FloatArray, grown: FloatArray) -> None:
    for t in range(point.shape[0]):
        pay, start, end = np.uintp(point[t, 0]), np.uintp(point[t, 1]), np.uintp(point[t, 2])
        for c in range(factor.shape[1]):
            grown[t, c] = factor[start, c] / factor[end, c] * factor[pay, c]


@njit(cache=True, nogil=True)
def _group_values(
    flows: GroupedValues, factor: FloatArray, grown: FloatArray, values: FloatArray
) -> None:
    columns = factor.shape[1]
    for g in range(values.shape[0]):
        for c in range(columns):
            values[g, c] = 0.0
        for number in range(flows.cash_ptr[g], flows.cash_ptr[g + 1]):
            i = np.uintp(number)
            p, money = np.uintp(flows.cash_point[i]), flows.cash_money[i]
            for c in range(columns):
                values[g, c] += money * factor[p, c]
        for number in range(flows.growth_ptr[g], flows.growth_ptr[g + 1]):
            i = np.uintp(number)
            t, alpha = np.uintp(flows.growth_term[i]), flows.growth_alpha[i]
            for c in range(columns):
                values[g, c] += alpha * grown[t, c]
