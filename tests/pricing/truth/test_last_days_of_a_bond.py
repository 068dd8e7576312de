"""Prices and spreads of bonds near their maturity, and far from it, there and back again."""

from __future__ import annotations

import datetime as dt
import types
from functools import cache

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.markets.conventions import BONDS
from pricing.measures.bond_analytics import PricedBond
from pricing.products.fixed_rate_bond import BondTerms
from risk.compiler.spreads import solve_spreads

TODAY = dt.date(2025, 3, 3)
QUOTES = {"USD-GOVT": {"1M": 0.043, "1Y": 0.042, "10Y": 0.044}}


@cache
def curves(currency: str) -> tuple[CurveSet, Solved]:
    quotes = {f"{currency}-GOVT": QUOTES["USD-GOVT"]}
    made = CurveSet(TODAY, shape_of(quotes), options=CurveOptions())
    return made, made.solve(made.vector(quotes))


def bond(days: int, price: float, convention: str = "US-TREASURY") -> PricedBond:
    maturity = TODAY + dt.timedelta(days=days)
    currency = BONDS[convention].currency or "USD"
    terms = BondTerms(
        trade_id="b",
        book="b",
        face_amount=100.0,
        issue_date=dt.date(2015, 3, 4),
        maturity_date=maturity,
        coupon_rate=0.0425,
        clean_price=price,
        settlement_days=0,
        convention=convention,
        currency=currency,
    )
    return PricedBond(terms, *curves(currency))


@settings(max_examples=300, deadline=None)
@given(
    days=st.one_of(st.integers(1, 10), st.integers(1, 50 * 365)),
    price=st.floats(1.0, 300.0),
    convention=st.sampled_from(sorted(BONDS)),
)
@example(days=1, price=100.0, convention="US-TREASURY")
@example(days=1, price=1.0, convention="US-TREASURY")
@example(days=1, price=300.0, convention="US-TREASURY")
@example(days=4, price=99.96, convention="US-TREASURY")
@example(days=50 * 365, price=1.0, convention="US-TREASURY")
@example(days=50 * 365, price=300.0, convention="US-TREASURY")
@example(days=8, price=99.9, convention="UK-GILT")
def test_the_spread_of_a_price_gives_the_price(days: int, price: float, convention: str) -> None:
    """Rounding alone moves the spread of a bond of one day by 5e-14: no step may be smaller."""
    made = bond(days, price, convention)
    clean = made.dirty_per_100(made.z_spread()) - made.accrued_per_100
    assert clean == pytest.approx(price, rel=1e-12, abs=1e-11)


def solved(*made: PricedBond) -> tuple[dict[str, float], list[str]]:
    header = types.SimpleNamespace(valuation_date=TODAY, curves=QUOTES)
    found, failures = solve_spreads([each.terms for each in made], header, CurveOptions())
    return found, [failure.message for failure in failures]


def test_a_price_whose_spread_no_column_holds_fails_with_a_sentence() -> None:
    spreads, messages = solved(bond(1, 1.0))
    assert spreads == {}
    assert "clean_price: 1 needs a z-spread of" in messages[0]
    assert "at most 999,999 bp" in messages[0]


def test_a_bond_that_settles_on_its_maturity_keeps_its_number() -> None:
    """Bought today it would pay nothing more; who holds it is paid tomorrow."""
    terms = msgspec.structs.replace(bond(1, 100.0).terms, settlement_days=1)
    header = types.SimpleNamespace(valuation_date=TODAY, curves=QUOTES)
    assert solve_spreads([terms], header, CurveOptions()) == ({"b": 0.0}, [])
