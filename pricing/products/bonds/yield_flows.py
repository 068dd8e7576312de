"""The payments that a buyer of a bond receives, and the price of a yield and the yield of a price.

This module loads no QuantLib: what lays out the payments is ``measures.yields`` for any bond, and
``quoted_bond`` for one that is a quote of a curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pricing.arrays import FloatArray

EPSILON = float(np.finfo(float).eps)

Derivatives = tuple[FloatArray, FloatArray, FloatArray]
Number = float | FloatArray

MOST_STEPS_AT_ONCE = 30
"""Newton steps made for all bonds at once. About six are enough; a bond that needs more than this
is solved by itself."""


@dataclass(frozen=True, kw_only=True)
class YieldFlows:
    """The payments that a buyer receives, and how a yield discounts them.

    Attributes:
        amounts: Per 100 of face; shape (n,).
        years: From settlement to each payment, as the yield counts them; shape (n,).
        simple_years: The share of these years that earns simple interest; the rest compounds.
        frequency: Compoundings a year.
        more_accrued: What a yield has accrued beyond the accrued interest that is paid, per 100.
    """

    amounts: FloatArray
    years: FloatArray
    simple_years: FloatArray
    frequency: int
    more_accrued: float = 0.0

    def dirty_from_yield(self, ytm: float) -> float:
        """Dirty price per 100 of a yield, decimal per year."""
        return float(self.amounts @ self._discounts(ytm)[0]) - self.more_accrued

    def per_100(self, factor: float) -> YieldFlows:
        """Return the same flows for another face amount."""
        more = self.more_accrued * factor
        return replace(self, amounts=self.amounts * factor, more_accrued=more)

    def yield_from_dirty(self, dirty_per_100: float) -> float:
        """The yield, decimal per year; NaN for a price that no yield explains."""
        dirty_per_100 += self.more_accrued
        if not dirty_per_100 > 0 or not self.amounts.sum() > 0:
            return math.nan
        if np.all(self.simple_years == self.years) and np.ptp(self.years) == 0:
            return float((self.amounts.sum() / dirty_per_100 - 1.0) / self.years[0])
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                return self._solved(math.log(dirty_per_100))
        except (FloatingPointError, OverflowError):
            return math.nan  # a yield beyond all floats, such as that of 300 in the last days

    def _solved(self, log_target: float) -> float:
        """Newton's method on the log of the price over the log of 1 + yield / frequency.

        Under compound interest that function is convex and nearly a straight line, so Newton
        converges from anywhere.
        """
        x = 0.0
        for _ in range(200):
            ytm = self.frequency * math.expm1(x)
            factors, slopes, _ = self._discounts(ytm)
            price = float(self.amounts @ factors)
            slope = float(self.amounts @ slopes) / price * (self.frequency + ytm)
            miss = math.log(price) - log_target
            step = miss / slope
            x -= step
            if abs(step) <= 1e-15 * (1.0 + abs(x)) or abs(miss) <= EPSILON:
                return self.frequency * math.expm1(x)
        return self.frequency * math.expm1(x) if abs(step) < 1e-12 else math.nan

    def risk(self, ytm: float) -> tuple[float, float]:
        """Modified duration (years) and convexity (years squared): -dP/dy / P, d2P/dy2 / P."""
        if math.isnan(ytm):
            return math.nan, math.nan
        price, slope, bend = (float(self.amounts @ part) for part in self._discounts(ytm))
        paid = price - self.more_accrued
        return -slope / paid, bend / paid

    def _discounts(self, ytm: float) -> Derivatives:
        """Discount factors of the payments and their first two derivatives to the yield."""
        compounded = _compound(ytm, self.years - self.simple_years, self.frequency)
        return _product(compounded, _simple(ytm, self.simple_years))


def yields_from_dirty(
    bonds: Sequence[YieldFlows], dirty_per_100: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Yields, modified durations and convexities of many bonds; shape (n,) each.

    The same Newton's method as ``YieldFlows.yield_from_dirty``, for all bonds at once; those for
    which it does not end in a few steps are solved one by one.
    """
    sizes = np.array([len(bond.amounts) for bond in bonds])
    first = np.cumsum(sizes) - sizes
    amounts = np.concatenate([bond.amounts for bond in bonds])
    years = np.concatenate([bond.years for bond in bonds])
    simple = np.concatenate([bond.simple_years for bond in bonds])
    frequency = np.array([float(bond.frequency) for bond in bonds])
    per_flow = np.repeat(frequency, sizes)

    def at(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        ytm = np.repeat(frequency * np.expm1(x), sizes)
        parts = _product(_compound(ytm, years - simple, per_flow), _simple(ytm, simple))
        price, slope, bend = (np.add.reduceat(amounts * part, first) for part in parts)
        return price, slope, bend

    x = np.zeros(len(bonds))
    ended = np.zeros(len(bonds), dtype=bool)
    more_accrued = np.array([bond.more_accrued for bond in bonds])
    with np.errstate(all="ignore"):
        target = np.log(dirty_per_100 + more_accrued)
        for _ in range(MOST_STEPS_AT_ONCE):
            price, slope, _ = at(x)
            miss = np.log(price) - target
            step = miss / (slope / price * frequency * np.exp(x))
            x = np.where(ended, x, x - step)
            ended |= (np.abs(step) <= 1e-15 * (1.0 + np.abs(x))) | (np.abs(miss) <= EPSILON)
            if ended.all():
                break
        ytm = frequency * np.expm1(x)
        for row in np.flatnonzero(~ended | ~np.isfinite(ytm)):
            ytm[row] = bonds[int(row)].yield_from_dirty(float(dirty_per_100[row]))
        price, slope, bend = at(np.log1p(ytm / frequency))
        paid = price - more_accrued
        return ytm, -slope / paid, bend / paid


def _compound(ytm: Number, years: FloatArray, frequency: Number) -> Derivatives:
    """Factors of compound interest and their first two derivatives to the yield; as ``years``."""
    growth, periods = 1.0 + ytm / frequency, years * frequency
    factors = growth**-periods
    slopes = -years * factors / growth
    return factors, slopes, -slopes * (periods + 1.0) / (frequency * growth)


def _simple(ytm: Number, years: FloatArray) -> Derivatives:
    """The same of simple interest."""
    factors = 1.0 / (1.0 + ytm * years)
    return factors, -years * factors**2, 2.0 * years**2 * factors**3


def _product(one: Derivatives, two: Derivatives) -> Derivatives:
    """Products of factors and their first two derivatives."""
    (a, da, dda), (b, db, ddb) = one, two
    return a * b, da * b + a * db, dda * b + 2.0 * da * db + a * ddb
