"""Sums from netted flows against the sums of trades, and against plain QuantLib."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pricing.curves.quotes import CurveOptions
from pricing.measures.groups import make_ready_groups, not_numbers, price_groups
from pricing.measures.netting import merge, net
from pricing.measures.table import BY_NAME, SUMMED
from pricing.reference import Reference
from tests.pricing import netting_of, sample_markets
from tests.pricing.netting_of import Market, sums_by_trade
from tests.pricing.sample_markets import NOTIONAL

PROPERTY = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
CLOSE = 1e-12
"""Of gross: the notional of all trades for values, their absolute ladders for ladders."""

DUST = 1e-15 * NOTIONAL


def netted(market: Market, exclude=()):
    return merge([net(dated, market.curves.names, exclude) for dated in market.blocks])


def priced(market: Market, exclude=()):
    ready = make_ready_groups(netted(market, exclude), market.curves.grid)
    return price_groups(ready, market.curves, market.solved)


def check_against_trades(market: Market) -> None:
    found, risks = priced(market), market.risks()
    size = sum(float(dated.block.notional.sum()) for dated in market.blocks)
    for name in SUMMED:
        having = [BY_NAME[name].supports(product) for _, product in found.groups]
        expected = sums_by_trade(market.blocks, found.groups, [r.values[name] for r in risks])
        assert np.isfinite(found.values[name]).tolist() == having
        close = CLOSE * size + netting_of.rounding(market)
        assert found.values[name][having] == pytest.approx(expected[having], abs=close)
    for name in ("ladder_par", "krd"):
        tables = [getattr(risk, name) for risk in risks]
        expected = sums_by_trade(market.blocks, found.groups, tables)
        gross = np.nansum([np.nansum(np.abs(table)) for table in tables])
        assert getattr(found, name) == pytest.approx(expected, abs=CLOSE * gross + DUST)
    check_counts(market, risks)


def check_counts(market: Market, risks) -> None:
    """Counts as they follow from the numbers by trade."""
    block = netted(market)
    shown = {name: np.zeros(len(block.groups)) for name in ("trades", "failed", "lost", "matured")}
    for dated, risk in zip(market.blocks, risks, strict=True):
        for row, pair in enumerate(zip(dated.block.books, dated.block.products, strict=True)):
            place, failed = block.groups.index(pair), not np.isfinite(risk.npv[row])
            over = bool(dated.matured[row])
            shown["matured"][place] += over
            shown["trades"][place] += not over
            shown["failed"][place] += failed
            shown["lost"][place] += dated.block.notional[row] * failed
    assert block.trades.tolist() == shown["trades"].tolist()
    assert block.matured.tolist() == shown["matured"].tolist()
    assert block.failed.tolist() == shown["failed"].tolist()
    assert block.notional_failed == pytest.approx(shown["lost"])
    assert block.failures == tuple(failure for risk in risks for failure in risk.failures)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_sums_of_groups_are_the_sums_of_their_trades(currencies, data):
    options = CurveOptions(indexed=data.draw(st.booleans()))
    currency = data.draw(st.sampled_from(currencies))
    check_against_trades(netting_of.draw_market(data.draw, currency, options))


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@settings(PROPERTY, max_examples=4)
@given(data=st.data())
def test_a_global_interpolation_works_too(currencies, data):
    currency = data.draw(st.sampled_from(currencies))
    names = sample_markets.curves_of(currency, 0.02, 0.0, 0.0)
    cubic = CurveOptions(interpolation=dict.fromkeys(names, "natural_log_cubic"))
    check_against_trades(netting_of.draw_market(data.draw, currency, cubic))


@pytest.mark.parametrize("currency", sample_markets.BY_ITSELF)
@settings(PROPERTY, max_examples=3)
@given(data=st.data())
def test_sums_of_groups_are_quantlibs(currency, data):
    today = data.draw(sample_markets.dates)
    quotes = data.draw(sample_markets.markets(currency))
    fixings = sample_markets.fixings_until(today)
    book = data.draw(sample_markets.books(currency, today))
    good = netting_of.compiled(book)
    found = priced(netting_of.market(good, today, quotes, fixings))
    truths = {risk.trade_id: risk for risk in Reference(today, quotes, fixings).price(book)}
    for place, group in enumerate(found.groups):
        mine = [truths[t.trade_id] for t in good if (t.book, t.product) == group]
        size = 1e-8 * NOTIONAL * len(mine)
        for name in ("npv", "pv01", "dv01_par", "dv01_zero"):
            expected = sum(getattr(risk, name) for risk in mine)
            assert found.values[name][place] == pytest.approx(expected, abs=size)
        for name in ("ladder_par", "krd"):
            expected = sum(getattr(risk, name) for risk in mine)
            assert getattr(found, name)[place] == pytest.approx(expected, abs=size)


def test_a_trade_that_is_not_a_number_is_found_and_left_out():
    market = plain_market()
    spoilt = market.trades[2]
    flows = spoilt.flows.copy()
    flows["amount"][-1] = np.nan
    market.trades[2] = dataclasses.replace(spoilt, flows=flows)
    market = netting_of.market(market.trades, market.today, QUOTES, market.fixings)
    sums = priced(market)
    assert sums.not_finite == ((spoilt.book, spoilt.product),)
    found = not_numbers(market.blocks, market.curves, market.solved, sums.not_finite)
    assert [(f.trade_id, f.code) for f in found] == [(spoilt.trade_id, "NOT_A_NUMBER")]
    assert priced(market, found).not_finite == ()
    expected = sums_by_trade(market.blocks, sums.groups, [risk.npv for risk in market.risks()])
    assert priced(market, found).values["npv"] == pytest.approx(expected, abs=1e-5)


def test_sums_are_the_same_bits_from_the_same_blocks():
    first, again = (priced(plain_market()) for _ in range(2))
    for name in SUMMED:
        assert first.values[name].tobytes() == again.values[name].tobytes()
    assert first.ladder_par.tobytes() == again.ladder_par.tobytes()


def test_a_book_whose_trades_have_all_failed_has_sums_of_nothing():
    market = plain_market()
    trades = [dataclasses.replace(t, discount="no such curve") for t in market.trades]
    sums = priced(netting_of.market(trades, market.today, QUOTES, market.fixings))
    assert sums.not_finite == ()
    assert np.all(sums.values["npv"] == 0.0)
    assert np.all(sums.ladder_par == 0.0)


QUOTES = sample_markets.curves_of("EUR", 0.02, 0.01, -0.004)


def plain_market() -> Market:
    today = dt.date(2025, 2, 10)
    book = [
        sample_markets.SwapTerms(
            trade_id=f"{convention}{years}",
            book="",
            convention=convention,
            pay_receive="pay",
            notional=NOTIONAL,
            effective_date=dt.date(2022, 8, 31),
            termination_date=dt.date(2025 + years, 8, 29),
            fixed_rate=0.025,
        )
        for convention in sample_markets.SWAPS_OF["EUR"]
        for years in (1, 6, 33)
    ]
    fixings = sample_markets.fixings_until(today)
    return netting_of.market(netting_of.compiled(book), today, QUOTES, fixings)
