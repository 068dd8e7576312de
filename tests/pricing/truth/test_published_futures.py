"""Prices of SOFR futures on curves that QuantLib makes of futures.

Source of inputs and prices: QuantLib, test-suite/sofrfutures.cpp, testBootstrap and
testBootstrapWithJuneteenth. The case interpolates discount factors linearly; a curve that fits the
quotes gives the quoted price at any interpolation.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import QuantLib as ql

from pricing.kernel import value
from pricing.markets.calendars import day_of
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_trade
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms

OCTOBER = dt.date(2018, 10, 26)
OCTOBER_QUOTES = (
    *((ql.Monthly, month, 2018, price) for month, price in ((10, 97.8175), (11, 97.77))),
    *((ql.Monthly, 12, 2018, 97.685), (ql.Monthly, 1, 2019, 97.595)),
    *((ql.Monthly, month, 2019, price) for month, price in ((2, 97.59), (3, 97.525))),
    *((ql.Quarterly, month, 2019, p) for month, p in ((3, 97.44), (6, 97.295), (9, 97.22))),
    *((ql.Quarterly, 12, 2019, 97.17), (ql.Quarterly, 3, 2020, 97.16)),
    *((ql.Quarterly, month, 2020, price) for month, price in ((6, 97.165), (9, 97.175))),
)
OCTOBER_FIXINGS = {
    1: 2.22, 2: 2.2, 3: 2.2, 4: 2.18, 5: 2.16, 9: 2.15, 10: 2.15, 11: 2.17, 12: 2.18, 15: 2.21,
    16: 2.18, 17: 2.18, 18: 2.19, 19: 2.19, 22: 2.18, 23: 2.17, 24: 2.18, 25: 2.19,
}  # fmt: skip
JUNE = dt.date(2024, 6, 27)
JUNE_QUOTES = (
    *((ql.Quarterly, month, 2024, p) for month, p in ((6, 97.22), (9, 97.17), (12, 97.16))),
    *((ql.Quarterly, month, 2025, p) for month, p in ((3, 97.165), (6, 97.175))),
)
CASES = {
    "october": (
        OCTOBER,
        OCTOBER_QUOTES,
        {dt.date(2018, 10, day): rate / 100 for day, rate in OCTOBER_FIXINGS.items()},
    ),
    "juneteenth": (
        JUNE,
        JUNE_QUOTES,
        {dt.date(2024, 6, day): 0.02 for day in (18, 20, 21, 24, 25, 26, 27)},
    ),
}


def as_ql(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


def curve_of(case: str) -> ql.YieldTermStructure:
    today, quotes, fixings = CASES[case]
    ql.Settings.instance().evaluationDate = as_ql(today)
    sofr = ql.Sofr()
    sofr.clearFixings()
    try:
        sofr.addFixings([as_ql(day) for day in fixings], list(fixings.values()), True)
        helpers = [
            ql.SofrFutureRateHelper(price, month, year, frequency)
            for frequency, month, year, price in quotes
        ]
        curve = ql.PiecewiseLogLinearDiscount(as_ql(today), helpers, ql.Actual365Fixed())
        dates = list(curve.dates())
        return ql.DiscountCurve(dates, [curve.discount(d) for d in dates], ql.Actual365Fixed())
    finally:
        sofr.clearFixings()


def price(case: str, contract: str, convexity_bp: float = 0.0) -> float:
    """The model price: where a contract that was traded at 97 is worth so much more."""
    today, _, fixings = CASES[case]
    terms = InterestRateFutureTerms(
        trade_id="F", book="book", contract=contract, contracts=1.0, trade_price=97.0,
        convexity_bp=convexity_bp,
    )  # fmt: skip
    dated = roll_to(
        make_block([compile_trade(terms)]), day_of(today), {"SOFR": fixings}, ("USD-SOFR",)
    )
    assert dated.failures == ()
    curve = curve_of(case)
    factors = [
        curve.discount(as_ql(today) + int(day - dated.today), True) for day in dated.point_day
    ]
    (worth,) = value(dated.flows, np.array(factors)).tolist()
    return 97.0 + worth / {"SR3": 2500.0, "SR1": 4167.0}[contract[:3]]


def test_the_march_2019_future_is_worth_its_quote_and_less_by_the_convexity():
    assert price("october", "SR3H19") == pytest.approx(97.44, abs=1e-9)
    assert price("october", "SR3H19", convexity_bp=1000.0) == pytest.approx(87.44, abs=1e-9)


def test_a_future_whose_quarter_begins_on_juneteenth_is_worth_its_quote():
    """Of the holiday counts the fixing of the day before, and known fixings count until today."""
    assert price("juneteenth", "SR3M24") == pytest.approx(97.22, abs=1e-9)


@pytest.mark.parametrize(
    ("contract", "quote"),
    [
        ("SR3M19", 97.295),
        ("SR3U20", 97.175),
        ("SR1V18", 97.8175),
        ("SR1F19", 97.595),
        ("SR1G19", 97.59),
    ],
)
def test_other_quotes_of_the_curve_are_met(contract: str, quote: float):
    assert price("october", contract) == pytest.approx(quote, abs=1e-9)
