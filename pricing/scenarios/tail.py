"""Value at risk and expected shortfall of scenario P&Ls, with the days that make them.

Of n P&Ls the k smallest count, k = ceil(n (100 - level) / 100) in rational arithmetic. Value at
risk is minus the k-th smallest, expected shortfall minus the mean of the k smallest. Both are
positive for a loss.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.errors import BadInput

LEVELS = ("99", "97.5")
"""Levels in percent, as text: a float of 99 % is not exactly 99 %."""


class Tail(NamedTuple):
    """The tail of n P&Ls at a level.

    Attributes:
        var: Value at risk, positive for a loss.
        expected_shortfall: Mean loss of the tail, positive for a loss.
        days: Places of the tail's scenarios, the worst first; shape (k,).
    """

    var: float
    expected_shortfall: float
    days: IntArray


def tail_count(scenarios: int, level: str) -> int:
    """How many of the scenarios are the tail.

    Raises:
        BadInput: The level is no percentage between 50 and 100.
    """
    try:
        percent = Fraction(level)
    except (ValueError, ZeroDivisionError):
        percent = Fraction(0)
    if not 50 <= percent < 100:
        raise BadInput("level", level, "percent from 50 to below 100, such as 99 or 97.5")
    return -((-scenarios * (100 - percent)) // 100)


def tail_of(pnl: FloatArray, level: str) -> Tail:
    """The tail of one P&L vector; of equal P&Ls the earlier one comes first.

    Args:
        pnl: Finite; shape (n,).
        level: Percent, such as ``99`` or ``97.5``.

    Raises:
        BadInput: There is no scenario, or the level is no percentage.
    """
    count = tail_count(len(pnl), level)
    if not count:
        raise BadInput("scenarios", len(pnl), "at least one P&L is needed")
    days = np.argsort(pnl, kind="stable")[:count]
    return Tail(-float(pnl[days[-1]]), -float(pnl[days].mean()), days)


def component_shortfall(pnl: FloatArray, days: IntArray) -> FloatArray:
    """Each part's share of the whole's expected shortfall; they add up to it.

    Args:
        pnl: P&L of the parts; shape (parts, n).
        days: Tail days of the whole.
    """
    return np.asarray(-pnl[:, days].mean(axis=1))
