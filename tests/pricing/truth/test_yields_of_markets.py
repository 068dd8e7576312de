"""Yields as each market publishes them: there and back, by hand, and against QuantLib's."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
import QuantLib as ql
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import NothingAfterSettlement
from pricing.markets.conventions import BONDS
from pricing.measures.bond_analytics import PricedBond
from pricing.products import schedules
from pricing.products.fixed_rate_bond import BondTerms


def bond(convention: str | None, settles: str, maturity: str, **terms: Any) -> PricedBond:
    """A bond that settles on a date, on curves that do not matter here."""
    row = BONDS.get(convention or "")
    currency = (row.currency if row else None) or "USD"
    today = dt.date.fromisoformat(settles)
    made = BondTerms(
        **{
            "trade_id": "b",
            "book": "b",
            "convention": convention,
            "currency": currency,
            "face_amount": 100.0,
            "issue_date": dt.date.fromisoformat("2010-01-04"),
            "maturity_date": dt.date.fromisoformat(maturity),
            "coupon_rate": 0.04,
            "settlement_days": 0,
            **terms,
        }
    )
    quotes = {f"{currency}-GOVT": {"1Y": 0.03, "30Y": 0.03}}
    curves = CurveSet(today, shape_of(quotes))
    return PricedBond(made, curves, curves.solve(curves.vector(quotes)))


SETTLES = dt.date(2024, 2, 29)


@settings(max_examples=300, deadline=None)
@given(
    convention=st.sampled_from((*BONDS, None)),
    days=st.integers(8, 50 * 365),
    price=st.floats(20.0, 300.0),
    coupon=st.sampled_from((0.0, 0.0225, 0.0875)),
    frequency=st.sampled_from((None, "3M", "6M", "1Y")),
)
@example(convention="US-TREASURY", days=366, price=99.0, coupon=0.04, frequency="6M")
@example(convention="CORP-30-360", days=8, price=300.0, coupon=0.04, frequency=None)
def test_the_yield_of_a_price_gives_the_price(
    convention: str | None, days: int, price: float, coupon: float, frequency: str | None
) -> None:
    maturity = SETTLES + dt.timedelta(days=days)
    terms: dict[str, Any] = {"coupon_rate": coupon, "payment_frequency": frequency}
    if convention is None:
        terms |= {"payment_frequency": frequency or "1Y", "day_count": "ACT/ACT ICMA"}
    try:
        made = bond(convention, SETTLES.isoformat(), maturity.isoformat(), **terms)
    except NothingAfterSettlement:
        assume(False)
    found = made.yield_from_clean(price)
    assume(found > -0.99)  # compounded over some days, no float holds the yield of 300, or badly
    back = made.dirty_from_yield(found) - made.accrued_per_100
    assert back == pytest.approx(price, rel=1e-10)


@pytest.mark.parametrize("price", [1.0, 50.0, 100.0, 300.0])
@pytest.mark.parametrize("days", [1, 2, 30, 181, 366, 3653, 18262])
@pytest.mark.parametrize("convention", ["US-TREASURY", "DE-BUND", "IT-BTP", "CORP-30-360"])
def test_every_price_has_a_yield_where_the_last_period_is_simple(
    convention: str, days: int, price: float
) -> None:
    """Settlement is on a Wednesday, the next day is a business day."""
    maturity = dt.date(2024, 2, 28) + dt.timedelta(days=days)
    made = bond(convention, "2024-02-28", maturity.isoformat())
    back = made.dirty_from_yield(made.yield_from_clean(price)) - made.accrued_per_100
    assert back == pytest.approx(price, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("convention", [*BONDS])
@pytest.mark.parametrize("maturity", ["2024-06-15", "2025-01-15", "2034-08-31"])
@pytest.mark.parametrize("frequency", [None, "ZERO"])
def test_duration_and_convexity_are_the_slopes_of_the_price(
    convention: str, maturity: str, frequency: str | None
) -> None:
    coupon = 0.0 if frequency else 0.04
    made = bond(
        convention,
        "2024-02-28",
        maturity,
        payment_frequency=frequency,
        coupon_rate=coupon,
        clean_price=97.0,
    )
    found, step = made.analytics(), 1e-4
    down, up = (made.dirty_from_yield(found.ytm + sign * step) for sign in (-1, 1))
    middle = made.dirty_from_yield(found.ytm)
    assert middle == pytest.approx(found.dirty_per_100, rel=1e-12)
    assert found.modified_duration == pytest.approx((down - up) / (2 * step * middle), rel=1e-5)
    bend = (down - 2 * middle + up) / (step**2 * middle)
    assert found.convexity == pytest.approx(bend, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("convention", ["UK-GILT", "FR-OAT", "US-TREASURY", "DE-BUND"])
@pytest.mark.parametrize("maturity", ["2026-05-15", "2034-08-15", "2054-12-07"])
def test_yields_before_the_last_period_equal_quantlibs(convention: str, maturity: str) -> None:
    """QuantLib's schedule, day count and solver, made here without the code under test."""
    settles, row = ql.Date(28, 2, 2024), BONDS[convention]
    made = bond(convention, "2024-02-28", maturity)
    year, month, day = map(int, maturity.split("-"))
    schedule = ql.Schedule(
        ql.Date(4, 1, 2010),
        ql.Date(day, month, year),
        ql.Period(row.payment_frequency),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        row.end_of_month,
    )
    count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    theirs = ql.FixedRateBond(0, 100.0, schedule, [0.04], count)
    frequency = ql.Period(row.payment_frequency).frequency()
    price = ql.BondPrice(97.0, ql.BondPrice.Clean)
    args = (count, ql.Compounded, frequency, settles)
    wanted = ql.BondFunctions.bondYield(theirs, price, *args, 1e-14, 200)
    assert made.yield_from_clean(97.0) == pytest.approx(wanted, abs=1e-11)
    rate = ql.InterestRate(wanted, count, ql.Compounded, frequency)
    duration = ql.BondFunctions.duration(theirs, rate, ql.Duration.Modified, settles)
    convexity = ql.BondFunctions.convexity(theirs, rate, settles)
    assert made._yields.risk(wanted) == pytest.approx((duration, convexity), rel=1e-10)


def test_a_bond_without_a_convention_compounds_in_its_last_period_too() -> None:
    terms = {"payment_frequency": "6M", "day_count": "ACT/365F", "coupon_rate": 0.04}
    made = bond(None, "2024-02-28", "2024-05-15", **terms)
    days = (dt.date(2024, 5, 15) - dt.date(2024, 2, 28)).days
    amount = 100 + 4 * (dt.date(2024, 5, 15) - dt.date(2023, 11, 15)).days / 365
    wanted = 2 * ((amount / (99.0 + made.accrued_per_100)) ** (365 / (2 * days)) - 1)
    assert made.yield_from_clean(99.0) == pytest.approx(wanted, rel=1e-10)


def test_simple_interest_begins_on_the_last_coupon_date_but_one() -> None:
    """Bund, last period of 365 days: compounded before its first day, simple from it on."""
    before = bond("DE-BUND", "2024-11-14", "2025-11-15", coupon_rate=0.02)
    years, amounts = (1 / 366, 1 + 1 / 366), (2.0, 102.0)
    price = sum(a / 1.03**t for a, t in zip(amounts, years, strict=True))
    assert before.dirty_from_yield(0.03) == pytest.approx(price, rel=1e-13)
    after = bond("DE-BUND", "2024-11-15", "2025-11-15", coupon_rate=0.02)
    assert after.dirty_from_yield(0.03) == pytest.approx(102 / 1.03, rel=1e-13)
    later = bond("DE-BUND", "2025-02-17", "2025-11-15", coupon_rate=0.02)
    assert later.dirty_from_yield(0.03) == pytest.approx(102 / (1 + 0.03 * 271 / 365), rel=1e-13)


def test_a_btp_compounds_annually_from_the_days_of_payment() -> None:
    """By hand: 2031-11-01 is a Saturday, so that coupon is 2 days late."""
    made = bond("IT-BTP", "2031-05-02", "2032-05-01", coupon_rate=0.04)
    first = 183 / 184 + 2 / 182
    last = 183 / 184 + 1 + 2 / 184  # 2032-05-01 is a Saturday too; the period after it: 184 days
    wanted = 2 / 1.05 ** (first / 2) + 102 / 1.05 ** (last / 2)
    assert made.dirty_from_yield(0.05) == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize(
    ("convention", "per_year"),
    [("US-TREASURY", 2), ("UK-GILT", 2), ("CORP-30-360", 2), ("DE-BUND", 1), ("IT-BTP", 1)],
)
def test_strips_compound_as_the_bonds_of_their_market(convention: str, per_year: int) -> None:
    zero = {"payment_frequency": "ZERO", "coupon_rate": 0.0}
    made = bond(convention, "2024-05-15", "2034-05-15", **zero)
    wanted = 100 / (1 + 0.04 / per_year) ** (10 * per_year)
    assert made.dirty_from_yield(0.04) == pytest.approx(wanted, rel=1e-13)


def test_a_strip_of_treasuries_is_simple_in_its_last_half_year() -> None:
    zero = {"payment_frequency": "ZERO", "coupon_rate": 0.0}
    made = bond("US-TREASURY", "2024-03-15", "2024-05-15", **zero)
    wanted = 100 / (1 + 0.05 / 2 * 61 / 182)  # quasi-coupon period 2023-11-15 to 2024-05-15
    assert made.dirty_from_yield(0.05) == pytest.approx(wanted, rel=1e-13)


def test_a_bill_of_a_leap_year_counts_366_days() -> None:
    """31 CFR Part 356, Appendix B, VI.D: the year after the issue date has a 29 February."""
    zero = {"payment_frequency": "ZERO", "coupon_rate": 0.0}
    issue = dt.date(2023, 12, 14)
    made = bond("US-TREASURY", "2024-01-16", "2024-03-14", issue_date=issue, **zero)
    wanted = (100 - 99.2) / 99.2 * 366 / 58
    assert made.yield_from_clean(99.2) == pytest.approx(wanted, rel=1e-12)


PUBLISHED_BILLS = (
    # Results of the UK DMO's tenders of 2024-07-26 and 2024-06-28.
    ("UK-GILT", "2024-07-29", "2025-01-27", 97.544, 0.0505),
    ("UK-GILT", "2024-07-01", "2024-09-30", 98.737, 0.0513),
    # Decree of the Italian Treasury of 2015-04-01: average yield and price of 183-day BOTs.
    ("IT-BTP", "2015-03-31", "2015-09-30", 99.980, 0.00040),
)


@pytest.mark.parametrize(
    ("convention", "settles", "maturity", "price", "published"), PUBLISHED_BILLS
)
def test_bills_have_the_yield_of_published_auctions(
    convention: str, settles: str, maturity: str, price: float, published: float
) -> None:
    zero = {"payment_frequency": "ZERO", "coupon_rate": 0.0}
    issue = dt.date.fromisoformat(settles)
    made = bond(convention, settles, maturity, issue_date=issue, **zero)
    assert made.dirty_from_yield(published) == pytest.approx(price, abs=6e-4)


@pytest.mark.parametrize(
    ("convention", "year"),
    [("UK-GILT", 365), ("DE-BUND", 360), ("FR-OAT", 360), ("IT-BTP", 360)],
)
def test_bills_outside_the_us_have_simple_yields(convention: str, year: int) -> None:
    zero = {"payment_frequency": "ZERO", "coupon_rate": 0.0}
    issue = dt.date(2024, 3, 20)
    made = bond(convention, "2024-04-17", "2025-03-19", issue_date=issue, **zero)
    wanted = 100 / (1 + 0.035 * 336 / year)
    assert made.dirty_from_yield(0.035) == pytest.approx(wanted, rel=1e-13)


def test_a_bond_that_pays_at_another_frequency_than_its_market_yields_at_its_own() -> None:
    quarterly = bond("CORP-30-360", "2024-02-15", "2034-02-15", payment_frequency="3M")
    assert quarterly.yield_from_clean(100.0) == pytest.approx(0.04, abs=1e-12)


def test_a_price_that_no_yield_explains_has_none() -> None:
    made = bond("UK-GILT", "2024-02-28", "2034-05-15")
    assert math.isnan(made.yield_from_clean(-made.accrued_per_100))
    assert math.isnan(made._yields.risk(math.nan)[0])


def test_a_long_first_period_counts_the_coupon_date_that_is_left_out() -> None:
    """By the street: a whole period to the first coupon, and the part to the date left out."""
    terms = {"issue_date": dt.date(2024, 3, 1), "first_coupon_date": dt.date(2025, 2, 15)}
    made = bond("US-TREASURY", "2024-04-01", "2029-02-15", **terms)
    before = schedules.to_ql(dt.date(2024, 4, 1))
    part = (schedules.to_ql(dt.date(2024, 8, 15)) - before) / 182
    rows = made._ql.cashflows()
    wanted = sum(
        flow.amount() / 1.02 ** (part + 1 + number) for number, flow in enumerate(rows[:-2])
    ) + (rows[-2].amount() + 100) / 1.02 ** (part + len(rows) - 1)
    assert made.dirty_from_yield(0.04) == pytest.approx(wanted, rel=1e-12)


def test_an_australian_bond_is_simple_by_days_over_365_once_one_payment_is_left() -> None:
    """AOFM, formula (3): from the ex-interest date of the last coupon but one; 2034-04-15 is paid
    on Monday the 17th."""
    terms = {"issue_date": dt.date(2024, 4, 15), "coupon_rate": 0.04}
    before = bond("AU-ACGB", "2033-10-07", "2034-04-15", **terms)
    assert before.dirty_from_yield(0.05) > 101.0  # the coupon of the 15th is still received
    for settles in ("2033-10-10", "2033-10-17", "2034-04-03"):
        made = bond("AU-ACGB", settles, "2034-04-15", **terms)
        days = (dt.date(2034, 4, 17) - dt.date.fromisoformat(settles)).days
        assert made.dirty_from_yield(0.05) == pytest.approx(102 / (1 + 0.05 * days / 365))
    last = bond("AU-ACGB", "2034-04-11", "2034-04-15", **terms)  # the last coupon is not received
    assert last.dirty_from_yield(0.05) == pytest.approx(100 / (1 + 0.05 * 6 / 365))
