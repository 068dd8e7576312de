"""Yields of bills and other discount paper, as the US Treasury's regulation publishes them."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import pytest

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import shape_of
from pricing.errors import Unpriceable
from pricing.measures.bond_analytics import BondAnalytics, PricedBond
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import YIELD_TYPES
from risk.compiler.spreads import spreads_on


def bill(
    rate: float | None, issue: str, maturity: str, *, currency: str = "USD", **more: object
) -> BondTerms:
    """A zero-coupon bond that is quoted by a yield."""
    return BondTerms(
        **{
            "trade_id": "bill",
            "book": "truth",
            "currency": currency,
            "face_amount": 100.0,
            "issue_date": dt.date.fromisoformat(issue),
            "maturity_date": dt.date.fromisoformat(maturity),
            "coupon_rate": 0.0,
            "payment_frequency": "ZERO",
            "day_count": "ACT/365F",
            "settlement_days": 0,
            "quoted_yield": rate,
            **more,
        }
    )


def market(terms: BondTerms) -> tuple[CurveSet, Solved]:
    """A flat curve on the issue date."""
    quotes = {f"{terms.currency}-GOVT": {"1Y": 0.05, "30Y": 0.05}}
    curves = CurveSet(terms.issue_date, shape_of(quotes))
    return curves, curves.solve(curves.vector(quotes))


def quoted(rate: float | None, issue: str, maturity: str, **more: object) -> BondAnalytics:
    """The same on its issue date."""
    terms = bill(rate, issue, maturity, **more)
    return PricedBond(terms, *market(terms)).analytics()


def priced(price: float, issue: str, maturity: str, **more: object) -> BondAnalytics:
    """The same at a price."""
    return quoted(None, issue, maturity, clean_price=price, **more)


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


class TestQuotes:
    """A position that is quoted by a yield has the price of it, and the spread gives it back."""

    def test_the_treasury_s_price_of_a_discount_rate_of_ninety_days(self):
        """31 CFR Part 356, Appendix B, section VI: 7.610 % for 90 days is 98.097500."""
        made = quoted(0.0761, "1989-11-24", "1990-02-22", convention="US-TREASURY")
        assert made.clean_per_100 == pytest.approx(98.0975, abs=1e-11)
        assert made.discount_yield == pytest.approx(0.0761, abs=1e-14)

    def test_the_treasury_s_price_of_an_investment_rate_of_more_than_half_a_year(self):
        """The same: 8.237 % for 364 days is 92.265, which the regulation prints to 8.24 %."""
        made = quoted(
            *(0.082373244, "1990-06-07", "1991-06-06"),
            convention="US-TREASURY",
            yield_type="bond_equivalent_yield",
        )
        assert made.clean_per_100 == pytest.approx(92.265, abs=1e-7)
        assert made.bond_equivalent_yield == pytest.approx(0.082373244, abs=1e-14)

    @pytest.mark.parametrize(
        ("currency", "convention", "year"),
        [("GBP", "UK-GILT", 365), ("EUR", "DE-BUND", 360), ("EUR", "IT-BTP", 360)],
    )
    def test_bills_of_other_markets_are_quoted_by_their_simple_yield(
        self, currency, convention, year
    ):
        made = quoted(0.0505, "2024-07-29", "2025-01-27", currency=currency, convention=convention)
        assert made.clean_per_100 == pytest.approx(100 / (1 + 0.0505 * 182 / year), abs=1e-11)
        assert made.ytm == pytest.approx(0.0505, abs=1e-14)

    @pytest.mark.parametrize(
        ("kind", "measure"),
        [(kind, kind) for kind in YIELD_TYPES],
    )
    @pytest.mark.parametrize("maturity", ["2024-05-06", "2025-01-13"])
    @pytest.mark.parametrize("rate", [-0.004, 0.0, 0.0475])
    def test_the_measure_gives_the_quote_back(self, kind, measure, maturity, rate):
        made = quoted(rate, "2024-01-16", maturity, yield_type=kind)
        assert getattr(made, measure) == pytest.approx(rate, abs=1e-13)

    def test_a_bond_with_coupons_is_quoted_by_the_yield_of_its_market(self):
        """An Australian bond: the market trades yields."""
        made = quoted(
            *(0.0472, "2014-08-07", "2017-02-15"),
            currency="AUD",
            convention="AU-ACGB",
            coupon_rate=0.06,
            payment_frequency="6M",
        )
        assert made.ytm == pytest.approx(0.0472, abs=1e-13)

    def test_a_rate_that_leaves_no_price_is_a_sentence(self):
        with pytest.raises(Unpriceable, match=r"quoted_yield: 1 as discount_yield is no price"):
            quoted(1.0, "2024-01-16", "2025-01-16", convention="US-TREASURY")

    def test_the_spread_alone_keeps_the_price_when_it_was_solved(self):
        terms = bill(0.0761, "1989-11-24", "1990-02-22", convention="US-TREASURY")
        curves, solved = market(terms)
        spreads, failures = spreads_on([terms], curves, solved)
        assert not failures
        kept = msgspec.structs.replace(terms, z_spread_bp=spreads["bill"])
        assert not kept.waits_for_market
        made = PricedBond(kept, curves, solved).analytics()
        assert made.discount_yield == pytest.approx(0.0761, abs=1e-14)


def test_positions_in_one_bill_may_be_quoted_in_their_own_ways():
    same = {"convention": "US-TREASURY", "maturity": "1990-02-22", "issue": "1989-11-24"}
    many = [
        bill(0.0761, trade_id="A", **same),
        bill(0.0761, trade_id="B", yield_type="money_market_yield", **same),
        bill(1.0, trade_id="C", yield_type="ytm", **same),
        bill(None, trade_id="D", clean_price=98.0975, **same),
    ]
    curves, solved = market(many[0])
    spreads, failures = spreads_on(many, curves, solved)
    assert not failures
    assert spreads["A"] == pytest.approx(spreads["D"], abs=1e-7)
    assert spreads["B"] < spreads["A"] < spreads["C"]


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
