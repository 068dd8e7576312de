"""Compare numbers with their limits: ok, warning, breach, unknown, or not in force.

A number at its bound keeps it; only one beyond the bound breaks it. A state falls when the number
has come back by the hysteresis. What was known before a number is missing stays remembered, so that
a breach with a gap in it is one breach. Bounds that have changed start without a memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pricing.arrays import FloatArray
from pricing.exposure.definition import ABSOLUTE, DIRECTIONS, LOWER, Bounds

STATES = ("ok", "warning", "breach", "unknown", "inactive")
OK, WARNING, BREACH, UNKNOWN, INACTIVE = range(5)

BoolArray = NDArray[np.bool_]
StateArray = NDArray[np.int8]


class Levels(NamedTuple):
    """Bounds of n limits, with signs by which a breach is above its bound.

    Attributes:
        direction: Place in ``DIRECTIONS``; shape (n,).
        hard: Hard bounds.
        warning: Warnings; infinite where there is none.
        hysteresis: Zero or more.
    """

    direction: NDArray[np.int8]
    hard: FloatArray
    warning: FloatArray
    hysteresis: FloatArray


class Judged(NamedTuple):
    """The states of n limits, and what their next evaluation needs."""

    state: StateArray
    in_breach: BoolArray
    in_warning: BoolArray


def levels_of(directions: list[str], bounds: list[Bounds], hysteresis: list[float]) -> Levels:
    """Bounds as arrays."""
    sign = np.array([-1.0 if name == LOWER else 1.0 for name in directions])
    warnings = [np.nan if one.warning is None else one.warning for one in bounds]
    signed = sign * np.array(warnings, dtype=float)
    return Levels(
        np.array([DIRECTIONS.index(name) for name in directions], dtype=np.int8),
        sign * np.array([one.hard for one in bounds], dtype=float),
        np.where(np.isnan(signed), np.inf, signed),
        np.array(hysteresis, dtype=float),
    )


def sizes(values: FloatArray, levels: Levels) -> FloatArray:
    """Numbers as they are compared with their levels; NaN stays."""
    absolute = levels.direction == DIRECTIONS.index(ABSOLUTE)
    lower = levels.direction == DIRECTIONS.index(LOWER)
    return np.where(absolute, np.abs(values), np.where(lower, -values, values))


def size(value: float, direction: str) -> float:
    """Return a number as it is compared with its bounds."""
    if direction == ABSOLUTE:
        return abs(value)
    return -value if direction == LOWER else value


def judge(
    values: FloatArray,
    known: BoolArray,
    in_force: BoolArray,
    levels: Levels,
    before: Judged,
    changed: BoolArray,
) -> Judged:
    """The states of limits.

    Args:
        values: The numbers; shape (n,). What they are where they are not known does not matter.
        known: Whether a number can be judged.
        in_force: Whether the limit judges at all at this time.
        levels: The bounds.
        before: The states before, with what they remember.
        changed: Bounds that are not those of the states before: their memory does not count.
    """
    x = sizes(values, levels)
    was_breach, was_warning = before.in_breach & ~changed, before.in_warning & ~changed
    seen = known & in_force
    with np.errstate(invalid="ignore"):
        beyond = x > levels.hard
        breach = beyond | (was_breach & (x > levels.hard - levels.hysteresis))
        warned = x > levels.warning
        held = (was_warning | was_breach) & (x > levels.warning - levels.hysteresis)
    breach &= seen
    warning = seen & ~breach & (warned | held)
    state = np.select(
        [~in_force, ~known, breach, warning],
        [INACTIVE, UNKNOWN, BREACH, WARNING],
        default=OK,
    ).astype(np.int8)
    missing = in_force & ~known  # remembered as before, so that it goes on afterwards
    return Judged(
        state,
        np.where(missing, before.in_breach, breach),
        np.where(missing, before.in_warning, warning),
    )


def nothing_before(count: int) -> Judged:
    """The states of limits that were never judged."""
    no: Any = np.zeros(count, dtype=bool)
    return Judged(np.full(count, UNKNOWN, dtype=np.int8), no, no.copy())


def utilisation(value: float, bounds: Bounds, direction: str) -> float | None:
    """The number as a share of its hard bound, 1 at the bound; None where that means nothing."""
    if bounds.hard == 0.0 or not np.isfinite(value):
        return None
    x = abs(value) if direction == ABSOLUTE else value
    share = x / bounds.hard
    return share if share >= 0.0 else 0.0
