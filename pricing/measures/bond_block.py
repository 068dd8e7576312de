"""Prices, yields and durations of many bonds at once: what ``bond_analytics`` gives of each.

What depends on the date but on no quote is made once per bond and date (``PricedBond.flows``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import YEAR
from pricing.measures.yields import YieldFlows, yields_from_dirty


@dataclass(frozen=True, kw_only=True)
class BondFlows:
    """What a buyer of one date receives of a bond, per 100 of face.

    Attributes:
        amounts: Payments after settlement; shape (flows,).
        days: Day numbers of these payments; shape (flows,).
        settled: Day number of the settlement date.
        curve: Name of the discount curve.
        accrued_per_100: Accrued interest at settlement.
        face_amount: Of the position; negative when short.
        yields: The same payments as the yield of the bond's market counts them.
    """

    amounts: FloatArray
    days: IntArray
    settled: int
    curve: str
    accrued_per_100: float
    face_amount: float
    yields: YieldFlows


def analytics_of(
    bonds: Sequence[BondFlows], z_spread: FloatArray, curves: CurveSet, solved: Solved
) -> dict[str, FloatArray]:
    """The fields of ``BondAnalytics`` for each bond; shape (n,) each. NaN: no yield explains it.

    Args:
        bonds: At least one, all on curves of the set.
        z_spread: Continuous spread of each, decimal per year; shape (n,).
        curves: The curves of the date that the bonds' flows are of.
        solved: Their nodes.
    """
    sizes = np.array([len(bond.amounts) for bond in bonds])
    first = np.cumsum(sizes) - sizes
    settled = np.array([bond.settled for bond in bonds])
    places = np.array([curves.names.index(bond.curve) for bond in bonds])
    days = np.concatenate([bond.days for bond in bonds])
    at_settlement = _discounts(curves, solved, places, settled)
    growth = _discounts(curves, solved, np.repeat(places, sizes), days)
    growth /= np.repeat(at_settlement, sizes)
    years = (days - np.repeat(settled, sizes)) / YEAR
    amounts = np.concatenate([bond.amounts for bond in bonds])
    values = amounts * growth * np.exp(-np.repeat(z_spread, sizes) * years)
    dirty = np.add.reduceat(values, first)
    accrued = np.array([bond.accrued_per_100 for bond in bonds])
    face = np.array([bond.face_amount for bond in bonds])
    ytm, duration, convexity = yields_from_dirty([bond.yields for bond in bonds], dirty)
    return {
        "clean_per_100": dirty - accrued,
        "dirty_per_100": dirty,
        "accrued_per_100": accrued,
        "ytm": ytm,
        "modified_duration": duration,
        "convexity": convexity,
        "yield_dv01": duration * dirty / 100.0 * face * ONE_BP,
        "z_spread_bp": z_spread / ONE_BP,
    }


def _discounts(curves: CurveSet, solved: Solved, places: IntArray, days: IntArray) -> FloatArray:
    return curves.grid.discount(curves.grid.tables(places, days), solved.x)
