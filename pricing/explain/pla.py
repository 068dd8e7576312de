"""The P&L attribution test: how closely risk-theoretical P&L follows hypothetical P&L.

Source: Basel Committee on Banking Supervision, MAR32 (P&L attribution test): Spearman correlation
and Kolmogorov-Smirnov distance of the two series, and the zones of both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from pricing.arrays import FloatArray

Zone = Literal["green", "amber", "red"]
DAYS = 250
"""Number of most recent days used."""

GREEN_SPEARMAN, RED_SPEARMAN = 0.80, 0.70
GREEN_KS, RED_KS = 0.09, 0.12


class AttributionDay(NamedTuple):
    """HPL and RTPL of one day, in one currency; NaN: no number."""

    date: dt.date
    hpl: float
    rtpl: float


class Attribution(NamedTuple):
    """The result of the P&L attribution test.

    Attributes:
        days: How many days it is of.
        spearman: Rank correlation; NaN where one of the series is constant.
        ks: Largest distance of the two distributions.
        zone: Green, amber or red.
    """

    days: int
    spearman: float
    ks: float
    zone: Zone


def attribution(hpl: FloatArray, rtpl: FloatArray) -> Attribution:
    """Test the risk-theoretical P&L against the hypothetical one.

    Args:
        hpl: Hypothetical P&L by day, oldest first; the last ``DAYS`` count.
        rtpl: Risk-theoretical P&L of the same days.

    Raises:
        ValueError: The series differ in length, have fewer than two days, or a missing number.
    """
    if len(hpl) != len(rtpl):
        raise ValueError(f"the series differ in length: {len(hpl)} and {len(rtpl)} days")
    first, second = np.asarray(hpl)[-DAYS:], np.asarray(rtpl)[-DAYS:]
    if len(first) < 2:
        raise ValueError("the test needs two days or more")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a day has no number")
    rank, distance = spearman(first, second), kolmogorov_smirnov(first, second)
    return Attribution(len(first), rank, distance, zone_of(rank, distance))


def attribution_of(days: Iterable[AttributionDay]) -> Attribution:
    """Test the P&L of these days, in any order.

    Raises:
        ValueError: There are fewer than two, or one of the last ``DAYS`` has no number.
    """
    ordered = sorted(days)
    return attribution(
        np.array([day.hpl for day in ordered]), np.array([day.rtpl for day in ordered])
    )


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Correlation of ranks, with the mean rank for equal numbers."""
    a, b = (ranks - ranks.mean() for ranks in (_ranks(first), _ranks(second)))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def _ranks(values: FloatArray) -> FloatArray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[place])


def kolmogorov_smirnov(first: FloatArray, second: FloatArray) -> float:
    """Largest distance of the two empirical distribution functions."""
    every = np.concatenate((first, second))
    ours, theirs = (
        np.searchsorted(np.sort(values), every, side="right") for values in (first, second)
    )
    # Whole numbers up to one division: 30 of 250 days are 0.12, which is amber, and not a bit more.
    most = int(np.abs(ours * len(second) - theirs * len(first)).max())
    return most / (len(first) * len(second))


def zone_of(rank: float, distance: float) -> Zone:
    """Green needs both in green; red is either in red; a rank that is unknown is red."""
    if not rank >= RED_SPEARMAN or distance > RED_KS:
        return "red"
    return "green" if rank >= GREEN_SPEARMAN and distance <= GREEN_KS else "amber"
