"""Coupons and accrued interest of 30/360 bonds: a regular coupon is the rate over the frequency.

Source: FINRA Rule 11620(b), by which every calendar month is 1/12 of 360 days. Days are counted
for odd periods and for accrued interest.
"""

from __future__ import annotations

import datetime as dt

import pytest
import QuantLib as ql
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.products import fixed_rate_bond_flows, schedules
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade

DAY_COUNTS = ("30/360", "30/360 US", "30E/360")
MONTHS = {"1M": 1, "2M": 2, "3M": 3, "4M": 4, "6M": 6, "1Y": 12}
RATE = 0.06


def bond(issue: dt.date, maturity: dt.date, **more: object) -> BondTerms:
    return BondTerms(
        trade_id="b",
        book="b",
        face_amount=100.0,
        coupon_rate=RATE,
        issue_date=issue,
        maturity_date=maturity,
        convention="CORP-30-360",
        **{"currency": "USD", **more},
    )


def coupons(terms: BondTerms) -> list[float]:
    flows = compile_trade(terms).flows
    return [float(amount) for amount in flows["amount"][flows["unit"] != 0]]


@pytest.mark.parametrize(
    ("issue", "maturity", "more"),
    [
        ("2020-08-31", "2030-08-31", {}),
        ("2020-08-31", "2030-08-31", {"day_count": "30/360 US"}),
        ("2020-08-31", "2030-08-31", {"day_count": "30E/360"}),
        ("2020-02-29", "2030-02-28", {"end_of_month": True}),
        ("2020-08-30", "2030-08-30", {}),
        ("2020-08-29", "2030-08-29", {"first_coupon_date": dt.date(2021, 2, 28)}),
        # The last regular coupon is on the date that a regular schedule has anyway.
        ("2020-08-31", "2030-08-31", {"penultimate_coupon_date": dt.date(2030, 2, 28)}),
    ],
)
def test_coupons_from_february_and_month_ends_are_three_of_six(
    issue: str, maturity: str, more: dict[str, object]
) -> None:
    terms = bond(dt.date.fromisoformat(issue), dt.date.fromisoformat(maturity), **more)
    if "penultimate_coupon_date" in more:
        assert coupons(terms)[1:-1] == pytest.approx([3.0] * 18, rel=1e-14)
    else:
        assert coupons(terms) == pytest.approx([3.0] * 20, rel=1e-14)


maturities = st.dates(dt.date(2024, 1, 1), dt.date(2035, 12, 31))


@settings(max_examples=300, deadline=None)
@given(
    maturity=maturities,
    frequency=st.sampled_from(sorted(MONTHS)),
    day_count=st.sampled_from(DAY_COUNTS),
    periods=st.integers(1, 40),
    end_of_month=st.booleans(),
)
@example(dt.date(2030, 8, 31), "6M", "30/360", 20, False)
@example(dt.date(2028, 2, 29), "3M", "30/360 US", 20, True)
@example(dt.date(2031, 3, 31), "1M", "30E/360", 40, True)
def test_every_regular_period_pays_the_rate_over_the_frequency(
    maturity: dt.date, frequency: str, day_count: str, periods: int, end_of_month: bool
) -> None:
    last = ql.Date(maturity.day, maturity.month, maturity.year)
    months = periods * MONTHS[frequency]
    issue = ql.NullCalendar().advance(last, -months, ql.Months, ql.Unadjusted, end_of_month)
    terms = bond(
        issue.to_date(),
        maturity,
        payment_frequency=frequency,
        day_count=day_count,
        end_of_month=end_of_month,
    )
    expected = 100 * RATE * MONTHS[frequency] / 12
    assert coupons(terms) == pytest.approx([expected] * periods, rel=1e-14)
    flows = compile_trade(terms).flows
    units = flows["unit"][flows["unit"] != 0].tolist()
    assert units == pytest.approx([expected / RATE] * periods, rel=1e-14)


@settings(max_examples=300, deadline=None)
@given(
    maturity=maturities,
    day=st.integers(1, 182),
    day_count=st.sampled_from(DAY_COUNTS),
    end_of_month=st.booleans(),
)
@example(dt.date(2030, 8, 30), 181, "30/360", False)
def test_interest_accrues_by_days_and_never_beyond_the_coupon(
    maturity: dt.date, day: int, day_count: str, end_of_month: bool
) -> None:
    terms = bond(
        dt.date(2020, 1, 1),
        maturity,
        calendar="NONE",
        day_count=day_count,
        end_of_month=end_of_month,
    )
    made = fixed_rate_bond_flows.resolve_bond(terms)
    leg = fixed_rate_bond_flows.make_bond(made).cashflows()
    coupon = ql.as_coupon(leg[len(leg) - 2])
    settlement = max(coupon.accrualEndDate() - day, coupon.accrualStartDate())
    before = fixed_rate_bond_flows.accrued_per_100(made, leg, settlement - 1)
    found = fixed_rate_bond_flows.accrued_per_100(made, leg, settlement)
    assert 0.0 <= found <= coupon.amount()
    if settlement > coupon.accrualStartDate() + 1:
        assert found >= before
    days = schedules.day_counter(day_count).dayCount(coupon.accrualStartDate(), settlement)
    assert found == pytest.approx(min(100 * RATE * days / 360, coupon.amount()), abs=1e-12)


def test_odd_periods_count_their_days() -> None:
    # 10 January to 15 March is 65 days of 30/360; then 15 March to 1 April of the last year is 16.
    terms = bond(
        dt.date(2020, 1, 10),
        dt.date(2030, 4, 1),
        first_coupon_date=dt.date(2020, 3, 15),
        penultimate_coupon_date=dt.date(2030, 3, 15),
    )
    found = coupons(terms)
    assert found[0] == pytest.approx(100 * RATE * 65 / 360, rel=1e-13)
    assert found[-1] == pytest.approx(100 * RATE * 16 / 360, rel=1e-13)
