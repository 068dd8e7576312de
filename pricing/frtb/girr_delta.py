"""Compute the charge for general interest rate risk (GIRR) delta by the Basel SBM.

A bucket is a currency, a risk factor a tenor of one of its curves. Three scenarios of correlations
are computed; the charge is the largest of the three.

Source: Basel Committee on Banking Supervision, MAR21 "Standardised approach: sensitivities-based
method" as in force from 1 January 2023: MAR21.4 (aggregation), MAR21.6 (scenarios), MAR21.7 (the
largest counts), MAR21.41 (a bucket is a currency), MAR21.42 (risk weights), MAR21.44 (weights of
some currencies over the root of 2, at the bank's discretion), MAR21.45 to MAR21.47 (correlations
within a bucket), MAR21.50 (between buckets). Inflation and cross-currency basis (MAR21.43, 48 and
49), vega and curvature are not computed: there are no such trades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from pricing.arrays import FloatArray
from pricing.frtb.vertices import VERTICES

Scenario = Literal["low", "medium", "high"]
SCENARIOS: tuple[Scenario, ...] = ("low", "medium", "high")

RISK_WEIGHTS = (0.017, 0.017, 0.016, 0.013, 0.012, *(5 * (0.011,)))
"""Risk weights by tenor of ``VERTICES``: moves of the rate as decimals (MAR21.42)."""

LIQUID = frozenset({"EUR", "USD", "GBP", "AUD", "JPY", "SEK", "CAD"})
"""Currencies whose weights are divided by the square root of 2, together with the bank's own
(MAR21.44)."""

THETA, FLOOR = 0.03, 0.40
OTHER_CURVE = 0.999
BETWEEN_BUCKETS = 0.50

CurveSensitivities = Mapping[str, FloatArray]
"""Sensitivities by curve of one currency: (V(+1 bp) - V) / 0.0001 at each vertex; shape (10,)."""


class BucketCharge(NamedTuple):
    """One currency in one scenario: its charge K and the net S of its weighted sensitivities."""

    charge: float
    net: float


class ScenarioCharge(NamedTuple):
    """The charge in one scenario of correlations, and those of the currencies."""

    charge: float
    buckets: dict[str, BucketCharge]


class GirrDelta(NamedTuple):
    """The charge, the scenario that gave it, and the charges of all three; reporting currency."""

    charge: float
    scenario: Scenario
    scenarios: dict[Scenario, ScenarioCharge]


def risk_weights(currency: str, reporting: str) -> FloatArray:
    """The weight of each vertex; shape (10,)."""
    lower = currency in LIQUID or currency == reporting
    return np.asarray(RISK_WEIGHTS, dtype=float) / (math.sqrt(2.0) if lower else 1.0)


def tenor_correlations() -> FloatArray:
    """Correlations of two tenors of one curve (MAR21.46); shape (10, 10)."""
    years = np.array(VERTICES)
    apart = np.abs(years[:, None] - years[None, :])
    shorter = np.minimum(years[:, None], years[None, :])
    return np.asarray(np.maximum(np.exp(-THETA * apart / shorter), FLOOR))


def scaled(correlation: FloatArray, scenario: Scenario) -> FloatArray:
    """Correlations in a scenario (MAR21.6)."""
    if scenario == "high":
        return np.minimum(1.25 * correlation, 1.0)
    if scenario == "low":
        return np.maximum(2.0 * correlation - 1.0, 0.75 * correlation)
    return correlation


def girr_delta(sensitivities: Mapping[str, CurveSensitivities], reporting: str) -> GirrDelta:
    """The charge of a portfolio.

    Args:
        sensitivities: By currency and curve, in the reporting currency: positive if a rise of rates
            earns; -10,000 times a DV01.
        reporting: The bank's reporting currency.

    Returns:
        The charge in the reporting currency, never negative; 0 without a sensitivity.
    """
    weighted = {
        currency: np.array([risk_weights(currency, reporting) * row for row in curves.values()])
        for currency, curves in sensitivities.items()
        if curves
    }
    found = {scenario: _in_scenario(weighted, scenario) for scenario in SCENARIOS}
    worst = max(SCENARIOS, key=lambda name: found[name].charge)
    return GirrDelta(found[worst].charge, worst, found)


def _in_scenario(weighted: Mapping[str, FloatArray], scenario: Scenario) -> ScenarioCharge:
    buckets = {name: _bucket(rows, scenario) for name, rows in weighted.items()}
    alone = np.array([one.charge for one in buckets.values()])
    net = np.array([one.net for one in buckets.values()])
    between = float(scaled(np.array(BETWEEN_BUCKETS), scenario))

    def squared(nets: FloatArray) -> float:
        """Squares of the buckets, and the products of two different ones."""
        crossed = float(nets.sum() ** 2 - (nets**2).sum())
        return float((alone**2).sum()) + between * crossed

    total = squared(net)
    if total < 0.0:  # MAR21.4(5)(b): the net of each bucket is then bounded by its own charge
        total = squared(np.clip(net, -alone, alone))
    return ScenarioCharge(math.sqrt(max(total, 0.0)), buckets)


def _bucket(rows: FloatArray, scenario: Scenario) -> BucketCharge:
    """The charge of one currency; weighted sensitivities by curve and vertex; shape (c, 10)."""
    curves, flat = len(rows), rows.ravel()
    of_curves: FloatArray = np.where(np.eye(curves, dtype=bool), 1.0, OTHER_CURVE)
    correlation = scaled(np.asarray(np.kron(of_curves, tenor_correlations())), scenario)
    return BucketCharge(math.sqrt(max(float(flat @ correlation @ flat), 0.0)), float(flat.sum()))
