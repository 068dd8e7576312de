"""Solve a currency's curves at many quote vectors at once.

Chord steps from one solution find the nodes of all others: each step is one evaluation of the
calibrating instruments and one matrix product, without a new factorisation. They end where a step
is below rounding. Columns that converge slowly, because their quotes are far away, continue with
Newton's method. Those that still fail are solved by the curve set itself, which explains why a
market has no curve. Every instrument reprices to its moved quote within the tolerance of a frame.

Curves fitted to more quotes than nodes satisfy another condition: the gradient of their sum of
squares is 0. Their chord steps are made column by column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pricing.arrays import BoolArray, FloatArray
from pricing.curves import fit_kernel
from pricing.curves.curve_set import (
    LONGEST_STEP,
    MOST_STEPS,
    REPRICING_TOLERANCE,
    WILD,
    CurveSet,
    Solved,
)
from pricing.curves.interpolation import Grid
from pricing.errors import BootstrapFailed, PricingError
from pricing.scenarios.kernel import discount_factors, instrument_values

BELOW_ROUNDING = 1e-13
"""Step of a log discount factor that changes no value by more than rounding."""

AT_REST = 1e-11
"""Step of a log discount factor below which a fit has arrived, when steps no longer become shorter:
the gradient is a sum, whose rounding moves the nodes by this much."""

MOST_CHORD_STEPS = 20
SLOW = 0.3
"""Largest ratio of a chord step to the one before it. A column that exceeds it is solved by
Newton's method, as thirteen digits would take more than ten further chord steps."""


class SolvedColumns(NamedTuple):
    """Curves at n quote vectors.

    Attributes:
        x: Log discount factors at the nodes; NaN in a column without a solution; (nodes, n).
        failures: Why a column has no solution, by its place.
    """

    x: FloatArray
    failures: dict[int, PricingError]


def solve_columns(curves: CurveSet, solved: Solved, quotes: FloatArray) -> SolvedColumns:
    """Nodes of all curves at many quote vectors.

    Args:
        curves: The curves of the date.
        solved: Their solution at quotes that are not far from all others.
        quotes: Decimal per year, in the order of ``CurveSet.keys``; shape (quotes, n).
    """
    x = np.ascontiguousarray(
        solved.x[:, None] + solved.jacobian @ (quotes - solved.quotes[:, None])
    )
    if curves.fitted:
        return _fitted_columns(curves, solved, x, quotes)
    left = np.flatnonzero(~_by_chord(curves, solved.inverse, x, quotes))
    failures: dict[int, PricingError] = {}
    for column in left.tolist():
        found = _by_newton(curves, x[:, column], quotes[:, column])
        if found is None:
            try:
                found = curves.solve(np.ascontiguousarray(quotes[:, column])).x
            except PricingError as error:
                failures[column] = error
                found = np.full(len(x), np.nan)
        x[:, column] = found
    return SolvedColumns(x, failures | _wrong(curves, x, quotes))


def _fitted_columns(
    curves: CurveSet, solved: Solved, x: FloatArray, quotes: FloatArray
) -> SolvedColumns:
    """Least squares at many quote vectors, from nodes that are close to them; changes ``x``."""
    rows = np.ascontiguousarray(x.T)
    done = fit_kernel.chord(
        curves.instruments.flat,
        curves.weights,
        solved.inverse,
        curves.grid.unknown,
        rows,
        np.ascontiguousarray(quotes.T),
        (BELOW_ROUNDING, AT_REST, SLOW, MOST_CHORD_STEPS),
    )
    failures: dict[int, PricingError] = {}
    for column in np.flatnonzero(~done).tolist():
        try:
            rows[column] = curves.solve(np.ascontiguousarray(quotes[:, column])).x
        except PricingError as error:
            failures[column] = error
            rows[column] = np.nan
    x[:] = rows.T
    failures |= _wild(curves, x, quotes)
    x[:, list(failures)] = np.nan
    return SolvedColumns(x, failures)


def _by_chord(
    curves: CurveSet, inverse: FloatArray, x: FloatArray, quotes: FloatArray
) -> BoolArray:
    """Move ``x`` towards the solution, in place; returns the columns that have converged."""
    done = np.zeros(x.shape[1], dtype=bool)
    going = np.ones(x.shape[1], dtype=bool)
    before = np.full(x.shape[1], np.inf)
    for _ in range(MOST_CHORD_STEPS):
        columns = np.flatnonzero(going)
        if not len(columns):
            break
        some = x if len(columns) == x.shape[1] else np.ascontiguousarray(x[:, columns])
        value, _by_quote = values_at(curves, some, np.ascontiguousarray(quotes[:, columns]))
        step = inverse @ value
        length = np.abs(step).max(axis=0)
        with np.errstate(invalid="ignore"):
            ended = length < BELOW_ROUNDING
            good = ended | (length < SLOW * before[columns])
        x[:, columns[good]] -= step[:, good]
        before[columns] = length
        done[columns[ended]] = True
        going[columns[ended | ~good]] = False
    return done


def _by_newton(curves: CurveSet, x: FloatArray, quotes: FloatArray) -> FloatArray | None:
    """Nodes at which every instrument is worth 0; None where that does not converge."""
    quotes = np.ascontiguousarray(quotes)
    if not curves.grid.is_linear:
        x = curves.settled(np.ascontiguousarray(x), quotes)
        found = curves.instruments.at(x, quotes)
        met = np.abs(found.value / found.by_quote).max() < REPRICING_TOLERANCE
        return x if met else None
    for _ in range(MOST_STEPS):
        found = curves.instruments.at(np.ascontiguousarray(x), quotes)
        try:
            step = np.linalg.solve(found.slope, found.value)
        except np.linalg.LinAlgError:
            return None
        x = x - step
        length = np.abs(step).max()
        if length < BELOW_ROUNDING:
            return np.asarray(x)
        if not length < LONGEST_STEP:  # also when it is not a number
            return None
    return np.asarray(x)  # rounding alone keeps a long curve's step above the limit: it is checked


def _wrong(curves: CurveSet, x: FloatArray, quotes: FloatArray) -> dict[int, PricingError]:
    """Find columns that do not reprice or have implausible forwards, and set them to NaN."""
    failures: dict[int, PricingError] = {}
    value, by_quote = values_at(curves, x, quotes)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(value / by_quote)
        wrong = errors.max(axis=0) >= REPRICING_TOLERANCE
    for column in np.flatnonzero(wrong).tolist():
        worst = int(np.argmax(errors[:, column]))
        reason = f"its instrument reprices with a rate error of {errors[worst, column]:.1e}"
        quote = float(quotes[worst, column])
        failures[column] = BootstrapFailed(*curves.keys[worst], quote, reason)
    failures = _wild(curves, x, quotes) | failures
    x[:, list(failures)] = np.nan
    return failures


def _wild(curves: CurveSet, x: FloatArray, quotes: FloatArray) -> dict[int, PricingError]:
    """Find columns with implausible forward rates."""
    failures: dict[int, PricingError] = {}
    forwards = np.abs(_forwards(curves.grid, x))
    for column in np.flatnonzero(forwards.max(axis=0) > WILD).tolist():
        place = int(np.argmax(forwards[:, column]))
        reason = f"its forward rate is {forwards[place, column]:.0%} a year"
        quote = curves.grid.quote_of_node(place)
        wild = BootstrapFailed(*curves.keys[quote], float(quotes[quote, column]), reason)
        failures[column] = wild
    return failures


def _forwards(grid: Grid, x: FloatArray) -> FloatArray:
    """Continuous forward rates from each node's predecessor to it; shape as ``x``."""
    if grid.has_layouts:
        return np.stack([grid.forwards(column) for column in x.T], axis=1)
    years, starts = grid.node_years, grid.offsets[:-1]
    since, before = np.zeros(len(years)), np.zeros_like(x)
    since[1:], before[1:] = years[:-1], x[:-1]
    since[starts], before[starts] = 0.0, 0.0
    return np.asarray((before - x) / (years - since)[:, None])


def values_at(curves: CurveSet, x: FloatArray, quotes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Value of every instrument at many node and quote vectors, and its slope to its own quote.

    Returns:
        Per unit of notional, as ``Instruments.at``; shape (quotes, n) each.
    """
    flat = curves.instruments.flat
    factor = discount_factors(curves.grid, flat.tables, x, None)
    paid, by_yield = curves.instruments.in_prices(quotes)
    value, by_quote = instrument_values(flat.flows, factor, paid)
    by_quote *= by_yield
    zero, years = flat.zero, curves.grid.node_years
    value[zero] = x[zero] + quotes[zero] * years[zero, None]
    by_quote[zero] = years[zero, None]
    if len(flat.linear):
        value[flat.linear] = curves.instruments.sums(x) + quotes[flat.linear] * flat.years[:, None]
        by_quote[flat.linear] = flat.years[:, None]
    return value, by_quote
