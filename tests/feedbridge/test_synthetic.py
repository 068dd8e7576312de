"""Invented curves: the same for a date whatever is asked, plausible, moving as stated."""

from __future__ import annotations

import datetime as dt
import statistics
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay.history import synthetic
from feedbridge.replay.history.daily import CurveHistory
from feedbridge.replay.history.synthetic import ANCHOR, FIRST, LAST, curves_on, weekdays
from pricing.errors import BadInput


def changes_bp(currency: str, curve: str, tenor: str) -> list[float]:
    rates = [
        curves_on(currency, day)[curve][tenor]
        for day in weekdays(dt.date(2000, 1, 3), dt.date(2010, 1, 1))
    ]
    return [(b - a) * 1e4 for a, b in pairwise(rates)]


def test_the_anchor_has_exactly_the_stated_curve():
    # b0 + b1 (1-1/e) + b2 (1-2/e) at two years, x = 1
    expected = 2.6 + 0.9 * 0.6321205588 - 2.5 * 0.2642411177
    assert curves_on("EUR", ANCHOR)["EUR-GOVT"]["2Y"] == pytest.approx(expected / 100, abs=1e-8)


def test_a_date_has_known_quotes_on_every_machine_and_python():
    # Seen once and written down: whoever changes them changes every replay.
    assert curves_on("EUR", dt.date(2008, 9, 15))["EUR-ESTR"]["10Y"] == 0.00874019
    assert curves_on("GBP", dt.date(1995, 3, 1))["GBP-SONIA"]["30Y"] == 0.03668103


def test_a_date_has_one_curve_whatever_range_is_asked_for(history: CurveHistory):
    day, end = dt.date(2019, 5, 15), dt.date(2019, 6, 3)
    long = {d.date: d.curves for d in history.days("GBP", dt.date(2019, 1, 2), end)}
    short = {d.date: d.curves for d in history.days("GBP", day, end)}
    assert {date: long[date] for date in short} == short
    synthetic._walk.cache_clear()
    assert history.day("GBP", day).curves == short[day]


@pytest.mark.parametrize(("currency", "low", "high"), [("EUR", -0.02, 0.07), ("GBP", 0.0, 0.09)])
def test_rates_stay_plausible_on_every_weekday(currency: str, low: float, high: float):
    for day in weekdays(FIRST, ANCHOR):
        for quotes in curves_on(currency, day).values():
            assert low < min(quotes.values()) <= max(quotes.values()) < high


def test_levels_at_the_end_are_those_of_2024():
    assert curves_on("EUR", ANCHOR)["EUR-ESTR"]["5Y"] == pytest.approx(0.0225, abs=0.003)
    assert curves_on("GBP", ANCHOR)["GBP-SONIA"]["5Y"] == pytest.approx(0.04, abs=0.003)


def test_a_two_year_rate_moves_about_five_basis_points_a_day():
    assert statistics.pstdev(changes_bp("EUR", "EUR-GOVT", "2Y")) == pytest.approx(5.0, rel=0.1)


def test_both_currencies_move_together_but_not_as_one():
    eur, gbp = changes_bp("EUR", "EUR-ESTR", "10Y"), changes_bp("GBP", "GBP-SONIA", "10Y")
    assert statistics.correlation(eur, gbp) == pytest.approx(0.6, abs=0.05)


def test_euribor_is_estr_plus_the_stated_basis_on_every_date():
    for day in weekdays(dt.date(2015, 1, 1), dt.date(2015, 3, 1)):
        curves = curves_on("EUR", day)
        basis_bp = [
            (curves["EUR-EURIBOR6M"][tenor] - curves["EUR-ESTR"][tenor]) * 1e4
            for tenor in ("6M", "5Y", "10Y", "30Y")
        ]
        assert basis_bp == pytest.approx([14, 18, 20, 17], abs=2e-4)


@settings(deadline=None)
@given(st.dates(FIRST, LAST))
def test_a_weekday_has_curves_and_a_weekend_is_refused(day: dt.date):
    if day.weekday() < 5:
        assert set(curves_on("GBP", day)) == {"GBP-GOVT", "GBP-SONIA"}
    else:
        with pytest.raises(BadInput, match="a weekday from"):
            curves_on("GBP", day)


def test_a_factor_never_leaves_its_bound():
    factor = synthetic.Factor(vol_bp=10.0, kept=1.0, bound_bp=25.0)
    value = 0.0
    for _ in range(5):
        value = synthetic.step(factor, value, 1.0)
    assert value == 25.0


def test_dollars_are_not_invented():
    with pytest.raises(BadInput, match="synthetic: EUR, GBP"):
        curves_on("USD", ANCHOR)
