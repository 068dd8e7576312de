"""Theta of groups from netted flows against theta by trade, and against plain QuantLib."""

from __future__ import annotations

import dataclasses
import datetime as dt

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import merge, net
from pricing.measures.next_day import (
    NextDayFixings,
    make_ready_next_day,
    merge_next_day,
    net_next_day,
)
from pricing.measures.theta import (
    curves_of_next_day,
    forecast_of_today,
    theta,
    with_forecast_of_today,
)
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from tests.pricing import netting_of, sample_markets
from tests.pricing.netting_of import Market, sums_by_trade
from tests.pricing.sample_markets import NOTIONAL

PROPERTY = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
CLOSE = 1e-12
"""Of notional: theta of a trade is some 1e-4 of it."""


def netted_next_day(market: Market):
    forecast = forecast_of_today(market.curves, market.fixings)
    fixings = NextDayFixings.of(market.fixings, market.today, forecast.indices)
    names = market.curves.names
    blocks = [net_next_day(dated, fixings, names) for dated in market.blocks]
    return merge_next_day(blocks), forecast


def sums(market: Market):
    """The groups, and theta of each."""
    block, forecast = netted_next_day(market)
    ready = make_ready_next_day(block, forecast, curves_of_next_day(market.curves))
    netted = merge([net(dated, market.curves.names) for dated in market.blocks])
    today = make_ready_groups(netted, market.curves.grid)
    return price_groups(today, market.curves, market.solved, ready)


def by_trade(market: Market) -> list[np.ndarray]:
    risks = market.risks()
    return [
        theta(dated.block, risk.npv, market.curves, market.solved, market.fixings)
        for dated, risk in zip(market.blocks, risks, strict=True)
    ]


def check(market: Market) -> None:
    found = sums(market)
    size = sum(float(dated.block.notional.sum()) for dated in market.blocks)
    expected = sums_by_trade(market.blocks, found.groups, by_trade(market))
    close = CLOSE * size + netting_of.rounding(market)
    assert found.values["theta"] == pytest.approx(expected, abs=close)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_theta_of_groups_is_the_sum_of_their_trades(currencies, data):
    check(netting_of.draw_market(data.draw, data.draw(st.sampled_from(currencies))))


DATES = (
    dt.date(2024, 2, 28),
    dt.date(2024, 3, 28),  # before Good Friday
    dt.date(2024, 3, 29),
    dt.date(2024, 6, 28),  # a Friday
    dt.date(2024, 6, 29),
    dt.date(2024, 6, 30),
    dt.date(2024, 12, 31),
    dt.date(2025, 2, 11),
)
CLOSED = (dt.date(2024, 3, 29), dt.date(2024, 6, 29), dt.date(2024, 6, 30))
"""No index of the three currencies fixes on these."""


@pytest.mark.parametrize("known", [False, True], ids=["today open", "today fixed"])
@pytest.mark.parametrize("today", DATES)
@pytest.mark.parametrize("currency", ["EUR", "USD", "GBP"])
def test_coupons_that_fix_or_are_paid_around_the_day(currency, today, known):
    """Starts, ends and fixings from four days before to four days after."""
    fixings = sample_markets.fixings_until(today)
    if known:
        fixings = {name: {**rates, today: 0.031} for name, rates in fixings.items()}
    good = netting_of.compiled(book_around(currency, today))
    quotes = sample_markets.curves_of(currency, 0.02, 0.01, -0.004)
    market = netting_of.market(good, today, quotes, fixings)
    check(market)
    block, forecast = netted_next_day(market)
    if known or today in CLOSED:
        assert forecast.indices == ()
    else:
        base = len(block.groups)
        extra = block.cash_ptr[-1] - block.cash_ptr[base]
        assert extra + block.growth_ptr[-1] - block.growth_ptr[base] > 0


def book_around(currency: str, today: dt.date) -> list[SwapTerms]:
    near = [today + dt.timedelta(days=n) for n in range(-4, 5)]
    made = [
        SwapTerms(
            trade_id=f"{convention}{first}{last}",
            book="",
            convention=convention,
            pay_receive="receive",
            notional=NOTIONAL,
            effective_date=first,
            termination_date=last,
            fixed_rate=0.025,
            spread_bp=7.0,
        )
        for convention in sample_markets.SWAPS_OF[currency]
        for first, last in (
            *((day, dt.date(today.year + 4, 5, 20)) for day in near),
            *((dt.date(today.year - 2, today.month, 11), day) for day in near),
        )
    ]
    return [terms for terms in made if terms.effective_date < terms.termination_date]


@pytest.mark.parametrize("today", [dt.date(2024, 6, 28), dt.date(2025, 2, 11)])
@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_theta_of_groups_is_quantlibs(currency, today):
    fixings = sample_markets.fixings_until(today)
    quotes = sample_markets.curves_of(currency, 0.02, 0.01, -0.004)
    book = book_around(currency, today)[::3]
    market = netting_of.market(netting_of.compiled(book), today, quotes, fixings)
    found = sums(market)
    now = Reference(today, quotes, fixings).values(book)
    known = with_forecast_of_today(market.curves, market.solved, fixings)
    options = market.curves.options
    then = Reference.on_next_day(today, quotes, known, options).values(book)
    changes = dict(zip(sample_markets.ids(book), np.subtract(then, now), strict=True))
    for place, group in enumerate(found.groups):
        mine = [
            changes[trade.trade_id]
            for trade in market.trades
            if (trade.book, trade.product) == group
        ]
        expected = pytest.approx(sum(mine), abs=1e-8 * NOTIONAL * len(mine))
        assert found.values["theta"][place] == expected


def test_a_group_with_a_trade_that_has_no_value_tomorrow_has_no_theta():
    """Its index has no curve here, so nothing forecasts the fixing of today."""
    today = dt.date(2025, 2, 11)
    quotes = sample_markets.curves_of("EUR", 0.02, 0.01, -0.004)
    fixings = sample_markets.fixings_until(today)
    del quotes["EUR-EURIBOR6M"]
    base = SwapTerms(
        trade_id="fixes today",
        book="",
        convention="EUR-EURIBOR-6M",
        pay_receive="pay",
        notional=NOTIONAL,
        effective_date=dt.date(2025, 2, 13),
        termination_date=dt.date(2030, 2, 13),
        fixed_rate=0.02,
        forecast_curve="EUR-EURIBOR3M",
    )
    later = msgspec.structs.replace(
        base, trade_id="fixes later", effective_date=dt.date(2025, 3, 13)
    )
    market = netting_of.market(netting_of.compiled([base, later]), today, quotes, fixings)
    found = sums(market)
    assert np.isnan(by_trade(market)[0]).tolist() == [True, False]
    assert found.groups == (("alpha", "swap"), ("beta", "swap"))
    assert np.isnan(found.values["theta"]).tolist() == [True, False]
    assert np.isfinite(found.values["npv"]).all()


def test_a_trade_that_fails_today_does_not_spoil_theta():
    today = dt.date(2025, 2, 11)
    quotes = sample_markets.curves_of("EUR", 0.02, 0.01, -0.004)
    good = netting_of.compiled(book_around("EUR", today)[:8])
    good.append(dataclasses.replace(good[0], trade_id="lost", discount="no such curve"))
    market = netting_of.market(good, today, quotes, sample_markets.fixings_until(today))
    assert np.isfinite(sums(market).values["theta"]).all()
    check(market)


def test_quotes_without_a_curve_tomorrow_leave_the_other_sums():
    """QuantLib looks for factors up to exp(1) a year; the year from 1 March 2023 has 366 days."""
    today, quotes = dt.date(2023, 2, 28), {"GBP-SONIA": {"1Y": -0.6318}}
    swap = SwapTerms(
        trade_id="s",
        book="",
        convention="GBP-SONIA-OIS",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=today,
        termination_date=dt.date(2024, 2, 28),
        fixed_rate=0.01,
    )
    found = sums(netting_of.market(netting_of.compiled([swap]), today, quotes, {}))
    assert np.isnan(found.values["theta"]).all()
    assert np.isfinite(found.values["npv"]).all()


def test_only_changed_groups_are_added_anew_and_the_bits_are_the_same():
    today = dt.date(2025, 2, 11)
    quotes = sample_markets.curves_of("EUR", 0.02, 0.01, -0.004)
    fixings = sample_markets.fixings_until(today)
    good = netting_of.compiled(book_around("EUR", today))
    market = netting_of.market(good, today, quotes, fixings)
    forecast = forecast_of_today(market.curves, fixings)
    open_ones = NextDayFixings.of(fixings, today, forecast.indices)
    blocks = [net_next_day(dated, open_ones, market.curves.names) for dated in market.blocks]
    flows = good[5].flows.copy()
    flows["scale"] *= 1.5
    good[5] = dataclasses.replace(good[5], flows=flows)
    edited = netting_of.market(good[4:8], today, quotes, fixings).blocks[0]
    after = [blocks[0], net_next_day(edited, open_ones, market.curves.names), *blocks[2:]]
    again = merge_next_day(after, (blocks, merge_next_day(blocks)))
    whole = merge_next_day(after)
    assert whole.growth_alpha.tobytes() != merge_next_day(blocks).growth_alpha.tobytes()
    for field in dataclasses.fields(whole):
        ours, theirs = getattr(again, field.name), getattr(whole, field.name)
        if field.name in ("deliveries", "chains"):
            assert [part.tobytes() for part in ours] == [part.tobytes() for part in theirs]
        else:
            assert np.array_equal(ours, theirs), field.name


def test_flows_of_other_forecasts_are_refused():
    market = netting_of.market(
        netting_of.compiled(book_around("EUR", DATES[-1])[:2]),
        DATES[-1],
        sample_markets.curves_of("EUR", 0.02, 0.01, -0.004),
        sample_markets.fixings_until(DATES[-1]),
    )
    block, forecast = netted_next_day(market)
    later = curves_of_next_day(market.curves)
    with pytest.raises(ValueError, match="netted for fixings"):
        make_ready_next_day(dataclasses.replace(block, indices=()), forecast, later)
    with pytest.raises(ValueError, match="same curves and indices"):
        merge_next_day([block, dataclasses.replace(block, indices=())])
