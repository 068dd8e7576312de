"""The generated book is what its description says, and all of it can be priced."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from benchmarks import large_book
from pricing.markets import conventions
from pricing.markets.calendars import is_business_day
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.products.templates import template_key

COUNT = 1_500


@pytest.fixture(scope="module")
def book():
    return list(large_book.trades(COUNT))


@pytest.fixture(scope="module")
def swaps(book):
    return [terms for terms, _ in book if isinstance(terms, SwapTerms)]


def test_the_same_book_is_made_again(book):
    assert list(large_book.trades(COUNT)) == book


def test_every_trade_compiles_and_pays_after_the_market_date(book):
    day = (large_book.MARKET_DATE - dt.date(1970, 1, 1)).days
    for terms, _ in book[::3]:
        assert compile_trade(terms).last_payment > day


def test_currencies_products_and_books_have_their_shares(book):
    found = Counter(terms.currency for terms, _ in book)
    for currency, share in large_book.SHARES.items():
        assert found[currency] / COUNT == pytest.approx(share, abs=0.04)
    products = Counter(terms.product for terms, _ in book)
    assert products["swap"] / COUNT == pytest.approx(large_book.SWAP_SHARE, abs=0.04)
    assert {terms.book for terms, _ in book} == set(large_book.books())
    assert sum(large_book.SHARES.values()) == pytest.approx(1.0)


def test_a_position_names_a_bond_of_its_currency(book):
    bonds = {bond.code: bond for bond in large_book.bonds(COUNT)}
    assert len(bonds) == large_book.FEWEST_BONDS
    for terms, code in book:
        if not isinstance(terms, SwapTerms):
            assert bonds[code].static["currency"] == terms.currency
            assert bonds[code].static["maturity_date"] == terms.maturity_date


def test_swaps_start_on_business_days_and_end_where_curves_reach(swaps):
    for terms in swaps:
        calendar = conventions.SWAPS[terms.convention].calendar
        imm = terms.effective_date.weekday() == 2 and 15 <= terms.effective_date.day <= 21
        assert imm or is_business_day(calendar, terms.effective_date)
        assert large_book.MARKET_DATE < terms.termination_date <= large_book.LAST_MATURITY


def test_the_larger_the_book_the_more_swaps_share_a_schedule():
    """A day has few standard tenors."""
    shares = []
    for count in (1_000, 8_000):
        swaps = [terms for terms, bond in large_book.trades(count) if bond is None]
        keys = {template_key(terms, indexed=False) for terms in swaps}
        shares.append(len(keys) / len(swaps))
    assert shares[1] < shares[0] - 0.02


def test_rates_of_swaps_are_those_of_ten_years(swaps):
    par = large_book.par_rate("USD-SOFR-OIS", dt.date(2023, 10, 1), 5)
    assert 0.03 < par < 0.06
    rates = [terms.fixed_rate for terms in swaps if terms.currency == "USD"]
    assert -0.003 < min(rates) < max(rates) < 0.08
