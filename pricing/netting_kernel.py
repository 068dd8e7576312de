"""Add up keyed amounts, and price netted flows by group, compiled by numba.

A key is a non-negative int64 that names one dependence on the market. All loops add in the order of
their input, so the same input gives the same bits. Indices are unsigned where it matters: numba
tests signed ones for counting from the end, which doubles the time of the pricing loops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pricing.arrays import FloatArray, IntArray
from pricing.kernel_arrays import Tables


class Added(NamedTuple):
    """Amounts summed by group and key.

    Attributes:
        ptr: First row of each group, and the end; shape (groups + 1,).
        key: Key of each row, ascending within a group; int64.
        money: Amounts; shape (rows, columns).
    """

    ptr: IntArray
    key: IntArray
    money: FloatArray


def add_up(group: IntArray, key: IntArray, money: FloatArray, groups: int) -> Added:
    """Add the rows that have the same group and key, in their order.

    Args:
        group: Group of each row, below ``groups``; int32.
        key: Key of each row, not negative; int64.
        money: Amounts; shape (rows, columns).
        groups: Number of groups.
    """
    distinct, number = number_keys(key)
    ptr = np.zeros(groups + 1, dtype=np.int64)
    row_number = np.empty(len(key), dtype=np.int32)
    summed = np.empty(money.shape)
    rows = _add_up(group, number, money, len(distinct), ptr, row_number, summed)
    return Added(ptr, distinct[row_number[:rows]], summed[:rows].copy())


def number_keys(key: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct keys in ascending order, and the place of each key among them (int32).

    It does what ``numpy.unique`` does, several times faster where many keys are the same.
    """
    # The loop is compiled for arrays that can be written; memory-mapped ones cannot.
    key = np.require(key, np.int64, ("C", "W"))
    number = np.empty(len(key), dtype=np.int32)
    distinct = _number_in_order_seen(key, number)
    order = np.argsort(distinct)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return distinct[order], place[number]


_MIX = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: Knuth, The Art of Computer Programming, vol. 3, section 6.4."""


@njit(cache=True, nogil=True, inline="always")
def _slot(key: int, bits: int) -> np.int64:
    return np.int64((np.uint64(key) * _MIX) >> np.uint64(64 - bits))


@njit(cache=True, nogil=True)
def _number_in_order_seen(key: IntArray, number: IntArray) -> IntArray:
    """A hash table with open addressing, at most half full."""
    bits = 10
    mask = (1 << bits) - 1
    slot_key = np.full(1 << bits, -1, dtype=np.int64)
    slot_number = np.empty(1 << bits, dtype=np.int32)
    distinct = np.empty(len(key), dtype=np.int64)
    count = 0
    for i in range(len(key)):
        this = key[i]
        slot = _slot(this, bits)
        while slot_key[slot] != this and slot_key[slot] != -1:
            slot = (slot + 1) & mask
        if slot_key[slot] == this:
            number[i] = slot_number[slot]
            continue
        slot_key[slot] = this
        slot_number[slot] = count
        number[i] = count
        distinct[count] = this
        count += 1
        if 2 * count > mask:
            bits += 2
            mask = (1 << bits) - 1
            slot_key = np.full(1 << bits, -1, dtype=np.int64)
            slot_number = np.empty(1 << bits, dtype=np.int32)
            for old in range(count):
                slot = _slot(distinct[old], bits)
                while slot_key[slot] != -1:
                    slot = (slot + 1) & mask
                slot_key[slot] = distinct[old]
                slot_number[slot] = old
    return distinct[:count].copy()


@njit(cache=True, nogil=True)
def _add_up(
    group: IntArray,
    number: IntArray,
    money: FloatArray,
    numbers: int,
    ptr: IntArray,
    row_number: IntArray,
    summed: FloatArray,
) -> int:
    """Order rows by number, then by group, each time keeping their order; add neighbours."""
    order = _counted(np.arange(len(group), dtype=np.int32), number, numbers)
    order = _counted(order, group, len(ptr) - 1)
    count = -1
    last_group, last_number = -1, -1
    for place in range(len(order)):
        i = np.uintp(order[np.uintp(place)])
        if group[i] != last_group or number[i] != last_number:
            count += 1
            last_group, last_number = group[i], number[i]
            row_number[count] = last_number
            for column in range(money.shape[1]):
                summed[count, column] = money[i, column]
            ptr[last_group + 1] += 1
        else:
            for column in range(money.shape[1]):
                summed[count, column] += money[i, column]
    for g in range(len(ptr) - 1):
        ptr[g + 1] += ptr[g]
    return count + 1


@njit(cache=True, nogil=True)
def _counted(order: IntArray, place: IntArray, places: int) -> IntArray:
    """Sort rows by a small number with a counting sort."""
    start = np.zeros(places + 1, dtype=np.int64)
    for i in range(len(place)):
        start[np.uintp(place[np.uintp(i)]) + np.uintp(1)] += 1
    for p in range(places):
        start[p + 1] += start[p]
    found = np.empty_like(order)
    for at in range(len(order)):
        row = np.uintp(order[np.uintp(at)])
        here = np.uintp(place[row])
        found[np.uintp(start[here])] = row
        start[here] += 1
    return found


class GroupedFlows(NamedTuple):
    """Netted flows of all groups, numbered for the loops.

    A row is one point of a group. The points of a group's growth terms are rows of it, too: their
    amounts are 0 where nothing else is paid.

    Attributes:
        row_ptr: First row of each group, and the end; shape (groups + 1,).
        row_point: Point of each row.
        row_money: Fixed amounts, money per unit of coupon rate, and constants of floating flows;
            shape (rows, 3).
        growth_ptr: First growth term of each group, and the end; shape (groups + 1,).
        growth_term: Place of each growth term among the distinct ones.
        growth_row: Rows of its payment, start and end; shape (growth terms, 3).
        growth_alpha: Money per unit of growth.
        term_point: Points of payment, start and end of each distinct growth term; shape (terms, 3).
    """

    row_ptr: IntArray
    row_point: IntArray
    row_money: FloatArray
    growth_ptr: IntArray
    growth_term: IntArray
    growth_row: IntArray
    growth_alpha: FloatArray
    term_point: IntArray


def group_rows(
    cash_ptr: IntArray,
    cash_point: IntArray,
    cash_money: FloatArray,
    growth_ptr: IntArray,
    growth_term: IntArray,
    term_point: IntArray,
    points: int,
) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
    """The rows of ``GroupedFlows``: pointers, points and money, and the rows of growth terms.

    Args:
        cash_ptr: First cash term of each group, and the end; shape (groups + 1,).
        cash_point: Point of each cash term, ascending within a group.
        cash_money: Money of each cash term; shape (cash terms, 3).
        growth_ptr: First growth term of each group, and the end; shape (groups + 1,).
        growth_term: Place of each growth term among the distinct ones.
        term_point: Points of payment, start and end of each distinct growth term; shape (terms, 3).
        points: Number of points.
    """
    most = len(cash_point) + 3 * len(growth_term)
    row_point, row_money = np.empty(most, dtype=np.int32), np.empty((most, 3))
    row_ptr, growth_row = np.zeros_like(cash_ptr), np.empty((len(growth_term), 3), dtype=np.int32)
    cash, growth = (cash_ptr, cash_point, cash_money), (growth_ptr, growth_term, term_point)
    rows = _group_rows(*cash, *growth, points, row_ptr, row_point, row_money, growth_row)
    return row_ptr, row_point[:rows].copy(), row_money[:rows].copy(), growth_row


@njit(cache=True, nogil=True)
def _group_rows(
    cash_ptr: IntArray,
    cash_point: IntArray,
    cash_money: FloatArray,
    growth_ptr: IntArray,
    growth_term: IntArray,
    term_point: IntArray,
    points: int,
    row_ptr: IntArray,
    row_point: IntArray,
    row_money: FloatArray,
    growth_row: IntArray,
) -> int:
    """Mark a group's points in a table of all points, number them in order, and fill its rows."""
    rows = 0
    row_of = np.empty(points, dtype=np.int32)
    used = np.zeros(points, dtype=np.bool_)
    for g in range(len(cash_ptr) - 1):
        for i in range(cash_ptr[g], cash_ptr[g + 1]):
            used[cash_point[i]] = True
        for j in range(growth_ptr[g], growth_ptr[g + 1]):
            for k in range(3):
                used[term_point[growth_term[j], k]] = True
        for point in range(points):
            if used[point]:
                used[point] = False
                row_of[point] = rows
                row_point[rows] = point
                row_money[rows] = 0.0
                rows += 1
        for i in range(cash_ptr[g], cash_ptr[g + 1]):
            row = row_of[cash_point[i]]
            for k in range(3):
                row_money[row, k] = cash_money[i, k]
        for j in range(growth_ptr[g], growth_ptr[g + 1]):
            for k in range(3):
                growth_row[j, k] = row_of[term_point[growth_term[j], k]]
        row_ptr[g + 1] = rows
    return rows


class GroupGradients(NamedTuple):
    """Results of the loops over netted flows, by group.

    Attributes:
        leg_npv: Value of fixed and of floating flows; shape (groups, 2).
        value_up: Value at the second column of factors; shape (groups,).
        value_down: Value at the third; shape (groups,).
        annuity: Value of 1.0 of coupon rate; shape (groups,).
        spread_slope: Derivative of the value to a continuous spread over the discount curve.
        node: dPV/dx; shape (groups, nodes).
        tent: dPV/dz; shape (groups, keys).
    """

    leg_npv: FloatArray
    value_up: FloatArray
    value_down: FloatArray
    annuity: FloatArray
    spread_slope: FloatArray
    node: FloatArray
    tent: FloatArray


def discount_factors(tables: Tables, x: FloatArray) -> FloatArray:
    """Discount factors of points at several vectors of log node values.

    Args:
        tables: Dependence of points on nodes.
        x: Log node values; shape (nodes, vectors).

    Returns:
        Shape (points, vectors).
    """
    log = np.empty((len(tables.node), x.shape[1]))
    _log_factors(tables.node, tables.node_weight, x, log)
    return np.asarray(np.exp(log, out=log))


def group_gradients(
    flows: GroupedFlows, factor: FloatArray, years: FloatArray, tables: Tables, nodes: int
) -> GroupGradients:
    """Value every group at three sets of discount factors, with its gradients at the first.

    Args:
        flows: Netted flows.
        factor: Discount factors: as they are, with quotes up and with quotes down; (points, 3).
        years: Time of each point from today, Act/365F; shape (points,).
        tables: Dependence of each point on ``nodes`` nodes and as many keys.
        nodes: Number of nodes.
    """
    groups = len(flows.row_ptr) - 1
    grown = np.empty((len(flows.term_point), 4))
    _grown(flows.term_point, factor, grown)
    grown[:, 3] = grown[:, 0] * -years[flows.term_point[:, 0]]
    numbers = np.zeros((groups, 6))
    node, tent = np.zeros((groups, nodes)), np.zeros((groups, nodes))
    loop = _two_nodes if tables.node.shape[1] == 2 else _many_nodes
    loop(flows, factor, grown, years, tables, numbers, node, tent)
    return GroupGradients(
        leg_npv=numbers[:, :2],
        value_up=numbers[:, 2],
        value_down=numbers[:, 3],
        annuity=numbers[:, 4],
        spread_slope=numbers[:, 5],
        node=node,
        tent=tent,
    )


class GroupedValues(NamedTuple):
    """Netted flows of all groups, numbered for the loop that makes values alone.

    Attributes:
        cash_ptr: First cash term of each group, and the end; shape (groups + 1,).
        cash_point: Point of each cash term.
        cash_money: Money paid.
        growth_ptr: First growth term of each group, and the end; shape (groups + 1,).
        growth_term: Place of each growth term among the distinct ones.
        growth_alpha: Money per unit of growth.
        term_point: Points of payment, start and end of each distinct growth term; shape (terms, 3).
    """

    cash_ptr: IntArray
    cash_point: IntArray
    cash_money: FloatArray
    growth_ptr: IntArray
    growth_term: IntArray
    growth_alpha: FloatArray
    term_point: IntArray


def group_values(flows: GroupedValues, factor: FloatArray) -> FloatArray:
    """Value every group with discount factors of the points, (points, 1); shape (groups,)."""
    grown, values = np.empty((len(flows.term_point), 1)), np.empty(len(flows.cash_ptr) - 1)
    _grown(flows.term_point, factor, grown)
    _group_values(flows, factor[:, 0], grown[:, 0], values)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _group_values(
    flows: GroupedValues, factor: FloatArray, grown: FloatArray, values: FloatArray
) -> None:
    for g in range(len(values)):
        paid, grows = 0.0, 0.0
        for number in range(flows.cash_ptr[g], flows.cash_ptr[g + 1]):
            i = np.uintp(number)
            paid += flows.cash_money[i] * factor[np.uintp(flows.cash_point[i])]
        for number in range(flows.growth_ptr[g], flows.growth_ptr[g + 1]):
            i = np.uintp(number)
            grows += flows.growth_alpha[i] * grown[np.uintp(flows.growth_term[i])]
        values[g] = paid + grows


@njit(cache=True, nogil=True)
def _log_factors(node: IntArray, weight: FloatArray, x: FloatArray, log: FloatArray) -> None:
    for p in range(node.shape[0]):
        for v in range(x.shape[1]):
            total = 0.0
            for k in range(node.shape[1]):
                total += weight[p, k] * x[node[p, k], v]
            log[p, v] = total


# Division as in numpy: a factor of 0 makes one term not a number, and stops no other.
@njit(cache=True, nogil=True, error_model="numpy")
def _grown(point: IntArray, factor: FloatArray, grown: FloatArray) -> None:
    for t in range(point.shape[0]):
        pay, start, end = point[t, 0], point[t, 1], point[t, 2]
        for v in range(factor.shape[1]):
            grown[t, v] = factor[start, v] / factor[end, v] * factor[pay, v]


@njit(cache=True, nogil=True, inline="always")
def _growth_terms(
    flows: GroupedFlows, g: int, grown: FloatArray, money: FloatArray
) -> tuple[float, float, float, float]:
    """Values of a group's growth terms, and the slope of the first to a spread.

    What they move at their points is added to ``money``.
    """
    value, up, down, slope = 0.0, 0.0, 0.0, 0.0
    first = flows.row_ptr[g]
    for number in range(flows.growth_ptr[g], flows.growth_ptr[g + 1]):
        j = np.uintp(number)
        t, alpha = np.uintp(flows.growth_term[j]), flows.growth_alpha[j]
        paid = alpha * grown[t, 0]
        value += paid
        up += alpha * grown[t, 1]
        down += alpha * grown[t, 2]
        slope += alpha * grown[t, 3]
        money[np.uintp(flows.growth_row[j, 0] - first)] += paid
        money[np.uintp(flows.growth_row[j, 1] - first)] += paid
        money[np.uintp(flows.growth_row[j, 2] - first)] -= paid
    return value, up, down, slope


@njit(cache=True, nogil=True, inline="always")
def _row(
    flows: GroupedFlows, row: np.uintp, factor: FloatArray, p: np.uintp
) -> tuple[float, float, float, float, float]:
    """What a row pays at its point: fixed, constants of floating flows, 1.0 of coupon; up, down."""
    amount, constant = flows.row_money[row, 0], flows.row_money[row, 2]
    discount, both = factor[p, 0], amount + constant
    return (
        amount * discount,
        constant * discount,
        flows.row_money[row, 1] * discount,
        both * factor[p, 1],
        both * factor[p, 2],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _two_nodes(
    flows: GroupedFlows,
    factor: FloatArray,
    grown: FloatArray,
    years: FloatArray,
    tables: Tables,
    numbers: FloatArray,
    node_out: FloatArray,
    tent_out: FloatArray,
) -> None:
    """The loop where every curve is log-linear: the two nodes of a point are its two keys.

    Rows ascend in time along each curve, so the nodes seldom change from row to row.
    """
    node, weight, tent = tables.node, tables.node_weight, tables.tent_weight
    money = np.zeros(_most_rows(flows.row_ptr))
    for g in range(flows.row_ptr.shape[0] - 1):
        floating, up, down, slope = _growth_terms(flows, g, grown, money)
        fixed, annuity = 0.0, 0.0
        first, end = flows.row_ptr[g], flows.row_ptr[g + 1]
        a, b = 0, 0
        node_a, node_b, tent_a, tent_b = 0.0, 0.0, 0.0, 0.0
        for number in range(first, end):
            row, at = np.uintp(number), np.uintp(number - first)
            p = np.uintp(flows.row_point[row])
            paid, kept, coupon, paid_up, paid_down = _row(flows, row, factor, p)
            fixed += paid
            floating += kept
            annuity += coupon
            slope -= years[p] * (paid + kept)
            up += paid_up
            down += paid_down
            moved = money[at] + paid + kept
            money[at] = 0.0
            if node[p, 0] != a or node[p, 1] != b:
                node_out[g, a] += node_a
                node_out[g, b] += node_b
                tent_out[g, a] += tent_a
                tent_out[g, b] += tent_b
                a, b = node[p, 0], node[p, 1]
                node_a, node_b, tent_a, tent_b = 0.0, 0.0, 0.0, 0.0
            node_a += moved * weight[p, 0]
            node_b += moved * weight[p, 1]
            tent_a += moved * tent[p, 0]
            tent_b += moved * tent[p, 1]
        node_out[g, a] += node_a
        node_out[g, b] += node_b
        tent_out[g, a] += tent_a
        tent_out[g, b] += tent_b
        numbers[g] = fixed, floating, up, down, annuity, slope


@njit(cache=True, nogil=True, error_model="numpy")
def _many_nodes(
    flows: GroupedFlows,
    factor: FloatArray,
    grown: FloatArray,
    years: FloatArray,
    tables: Tables,
    numbers: FloatArray,
    node_out: FloatArray,
    tent_out: FloatArray,
) -> None:
    node, weight = tables.node, tables.node_weight
    tent, tent_weight = tables.tent, tables.tent_weight
    money = np.zeros(_most_rows(flows.row_ptr))
    for g in range(flows.row_ptr.shape[0] - 1):
        floating, up, down, slope = _growth_terms(flows, g, grown, money)
        fixed, annuity = 0.0, 0.0
        first, end = flows.row_ptr[g], flows.row_ptr[g + 1]
        for number in range(first, end):
            row, at = np.uintp(number), np.uintp(number - first)
            p = np.uintp(flows.row_point[row])
            paid, kept, coupon, paid_up, paid_down = _row(flows, row, factor, p)
            fixed += paid
            floating += kept
            annuity += coupon
            slope -= years[p] * (paid + kept)
            up += paid_up
            down += paid_down
            moved = money[at] + paid + kept
            money[at] = 0.0
            for k in range(node.shape[1]):
                node_out[g, node[p, k]] += moved * weight[p, k]
            for k in range(2):
                tent_out[g, tent[p, k]] += moved * tent_weight[p, k]
        numbers[g] = fixed, floating, up, down, annuity, slope


@njit(cache=True, nogil=True)
def _most_rows(row_ptr: IntArray) -> int:
    most = 0
    for g in range(len(row_ptr) - 1):
        most = max(most, row_ptr[g + 1] - row_ptr[g])
    return most
