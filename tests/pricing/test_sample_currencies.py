"""A currency of which only the market file is known has sample trades, priced as by QuantLib."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from demo import sample_currencies
from feedbridge.replay.history.daily import stored
from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from pricing.products.registry import as_security
from pricing.products.terms import Terms
from tests.pricing.test_compiled_equals_quantlib import check

TODAY = dt.date(2024, 3, 5)
OTHERS = [name for name in CURRENCIES if name not in sample_currencies.CURRENCIES]


def _without_price(terms: Terms) -> Terms:
    security = as_security(terms)
    if security is None or security.clean_price is None:
        return terms
    return msgspec.structs.replace(security, clean_price=None, z_spread_bp=10.0)


@pytest.mark.parametrize("currency", OTHERS)
def test_its_sample_trades_equal_quantlibs(currency: str) -> None:
    book = sample_currencies.trades(currency)
    assert {terms.currency for terms in book} == {currency}
    assert len({terms.trade_id for terms in book}) == len(book) > 10
    # QuantLib's numbers are compared per trade of one size.
    book = [
        msgspec.structs.replace(_without_price(terms), **{name: 1e6})
        for terms in book
        for name in ("notional", "face_amount")
        if hasattr(terms, name)
    ]
    check(book, TODAY, stored().day(currency, TODAY).curves, CurveOptions())
