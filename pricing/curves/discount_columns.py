"""Discount factors of points at several vectors of node values, whatever the interpolation."""

from __future__ import annotations

from pricing import netting_kernel
from pricing.arrays import FloatArray
from pricing.curves.interpolation import Grid
from pricing.kernel_arrays import Tables


def discount_columns(grid: Grid, tables: Tables, x: FloatArray) -> FloatArray:
    """Discount factors of the points of ``tables``.

    Args:
        grid: Nodes of the curves.
        tables: Dependence of points on the nodes.
        x: Log node values; shape (nodes, columns).

    Returns:
        Shape (points, columns).
    """
    return grid.with_bent(tables, x, netting_kernel.discount_factors(tables, x))
