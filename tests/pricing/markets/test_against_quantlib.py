"""Each market file prices as plain QuantLib with its own index classes and helpers by tenor.

Nothing of the project's conventions, schedules or rate helpers is used on QuantLib's side: the
numbers of the tables below are written out here once more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import QuantLib as ql

from pricing.markets import conventions
from pricing.products import fixed_rate_bond_flows
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 12)
START_QL = ql.Date(12, 2, 2025)
OIS = {"1D": 0.021, "1M": 0.0212, "6M": 0.022, "1Y": 0.0235, "2Y": 0.024, "5Y": 0.026, "10Y": 0.029}
IBOR = {"3M": 0.023, "6M": 0.0235, "1Y": 0.024, "2Y": 0.0248, "5Y": 0.0271, "10Y": 0.0302}
ZERO = {"3M": 0.0205, "1Y": 0.022, "2Y": 0.0233, "5Y": 0.0262, "10Y": 0.0288, "30Y": 0.031}


class Market(NamedTuple):
    """A currency's overnight swap, in QuantLib's terms."""

    name: str
    index: Callable[[ql.YieldTermStructureHandle], ql.OvernightIndex]
    calendar: ql.Calendar
    count: ql.DayCounter
    spot: int
    frequency: int
    lag: int


def nowa(handle: ql.YieldTermStructureHandle) -> ql.OvernightIndex:
    """QuantLib has no class for it."""
    return ql.OvernightIndex("Nowa", 0, ql.NOKCurrency(), ql.Norway(), ql.Actual365Fixed(), handle)


A360, A365, ANNUAL, HALF_YEARLY = ql.Actual360(), ql.Actual365Fixed(), ql.Annual, ql.Semiannual
MARKETS = {
    "JPY": Market("TONA", ql.Tonar, ql.Japan(), A365, 2, ANNUAL, 2),
    "CHF": Market("SARON", ql.Saron, ql.Switzerland(), A360, 2, ANNUAL, 2),
    "AUD": Market("AONIA", ql.Aonia, ql.Australia(), A365, 1, ANNUAL, 2),
    "CAD": Market("CORRA", ql.Corra, ql.Canada(), A365, 1, HALF_YEARLY, 1),
    "SEK": Market("SWESTR", ql.Swestr, ql.Sweden(), A360, 2, ANNUAL, 1),
    "NOK": Market("NOWA", nowa, ql.Norway(), A365, 2, ANNUAL, 2),
    "NZD": Market("NZIONA", ql.Nzocr, ql.NewZealand(), A365, 2, ANNUAL, 2),
    "DKK": Market("DESTR", ql.Destr, ql.Denmark(), A360, 2, ANNUAL, 1),
}


@pytest.fixture(autouse=True)
def _date():
    ql.Settings.instance().evaluationDate = START_QL
    yield
    ql.Settings.instance().evaluationDate = ql.Date()


def test_every_currency_is_checked():
    """USD, EUR and GBP are checked against other sources in tests/pricing/truth."""
    assert set(conventions.CURRENCIES) == {*MARKETS, "USD", "EUR", "GBP"}


def as_date(date: ql.Date) -> dt.date:
    return dt.date(date.year(), date.month(), date.dayOfMonth())


def overnight_curve(market: Market) -> ql.YieldTermStructureHandle:
    index = market.index(ql.YieldTermStructureHandle())
    helpers: list[Any] = [ql.DepositRateHelper(ql.QuoteHandle(ql.SimpleQuote(OIS["1D"])), index)]
    helpers += [
        ql.OISRateHelper(
            market.spot,
            ql.Period(tenor),
            ql.QuoteHandle(ql.SimpleQuote(rate)),
            index,
            paymentLag=market.lag,
            paymentFrequency=market.frequency,
            paymentCalendar=market.calendar,
            fixedPaymentFrequency=market.frequency,
        )
        for tenor, rate in OIS.items()
        if tenor != "1D"
    ]
    curve = ql.PiecewiseLogLinearDiscount(START_QL, helpers, A365)
    curve.enableExtrapolation()
    return ql.YieldTermStructureHandle(curve)


@pytest.mark.parametrize("currency", MARKETS)
def test_an_overnight_swap(currency):
    market = MARKETS[currency]
    handle = overnight_curve(market)
    start = market.calendar.advance(START_QL, market.spot, ql.Days)
    schedule = ql.Schedule(
        start,
        start + ql.Period("7Y"),
        ql.Period(market.frequency),
        market.calendar,
        ql.ModifiedFollowing,
        ql.ModifiedFollowing,
        ql.DateGeneration.Backward,
        False,
    )
    swap = ql.OvernightIndexedSwap(
        ql.Swap.Receiver,
        1e6,
        schedule,
        0.031,
        market.count,
        market.index(handle),
        0.0,
        market.lag,
        ql.ModifiedFollowing,
        market.calendar,
    )
    swap.setPricingEngine(ql.DiscountingSwapEngine(handle))
    terms = SwapTerms(
        trade_id="S",
        book="book",
        convention=f"{currency}-{market.name}-OIS",
        pay_receive="receive",
        notional=1e6,
        effective_date=as_date(start),
        termination_date=as_date(start + ql.Period("7Y")),
        fixed_rate=0.031,
    )
    fast = priced([terms], TODAY, {f"{currency}-{market.name}": OIS})
    assert not fast.risk.failures
    assert fast.risk.npv[0] == pytest.approx(swap.NPV(), abs=1e-3)
    assert abs(swap.NPV()) > 1000


@pytest.mark.parametrize(("tenor", "name"), [("3M", "BBSW3M"), ("6M", "BBSW6M")])
def test_a_bank_bill_swap(tenor, name):
    """``ql.Bbsw`` rolls back from the half of a month; no date of this swap is near it."""
    market = MARKETS["AUD"]
    discount = overnight_curve(market)
    quotes = {t: rate for t, rate in IBOR.items() if tenor == "3M" or t != "3M"}
    index = ql.Bbsw(ql.Period(tenor), ql.YieldTermStructureHandle())
    helpers: list[Any] = []
    for key, rate in quotes.items():
        quote = ql.QuoteHandle(ql.SimpleQuote(rate))
        if key in ("3M", "6M"):
            deposit = (ql.Period(key), 0, market.calendar, ql.ModifiedFollowing, True, A365)
            helpers.append(ql.DepositRateHelper(quote, *deposit))
        else:
            fixed = (market.calendar, ql.Period(tenor).frequency(), ql.ModifiedFollowing, A365)
            helpers.append(
                ql.SwapRateHelper(
                    quote,
                    ql.Period(key),
                    *fixed,
                    index,
                    ql.QuoteHandle(),
                    ql.Period(0, ql.Days),
                    discount,
                    1,
                )
            )
    curve = ql.PiecewiseLogLinearDiscount(START_QL, helpers, A365)
    curve.enableExtrapolation()
    handle = ql.YieldTermStructureHandle(curve)
    start = market.calendar.advance(START_QL, 1, ql.Days)
    swap = ql.MakeVanillaSwap(
        ql.Period("7Y"),
        ql.Bbsw(ql.Period(tenor), handle),
        0.031,
        ql.Period(0, ql.Days),
        effectiveDate=start,
        fixedLegTenor=ql.Period(tenor),
        fixedLegCalendar=market.calendar,
        fixedLegConvention=ql.ModifiedFollowing,
        fixedLegTerminationDateConvention=ql.ModifiedFollowing,
        fixedLegDayCount=A365,
        floatingLegDayCount=A365,
        swapType=ql.Swap.Receiver,
        nominal=1e6,
        pricingEngine=ql.DiscountingSwapEngine(discount),
    )
    terms = SwapTerms(
        trade_id="S",
        book="book",
        convention=f"AUD-BBSW-{tenor}",
        pay_receive="receive",
        notional=1e6,
        effective_date=as_date(start),
        termination_date=as_date(start + ql.Period("7Y")),
        fixed_rate=0.031,
    )
    fast = priced([terms], TODAY, {"AUD-AONIA": OIS, f"AUD-{name}": quotes})
    assert not fast.risk.failures
    assert fast.risk.npv[0] == pytest.approx(swap.NPV(), abs=1e-3)
    assert abs(swap.NPV()) > 1000


class BondMarket(NamedTuple):
    """A government bond, in QuantLib's terms."""

    currency: str
    calendar: ql.Calendar
    period: str
    thirty: bool
    settlement: int


BONDS = {
    "JP-JGB": BondMarket("JPY", ql.Japan(), "6M", False, 1),
    "CH-CONFEDERATION": BondMarket("CHF", ql.Switzerland(), "1Y", True, 2),
    "AU-ACGB": BondMarket("AUD", ql.Australia(), "6M", False, 2),
    "CA-GOVERNMENT": BondMarket("CAD", ql.Canada(), "6M", False, 1),
    "SE-SGB": BondMarket("SEK", ql.Sweden(), "1Y", True, 2),
    "NO-NGB": BondMarket("NOK", ql.Norway(), "1Y", False, 2),
    "NZ-NZGB": BondMarket("NZD", ql.NewZealand(), "6M", False, 2),
    "DK-DGB": BondMarket("DKK", ql.Denmark(), "1Y", False, 2),
}
COUPON, ISSUE, MATURITY = 0.0275, ql.Date(20, 6, 2020), ql.Date(20, 6, 2034)


def zero_curve() -> ql.YieldTermStructureHandle:
    dates = [START_QL, *(START_QL + ql.Period(tenor) for tenor in ZERO)]
    rates = [0.0, *ZERO.values()]
    years = [A365.yearFraction(START_QL, date) for date in dates]
    factors = [pow(2.718281828459045, -r * t) for r, t in zip(rates, years, strict=True)]
    return ql.YieldTermStructureHandle(ql.DiscountCurve(dates, factors, A365))


def bond_terms(convention: str) -> BondTerms:
    return BondTerms(
        trade_id="B",
        book="book",
        convention=convention,
        face_amount=1e6,
        issue_date=as_date(ISSUE),
        maturity_date=as_date(MATURITY),
        coupon_rate=COUPON,
        z_spread_bp=0.0,
    )


@pytest.mark.parametrize("convention", BONDS)
def test_a_government_bond(convention):
    market = BONDS[convention]
    schedule = ql.Schedule(
        ISSUE,
        MATURITY,
        ql.Period(market.period),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )
    count = (
        ql.Thirty360(ql.Thirty360.European)
        if market.thirty
        else ql.ActualActual(ql.ActualActual.ISMA, schedule)
    )
    bond = ql.FixedRateBond(
        market.settlement,
        100.0,
        schedule,
        [COUPON],
        count,
        ql.Following,
        100.0,
        ISSUE,
        market.calendar,
    )
    bond.setPricingEngine(ql.DiscountingBondEngine(zero_curve()))
    fast = priced([bond_terms(convention)], TODAY, {f"{market.currency}-GOVT": ZERO})
    assert fast.risk.npv[0] == pytest.approx(bond.NPV() * 1e4, abs=1e-3)
    resolved = fixed_rate_bond_flows.resolve_bond(bond_terms(convention))
    assert fixed_rate_bond_flows.settlement_date(resolved, TODAY) == bond.settlementDate()


def accrued(convention: str, date: ql.Date) -> float:
    bond = fixed_rate_bond_flows.resolve_bond(bond_terms(convention))
    return fixed_rate_bond_flows.accrued_per_100(
        bond, fixed_rate_bond_flows.make_bond(bond).cashflows(), date
    )


@pytest.mark.parametrize("convention", ["JP-JGB", "CA-GOVERNMENT", "NO-NGB"])
def test_interest_accrues_by_365_days_where_coupons_are_equal(convention):
    annual = BONDS[convention].period == "1Y"
    last, days = (ql.Date(20, 6, 2024), 237) if annual else (ql.Date(20, 12, 2024), 54)
    assert accrued(convention, last + days) == pytest.approx(100 * COUPON * days / 365, rel=1e-13)
    whole = 100 * COUPON * (1.0 if annual else 0.5)
    assert accrued(convention, ql.Date(19, 6, 2025)) <= whole


@pytest.mark.parametrize(("convention", "days"), [("AU-ACGB", 7), ("NZ-NZGB", 10)])
def test_the_ex_interest_period_of_calendar_days(convention, days):
    coupon = ql.Date(20, 12, 2024)
    assert accrued(convention, coupon - days - 1) > 0
    assert accrued(convention, coupon - days) < 0
