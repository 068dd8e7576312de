"""Bond prices that others have published, each to the last digit that its source prints."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.measures.bond_analytics import PricedBond
from pricing.products.fixed_rate_bond import BondTerms
from tests.pricing.pricing_of import priced

LAST_DIGIT = 1e-6


def bond_on(settlement: str, terms: BondTerms, curves: dict) -> PricedBond:
    today = dt.date.fromisoformat(settlement)
    made = CurveSet(today, shape_of(curves))
    return PricedBond(terms, made, made.solve(made.vector(curves)))


def government_bond(convention: str, issue: str, maturity: str, coupon: float) -> BondTerms:
    return BondTerms(
        trade_id="published",
        book="truth",
        convention=convention,
        face_amount=100.0,
        issue_date=dt.date.fromisoformat(issue),
        maturity_date=dt.date.fromisoformat(maturity),
        coupon_rate=coupon,
        settlement_days=0,
    )


class TestTreasury:
    """31 CFR Part 356, Appendix B, section II: simple interest in the part period."""

    QUOTES = {"USD-GOVT": {"1Y": 0.05, "30Y": 0.05}}

    def test_a_thirty_year_bond_at_issue(self):
        terms = government_bond("US-TREASURY", "1990-05-15", "2020-05-15", 0.0875)
        bond = bond_on("1990-05-15", terms, self.QUOTES)
        dirty = bond.dirty_from_yield(0.0884, simple_part_period=True)
        assert dirty == pytest.approx(99.057893, abs=LAST_DIGIT)

    def test_a_reopened_note_within_its_period(self):
        terms = government_bond("US-TREASURY", "1985-11-15", "1995-11-15", 0.095)
        bond = bond_on("1985-11-29", terms, self.QUOTES)
        dirty = bond.dirty_from_yield(0.0954, simple_part_period=True)
        assert bond.accrued_per_100 == pytest.approx(0.367403, abs=LAST_DIGIT)
        assert dirty - bond.accrued_per_100 == pytest.approx(99.730918, abs=LAST_DIGIT)


class TestGilts:
    """UK DMO, Formulae for Calculating Gilt Prices from Yields: around the ex-dividend date."""

    QUOTES = {"GBP-GOVT": {"1Y": 0.05, "30Y": 0.05}}

    @pytest.mark.parametrize(
        ("settlement", "dirty"),
        [
            ("1999-05-24", 145.012268),
            ("1999-05-26", 145.047301),
            ("1999-05-27", 141.070132),
            ("1999-06-07", 141.257676),
        ],
    )
    def test_eight_percent_december_2015(self, settlement, dirty):
        terms = government_bond("UK-GILT", "1995-06-07", "2015-12-07", 0.08)
        bond = bond_on(settlement, terms, self.QUOTES)
        found = bond.dirty_from_yield(0.04445)
        assert found == pytest.approx(dirty, abs=LAST_DIGIT)

    @pytest.mark.parametrize(
        ("settlement", "dirty"),
        [
            ("1999-05-10", 113.315543),
            ("1999-05-17", 113.415969),
            ("1999-05-18", 110.058738),
            ("1999-05-26", 110.170218),
        ],
    )
    def test_six_and_three_quarters_november_2004(self, settlement, dirty):
        terms = government_bond("UK-GILT", "1997-05-26", "2004-11-26", 0.0675)
        bond = bond_on(settlement, terms, self.QUOTES)
        found = bond.dirty_from_yield(0.04634)
        assert found == pytest.approx(dirty, abs=LAST_DIGIT)

    def test_accrued_interest_is_negative_after_the_ex_dividend_date(self):
        terms = government_bond("UK-GILT", "1995-06-07", "2015-12-07", 0.08)
        assert bond_on("1999-05-26", terms, self.QUOTES).accrued_per_100 > 0
        assert bond_on("1999-05-27", terms, self.QUOTES).accrued_per_100 < 0


class TestQuantLibsOwnSuite:
    """QuantLib test-suite/bonds.cpp, testCached: two Treasuries on a flat 3 % curve, Act/360."""

    FLAT = 0.03 * 365 / 360
    QUOTES = {"GBP-GOVT": {"1Y": FLAT, "30Y": FLAT}}

    @pytest.mark.parametrize(
        ("issue", "maturity", "coupon", "clean"),
        [
            ("2004-10-31", "2006-10-31", 0.025, 98.943393),
            ("2004-11-15", "2009-11-15", 0.035, 101.986794),
        ],
    )
    def test_clean_prices_from_a_curve(self, issue, maturity, coupon, clean):
        terms = BondTerms(
            trade_id="cached",
            book="truth",
            currency="GBP",  # any currency whose government curve is quoted in zero rates
            face_amount=1_000_000.0,
            issue_date=dt.date.fromisoformat(issue),
            maturity_date=dt.date.fromisoformat(maturity),
            coupon_rate=coupon,
            payment_frequency="6M",
            day_count="ACT/ACT ICMA",
            calendar="NONE",
            business_day_convention="MODIFIED_FOLLOWING",
            settlement_days=1,
            discount_curve="GBP-GOVT",
        )
        found = bond_on("2004-11-22", terms, self.QUOTES).analytics()
        assert found.clean_per_100 == pytest.approx(clean, abs=LAST_DIGIT)
        price = found.clean_per_100
        spread = bond_on("2004-11-22", terms, self.QUOTES).z_spread_from_clean(price)
        assert spread == pytest.approx(0.0, abs=1e-12)


def test_key_rate_durations_of_a_portfolio_are_value_weighted_sums():
    """Fabozzi, Fixed Income Analysis (CFA Institute), ch. 7: a portfolio's key rate durations.

    So sums are added first and divided by value last; durations are never averaged plainly.
    """
    today, quotes = dt.date(2024, 5, 15), {"GBP-GOVT": {"2Y": 0.04, "5Y": 0.041, "10Y": 0.043}}
    book = [
        BondTerms(
            trade_id=f"{years}Y",
            book="truth",
            convention="UK-GILT",
            face_amount=face,
            issue_date=dt.date(2023, 5, 15),
            maturity_date=dt.date(2024 + years, 5, 15),
            coupon_rate=0.04,
        )
        for years, face in ((2, 5e6), (5, 1e6), (9, 3e6))
    ]
    risk = priced(book, today, quotes).risk
    durations = risk.krd * 1e4 / risk.npv[:, None]
    portfolio = risk.krd.sum(axis=0) * 1e4 / risk.npv.sum()
    weights = risk.npv / risk.npv.sum()
    assert portfolio == pytest.approx(weights @ durations, rel=1e-12)
    assert not np.allclose(portfolio, durations.mean(axis=0), rtol=0.05)
