"""Basis and implied repo of bond futures, beside arithmetic on QuantLib's discount factors."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.batch.run import price_files
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import Matured, SpreadNotSolved
from pricing.markets import conventions
from pricing.measures.dated.solved_quotes import solve_quote
from pricing.measures.delivery.basis import FutureBasis, basis_of, prepare_future
from pricing.products.flows import compile_trade
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.sample_baskets import basket, bond_future

TODAY = dt.date(2025, 2, 10)
QUOTES = {
    "USD": sample_markets.curves_of("USD", 0.041, 0.006, -0.003),
    "EUR": sample_markets.curves_of("EUR", 0.021, 0.011, -0.003),
    "GBP": sample_markets.curves_of("GBP", 0.043, 0.004, -0.002),
}


def basis(terms: BondFutureTerms, today: dt.date = TODAY) -> FutureBasis:
    quotes = QUOTES[terms.currency]
    curves = CurveSet(today, shape_of(quotes), {})
    solved = curves.solve(curves.vector(quotes))
    return basis_of(prepare_future(terms, curves, solved), curves, solved)


def curve(currency: str):
    name = conventions.CURRENCY_ROWS[currency].bond_discount_curve
    return Reference(TODAY, QUOTES[currency], {}).base[name]


def years_from_today(day: ql.Date) -> float:
    return (day - ql.Date(10, 2, 2025)) / 365.0


def gilt(number: int, **changes) -> BondFutureTerms:
    bond = msgspec.structs.replace(basket("GBP")[number], **changes)
    return bond_future("GBP", deliverables=(bond,), option_value=0.25)


def test_a_gilt_with_a_coupon_before_delivery_by_hand():
    """4.5% 7 March 2035, settled 11 February: a coupon on 7 March, delivery on 30 June 2025."""
    terms, gilts = gilt(2), curve("GBP")
    settled, delivery = ql.Date(11, 2, 2025), ql.Date(30, 6, 2025)
    days = [ql.Date(7, 3, 2025) + ql.Period(6 * n, ql.Months) for n in range(21)]
    paid = [ql.UnitedKingdom().adjust(day) for day in days]
    amounts = [2.25] * 20 + [102.25]
    spread, repo = 0.0013, -0.0004
    spot = sum(
        amount * gilts.discount(day) / gilts.discount(settled)
        * np.exp(-spread * (day - settled) / 365.0)
        for amount, day in zip(amounts, paid, strict=True)
    )  # fmt: skip
    later = sum(
        amount * gilts.discount(day) * np.exp(-spread * years_from_today(day))
        for amount, day in zip(amounts[1:], paid[1:], strict=True)
    )
    forward = later / gilts.discount(delivery) / np.exp(-repo * years_from_today(delivery))
    # Interest since the coupon date before; the first coupon of this bond is a short one.
    period = days[0] - ql.Date(7, 9, 2024)
    accrued_now = 2.25 * (settled - ql.Date(7, 9, 2024)) / period
    accrued_then = 2.25 * (delivery - days[0]) / (days[1] - days[0])
    factor = terms.deliverables[0].conversion_factor
    price = (forward - accrued_then) / factor - 0.25
    found = basis(terms)
    assert found.conversion_factor == factor
    assert found.future_price == pytest.approx(price, abs=1e-8)
    assert found.net_basis == pytest.approx(factor * 0.25, abs=1e-8)
    assert found.gross_basis == pytest.approx(spot - accrued_now - factor * price, abs=1e-8)
    invoice = factor * price + accrued_then
    left = (delivery - paid[0]) / 365.0
    rate = (invoice + 2.25 - spot) / (spot * (delivery - settled) / 365.0 - 2.25 * left)
    assert found.implied_repo == pytest.approx(rate, abs=1e-10)


def test_without_spreads_a_bond_without_a_coupon_earns_the_forward_rate_of_the_curve():
    bond = msgspec.structs.replace(basket("EUR")[1], z_spread_bp=0.0, repo_spread_bp=0.0)
    found, bunds = basis(bond_future(deliverables=(bond,))), curve("EUR")
    settled, delivery = ql.Date(12, 2, 2025), ql.Date(10, 6, 2025)
    growth = bunds.discount(settled) / bunds.discount(delivery)
    assert found.implied_repo == pytest.approx(
        (growth - 1.0) * 360 / (delivery - settled), abs=1e-9
    )
    assert found.net_basis == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("currency", QUOTES)
def test_a_special_bond_has_less_implied_repo_by_its_repo_spread(currency: str):
    plain = msgspec.structs.replace(basket(currency)[-1], repo_spread_bp=0.0)
    special = msgspec.structs.replace(plain, repo_spread_bp=-50.0)
    normal, less = (basis(bond_future(currency, deliverables=(b,))) for b in (plain, special))
    assert normal.implied_repo - less.implied_repo == pytest.approx(0.0050, abs=0.0002)
    assert less.future_price < normal.future_price


@pytest.mark.parametrize("currency", QUOTES)
def test_the_price_is_that_of_the_value_and_the_bond_the_cheapest(currency: str):
    terms = bond_future(currency, option_value=0.1)
    market = MarketFile(
        valuation_date=TODAY,
        markets=[MarketOfCurrency(currency=currency, curves=QUOTES[currency], fixings={})],
    )
    for engine in ("compiled", "quantlib"):
        found = price_files(Book([terms], []), market, engine)
        (row,) = found["trades"]
        assert found["failed"] == []
        price = 110.0 + row["npv"] / terms.point_money
        assert row["future_price"] == pytest.approx(price, abs=1e-7)
        alone = [basis(bond_future(currency, deliverables=(b,))) for b in terms.deliverables]
        best = min(alone, key=lambda one: one.future_price)
        assert row["future_price"] == pytest.approx(best.future_price - 0.1, abs=1e-9)
        assert row["conversion_factor"] == best.conversion_factor
        assert row["net_basis"] == pytest.approx(0.1 * best.conversion_factor, abs=1e-9)
        assert row["implied_repo"] < best.implied_repo  # the option takes off the price


def test_a_contract_that_was_delivered_has_no_basis():
    with pytest.raises(Matured):
        basis(bond_future(), dt.date(2025, 6, 10))
    last = basis(bond_future(), dt.date(2025, 6, 9))
    assert np.isnan(last.implied_repo)  # a trade of that day settles after delivery
    assert last.future_price > 50.0


@pytest.mark.parametrize("currency", QUOTES)
@pytest.mark.parametrize("engine", ["compiled", "quantlib"])
def test_a_market_price_makes_the_option_value_and_is_the_price(currency: str, engine: str):
    """Above the model's and below it: net basis is the option value times the factor."""
    model = basis(bond_future(currency))
    market = MarketFile(
        valuation_date=TODAY,
        markets=[MarketOfCurrency(currency=currency, curves=QUOTES[currency], fixings={})],
    )
    for off in (0.35, -0.2):
        quoted = model.future_price - off
        terms = bond_future(currency, market_price=quoted)
        found = price_files(Book([terms], []), market, engine)
        assert found["failed"] == []
        (row,) = found["trades"]
        assert row["future_price"] == pytest.approx(quoted, abs=1e-10)
        assert row["npv"] == pytest.approx((quoted - 110.0) * terms.point_money, abs=1e-5)
        assert row["net_basis"] == pytest.approx(off * model.conversion_factor, abs=1e-9)
        stated = price_files(Book([bond_future(currency, option_value=off)], []), market, engine)
        assert row["implied_repo"] == pytest.approx(stated["trades"][0]["implied_repo"], abs=1e-10)
        assert row["dv01_par"] == pytest.approx(stated["trades"][0]["dv01_par"], rel=1e-9)


def test_the_option_value_is_held_while_the_curve_moves_and_a_stated_one_counts():
    quoted = bond_future("EUR", market_price=basis(bond_future("EUR")).future_price - 0.35)
    curves = CurveSet(TODAY, shape_of(QUOTES["EUR"]), {})
    solved = curves.solve(curves.vector(QUOTES["EUR"]))
    held = msgspec.structs.replace(quoted, option_value=solve_quote(quoted, curves, solved))
    assert held.option_value == pytest.approx(0.35, abs=1e-12)
    moved = curves.solve(solved.quotes + 0.01)
    price, free = (
        basis_of(prepare_future(terms, curves, moved), curves, moved).future_price
        for terms in (held, bond_future("EUR"))
    )
    assert free - price == pytest.approx(0.35, abs=1e-12)
    with pytest.raises(SpreadNotSolved, match="its option value is solved on the next market"):
        compile_trade(quoted)
    assert not msgspec.structs.replace(quoted, option_value=0.1).waits_for_market
