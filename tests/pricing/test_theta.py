"""One day passes and no quote moves: by hand on flat curves."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.theta import theta, with_forecast_of_today
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms

TODAY = dt.date(2025, 2, 11)
FLAT = {"EUR-GOVT": {"1Y": 0.03, "10Y": 0.03, "30Y": 0.03}}
"""Zero rates, continuous, Act/365F: factors are exp(-0.03 days / 365), on every date."""


def zero_bond(maturity: dt.date, **terms: object) -> BondTerms:
    return BondTerms(
        **{
            "trade_id": "b",
            "book": "b",
            "face_amount": 1e6,
            "convention": "DE-BUND",
            "issue_date": dt.date(2020, 1, 2),
            "maturity_date": maturity,
            "coupon_rate": 0.0,
            "payment_frequency": "ZERO",
            "z_spread_bp": 0.0,
            **terms,
        }
    )


def passing(terms: Terms, quotes: dict, fixings: Fixings | None = None) -> tuple[float, float]:
    """Value today, and the change over one day."""
    known = fixings or {}
    curves = CurveSet(TODAY, shape_of(quotes), known)
    solved = curves.solve(curves.vector(quotes))
    block = make_block([compile_trade(terms)])
    dated = roll_to(block, day_of(TODAY), known, curves.names)
    npv = price_block(make_ready(dated, curves.grid), curves, solved).npv
    return float(npv[0]), float(theta(block, npv, curves, solved, known)[0])


def test_a_zero_coupon_bond_grows_by_a_day_of_its_rate() -> None:
    maturity = dt.date(2030, 2, 11)
    days = (maturity - TODAY).days
    npv, change = passing(zero_bond(maturity), FLAT)
    assert npv == pytest.approx(1e6 * math.exp(-0.03 * days / 365), rel=1e-12)
    assert change == pytest.approx(npv * (math.exp(0.03 / 365) - 1.0), rel=1e-9)


def test_a_spread_passes_too() -> None:
    npv, change = passing(zero_bond(dt.date(2030, 2, 11), z_spread_bp=200.0), FLAT)
    assert change == pytest.approx(npv * (math.exp(0.05 / 365) - 1.0), rel=1e-9)


def test_what_is_paid_on_the_next_day_has_left_the_value() -> None:
    npv, change = passing(zero_bond(TODAY + dt.timedelta(days=1)), FLAT)
    assert npv == pytest.approx(1e6 * math.exp(-0.03 / 365), rel=1e-12)
    assert change == pytest.approx(-npv, rel=1e-15)


SWAP = SwapTerms(
    trade_id="s",
    book="b",
    convention="GBP-SONIA-OIS",
    pay_receive="receive",
    notional=1e6,
    effective_date=TODAY,
    termination_date=dt.date(2026, 2, 11),
    fixed_rate=0.05,
)
SONIA = {"GBP-SONIA": {"1D": 0.04, "1Y": 0.045, "5Y": 0.045}}


def test_the_night_fixes_at_todays_forecast() -> None:
    """The overnight quote is 4 % simple: so the forecast is, and so the swap's first night."""
    curves = CurveSet(TODAY, shape_of(SONIA))
    solved = curves.solve(curves.vector(SONIA))
    assert with_forecast_of_today(curves, solved, {})["SONIA"] == {
        TODAY: pytest.approx(0.04, rel=1e-12)
    }
    later = CurveSet(TODAY + dt.timedelta(days=1), curves.shape)
    x = later.solve(curves.vector(SONIA)).x
    days = np.array([day_of(dt.date(2026, 2, 11))])
    factor = float(later.grid.discount(later.grid.tables(np.zeros(1, int), days), x)[0])
    grown = 1.0 + 0.04 / 365  # of the floating leg's notional, by tomorrow
    tomorrow = 1e6 * (0.05 * factor - (grown - factor))
    npv, change = passing(SWAP, SONIA)
    assert npv + change == pytest.approx(tomorrow, abs=1e-6)


def test_a_fixing_of_today_that_is_known_is_used_and_later_ones_are_not() -> None:
    curves = CurveSet(TODAY, shape_of(SONIA), {"SONIA": {TODAY: 0.06}})
    solved = curves.solve(curves.vector(SONIA))
    known = {"SONIA": {TODAY: 0.06, TODAY + dt.timedelta(days=1): 0.99}}
    assert with_forecast_of_today(curves, solved, known)["SONIA"] == {TODAY: 0.06}


def test_a_day_without_a_fixing_has_no_forecast() -> None:
    saturday = dt.date(2025, 2, 15)
    curves = CurveSet(saturday, shape_of(SONIA))
    solved = curves.solve(curves.vector(SONIA))
    assert with_forecast_of_today(curves, solved, {})["SONIA"] == {}


def test_a_trade_that_cannot_be_valued_has_no_theta() -> None:
    """It began a month ago, and no fixing of that month is known."""
    begun = msgspec.structs.replace(
        SWAP, effective_date=dt.date(2025, 1, 10), termination_date=dt.date(2026, 1, 10)
    )
    npv, change = passing(begun, SONIA)
    assert math.isnan(npv)
    assert math.isnan(change)
