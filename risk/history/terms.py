"""Convert tenors to years, and interpolate linearly between points."""

from __future__ import annotations

from itertools import pairwise

from pricing.curves.quotes import tenor_days

Points = tuple[tuple[float, float], ...]
"""(years, basis points), rising in years."""


def years_of(tenor: str) -> float:
    """Length of a tenor in years; months are twelfths."""
    return tenor_days(tenor) / 365.25


def interpolate(points: Points, years: float) -> float:
    """Linear between the points, flat outside; the unit of the points."""
    if years <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if years <= x1:
            return y0 + (y1 - y0) * (years - x0) / (x1 - x0)
    return points[-1][1]
