"""The measures of every frame: one function per row of the table, with the row's name.

Each takes the results of the loops over a block's flows and returns one number per trade; shape
(n,). Trades of products without the measure may get any number, which is removed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricing.arrays import BoolArray, FloatArray
from pricing.curves.curve_set import ONE_BP


@dataclass(frozen=True)
class PricedFlows:
    """What the loops over flows have made of a block of n trades; trade currency.

    Attributes:
        leg_npv: Value of the two legs; shape (n, 2). Of groups: of fixed and of floating flows.
        annuity: Value of 1.0 of coupon rate; shape (n,).
        ladder_par: DV01 to each quote; shape (n, keys).
        outright: Which quotes are outright rates, not basis spreads; shape (keys,).
        krd: DV01 under each tent on zero rates; shape (n, keys).
        spread_slope: Derivative of the value to a continuous spread over the discount curve, per
            unit; shape (n,).
        value_up: Value with all outright quotes 1 bp up; shape (n,).
        value_down: Value with all outright quotes 1 bp down; shape (n,).
    """

    leg_npv: FloatArray
    annuity: FloatArray
    ladder_par: FloatArray
    outright: BoolArray
    krd: FloatArray
    spread_slope: FloatArray
    value_up: FloatArray
    value_down: FloatArray

    @cached_property
    def value(self) -> FloatArray:
        """Value of all flows; shape (n,)."""
        return np.asarray(self.leg_npv.sum(axis=1))


def npv(priced: PricedFlows) -> FloatArray:
    """Value of all flows."""
    return priced.value


def dv01_par(priced: PricedFlows) -> FloatArray:
    """The sum of the par ladder over the outright quotes."""
    whole = priced.outright.all()  # then no copy of the ladder is made
    ladder = priced.ladder_par if whole else priced.ladder_par[:, priced.outright]
    return np.asarray(ladder.sum(axis=1))


def dv01_zero(priced: PricedFlows) -> FloatArray:
    """The sum of the key rates."""
    return np.asarray(priced.krd.sum(axis=1))


def gamma(priced: PricedFlows) -> FloatArray:
    """Second difference of value for +-1 bp of all outright quotes."""
    return priced.value_up - 2.0 * priced.value + priced.value_down


def pv01(priced: PricedFlows) -> FloatArray:
    """Value of 1 bp of coupon."""
    return priced.annuity * ONE_BP


def cs01(priced: PricedFlows) -> FloatArray:
    """Return what a fall of 1 bp of the z-spread earns."""
    return -priced.spread_slope * ONE_BP


def par_rate(priced: PricedFlows) -> FloatArray:
    """The fixed rate at which the fixed leg is worth what the floating leg costs.

    Fixed coupons are simple interest, so the fixed leg is its rate times the annuity.
    """
    return rate_of_legs(priced.leg_npv[:, 1], priced.annuity)


def rate_of_legs(floating: FloatArray, annuity: FloatArray) -> FloatArray:
    """Par rate from the value of the floating leg and of 1.0 of coupon; NaN without coupons."""
    rate = np.full(len(annuity), np.nan)
    np.divide(-floating, annuity, out=rate, where=annuity != 0.0)
    return rate
