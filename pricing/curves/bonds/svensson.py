"""Fit a Nelson-Siegel or Svensson curve to bond prices or zero rates by least squares.

The continuous zero rate at ``t`` years is

    b0 + b1 g(t / t1) + b2 (g(t / t1) - exp(-t / t1)) + b3 (g(t / t2) - exp(-t / t2))

with ``g(u) = (1 - exp(-u)) / u``. Nelson-Siegel has no fourth term. Sources: C. R. Nelson and A. F.
Siegel, 'Parsimonious Modeling of Yield Curves', Journal of Business 60 (1987); L. E. O. Svensson,
'Estimating and Interpreting Forward Interest Rates', NBER Working Paper 4871 (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray
from pricing.errors import BadInput, Unpriceable

MODELS = {"nelson_siegel": 4, "svensson": 6}
"""Number of parameters by model."""

DECAY_MIN, DECAY_MAX = 0.05, 60.0
"""Bounds of the decay parameters in years: outside them a hump is shorter than any bond, or longer
than all."""

STARTS = ((0.5, 2.0), (1.0, 4.0), (2.0, 6.0), (1.5, 10.0), (3.0, 12.0), (5.0, 1.0), (8.0, 2.5))
MOST_STEPS = 200
AT_REST = 1e-13
"""The fit ends when a step improves the sum of squares by a smaller share than this."""

DIFFERENCE = 1e-6
MOST_YIELD_STEPS = 60


@dataclass(frozen=True)
class SvenssonCurve:
    """A curve of six parameters.

    Attributes:
        betas: b0 to b3, decimal per year; b3 is 0 for Nelson-Siegel.
        decays: t1 and t2, years.
    """

    betas: tuple[float, float, float, float]
    decays: tuple[float, float]

    def zero_rates(self, years: FloatArray) -> FloatArray:
        """Continuous zero rates, decimal per year; shape as ``years``, which are above 0."""
        return np.asarray(loadings(years, self.decays) @ np.array(self.betas))

    def forward_rates(self, years: FloatArray) -> FloatArray:
        """Instantaneous forward rates, decimal per year; shape as ``years``."""
        first, second = (years / decay for decay in self.decays)
        b0, b1, b2, b3 = self.betas
        near, far = np.exp(-first), np.exp(-second)
        return np.asarray(b0 + (b1 + b2 * first) * near + b3 * second * far)

    def discount(self, years: FloatArray) -> FloatArray:
        """Discount factors; 1 at 0 years."""
        some = np.where(years > 0.0, years, 1.0)
        return np.asarray(np.where(years > 0.0, np.exp(-self.zero_rates(some) * some), 1.0))


class Payments(NamedTuple):
    """What a buyer of a bond receives, for a price.

    Attributes:
        amounts: Per 100 of face.
        years: Time of each from the valuation date.
        settled: Time of settlement from the valuation date.
        dirty: The price with accrued interest, per 100.
    """

    amounts: FloatArray
    years: FloatArray
    settled: float
    dirty: float


class Fit(NamedTuple):
    """A fitted curve, and the residual of each bond.

    Attributes:
        curve: The fitted curve.
        dirty: Model prices with accrued interest, per 100; shape (bonds,).
        cheap_bp: Continuous yield of each bond's price less that of its model price, in basis
            points: a bond above 0 is cheap; shape (bonds,).
    """

    curve: SvenssonCurve
    dirty: FloatArray
    cheap_bp: FloatArray


def loadings(years: FloatArray, decays: Sequence[float]) -> FloatArray:
    """Return what the zero rate at each time is per unit of b0 to b3; shape (years, 4)."""
    first, second = (years / decay for decay in decays)
    near, far = (-np.expm1(-u) / u for u in (first, second))
    ones = np.ones_like(years)
    return np.stack((ones, near, near - np.exp(-first), far - np.exp(-second)), axis=1)


def fit_zero_rates(years: FloatArray, rates: FloatArray, model: str = "svensson") -> SvenssonCurve:
    """The curve that is closest to zero rates.

    Args:
        years: Times, above 0.
        rates: Continuous zero rates, decimal per year.
        model: One of ``MODELS``.

    Raises:
        BadInput: An unknown model, or fewer rates than it has parameters.
        Unpriceable: No fit converges.
    """
    _require(model, len(rates), "zero rates")
    return _least(lambda curve: curve.zero_rates(years) - rates, years, rates, model)


def fit_bonds(bonds: Sequence[Payments], model: str = "svensson") -> Fit:
    """Fit the curve whose prices of the bonds differ least from theirs, measured in yield.

    The difference of two prices counts by the price's slope to the bond's own yield, so that a bond
    of thirty years does not outweigh one of two.

    Raises:
        BadInput: An unknown model, or fewer bonds than it has parameters.
        Unpriceable: No fit converges, or a price has no yield.
    """
    _require(model, len(bonds), "bonds")
    yields = np.array([continuous_yield(bond, bond.dirty) for bond in bonds])
    slopes = np.array([-_slope(bond, rate) for bond, rate in zip(bonds, yields, strict=True)])
    prices = np.array([bond.dirty for bond in bonds])
    first = np.cumsum([0, *(len(bond.amounts) for bond in bonds)])[:-1]
    amounts = np.concatenate([bond.amounts for bond in bonds])
    years = np.concatenate([bond.years for bond in bonds])
    settled = np.array([bond.settled for bond in bonds])

    def model_prices(curve: SvenssonCurve) -> FloatArray:
        values = np.add.reduceat(amounts * curve.discount(years), first)
        return np.asarray(values / curve.discount(settled))

    last = np.array([bond.years[-1] for bond in bonds])
    made = _least(lambda curve: (model_prices(curve) - prices) / slopes, last, yields, model)
    dirty = model_prices(made)
    fair = [continuous_yield(bond, price) for bond, price in zip(bonds, dirty, strict=True)]
    return Fit(made, dirty, (yields - np.array(fair)) * 1e4)


def continuous_yield(bond: Payments, dirty: float) -> float:
    """The continuous yield of a price; decimal per year.

    Raises:
        Unpriceable: There is none.
    """
    rate, years = 0.03, bond.years - bond.settled
    for _ in range(MOST_YIELD_STEPS):
        values = bond.amounts * np.exp(-rate * years)
        step = (values.sum() - dirty) / (values * years).sum()
        rate += float(np.clip(step, -0.5, 0.5))
        if abs(step) < 1e-14:
            return rate
    if abs(step) < 1e-12:
        return rate
    raise Unpriceable(f"no yield gives a price of {dirty:g}: check price and terms")


def _slope(bond: Payments, rate: float) -> float:
    years = bond.years - bond.settled
    return -float((bond.amounts * years * np.exp(-rate * years)).sum())


def _require(model: str, count: int, what: str) -> None:
    if model not in MODELS:
        raise BadInput("model", model, f"allowed: {', '.join(MODELS)}")
    if count < MODELS[model]:
        raise BadInput(what, count, f"at least {MODELS[model]} for {model}")


def _least(
    residuals: Callable[[SvenssonCurve], FloatArray],
    years: FloatArray,
    rates: FloatArray,
    model: str,
) -> SvenssonCurve:
    """The best of the fits from several decay times, each started from the closest betas."""
    best: tuple[float, FloatArray] | None = None
    for decays in STARTS if model == "svensson" else STARTS[:4]:
        table = loadings(years, decays)
        if model != "svensson":
            table = table[:, :3]
        betas = np.linalg.lstsq(table, rates, rcond=1e-10)[0]
        begin = np.concatenate((betas, np.log(decays[: len(betas) - 2])))
        found = _levenberg(lambda x: residuals(_curve(x)), begin)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        raise Unpriceable(f"no {model} curve fits these prices")
    return _curve(best[1])


def _curve(x: FloatArray) -> SvenssonCurve:
    """The curve of free parameters: betas, and logs of decay times."""
    count = (len(x) + 2) // 2
    betas = (*x[:count].tolist(), 0.0)[:4]
    decays = np.clip(np.exp(np.clip(x[count:], -10.0, 10.0)), DECAY_MIN, DECAY_MAX).tolist()
    return SvenssonCurve((betas[0], betas[1], betas[2], betas[3]), (decays[0], decays[-1]))


def _levenberg(
    residuals: Callable[[FloatArray], FloatArray], x: FloatArray
) -> tuple[float, FloatArray] | None:
    """Levenberg and Marquardt's method with central differences; None where it fails."""
    damping, values = 1e-3, residuals(x)
    total = float(values @ values)
    for _ in range(MOST_STEPS):
        if not np.isfinite(total):
            return None
        slopes = np.stack([_difference(residuals, x, place) for place in range(len(x))], axis=1)
        gradient, square = slopes.T @ values, slopes.T @ slopes
        for _ in range(12):
            scaled = square + damping * np.diag(np.diag(square) + 1e-30)
            step = np.linalg.lstsq(scaled, -gradient, rcond=None)[0]
            moved = residuals(x + step)
            after = float(moved @ moved)
            if after <= total:
                break
            damping *= 10.0
        else:
            return total, x
        gained, x, values, total = total - after, x + step, moved, after
        damping = max(damping / 10.0, 1e-15)
        if gained <= AT_REST * total:
            return total, x
    return total, x


def _difference(
    residuals: Callable[[FloatArray], FloatArray], x: FloatArray, place: int
) -> FloatArray:
    step = np.zeros_like(x)
    step[place] = DIFFERENCE
    return np.asarray((residuals(x + step) - residuals(x - step)) / (2.0 * DIFFERENCE))
