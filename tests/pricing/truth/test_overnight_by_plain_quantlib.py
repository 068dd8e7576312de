"""Overnight swaps on random calendars, business day conventions and dates, by plain QuantLib.

Schedules, payment dates and accrual are made here by QuantLib from the arguments of the contract;
nothing of the project's schedules is used. The curve is read at dates only. Two expectations: the
amounts by arithmetic, with growth P(start) / P(end) of a coupon's own dates; and QuantLib's own
``OvernightIndexedSwap``, which differs where a coupon starts or ends on a day without a fixing: it
grows that gap at simple interest, by up to (rate x days / year)^2 of notional.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
import QuantLib as ql
from hypothesis import assume, example, given, settings

from pricing.errors import BadInput
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.reference import Reference
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 4, 10)
TODAY_QL = ql.Date(10, 4, 2025)
NOTIONAL, RATE, FIXING = 1e8, 0.035, 0.041
A360, A365 = ql.Actual360(), ql.Actual365Fixed()


class Overnight(NamedTuple):
    """An index in QuantLib's terms, and its swaps' name here."""

    index: type[ql.OvernightIndex]
    convention: str
    curve: str
    count: ql.DayCounter


MARKETS = {
    "SOFR": Overnight(ql.Sofr, "USD-SOFR-OIS", "USD-SOFR", A360),
    "ESTR": Overnight(ql.Estr, "EUR-ESTR-OIS", "EUR-ESTR", A360),
    "SONIA": Overnight(ql.Sonia, "GBP-SONIA-OIS", "GBP-SONIA", A365),
    "TONA": Overnight(ql.Tonar, "JPY-TONA-OIS", "JPY-TONA", A365),
}
CALENDARS = {
    "WEEKENDS": ql.WeekendsOnly(),
    "US-SOFR": ql.UnitedStates(ql.UnitedStates.SOFR),
    "US-GOVT": ql.UnitedStates(ql.UnitedStates.GovernmentBond),
    "TARGET": ql.TARGET(),
    "UK": ql.UnitedKingdom(),
    "JAPAN": ql.Japan(),
    "NONE": ql.NullCalendar(),
}
RULES = {
    "UNADJUSTED": ql.Unadjusted,
    "FOLLOWING": ql.Following,
    "MODIFIED_FOLLOWING": ql.ModifiedFollowing,
    "PRECEDING": ql.Preceding,
    "MODIFIED_PRECEDING": ql.ModifiedPreceding,
}
COUNTS = {"ACT/360": A360, "ACT/365F": A365, "30E/360": ql.Thirty360(ql.Thirty360.European)}
QUOTES = {"1M": 0.041, "6M": 0.039, "1Y": 0.037, "2Y": 0.034, "5Y": 0.033, "10Y": 0.036}
REFERENCES = {name: Reference(TODAY, {m.curve: QUOTES}) for name, m in MARKETS.items()}


class Contract(NamedTuple):
    """What is drawn."""

    market: str
    start: dt.date
    days: int
    calendar: str
    rule: str
    fixed_frequency: str
    frequency: str
    count: str
    lag: int
    end_of_month: bool

    @property
    def end(self) -> dt.date:
        """Unadjusted."""
        return self.start + dt.timedelta(days=self.days)


def contracts(earliest: int) -> st.SearchStrategy[Contract]:
    """Contracts that start some days from today on."""
    return st.builds(
        Contract,
        market=st.sampled_from(sorted(MARKETS)),
        start=st.integers(earliest, 1500).map(lambda n: TODAY + dt.timedelta(days=n)),
        days=st.integers(5, 2500),
        calendar=st.sampled_from(sorted(CALENDARS)),
        rule=st.sampled_from(sorted(RULES)),
        fixed_frequency=st.sampled_from(["3M", "6M", "1Y"]),
        frequency=st.sampled_from(["1M", "3M", "6M", "1Y"]),
        count=st.sampled_from(sorted(COUNTS)),
        lag=st.integers(0, 5),
        end_of_month=st.booleans(),
    )


GOOD_FRIDAY = Contract(
    "SOFR", dt.date(2025, 4, 14), 1096, "US-GOVT", "FOLLOWING", "1Y", "1Y", "ACT/360", 2, False
)
JUNETEENTH = Contract(
    "SOFR", dt.date(2026, 6, 19), 365, "WEEKENDS", "FOLLOWING", "1Y", "1Y", "ACT/360", 0, False
)
SATURDAYS = Contract(
    "ESTR", dt.date(2025, 6, 14), 364, "TARGET", "UNADJUSTED", "1Y", "3M", "ACT/360", 0, False
)


def terms_of(contract: Contract) -> SwapTerms:
    """As the product has it; assumes that it has periods at all."""
    terms = SwapTerms(
        trade_id="s",
        book="b",
        convention=MARKETS[contract.market].convention,
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=contract.start,
        termination_date=contract.end,
        fixed_rate=RATE,
        fixed_frequency=contract.fixed_frequency,
        fixed_day_count=contract.count,
        float_frequency=contract.frequency,
        calendar=contract.calendar,
        business_day_convention=contract.rule,
        payment_lag=contract.lag,
        end_of_month=contract.end_of_month,
    )
    try:
        compile_trade(terms)
    except BadInput:
        assume(False)  # two of its dates fall on one business day
    return terms


def to_ql(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


def schedule(contract: Contract, frequency: str) -> ql.Schedule:
    rule = RULES[contract.rule]
    return ql.Schedule(
        to_ql(contract.start),
        to_ql(contract.end),
        ql.Period(frequency),
        CALENDARS[contract.calendar],
        rule,
        rule,
        ql.DateGeneration.Backward,
        contract.end_of_month,
    )


def paid(contract: Contract, end: ql.Date) -> ql.Date:
    if contract.lag == 0:
        return CALENDARS[contract.calendar].adjust(end, RULES[contract.rule])
    return CALENDARS[contract.calendar].advance(end, contract.lag, ql.Days)


def curve_of(contract: Contract) -> ql.YieldTermStructure:
    return REFERENCES[contract.market].base[MARKETS[contract.market].curve]


def value_by_hand(contract: Contract) -> float:
    """Of a swap that has not begun, received fixed."""
    p, value = curve_of(contract).discount, 0.0
    for start, end in pairwise(schedule(contract, contract.fixed_frequency)):
        years = COUNTS[contract.count].yearFraction(start, end)
        value += p(paid(contract, end)) * RATE * years
    for start, end in pairwise(schedule(contract, contract.frequency)):
        value -= p(paid(contract, end)) * (p(start) / p(end) - 1.0)
    return NOTIONAL * value


@settings(max_examples=250, deadline=None)
@given(contract=contracts(0))
@example(GOOD_FRIDAY)
@example(JUNETEENTH)
@example(SATURDAYS)
def test_a_coupon_grows_between_its_own_dates_whatever_calendar_and_roll(
    contract: Contract,
) -> None:
    terms, market = terms_of(contract), MARKETS[contract.market]
    expected = value_by_hand(contract)
    fast = priced([terms], TODAY, {market.curve: QUOTES}).risk.npv[0]
    (slow,) = REFERENCES[contract.market].values([terms])
    assert fast == pytest.approx(expected, abs=1e-9 * NOTIONAL)
    assert slow == pytest.approx(expected, abs=1e-9 * NOTIONAL)


@pytest.fixture(autouse=True)
def _global_state() -> Iterator[None]:
    """QuantLib keeps fixings and its date for the whole process."""
    yield
    for market in MARKETS.values():
        market.index().clearFixings()
    ql.Settings.instance().evaluationDate = ql.Date()


def fixing_days(market: Overnight) -> list[ql.Date]:
    """Of the year before today."""
    days = (TODAY_QL - n for n in range(1, 420))
    return [day for day in days if market.index().isValidFixingDate(day)]


def value_by_quantlib(contract: Contract) -> tuple[float, float]:
    """Of QuantLib's own swap; and how far off it may be, for coupons on no fixing day."""
    ql.Settings.instance().evaluationDate = TODAY_QL
    market, rule = MARKETS[contract.market], RULES[contract.rule]
    handle = ql.YieldTermStructureHandle(curve_of(contract))
    index, calendar = market.index(handle), CALENDARS[contract.calendar]
    known = fixing_days(market)
    index.addFixings(known, [FIXING] * len(known), True)
    own = schedule(contract, contract.frequency)
    swap = ql.OvernightIndexedSwap(
        ql.Swap.Receiver,
        [NOTIONAL],
        schedule(contract, contract.fixed_frequency),
        RATE,
        COUNTS[contract.count],
        [NOTIONAL],
        own,
        index,
        0.0,
        contract.lag,
        ql.Following if contract.lag else rule,
        calendar,
    )
    swap.setPricingEngine(ql.DiscountingSwapEngine(handle))
    off = [day for day in own if not index.isValidFixingDate(day)]
    gap = max((index.fixingCalendar().adjust(day) - day for day in off), default=0) + 3
    return float(swap.NPV()), len(off) * (0.05 * gap / 360) ** 2 * NOTIONAL


@settings(max_examples=250, deadline=None)
@given(contract=contracts(-380))
@example(GOOD_FRIDAY)
@example(JUNETEENTH)
def test_swaps_that_have_begun_or_not_are_worth_what_quantlibs_own_are(contract: Contract) -> None:
    terms, market = terms_of(contract), MARKETS[contract.market]
    expected, allowed = value_by_quantlib(contract)
    known = {day.to_date(): FIXING for day in fixing_days(market)}
    fast = priced([terms], TODAY, {market.curve: QUOTES}, {contract.market: known}).risk.npv[0]
    assert fast == pytest.approx(expected, abs=1e-9 * NOTIONAL + allowed)
