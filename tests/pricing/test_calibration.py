"""Calibrating instruments as flows: values by hand, slopes by differences, roots of the curves."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.markets import conventions
from tests.pricing import sample_markets

TODAY = dt.date(2025, 2, 10)
STEP = 1e-6


def curve_set(quotes: dict, **known: float) -> CurveSet:
    fixings = {index: {TODAY: rate} for index, rate in known.items()}
    return CurveSet(TODAY, shape_of(quotes), fixings)


def test_a_deposit_lends_one_and_gets_it_back_with_interest() -> None:
    quotes = {"USD-GOVT": {"6M": 0.05}}
    curves = curve_set(quotes)
    found = curves.instruments.at(np.array([-0.02]), np.array([0.05]))
    interest = 181 / 365  # to 2025-08-10, Act/365F
    assert found.value[0] == pytest.approx(-1.0 + np.exp(-0.02) * (1.0 + 0.05 * interest))
    assert found.by_quote[0] == pytest.approx(np.exp(-0.02) * interest)
    assert found.slope[0, 0] == pytest.approx(np.exp(-0.02) * (1.0 + 0.05 * interest))


def test_a_par_bond_costs_one_and_pays_its_quote() -> None:
    """Nodes at half a year (x1) and a year (x2); the bond of a year pays 2.5 % on each."""
    quotes = {"USD-GOVT": {"6M": 0.05, "1Y": 0.05}}
    found = curve_set(quotes).instruments.at(np.array([-0.02, -0.05]), np.array([0.05, 0.05]))
    first, last = np.exp(-0.02), np.exp(-0.05)
    assert found.value[1] == pytest.approx(-1.0 + 0.025 * first + 1.025 * last)
    assert found.by_quote[1] == pytest.approx(0.5 * (first + last))
    assert found.slope[1] == pytest.approx([0.025 * first, 1.025 * last])


def test_a_zero_rate_is_its_node() -> None:
    quotes = {"EUR-GOVT": {"1Y": 0.02, "10Y": 0.03}}
    curves = curve_set(quotes)
    found = curves.instruments.at(np.array([-0.02, -0.29]), np.array([0.02, 0.03]))
    ten = (dt.date(2035, 2, 10) - TODAY).days / 365
    assert found.value == pytest.approx([0.0, -0.29 + 0.03 * ten], abs=1e-15)
    assert found.by_quote == pytest.approx([1.0, ten])
    assert np.array_equal(found.slope, np.eye(2))


def test_a_fixing_of_today_is_what_a_swap_of_today_earns_first() -> None:
    """SONIA swaps begin today: the first night grows at the fixing, the rest on the curve."""
    quotes = {"GBP-SONIA": {"1M": 0.045}}
    x = np.array([-0.004])
    value = {
        rate: curve_set(quotes, SONIA=rate).instruments.value(x, np.array([0.045]))[0]
        for rate in (0.03, 0.06)
    }
    rest = np.exp(-x[0] * 27 / 28)  # to 2025-03-10, of 28 days: what is left after the first
    wanted = -np.exp(x[0]) * rest * (0.06 - 0.03) / 365
    assert value[0.06] - value[0.03] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("interpolation", ["log_linear", "natural_log_cubic"])
@pytest.mark.parametrize("currency", conventions.CURRENCIES)
def test_slopes_are_differences_and_the_curves_are_roots(currency: str, interpolation: str) -> None:
    quotes = sample_markets.curves_of(currency, 0.03, 0.01, -0.004)
    options = CurveOptions(interpolation=dict.fromkeys(quotes, interpolation))
    curves = CurveSet(TODAY, shape_of(quotes), None, options)
    vector = curves.vector(quotes)
    x, made = curves.solve(vector).x, curves.instruments
    found = made.at(x, vector)
    assert np.abs(found.value).max() < 1e-13
    assert found.value == pytest.approx(made.value(x, vector), abs=1e-15)
    for node in range(len(x)):
        move = np.zeros(len(x))
        move[node] = STEP
        difference = (made.value(x + move, vector) - made.value(x - move, vector)) / (2 * STEP)
        assert found.slope[:, node] == pytest.approx(difference, abs=2e-9)
    moved = made.value(x, vector + STEP) - made.value(x, vector - STEP)
    assert found.by_quote == pytest.approx(moved / (2 * STEP), abs=2e-9)
