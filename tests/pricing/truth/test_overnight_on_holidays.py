"""Overnight coupons that accrue from or to a day without a fixing: growth is P(start) / P(end).

The expected value is one line of arithmetic on the notional; no schedule of the product is in it.
"""

from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from pricing.errors import BadInput
from pricing.markets.calendars import day_of
from pricing.markets.conventions import INDICES
from pricing.products import schedules
from pricing.products.cash_flows import OVERNIGHT
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.reference import Reference
from tests.pricing.pricing_of import priced

NOTIONAL = 100e6

CASES = {
    "Juneteenth": (dt.date(2024, 6, 19), dt.date(2025, 6, 19), {"calendar": "WEEKENDS"}),
    "two Saturdays": (
        dt.date(2024, 6, 15),
        dt.date(2025, 6, 14),
        {"business_day_convention": "UNADJUSTED"},
    ),
    "Good Friday": (dt.date(2026, 4, 3), dt.date(2027, 4, 2), {"calendar": "WEEKENDS"}),
    "New Year": (dt.date(2025, 1, 1), dt.date(2026, 1, 1), {"calendar": "WEEKENDS"}),
}


@pytest.mark.parametrize("case", CASES)
def test_growth_is_between_the_coupon_s_own_dates(case: str) -> None:
    start, end, more = CASES[case]
    terms = SwapTerms(
        trade_id="s",
        book="b",
        convention="USD-SOFR-OIS",
        pay_receive="pay",
        notional=NOTIONAL,
        effective_date=start,
        termination_date=end,
        fixed_rate=0.05,
        **more,
    )
    flows = compile_trade(terms).flows
    row = flows[flows["kind"] == OVERNIGHT]
    assert row["start"].tolist() == [day_of(start)]
    assert row["end"].tolist() == [day_of(end)]
    # Leg and index both count ACT/360, so that what grows is the notional itself.
    assert row["scale"][0] == pytest.approx(NOTIONAL, rel=1e-12)


def is_fixing_day(date: dt.date) -> bool:
    calendar = schedules.make_index(INDICES["SOFR"]).fixingCalendar()
    return bool(calendar.isBusinessDay(schedules.to_ql(date)))


TODAY = dt.date(2024, 2, 28)
QUOTES = {"USD-SOFR": {"1M": 0.053, "1Y": 0.05, "5Y": 0.04, "30Y": 0.038}}
FIXINGS = {
    "SOFR": {
        date: 0.0531
        for date in (TODAY - dt.timedelta(days=n) for n in range(1, 500))
        if is_fixing_day(date)
    }
}
REFERENCE = Reference(TODAY, QUOTES, FIXINGS)


@given(
    start=st.integers(-400, 1500),
    days=st.integers(5, 2500),
    calendar=st.sampled_from(["WEEKENDS", "US-SOFR", "US-GOVT", "TARGET", "UK", None]),
    rule=st.sampled_from(["UNADJUSTED", "FOLLOWING", "MODIFIED_FOLLOWING", "PRECEDING", None]),
    frequency=st.sampled_from(["3M", "6M", "1Y"]),
    end_of_month=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_both_engines_agree_on_any_calendar_roll_and_date(
    start: int, days: int, calendar: str, rule: str, frequency: str, *, end_of_month: bool
) -> None:
    begin = TODAY + dt.timedelta(days=start)
    more = {"calendar": calendar, "business_day_convention": rule}
    terms = SwapTerms(
        trade_id="s",
        book="b",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=begin,
        termination_date=begin + dt.timedelta(days=days),
        fixed_rate=0.04,
        fixed_frequency=frequency,
        float_frequency=frequency,
        end_of_month=end_of_month,
        **{name: value for name, value in more.items() if value is not None},
    )
    try:
        compile_trade(terms)
    except BadInput:
        assume(False)  # both dates on one business day
    (truth,) = REFERENCE.price([terms])
    assert truth.failure is None
    fast = priced([terms], TODAY, QUOTES, FIXINGS).risk
    assert fast.npv[0] == pytest.approx(truth.npv, abs=1e-9 * NOTIONAL)
    assert fast.dv01_par[0] == pytest.approx(truth.dv01_par, abs=1e-9 * NOTIONAL)
