"""Spot of a day on which a market is closed: counted from its next business day, for every swap.

EURIBOR fixes on TARGET days only, two of them before spot (EMMI, 'Benchmark Determination
Methodology for EURIBOR'): counting from the holiday itself, the first coupon would have fixed
before the day of the quote. Dates are written by hand from the published holidays.
"""

from __future__ import annotations

import datetime as dt

import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets import conventions
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

NOTIONAL = 1e8
SPOT = {
    # TARGET is closed on Good Friday and Easter Monday: 22 April is the day, 24 April its spot.
    ("EUR", dt.date(2025, 4, 18)): dt.date(2025, 4, 24),
    ("EUR", dt.date(2025, 4, 17)): dt.date(2025, 4, 23),
    ("EUR", dt.date(2025, 4, 21)): dt.date(2025, 4, 24),
    ("EUR", dt.date(2025, 5, 1)): dt.date(2025, 5, 6),
    ("EUR", dt.date(2026, 6, 20)): dt.date(2026, 6, 24),
    ("EUR", dt.date(2025, 12, 25)): dt.date(2025, 12, 31),
    # Juneteenth, Thanksgiving, Good Friday and a Sunday before Labor Day.
    ("USD", dt.date(2025, 6, 19)): dt.date(2025, 6, 24),
    ("USD", dt.date(2025, 11, 27)): dt.date(2025, 12, 2),
    ("USD", dt.date(2025, 4, 18)): dt.date(2025, 4, 23),
    ("USD", dt.date(2025, 8, 31)): dt.date(2025, 9, 4),
    ("USD", dt.date(2025, 6, 18)): dt.date(2025, 6, 23),
    # Sterling swaps begin on the day itself.
    ("GBP", dt.date(2025, 12, 25)): dt.date(2025, 12, 29),
    ("GBP", dt.date(2025, 4, 18)): dt.date(2025, 4, 22),
    ("GBP", dt.date(2025, 8, 25)): dt.date(2025, 8, 26),
    ("GBP", dt.date(2025, 8, 26)): dt.date(2025, 8, 26),
}
SWAPS = [
    (row.name, today)
    for row in conventions.SWAPS.values()
    for currency, today in SPOT
    if currency == row.currency
]


@pytest.mark.parametrize(("convention", "today"), SWAPS)
def test_a_swap_from_spot_at_its_quote_is_worth_nothing_in_both_engines(
    convention: str, today: dt.date
) -> None:
    row = conventions.SWAPS[convention]
    curve = conventions.INDICES[row.index].forecast_curve
    quotes = sample_markets.curves_of(row.currency, 0.03, 0.005, 0.002)
    start = SPOT[row.currency, today]
    swap = SwapTerms(
        trade_id="par",
        book="book",
        convention=convention,
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=start,
        termination_date=start.replace(year=start.year + 2),
        fixed_rate=quotes[curve]["2Y"],
    )
    fast = priced([swap], today, quotes).risk.npv[0]
    (slow,) = Reference(today, quotes).values([swap])
    assert fast == pytest.approx(0.0, abs=1e-9 * NOTIONAL)
    assert slow == pytest.approx(0.0, abs=1e-8 * NOTIONAL)


def test_overnight_and_ibor_swaps_of_a_currency_begin_on_the_same_day_always() -> None:
    quotes = {
        "EUR-ESTR": {"1Y": 0.02},
        "EUR-EURIBOR3M": {"1Y": 0.021},
        "EUR-EURIBOR6M": {"1Y": 0.022},
    }
    for number in range(0, 2 * 365):
        today = dt.date(2025, 1, 1) + dt.timedelta(days=number)
        helpers = CurveSet(today, shape_of(quotes))._helpers
        starts = {made.swap().startDate().ISO() for (made,) in helpers.values()}
        assert len(starts) == 1, today
