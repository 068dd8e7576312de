"""Curves of deposits, futures, FRAs, dated swaps and zero rates have the nodes of QuantLib's
bootstrap of its own helpers of them, and each quote is met."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.curves import quote_ids
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import check_quotes, shape_of
from pricing.curves.rate_instruments import (
    averaged_convexity,
    compounded_convexity,
    term_convexity,
)
from pricing.errors import BadInput, BootstrapFailed
from pricing.markets import conventions
from pricing.measures.theta import curves_of_next_day
from tests.pricing.fitted_markets import with_curve

DAY = dt.date(2025, 2, 10)
LIKE_QUANTLIB = 1e-10
YEAR = 365.0

SOFR = {
    "1D": 0.0433,
    "1M": 0.0432,
    "SR3H25": 0.04293,
    "SR3M25": 0.04251,
    "SR3U25": 0.04182,
    "2Y": 0.0405,
    "10Y": 0.0408,
}


def solved(quotes: dict[str, dict[str, float]], day: dt.date = DAY, fixings=None):
    curves = CurveSet(day, shape_of(quotes), fixings)
    return curves, curves.solve(curves.vector(quotes))


def factor(curves: CurveSet, x: np.ndarray, name: str, date: ql.Date) -> float:
    days = np.array([date.serialNumber() - ql.Date(1, 1, 1970).serialNumber()])
    tables = curves.grid.tables(np.array([curves.names.index(name)]), days)
    return float(curves.grid.discount(tables, x)[0])


def agree(curves: CurveSet, x: np.ndarray, name: str, truth: ql.YieldTermStructure) -> None:
    for date in truth.dates():
        assert math.log(factor(curves, x, name, date)) == pytest.approx(
            math.log(truth.discount(date)), abs=LIKE_QUANTLIB
        )


def handle(rate: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(rate))


def sofr_swaps(quotes: dict[str, float], index: ql.OvernightIndex) -> list[ql.RateHelper]:
    return [
        ql.OISRateHelper(2, ql.Period(tenor), handle(rate), index, paymentLag=2)
        for tenor, rate in quotes.items()
    ]


@pytest.mark.parametrize("volatility_bp", [0.0, 90.0])
def test_futures_between_deposit_and_swaps_are_quantlibs_bootstrap(monkeypatch, volatility_bp):
    with_curve(monkeypatch, "USD-SOFR", future_volatility_bp=volatility_bp)
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    index = ql.Sofr()
    helpers = [
        ql.DepositRateHelper(
            handle(SOFR["1D"]),
            ql.Period("1D"),
            0,
            index.fixingCalendar(),
            ql.Following,
            False,
            ql.Actual360(),
        )
    ]
    for month, letter in ((3, "H"), (6, "M"), (9, "U")):
        start = ql.Date.nthWeekday(3, ql.Wednesday, month, 2025)
        end = ql.Date.nthWeekday(3, ql.Wednesday, (month + 2) % 12 + 1, 2025)
        first, last = (start - 0 - index_day()) / YEAR, (end - index_day()) / YEAR
        rate = SOFR[f"SR3{letter}25"]
        years = ql.Actual360().yearFraction(start, end)
        bias = math.exp(compounded_convexity(volatility_bp * 1e-4, first, last))
        forward = ((1.0 + rate * years) / bias - 1.0) / years
        helpers.append(
            ql.OvernightIndexFutureRateHelper(
                handle(100.0 * (1.0 - rate)), start, end, index, handle(rate - forward)
            )
        )
    helpers += sofr_swaps({"1M": SOFR["1M"], "2Y": SOFR["2Y"], "10Y": SOFR["10Y"]}, index)
    truth = ql.PiecewiseLogLinearDiscount(index_day(), helpers, ql.Actual365Fixed())
    truth.enableExtrapolation()
    curves, found = solved({"USD-SOFR": SOFR})
    agree(curves, found.x, "USD-SOFR", truth)
    assert found.rate_error < 1e-13


def index_day() -> ql.Date:
    return ql.Settings.instance().evaluationDate


EURIBOR = {
    "EUR-ESTR": {"1D": 0.027, "1Y": 0.024, "10Y": 0.023},
    "EUR-EURIBOR6M": {"DEP-6M": 0.0255, "3X9": 0.0243, "6X12": 0.0231, "2Y": 0.0228, "10Y": 0.0245},
}


def test_fras_are_quantlibs_bootstrap():
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    curves, found = solved(EURIBOR)
    discount = ql.RelinkableYieldTermStructureHandle()
    places = curves.grid.curves[0].days.tolist()
    origin = ql.Date(1, 1, 1970)
    dates = [index_day(), *(origin + day for day in places)]
    factors = [1.0, *np.exp(found.x[: len(places)]).tolist()]
    discount.linkTo(ql.DiscountCurve(dates, factors, ql.Actual365Fixed()))
    discount.currentLink().enableExtrapolation()
    index, quotes = ql.Euribor6M(), EURIBOR["EUR-EURIBOR6M"]
    helpers = [ql.DepositRateHelper(handle(quotes["DEP-6M"]), index)]
    helpers += [ql.FraRateHelper(handle(quotes[f"{a}X{a + 6}"]), a, index) for a in (3, 6)]
    helpers += [
        ql.SwapRateHelper(
            handle(quotes[tenor]),
            ql.Period(tenor),
            ql.TARGET(),
            ql.Annual,
            ql.ModifiedFollowing,
            ql.Thirty360(ql.Thirty360.BondBasis),
            index,
            ql.QuoteHandle(),
            ql.Period("0D"),
            discount,
        )
        for tenor in ("2Y", "10Y")
    ]
    truth = ql.PiecewiseLogLinearDiscount(index_day(), helpers, ql.Actual365Fixed())
    truth.enableExtrapolation()
    agree(curves, found.x, "EUR-EURIBOR6M", truth)


def test_futures_on_a_term_rate_are_quantlibs_bootstrap(monkeypatch):
    quotes = {"EUR-ESTR": {"10Y": 0.023}, "EUR-EURIBOR3M": {"3M": 0.0256, "IM25": 0.0231}}
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    curves, found = solved(quotes)
    index = ql.Euribor3M()
    start = ql.Date.nthWeekday(3, ql.Wednesday, 6, 2025)
    helpers = [
        ql.DepositRateHelper(handle(0.0256), index),
        ql.FuturesRateHelper(handle(100.0 * (1.0 - 0.0231)), start, index),
    ]
    truth = ql.PiecewiseLogLinearDiscount(index_day(), helpers, ql.Actual365Fixed())
    truth.enableExtrapolation()
    grows = truth.discount(start) / truth.discount(index.maturityDate(start))
    ours = factor(curves, found.x, "EUR-EURIBOR3M", start) / factor(
        curves, found.x, "EUR-EURIBOR3M", index.maturityDate(start)
    )
    assert ours == pytest.approx(grows, abs=LIKE_QUANTLIB)


def test_a_zero_rate_a_deposit_and_a_dated_swap_are_met_by_hand():
    quotes = {
        "GBP-SONIA": {
            "DEP-1M": 0.0455,
            "OIS-2025-03-20-2025-05-08": 0.0441,
            "ZERO-2Y": 0.0412,
        }
    }
    curves, found = solved(quotes)

    def of(year: int, month: int, day: int) -> float:
        return factor(curves, found.x, "GBP-SONIA", ql.Date(day, month, year))

    assert of(2027, 2, 10) == pytest.approx(math.exp(-0.0412 * 730 / 365), abs=1e-14)
    assert of(2025, 3, 10) == pytest.approx(1.0 / (1.0 + 0.0455 * 28 / 365), abs=1e-14)
    assert of(2025, 3, 20) / of(2025, 5, 8) == pytest.approx(1.0 + 0.0441 * 49 / 365, abs=1e-14)


STRIP = {
    "SR1V18": 0.021825,
    "SR3U18": 0.02250,
    "SR3Z18": 0.02450,
    "SR3H19": 0.02560,
    "SR3M19": 0.02705,
}
"""Rates like the prices of QuantLib's own test, test-suite/sofrfutures.cpp, of 2018-10-26."""


def test_futures_in_progress_count_the_fixings_that_are_known():
    """Day by day, by hand: known fixings, then the curve's overnight rates."""
    day, calendar = dt.date(2018, 10, 26), ql.Sofr().fixingCalendar()
    known, date = {}, ql.Date(19, 9, 2018)
    while date < ql.Date(26, 10, 2018):
        if calendar.isBusinessDay(date):
            known[date] = 0.0215 + 1e-5 * (date.serialNumber() % 7)
        date += 1
    fixings = {"SOFR": {dt.date(d.year(), d.month(), d.dayOfMonth()): r for d, r in known.items()}}
    curves, found = solved({"USD-SOFR": STRIP}, day, fixings)

    def overnight(date: ql.Date) -> tuple[float, int]:
        """The rate of a business day, and the days that it counts for."""
        after = calendar.advance(date, 1, ql.Days)
        if date in known:
            return known[date], after - date
        start, end = (factor(curves, found.x, "USD-SOFR", each) for each in (date, after))
        return (start / end - 1.0) * 360.0 / (after - date), after - date

    grown, total, date = 1.0, 0.0, ql.Date(19, 9, 2018)
    while date < ql.Date(19, 12, 2018):
        rate, days = overnight(date)
        grown *= 1.0 + rate * days / 360.0
        if date.month() == 10:  # the month begins on a Monday and ends on a Wednesday
            total += rate * days
        date += days
    assert (grown - 1.0) * 360.0 / 91 == pytest.approx(STRIP["SR3U18"], abs=1e-12)
    assert total / 31 == pytest.approx(STRIP["SR1V18"], abs=1e-12)
    assert found.rate_error < 1e-13


def test_a_fixing_that_is_not_published_yet_is_the_one_before_it():
    """Early on 26 October the fixing of the 25th is not there: no market may wait for it."""
    day, calendar = dt.date(2018, 10, 26), ql.Sofr().fixingCalendar()
    known, date = {}, ql.Date(19, 9, 2018)
    while date < ql.Date(26, 10, 2018):
        if calendar.isBusinessDay(date):
            known[dt.date(date.year(), date.month(), date.dayOfMonth())] = 0.0215
        date += 1
    _, whole = solved({"USD-SOFR": STRIP}, day, {"SOFR": known})
    early = {day: rate for day, rate in known.items() if day < dt.date(2018, 10, 25)}
    _, found = solved({"USD-SOFR": STRIP}, day, {"SOFR": early})
    assert np.abs(found.x - whole.x).max() < 1e-15
    del early[dt.date(2018, 10, 24)]
    with pytest.raises(BootstrapFailed, match="there is no SOFR fixing for 2018-10-24"):
        solved({"USD-SOFR": STRIP}, day, {"SOFR": early})


def test_the_next_day_has_curves_of_a_future_in_progress():
    known = {
        DAY - dt.timedelta(days=n): 0.0433
        for n in range(90)
        if (DAY - dt.timedelta(days=n)).weekday() < 5
    }
    known = {day: rate for day, rate in known.items() if day < DAY}
    quotes = {"USD-SOFR": {**SOFR, "SR3Z24": 0.0434}}
    curves, found = solved(quotes, DAY, {"SOFR": known})
    later = curves_of_next_day(curves)
    assert later.today == DAY + dt.timedelta(days=1)
    assert later.solve(found.quotes).rate_error < 1e-13


def test_a_future_whose_fixings_are_missing_is_refused_by_name():
    quotes = {"USD-SOFR": {"SR3Z24": 0.0436, "10Y": 0.04}}
    with pytest.raises(BootstrapFailed) as caught:
        solved(quotes)
    assert str(caught.value) == (
        "USD-SOFR SR3Z24 does not bootstrap: its period has begun, and there is no SOFR fixing for "
        "2024-12-18"
    )


def test_a_future_that_is_over_is_refused_by_name():
    with pytest.raises(BootstrapFailed) as caught:
        solved({"USD-SOFR": {"SR3H24": 0.0436, "10Y": 0.04}})
    assert str(caught.value) == (
        "USD-SOFR SR3H24 does not bootstrap: it last traded on 2024-06-18; leave it out"
    )


@pytest.mark.parametrize(
    ("curve", "quote", "rate", "sentence"),
    [
        ("USD-SOFR", "SR3H25", 95.705, "1 - price / 100: 95.705 is 0.04295"),
        ("USD-SOFR", "SO3H25", 0.04, "SO3 is a future on SONIA; on SOFR: SR3, SR1"),
        ("USD-SOFR", "3X6", 0.04, "USD-SOFR is made of"),
        ("USD-GOVT", "SR3H25", 0.04, "USD-GOVT is made of"),
        ("USD-SOFR", "OIS-2026-02-30-2026-03-01", 0.04, "two dates such as"),
        ("USD-SOFR", "OIS-2026-03-01-2026-02-01", 0.04, "a swap ends after it starts"),
        ("EUR-EURIBOR6M", "3X6", 0.04, "an FRA on EURIBOR6M is one of 6M"),
        ("EUR-EURIBOR6M", "9X3", 0.04, "an FRA ends after it starts"),
        ("USD-SOFR", "SERIAL", 0.04, "a number and D, W, M or Y"),
    ],
)
def test_a_quote_that_the_curve_cannot_be_made_of_is_refused(curve, quote, rate, sentence):
    currency = conventions.CURVES[curve].currency
    with pytest.raises(BadInput) as caught:
        check_quotes(currency, {curve: {quote: rate}})
    assert sentence in str(caught.value)


def test_two_quotes_that_end_together_are_refused_where_they_are_to_be_met():
    with pytest.raises(BootstrapFailed) as caught:
        solved({"GBP-SONIA": {"1Y": 0.04, "ZERO-1Y": 0.0399}})
    assert "ZERO-1Y does not bootstrap: on 2025-02-10 it and 1Y both end on 2026-02-10" in str(
        caught.value
    )


ANYTHING = (
    *("1D", "2W", "3M", "9M", "18M", "3Y", "7Y", "20Y"),
    *("DEP-2M", "ZERO-5Y", "ZERO-15Y"),
    *("SR3M25", "SR3U25", "SR3Z25", "SR3H26", "SR3M26", "SR1J25"),
    *("OIS-2025-03-20-2025-05-08", "OIS-2026-02-05-2026-03-19"),
)


@settings(max_examples=60, deadline=None)
@given(
    some=st.sets(st.sampled_from(ANYTHING), min_size=2),
    level=st.floats(0.005, 0.07),
    moves=st.lists(st.floats(-3e-4, 3e-4), min_size=len(ANYTHING), max_size=len(ANYTHING)),
)
def test_any_set_of_instruments_is_met_or_refused_by_name(some, level, moves):
    quotes = {
        "USD-SOFR": {
            name: level + move for name, move in zip(ANYTHING, moves, strict=True) if name in some
        }
    }
    try:
        curves, found = solved(quotes)
    except BootstrapFailed as error:
        named = error.tenor
        assert named in some
        return
    assert np.abs(found.residuals).max() < 1e-10
    assert found.rate_error < 1e-10
    # By hand, from the nodes: what a zero rate and a future say.
    for name, rate in quotes["USD-SOFR"].items():
        if name.startswith("ZERO"):
            end = ql.Date(10, 2, 2025) + ql.Period(name[5:])
            model = -math.log(factor(curves, found.x, "USD-SOFR", end))
            assert model / ((end - ql.Date(10, 2, 2025)) / YEAR) == pytest.approx(rate, abs=1e-10)
        if name.startswith("SR3"):
            month = "FGHJKMNQUVXZ".index(name[3]) + 1
            year = 2000 + int(name[4:])
            start = ql.Date.nthWeekday(3, ql.Wednesday, month, year)
            later = year + (month + 3 > 12)
            end = ql.Date.nthWeekday(3, ql.Wednesday, (month + 2) % 12 + 1, later)
            grown = factor(curves, found.x, "USD-SOFR", start) / factor(
                curves, found.x, "USD-SOFR", end
            )
            assert (grown - 1.0) * 360.0 / (end - start) == pytest.approx(rate, abs=1e-10)


def test_convexity_is_that_of_a_sum_over_days():
    """Ho-Lee by hand: r(u) = f(u) + s^2 u^2 / 2 + s W(u), summed over the steps of a fine grid."""
    volatility, start, end, steps = 0.011, 1.5, 1.75, 2000
    times = np.linspace(start, end, steps + 1)[:-1] + (end - start) / steps / 2.0
    width = (end - start) / steps
    drift = float((volatility**2 * times**2 / 2.0).sum() * width)
    variance = volatility**2 * float(np.minimum.outer(times, times).sum()) * width**2
    assert compounded_convexity(volatility, start, end) == pytest.approx(
        drift + variance / 2.0, rel=1e-6
    )
    assert averaged_convexity(volatility, start, end) == pytest.approx(
        drift / (end - start), rel=1e-6
    )


def test_convexity_of_a_term_rate_is_quantlibs_without_mean_reversion():
    volatility, start, end, price = 0.011, 1.5, 1.75, 95.0
    bias = ql.HullWhite.convexityBias(price, start, end, volatility, 1e-7)
    growth = 1.0 + (100.0 - price) / 100.0 * (end - start)
    ours = growth * (1.0 - math.exp(-term_convexity(volatility, start, end))) / (end - start)
    assert ours == pytest.approx(bias, rel=1e-5)


def test_ids_sort_by_length_and_then_by_their_last_day():
    names = ["SR3H26", "10Y", "OIS-2025-03-20-2025-05-08", "1M", "3X9", "ZERO-2Y", "SR3H25"]
    assert sorted(names, key=quote_ids.order) == [
        "1M",
        "3X9",
        "ZERO-2Y",
        "10Y",
        "OIS-2025-03-20-2025-05-08",
        "SR3H25",
        "SR3H26",
    ]
