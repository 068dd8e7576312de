"""Convexity of futures by the model of Hull and White: published, QuantLib's, by its moments."""

from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings

from pricing.measures.dated.hull_white import compounded_exponent, growth_exponent
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 10)
QUOTES = {
    currency: sample_markets.curves_of(currency, 0.041, 0.006, -0.003)
    for currency in ("USD", "EUR")
}
A, VOLATILITY = 0.03, 0.015
MODEL = {"volatility_bp": 150.0, "mean_reversion": A}
CLOSE = 1e-4
"""Of 100 contracts, a deposit of 100 million."""


def exponent(fixing: float, start: float, end: float, a: float, volatility: float) -> float:
    times = (np.array([time]) for time in (fixing, start, end))
    found = growth_exponent(*times, mean_reversion=np.array([a]), volatility=np.array([volatility]))
    return float(found[0])


def compounded(start: float, end: float, a: float, volatility: float) -> float:
    found = compounded_exponent(
        np.array([start]),
        np.array([end]),
        mean_reversion=np.array([a]),
        volatility=np.array([volatility]),
    )
    return float(found[0])


def test_a_forward_rate_is_that_of_kirikos_and_novak():
    """QuantLib, test-suite/shortratemodels.cpp, testFuturesConvexityBias: 94.00, a forward of."""
    grown = np.exp(-exponent(5.0, 5.0, 5.25, 0.03, 0.015)) * (1.0 + 0.06 * 0.25)
    assert (grown - 1.0) / 0.25 == pytest.approx(0.0573037, abs=1e-7)


def test_without_mean_reversion_it_is_half_the_variance_times_both_ends():
    """J. Hull, 'Options, Futures, and Other Derivatives', convexity adjustment: 47.5 bp.

    His rates are continuous: half the variance of the log growth is taken off.
    """
    volatility, start, end = 0.012, 8.0, 8.25
    exact = exponent(start, start, end, 0.0, volatility)
    variance = volatility**2 * (end - start) ** 2 * start
    assert (exact - variance / 2) / (end - start) == pytest.approx(0.00475, abs=5e-6)


@settings(max_examples=200, deadline=None)
@given(
    a=st.floats(1e-3, 0.5),
    volatility=st.floats(1e-4, 0.03),
    start=st.floats(0.0, 10.0),
    length=st.floats(1 / 365, 1.0),
    price=st.floats(88.0, 101.0),
)
def test_a_rate_that_fixes_at_its_start_has_the_bias_of_quantlib(
    a, volatility, start, length, price
):
    end = start + length
    rate = (100.0 - price) / 100.0
    forward = (1.0 + rate * length) * np.exp(-exponent(start, start, end, a, volatility)) - 1.0
    bias = ql.HullWhite.convexityBias(price, start, end, volatility, a)
    assert rate - forward / length == pytest.approx(bias, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("a", [0.0, 1e-9, 1e-5, 0.03, 0.4, -0.05])
def test_no_mean_reversion_is_a_limit_and_not_a_gap(a: float):
    near = [exponent(0.9, 1.0, 1.25, value, 0.01) for value in (a, a + 1e-7)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)
    near = [compounded(1.0, 1.25, value, 0.01) for value in (a, a + 1e-7)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)


def mean_of_daily_growth(today: int, start: int, end: int, a: float, volatility: float) -> float:
    """The mean of what a rate of each day compounds to, over its forward growth.

    The discount bonds of a day are QuantLib's, as exponentials of the short rate. Their product is
    lognormal: its mean follows from the means and covariances of the short rate on the days.
    """
    curve = ql.FlatForward(0, ql.NullCalendar(), 0.04, ql.Actual365Fixed())
    handle = ql.YieldTermStructureHandle(curve)
    model = ql.HullWhite(handle, a, volatility)
    times = np.arange(max(start, today), end) / 365.0 - today / 365.0
    later = times + 1 / 365.0
    at_zero, at_one = (
        np.log([model.discountBond(t, u, rate) for t, u in zip(times, later, strict=True)])
        for rate in (0.0, 1.0)
    )
    slope = at_one - at_zero
    # Of the short rate under the measure of the money market account.
    drift = 0.04 + volatility**2 / (2 * a * a) * (1.0 - np.exp(-a * times)) ** 2
    first, second = np.meshgrid(times, times)
    covariance = (
        volatility**2
        / (2 * a)
        * (np.exp(-a * np.abs(first - second)) - np.exp(-a * (first + second)))
    )
    mean = -(at_zero.sum() + slope @ drift)
    forward = 0.04 * (end - max(start, today)) / 365.0
    return float(np.exp(mean + slope @ covariance @ slope / 2 - forward))


@pytest.mark.parametrize(("start", "end"), [(220, 311), (1825, 1916), (-40, 51), (0, 91)])
def test_growth_that_compounds_has_the_mean_of_daily_bonds(start: int, end: int):
    expected = mean_of_daily_growth(0, start, end, A, VOLATILITY)
    found = np.exp(compounded(max(start, 0) / 365, end / 365, A, VOLATILITY))
    per_year = 365 / (end - start)
    assert (found - expected) * per_year == pytest.approx(0.0, abs=1e-7)  # 0.001 bp
    assert found - 1.0 == pytest.approx(expected - 1.0, rel=0.05)


def price(code: str, quotes: dict, **model: float) -> float:
    terms = InterestRateFutureTerms(
        trade_id="F", book="b", contract=code, contracts=1.0, trade_price=96.0, **model
    )
    known = sample_markets.fixings_until(TODAY)
    risk = priced([terms], TODAY, quotes, known).risk
    assert risk.failures == ()
    return 96.0 + float(risk.npv[0]) / (terms.money / 100.0)


def test_an_average_has_the_bias_of_quantlib_on_each_of_its_days():
    """November 2026 of one-month SOFR: each fixing is a deposit of its own days."""
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    sofr = Reference(TODAY, QUOTES["USD"], {}).base["USD-SOFR"]
    market, today = ql.UnitedStates(ql.UnitedStates.SOFR), ql.Date(10, 2, 2025)
    total = 0.0
    for number in range(30):
        day = market.adjust(ql.Date(1, 11, 2026) + number, ql.Preceding)
        after = market.advance(day, 1, ql.Days)
        t, u = (day - today) / 365, (after - today) / 365
        no_rate = ql.HullWhite.convexityBias(100.0, t, u, VOLATILITY, A)
        grown = sofr.discount(day) / sofr.discount(after) / (1.0 - no_rate * (u - t))
        total += (grown - 1.0) * 360 / (after - day)
    by_hand = 100.0 * (1.0 - total / 30)
    assert price("SR1X26", QUOTES["USD"], **MODEL) == pytest.approx(by_hand, abs=1e-10)
    assert price("SR1X26", QUOTES["USD"]) - by_hand > 0.03


def test_a_compounded_future_has_the_mean_of_daily_bonds():
    plain, convex = (price("SR3U26", QUOTES["USD"], **model) for model in ({}, MODEL))
    start, end = ((day - TODAY).days for day in (dt.date(2026, 9, 16), dt.date(2026, 12, 16)))
    forward = 1.0 + (100.0 - plain) / 100.0 * 91 / 360
    by_hand = (forward * mean_of_daily_growth(0, start, end, A, VOLATILITY) - 1.0) * 360 / 91
    assert convex == pytest.approx(100.0 * (1.0 - by_hand), abs=1e-5)  # 0.001 bp
    assert plain - convex > 0.03


def test_a_term_future_that_fixes_two_days_before_its_start():
    """The integral over the days until the fixing, by hand; QuantLib's runs until the start."""
    plain, convex = (price("IZ26", QUOTES["EUR"], **model) for model in ({}, MODEL))
    fixing, start, end = (
        (day - TODAY).days / 365
        for day in (dt.date(2026, 12, 14), dt.date(2026, 12, 16), dt.date(2027, 3, 16))
    )
    u = (np.arange(20_000) + 0.5) / 20_000 * fixing
    to_end, to_start = ((1.0 - np.exp(-A * (day - u))) / A for day in (end, start))
    z = VOLATILITY**2 * float(np.mean(to_end * (to_end - to_start))) * fixing
    time = 90 / 360
    by_hand = ((1.0 + (100.0 - plain) / 100.0 * time) * np.exp(z) - 1.0) / time
    assert convex == pytest.approx(100.0 * (1.0 - by_hand), abs=1e-7)
    until_start = exponent(start, start, end, A, VOLATILITY)
    assert 0.0 < until_start - z < 0.01 * until_start


def test_long_and_short_cancel_and_no_convexity_is_left_when_all_has_fixed():
    long, short = (
        InterestRateFutureTerms(
            trade_id=str(n), book="b", contract="SR3U26", contracts=n, trade_price=96.0, **MODEL
        )
        for n in (10.0, -10.0)
    )
    risk = priced([long, short], TODAY, QUOTES["USD"]).risk
    assert risk.npv.sum() == 0.0
    assert np.abs(risk.ladder_par.sum(axis=0)).max() < 1e-12
    last = dt.date(2025, 3, 17)  # the last trading day, on which EURIBOR is known
    known = sample_markets.fixings_until(last)
    values = [
        priced(
            [
                InterestRateFutureTerms(
                    trade_id="F", book="b", contract="IH25", contracts=1.0, trade_price=96.0, **m
                )
            ],
            last,
            QUOTES["EUR"],
            known,
        ).risk.npv[0]
        for m in ({}, MODEL)
    ]
    assert values[0] == values[1]
