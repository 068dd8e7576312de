"""The rounding of sums and detail is far within what the check of a frame allows.

Values of futures and forward rate agreements are small differences of large deposits, and near 0
at the market.
"""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.value_date import roll_to
from pricing.products.flows import compile_block
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from risk.store.publication import SUMS_LIMIT
from risk.store.results import CHECKED_SUMS
from risk.workers.block_result import add_up, make_groups
from tests.pricing import sample_markets
from tests.pricing.sample_baskets import basket, bond_future

TODAY = dt.date(2025, 2, 10)
MARKETS = [
    (currency, level) for currency in ("USD", "EUR", "GBP") for level in (0.0005, 0.021, 0.05)
]
MONTHS = ("Z24", "G25", "H25", "J25", "M25", "Z25", "H26", "Z26")


def futures_of(currency: str) -> list[InterestRateFutureTerms]:
    return [
        InterestRateFutureTerms(
            trade_id=f"{name}{month}",
            book=f"book {number % 3}",
            contract=f"{name}{month}",
            contracts=(-1.0) ** number * (100.0 + 37.0 * number),
            trade_price=97.0,
        )
        for name in sample_markets.FUTURES_OF[currency]
        for number, month in enumerate(MONTHS)
    ]


def fras_of(currency: str) -> list[FraTerms]:
    return [
        FraTerms(
            trade_id=f"{index}{month}",
            book="book 0",
            index=index,
            pay_receive="pay",
            notional=1e8,
            effective_date=dt.date(2025, month, 18),
            fixed_rate=0.02,
        )
        for index in sample_markets.IBORS_OF[currency][:2]
        for month in (3, 6, 9)
        if currency == "EUR"
    ]


def bond_futures_of(currency: str) -> list[BondFutureTerms]:
    return [
        bond_future(
            currency,
            trade_id=f"bond future {number}",
            book=f"book {number % 3}",
            contracts=(-1.0) ** number * (100.0 + 37.0 * number),
            deliverables=basket(currency)[number % 2 :],
        )
        for number in range(6)
    ]


def at_the_market(book: list, rates: list[float]) -> list:
    return [
        msgspec.structs.replace(terms, trade_price=rate)
        if isinstance(terms, BondFutureTerms)
        else msgspec.structs.replace(terms, trade_price=100.0 * (1.0 - rate))
        if isinstance(terms, InterestRateFutureTerms)
        else msgspec.structs.replace(terms, fixed_rate=terms.fixed_rate + rate)
        for terms, rate in zip(book, rates, strict=True)
    ]


@pytest.mark.parametrize(("currency", "level"), MARKETS)
def test_sums_of_trades_at_the_market_are_those_of_their_detail(currency: str, level: float):
    fixings = sample_markets.fixings_until(TODAY, level)
    quotes = sample_markets.curves_of(currency, level, 0.004, -0.002)
    curves = CurveSet(TODAY, shape_of(quotes), fixings)
    solved = curves.solve(curves.vector(quotes))

    def priced(book: list):
        block, failed = compile_block(book)
        dated = roll_to(block, day_of(TODAY), fixings, curves.names)
        assert [*failed, *dated.failures] == []
        return dated, price_block(make_ready(dated, curves.grid), curves, solved)

    book = [*futures_of(currency), *fras_of(currency), *bond_futures_of(currency)]
    _, risk = priced(book)
    fair = np.where(
        [isinstance(terms, InterestRateFutureTerms) for terms in book],
        np.nan_to_num(risk.values["par_rate"]),
        risk.npv / np.where(risk.pv01 == 0.0, 1.0, np.abs(risk.pv01)) * 1e-4,
    )
    for place, terms in enumerate(book):
        if isinstance(terms, BondFutureTerms):
            fair[place] = terms.trade_price + risk.npv[place] / terms.point_money
    dated, risk = priced(at_the_market(book, fair.tolist()))
    sums = price_groups(make_ready_groups(net(dated, curves.names), curves.grid), curves, solved)
    checks = add_up(make_groups(dated.block), risk, dated.matured)
    assert [(check.book, check.product) for check in checks] == list(sums.groups)
    for place, check in enumerate(checks):
        for number, name in enumerate(CHECKED_SUMS):
            off = abs(check.sums[number] - sums.values[name][place])
            assert off <= SUMS_LIMIT / 4.0 * check.gross[number], (check.product, name, off)
