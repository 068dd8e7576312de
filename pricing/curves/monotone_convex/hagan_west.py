"""Interpolate forward rates by the monotone convex method of Hagan and West.

Source: P. Hagan and G. West, "Interpolation methods for curve construction", Applied Mathematical
Finance 13(2), 2006, section 6; also "Methods for constructing a yield curve", Wilmott, May 2008.

With nodes at times ``u_0 < ... < u_n``, log discount factors ``y_i`` there and sections of length
``h_i = u_i - u_{i-1}``:

- The discrete forward rate of a section is ``d_i = (y_{i-1} - y_i) / h_i``.
- The forward rate at an inner node is ``f_i = (h_i d_{i+1} + h_{i+1} d_i) / (h_i + h_{i+1})``; at
  the ends ``f_0 = d_1 - (f_1 - d_1) / 2`` and ``f_n = d_n - (f_{n-1} - d_n) / 2``.
- Then forward rates at nodes are bounded: ``f_i`` by 0 and ``2 min(d_i, d_{i+1})``, ``f_0`` by 0
  and ``2 d_1``, ``f_n`` by 0 and ``2 d_n``. So the forward rate is nowhere negative where no ``d``
  is. Negative forward rates have the mirrored bounds, and a node between sections of different
  signs has 0: what comes out is continuous in the node values, and a curve of negative rates is the
  mirror image of one of positive rates.
- Within section i, at the share ``s`` of its length, the forward rate is ``d_i + g(s)`` with
  ``g(0) = g0 = f_{i-1} - d_i``, ``g(1) = g1 = f_i - d_i`` and an integral of 0. The shape of ``g``
  depends on the ratio of ``g0`` and ``g1``: regions (i) to (iv) of the paper.

Behind the last node the forward rate stays ``f_n``. The "amelioration" of the paper, which smooths
the nodes' forward rates further, is not applied. QuantLib's ``ConvexMonotone`` with quadraticity 0,
monotonicity 1 and without ``forcePositive`` is the same up to the last node where no bound is
reached; its ``forcePositive`` cuts sections off at 0 instead of bounding nodes, and behind the last
node it goes on with ``d_n``.

Everything is homogeneous of degree 1: twice the log discount factors give twice the forward rates.
By Euler's theorem, ``log P(t)`` is therefore the sum of the node values times its own derivatives
to them: weights as of a linear interpolation, which change with the node values.

The derivatives jump where ``g0`` or ``g1`` changes sign and where a bound is reached; there they
are those of one side. Where a section is flat to ``FLAT`` its ratio is rounding, and it has the
quadratic shape of region (i).
"""

from __future__ import annotations

import numpy as np

from pricing.arrays import FloatArray, IntArray

FLAT = 1e-12
"""Differences of forward rates below this, a decimal per year, are rounding."""


def weights(t: FloatArray, u: FloatArray, y: FloatArray) -> tuple[IntArray, FloatArray]:
    """Derivatives of log discount factors to node values, whose sum over them is their value.

    Args:
        t: Times, years; shape (p,).
        u: Times of the nodes, ascending; the first is that of the curve's start; shape (n + 1,).
        y: Log discount factors there; shape (n + 1,).

    Returns:
        Places of four nodes of each time, and the derivatives; shape (p, 4) each.
    """
    h = np.diff(u)
    section, share, beyond = _places(t, u)
    forwards, to_start, to_end = _nodes(h, y)
    near = forwards[_neighbours(len(h))]
    start = (np.einsum("nk,nk->n", to_start, near) - forwards)[section]
    end = (np.einsum("nk,nk->n", to_end, near) - forwards)[section]
    a, b = _integral(start, end, share)
    # Derivatives of the integral of the forward rate to the rates of three sections.
    by_rate = a[:, None] * to_start[section] + b[:, None] * to_end[section]
    by_rate[:, 1] += share - a - b
    by_rate *= h[section, None]
    by_rate += beyond[:, None] * to_end[section]
    by_rate /= h[_neighbours(len(h))][section]
    made = np.zeros((len(t), 4))
    made[:, 1] = 1.0
    made[:, :3] -= by_rate
    made[:, 1:] += by_rate
    return np.clip(section[:, None] + np.arange(-1, 3), 0, len(h)), made


def log_factors(t: FloatArray, u: FloatArray, y: FloatArray) -> FloatArray:
    """Log discount factors of times at several vectors of node values.

    Args:
        t: Times, years; shape (p,).
        u: Times of the nodes; shape (n + 1,).
        y: Log discount factors there; shape (n + 1, columns).

    Returns:
        Shape (p, columns).
    """
    h = np.diff(u)
    section, share, beyond = _places(t, u)
    forwards, to_start, to_end = _nodes(h, y)
    near = forwards[_neighbours(len(h))]
    first = np.einsum("nkc,nkc->nc", to_start, near)
    last = np.einsum("nkc,nkc->nc", to_end, near)
    own = forwards[section]
    start, end = first[section] - own, last[section] - own
    a, b = _integral(start, end, share[:, None])
    grown = own * share[:, None] + a * start + b * end
    return np.asarray(y[section] - grown * h[section, None] - beyond[:, None] * last[section])


def _places(t: FloatArray, u: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Section of each time, the share of it that has passed, and the time behind the last node."""
    section = np.clip(np.searchsorted(u, t) - 1, 0, len(u) - 2)
    share = np.minimum((t - u[section]) / np.diff(u)[section], 1.0)
    return section, share, np.maximum(t - u[-1], 0.0)


def _neighbours(sections: int) -> IntArray:
    """The sections before, at and behind each; shape (sections, 3). There are weights of 0."""
    near = np.arange(sections)[:, None] + np.arange(-1, 2)
    return np.asarray(np.clip(near, 0, sections - 1))


def _nodes(h: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Discrete forward rates, and what forward rates at nodes are of them.

    Args:
        h: Length of each section; shape (n,).
        y: Node values; shape (n + 1, ...).

    Returns:
        The discrete forward rates; shape (n, ...). Weights of those of the sections before, at and
        behind each in the rate at which it starts, and in that at which it ends; (n, 3, ...) each.
    """
    other = (1,) * (y.ndim - 1)
    forwards = -np.diff(y, axis=0) / h.reshape(-1, *other)
    count = len(h)
    to_start, to_end = np.zeros((2, count, 3, *y.shape[1:]))
    if count == 1:
        to_start[:, 1] = to_end[:, 1] = 1.0
        return forwards, to_start, to_end
    # Of each node: the weights of the two sections around it; of an end, of its two nearest.
    share = np.empty((count + 1, 2, *y.shape[1:]))
    behind = (h[:-1] / (h[:-1] + h[1:])).reshape(-1, *other)
    share[1:-1, 0], share[1:-1, 1] = 1.0 - behind, behind
    share[0] = -0.5 * share[1]
    share[0, 0] += 1.5
    share[-1] = -0.5 * share[-2]
    share[-1, 1] += 1.5
    first = np.clip(np.arange(-1, count), 0, count - 2)
    before, after = forwards[first], forwards[first + 1]
    _bound(share, before, after)
    to_start[1:, :2] = share[1:-1]
    to_start[0, 1:] = share[0]
    to_end[:-1, 1:] = share[1:-1]
    to_end[-1, :2] = share[-1]
    return forwards, to_start, to_end


def _bound(share: FloatArray, before: FloatArray, after: FloatArray) -> None:
    """Bound the forward rates of nodes by 0 and twice the smaller rate around them, in place."""
    rate = share[:, 0] * before + share[:, 1] * after
    left, right = before.copy(), after.copy()
    right[0], left[-1] = before[0], after[-1]  # an end is bounded by its own section
    by_left = np.abs(left) <= np.abs(right)
    by_left[-1] = False
    bound = np.where(left * right > 0.0, 2.0 * np.where(by_left, left, right), 0.0)
    none = rate * bound <= 0.0
    over = ~none & (np.abs(rate) > np.abs(bound))
    share[:, 0] = np.where(none, 0.0, np.where(over, 2.0 * by_left, share[:, 0]))
    share[:, 1] = np.where(none, 0.0, np.where(over, 2.0 * ~by_left, share[:, 1]))


def _integral(g0: FloatArray, g1: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the integral of ``g`` from 0 to ``s`` to ``g0`` and ``g1``.

    The integral is ``a g0 + b g1`` of what is returned. Region (iii) is region (ii) seen from the
    other end, and so is the second half of region (iv) its first half.
    """
    size0, size1 = np.abs(g0), np.abs(g1)
    opposite = g0 * g1 < 0.0
    hill = ~opposite & (size0 + size1 > FLAT)  # region (iv): both ends on one side of 0
    total = np.where(hill, g0 + g1, 1.0)
    mirrored = np.where(hill, s >= g1 / total, opposite & (size0 > 2.0 * size1))
    p0, p1 = np.where(mirrored, g1, g0), np.where(mirrored, g0, g1)
    v = np.where(mirrored, 1.0 - s, s)
    flat_first = opposite & (np.abs(p1) > 2.0 * np.abs(p0))  # regions (ii) and (iii)

    a, b = v * (1.0 - v) ** 2, -v * v * (1.0 - v)
    # Flat at p0 up to the share 1 - m, then a parabola to p1.
    rise = np.where(flat_first, p1 - p0, 1.0)
    m = np.where(flat_first, -3.0 * p0 / rise, 1.0)
    q = np.clip((v - 1.0 + m) / np.where(m > 0.0, m, 1.0), 0.0, 1.0)
    a = np.where(flat_first, v - m * q**3 / 3.0 - q * q * (3.0 - 2.0 * q) * p1 / rise, a)
    b = np.where(flat_first, -m * q * q * (1.0 - q), b)
    # Two parabolas that meet at the share eta with a slope of 0; v is in the first.
    eta = np.where(hill, p1 / total, 1.0)
    p = np.clip(v / np.where(eta > 0.0, eta, 1.0), 0.0, 1.0)
    k = p * (1.0 - p / 3.0)
    slope = eta * k - (1.0 + eta) * (p - p * p / 1.5)
    a = np.where(hill, v * (1.0 - (1.0 + eta) * k + (1.0 - eta) * slope), a)
    b = np.where(hill, -((1.0 - eta) ** 2) * p * slope, b)
    return np.where(mirrored, -b, a), np.where(mirrored, -a, b)
