"""Prices of quoted bonds from their yields and back, with derivatives, compiled by numba.

The formulas are those of ``products.bonds.yield_flows``: a payment is discounted by compound
interest for some years and by simple interest for the rest. ``bonds`` are ``BondYields``
everywhere, and prices are dirty, at settlement, per unit of face.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from pricing.arrays import FloatArray, IntArray
from pricing.products.bonds.yield_flows import YieldFlows

MOST_STEPS = 50
AT_REST = 1e-16


class BondYields(NamedTuple):
    """The quotes that are yields of bonds, as the arrays that compiled loops read.

    Attributes:
        of: By quote, its place among the bonds; -1 of all other quotes; shape (quotes,).
        place: By bond, the place of its quote; shape (bonds,).
        start: By bond, the place of its first payment, and the end; shape (bonds + 1,).
        amount: Payments per unit of face.
        compound: Years that each is discounted for by compound interest.
        simple: Years that it is discounted for by simple interest.
        frequency: Compoundings a year; shape (bonds,).
        more: What a yield has accrued beyond what is paid, per unit of face; shape (bonds,).
    """

    of: IntArray
    place: IntArray
    start: IntArray
    amount: FloatArray
    compound: FloatArray
    simple: FloatArray
    frequency: FloatArray
    more: FloatArray


def bond_yields(count: int, bonds: Mapping[int, YieldFlows]) -> BondYields:
    """Arrays of the bonds among so many quotes, by the place of each."""
    place, flows = np.array(sorted(bonds), dtype=np.int64), [bonds[i] for i in sorted(bonds)]
    of = np.full(count, -1, dtype=np.int64)
    of[place] = np.arange(len(place))
    none = np.zeros(0)
    return BondYields(
        of=of,
        place=place,
        start=np.cumsum([0, *(len(each.amounts) for each in flows)]).astype(np.int64),
        amount=np.concatenate([none, *(each.amounts for each in flows)]) / 100.0,
        compound=np.concatenate([none, *(each.years - each.simple_years for each in flows)]),
        simple=np.concatenate([none, *(each.simple_years for each in flows)]),
        frequency=np.array([float(each.frequency) for each in flows]),
        more=np.array([each.more_accrued / 100.0 for each in flows]),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def price_of(bonds: Any, bond: int, ytm: float) -> tuple[float, float, float]:
    """Dirty price of a yield, and its first two derivatives to the yield.

    NaN where compound interest of the yield is none, at or below minus the frequency.
    """
    per_year = bonds.frequency[bond]
    growth = 1.0 + ytm / per_year
    if not growth > 0.0:
        return np.nan, np.nan, np.nan
    log_growth = np.log(growth)
    price, slope, bend = -bonds.more[bond], 0.0, 0.0
    for f in range(bonds.start[bond], bonds.start[bond + 1]):
        compound, simple = bonds.compound[f], bonds.simple[f]
        plain = 1.0 / (1.0 + ytm * simple)
        worth = bonds.amount[f] * np.exp(-compound * per_year * log_growth) * plain
        # Of the log of the factor: first and second derivative.
        fall = compound / growth + simple * plain
        turn = compound / (per_year * growth * growth) + simple * simple * plain * plain
        price += worth
        slope -= worth * fall
        bend += worth * (fall * fall + turn)
    return price, slope, bend


@njit(cache=True, nogil=True, error_model="numpy")
def yield_of(bonds: Any, bond: int, price: float, near: float) -> float:
    """The yield of a dirty price, by Newton's method from a yield near by; NaN where it has none.

    On the log of the price over the log of the growth of a period, which is nearly a straight line.
    """
    per_year, more = bonds.frequency[bond], bonds.more[bond]
    if not price + more > 0.0 or not near > -per_year:
        return np.nan
    target, x = np.log(price + more), np.log(1.0 + near / per_year)
    for _ in range(MOST_STEPS):
        ytm = per_year * np.expm1(x)
        worth, slope, _ = price_of(bonds, bond, ytm)
        worth += more
        step = (np.log(worth) - target) / (slope / worth * (per_year + ytm))
        x -= step
        if not abs(step) > AT_REST + 4e-16 * abs(x):
            break
    return float(per_year * np.expm1(x)) if abs(step) < 1e-12 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def prices_at(bonds: Any, quotes: FloatArray, price: FloatArray, slope: FloatArray) -> None:
    """Prices of quoted yields, and their slopes to the yields.

    Args:
        bonds: n bonds.
        quotes: All quotes, decimal per year; shape (quotes, columns).
        price: The rows of bonds are filled with prices; shape as ``quotes``.
        slope: The rows of bonds are filled with d price / d yield; shape as ``quotes``.
    """
    for bond in range(bonds.place.shape[0]):
        i = bonds.place[bond]
        for column in range(quotes.shape[1]):
            found = price_of(bonds, bond, quotes[i, column])
            price[i, column], slope[i, column] = found[0], found[1]


@njit(cache=True, nogil=True, error_model="numpy")
def yields_at(
    bonds: Any, rate: FloatArray, by_price: FloatArray, bend: FloatArray, near: FloatArray
) -> None:
    """Yields of model prices, and the first two derivatives of the yields to the prices.

    Args:
        bonds: n bonds.
        rate: The places of bonds hold prices, and are filled with yields; shape (quotes,).
        by_price: Filled at the places of bonds: d yield / d price; shape (quotes,).
        bend: The same of the second derivative.
        near: By bond, a yield near by; shape (bonds,).
    """
    for bond in range(bonds.place.shape[0]):
        i = bonds.place[bond]
        ytm = yield_of(bonds, bond, rate[i], near[bond])
        _, slope, turn = price_of(bonds, bond, ytm)
        rate[i], by_price[i], bend[i] = ytm, 1.0 / slope, -turn / slope**3
