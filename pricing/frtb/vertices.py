"""Map ladders to the tenors of the general interest rate risk (GIRR) class, linearly in time.

A key between two tenors is split between them by its distance; a key before the first or after the
last goes there in full. The shares of a key add up to 1, so the sum of a ladder is preserved up to
rounding.

Source: Basel Committee on Banking Supervision, MAR21.8 and its footnote: the tenors, and the
assignment of risk factors to them by linear interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves import quote_ids
from pricing.curves.quotes import QuoteId

VERTICES = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0)
"""Tenors of risk factors in years (MAR21.8)."""

YEAR_DAYS = 365.25

PER_DV01 = -10_000.0
"""Factor from a DV01 to a regulatory sensitivity, (V(+1 bp) - V) / 0.0001 (MAR21.19), which has the
opposite sign and is not per basis point."""


def years_of(keys: Sequence[QuoteId], node_days: Sequence[int], today: int) -> FloatArray:
    """Time of each key of a ladder in years; shape (keys,).

    A tenor such as 10Y is 10 years, whatever the calendar makes of it. A quote with a date (a
    future, a meeting) ends on its own day.

    Args:
        keys: Curve and tenor, or another id of a quote.
        node_days: Days on which the quotes end, since 1970; shape (keys,).
        today: The valuation date, days since 1970.
    """
    return np.array(
        [
            (day - today) / YEAR_DAYS
            if (tenor := quote_ids.tenor_of(key.tenor)) is None
            else quote_ids.tenor_days(tenor) / YEAR_DAYS
            for key, day in zip(keys, node_days, strict=True)
        ]
    )


def shares(years: FloatArray) -> FloatArray:
    """The share of each key at each of ``VERTICES``; rows add up to 1; shape (keys, 10)."""
    unit = np.eye(len(VERTICES))
    return np.stack([np.interp(years, VERTICES, column) for column in unit], axis=1)
