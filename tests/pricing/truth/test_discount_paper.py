"""Yields of bills and other discount paper, as the US Treasury's regulation publishes them."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.measures.bond_analytics import BondAnalytics, PricedBond
from pricing.products.fixed_rate_bond import BondTerms


def priced(
    price: float, issue: str, maturity: str, *, currency: str = "USD", **more: object
) -> BondAnalytics:
    """A zero-coupon bond on its issue date, at a price."""
    today = dt.date.fromisoformat(issue)
    terms = BondTerms(
        **{
            "trade_id": "bill",
            "book": "truth",
            "currency": currency,
            "face_amount": 100.0,
            "issue_date": today,
            "maturity_date": dt.date.fromisoformat(maturity),
            "coupon_rate": 0.0,
            "payment_frequency": "ZERO",
            "day_count": "ACT/365F",
            "settlement_days": 0,
            "clean_price": price,
            **more,
        }
    )
    curves = CurveSet(today, shape_of({f"{currency}-GOVT": {"1Y": 0.05, "30Y": 0.05}}))
    solved = curves.solve(curves.vector({f"{currency}-GOVT": {"1Y": 0.05, "30Y": 0.05}}))
    return PricedBond(terms, curves, solved).analytics()


class TestTreasury:
    """31 CFR Part 356, Appendix B, section VI: examples of bills."""

    def test_a_discount_rate_of_ninety_days(self):
        made = priced(98.097500, "1989-11-24", "1990-02-22", convention="US-TREASURY")
        assert made.discount_yield == pytest.approx(0.0761, abs=1e-12)

    def test_a_discount_rate_of_half_a_year(self):
        made = priced(95.934567, "1990-01-11", "1990-07-12", convention="US-TREASURY")
        assert made.discount_yield == pytest.approx(0.08042, abs=5e-6)

    def test_an_investment_rate_of_twenty_days(self):
        made = priced(99.559444, "1990-06-01", "1990-06-21", convention="US-TREASURY")
        # The regulation rounds (100 - P) / P to six digits on its way to 8.076 %.
        assert made.bond_equivalent_yield == pytest.approx(0.080756, abs=2e-6)

    def test_an_investment_rate_of_more_than_half_a_year(self):
        made = priced(92.265, "1990-06-07", "1991-06-06", convention="US-TREASURY")
        assert made.bond_equivalent_yield == pytest.approx(0.082373244, abs=1e-9)
        assert made.ytm == pytest.approx(made.bond_equivalent_yield, abs=1e-14)


def test_a_money_market_yield_counts_the_price_and_the_years_of_the_money_market():
    dollars = priced(98.0, "2024-03-04", "2024-09-02")
    assert dollars.money_market_yield == pytest.approx(2.0 / 98.0 * 360 / 182, rel=1e-13)
    assert dollars.discount_yield == pytest.approx(0.02 * 360 / 182, rel=1e-13)
    pounds = priced(98.0, "2024-03-04", "2024-09-02", currency="GBP")
    assert pounds.money_market_yield == pytest.approx(2.0 / 98.0 * 365 / 182, rel=1e-13)


def test_a_sterling_bill_has_its_own_yield_as_money_market_yield():
    """UK Treasury bills are quoted on simple interest, Act/365F (UK DMO)."""
    made = priced(97.544, "2024-07-29", "2025-01-27", currency="GBP", convention="UK-GILT")
    assert made.money_market_yield == pytest.approx(made.ytm, rel=1e-12)
    assert made.money_market_yield == pytest.approx(0.0505, abs=5e-5)


def test_prices_above_face_have_negative_yields():
    made = priced(100.2, "2021-01-04", "2021-07-05", currency="EUR")
    assert made.discount_yield < 0.0
    assert made.bond_equivalent_yield < 0.0
    longer = priced(100.2, "2021-01-04", "2021-12-20", currency="EUR")
    assert longer.bond_equivalent_yield < 0.0


@pytest.mark.parametrize(
    "more",
    [{"maturity_date": dt.date(2029, 9, 2)}, {"coupon_rate": 0.01, "payment_frequency": "6M"}],
)
def test_other_bonds_have_none(more):
    made = priced(98.0, "2024-03-04", "2024-09-02", **more)
    for name in ("discount_yield", "money_market_yield", "bond_equivalent_yield"):
        assert math.isnan(getattr(made, name))
