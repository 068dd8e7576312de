"""The discount margin of a floating-rate note.

It is the margin over the index at which the note's assumed cash flows are worth its price. The
index is assumed to stay at its current level for the life of the note (31 CFR Part 356,
Appendix B, section IV, for the notes of the US Treasury; F. J. Fabozzi and S. V. Mann,
"Floating-Rate Securities", 2000, chapter 3). The current level is the index rate of the coupon in
progress, which is fixed or, as far as it is not, forecast. With y = index + margin and t the years
of a period, a period discounts by 1 / (1 + y t); what is left of the first one counts by its own
years.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray

MAX_STEPS, ENOUGH = 50, 1e-15


@dataclass(frozen=True, kw_only=True)
class MarginFlows:
    """The coupons that a buyer receives, in order of payment; n of them, at least one.

    Attributes:
        years: Years of interest of each period; shape (n,).
        spreads: Quoted spread of each coupon, decimal per year; shape (n,).
        left: Years from settlement to the end of the first of these periods.
    """

    years: FloatArray
    spreads: FloatArray
    left: float

    def margin_from_dirty(self, dirty_per_100: float, first_index_coupon: float) -> float:
        """The discount margin, decimal per year; NaN for a price that no margin explains.

        Args:
            dirty_per_100: Price with accrued interest.
            first_index_coupon: What the first coupon pays on the index alone, per 100 of face.
        """
        index = first_index_coupon / (100.0 * float(self.years[0]))
        amounts = 100.0 * self.years * (index + self.spreads)
        amounts[-1] += 100.0
        spans = np.concatenate(([self.left], self.years[1:]))
        level = index  # the sum of index and margin
        for _ in range(MAX_STEPS):
            growth = 1.0 + level * spans
            if not (growth > 0.0).all():
                return math.nan
            values = amounts / np.cumprod(growth)
            slope = -float(values @ np.cumsum(spans / growth))
            step = (float(values.sum()) - dirty_per_100) / slope
            level -= step
            if not math.isfinite(level):
                return math.nan
            if abs(step) <= ENOUGH * (1.0 + abs(level)):
                return level - index
        return level - index if abs(step) < 1e-12 else math.nan
