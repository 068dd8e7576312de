"""The arrays that the pricing loops read and write.

They stand apart from the loops (``kernel.py``), so that processes which only read results need not
load numba.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray


class Flows(NamedTuple):
    """Flows that are still to be paid, trade after trade, as flat columns.

    Attributes:
        fixed_ptr: First fixed flow of each of the two legs of each trade, and the end; shape
            (2 n + 1,).
        fixed_pay: Point of each fixed flow's payment.
        fixed_amount: Money paid.
        fixed_unit: Money paid per unit of coupon rate.
        float_ptr: First floating flow of each leg of each trade, and the end; shape (2 n + 1,).
        float_pay: Point of each floating flow's payment.
        float_start: Point at which its growth starts.
        float_end: Point at which its growth ends.
        float_alpha: Money per unit of growth.
        float_beta: Money that does not grow.
    """

    fixed_ptr: IntArray
    fixed_pay: IntArray
    fixed_amount: FloatArray
    fixed_unit: FloatArray
    float_ptr: IntArray
    float_pay: IntArray
    float_start: IntArray
    float_end: IntArray
    float_alpha: FloatArray
    float_beta: FloatArray


NO_BENT = np.zeros((0, 3), dtype=np.int64)


class Tables(NamedTuple):
    """How points depend on curves.

    ``log P(point)`` is the sum of the weighted node values, also where the weights themselves
    depend on these: they are homogeneous of degree 0 then. ``Grid.tables_at`` fills them in.

    Attributes:
        node: Curve nodes a point depends on; shape (points, k).
        node_weight: d log P(point) / d x(node), x the log discount factor; shape as node.
        tent: Keys a point lies under; shape (points, 2). With two nodes a point, those nodes.
        tent_weight: d log P(point) / d z(key), z a continuous zero rate; shape as tent.
        bent: Points whose ``node_weight`` depends on the node values and is not filled in yet (it
            is NaN): their row, the place of their curve, and their day; shape (k, 3).
    """

    node: IntArray
    node_weight: FloatArray
    tent: IntArray
    tent_weight: FloatArray
    bent: IntArray = NO_BENT


class Gradients(NamedTuple):
    """Results of the loops over flows, by trade.

    Attributes:
        leg_npv: Value of the two legs; shape (n, 2).
        annuity: Value of 1.0 of coupon rate; shape (n,).
        node: dPV/dx; shape (n, nodes).
        tent: dPV/dz; shape (n, keys).
    """

    leg_npv: FloatArray
    annuity: FloatArray
    node: FloatArray
    tent: FloatArray
