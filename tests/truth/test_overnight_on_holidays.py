"""Overnight coupons that accrue from or to a day without a fixing: growth is P(start) / P(end).

The expected value is one line of arithmetic on the notional; no schedule of the product is in it.
"""

from __future__ import annotations

import datetime as dt

import pytest

from pricing.core.fixings import day_of
from pricing.core.flows import OVERNIGHT, compile_trade
from pricing.core.terms import SwapTerms

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
