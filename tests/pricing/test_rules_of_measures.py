"""What must hold for any market and any trade, whatever the numbers are."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.markets.conventions import CURRENCIES
from pricing.measures.block import make_ready, price_block, values_at
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock, make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_book
from pricing.products.schedules import calendar, day_number, to_ql
from tests.pricing import sample_markets
from tests.pricing.pricing_of import compiled, priced
from tests.pricing.sample_markets import NOTIONAL

TODAY = dt.date(2024, 5, 15)
PROPERTY = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_ladders_add_up_and_every_instrument_reprices(currencies, data):
    currency = data.draw(st.sampled_from(currencies))
    today = data.draw(sample_markets.dates)
    good, _ = compile_book(data.draw(sample_markets.books(currency, today)))
    book = make_block(good)
    quotes = data.draw(sample_markets.markets(currency))
    risk, curves, solved = priced(book, today, quotes, sample_markets.fixings_until(today))
    assert solved.rate_error < 1e-10
    down, up = (values(book, today, curves, solved, shift) for shift in (-1e-4, 1e-4))
    parallel = (down - up) / 2
    gross = np.abs(risk.ladder_par).sum(axis=1)
    assert np.all(np.abs(risk.dv01_par - parallel) <= 5e-6 * gross + 1e-6)


def values(block: FlowBlock, today: dt.date, curves, solved, shift: float) -> np.ndarray:
    fixings = sample_markets.fixings_until(today)
    dated = roll_to(block, day_of(today), fixings, curves.names)
    x = curves.shifted(solved, np.full(len(solved.quotes), shift))
    return values_at(make_ready(dated, curves.grid), x)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_a_payer_and_its_receiver_cancel(currencies, data):
    currency = data.draw(st.sampled_from(currencies))
    today = data.draw(sample_markets.dates)
    one = data.draw(sample_markets.swaps(currency, today, 1))
    other = {"pay": "receive", "receive": "pay"}[one.pay_receive]
    assume(compile_book([one])[0])
    two = msgspec.structs.replace(one, trade_id="S2", pay_receive=other)
    quotes = data.draw(sample_markets.markets(currency))
    risk = priced([one, two], today, quotes, sample_markets.fixings_until(today)).risk
    for column in (risk.npv, risk.pv01, risk.ladder_par, risk.krd, risk.gamma):
        assert np.array_equal(column[0], -column[1])


@pytest.mark.parametrize("convention", list(conventions.SWAPS))
@pytest.mark.parametrize("years", [2, 5, 10, 30])
def test_a_par_swap_has_its_whole_ladder_in_its_own_bucket(convention, years):
    row = conventions.SWAPS[convention]
    curve = conventions.INDICES[row.index].forecast_curve
    quotes = sample_markets.curves_of(row.currency, 0.03, 0.005, 0.002)
    spot = calendar(row.calendar).advance(to_ql(TODAY), row.spot_lag, 0)
    start = dt.date(1970, 1, 1) + dt.timedelta(days=day_number(spot))
    swap = SwapTerms(
        trade_id="par",
        book="book",
        convention=convention,
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=start,
        termination_date=start.replace(year=start.year + years),
        fixed_rate=quotes[curve][f"{years}Y"],
    )
    risk, curves, _ = priced([swap], TODAY, quotes)
    bucket = curves.keys.index((curve, f"{years}Y"))
    others = np.delete(risk.ladder_par[0], bucket)
    assert risk.npv[0] == pytest.approx(0.0, abs=1e-9 * NOTIONAL)
    assert risk.ladder_par[0, bucket] > 0
    assert np.abs(others).max() < 1e-9 * risk.ladder_par[0, bucket]


def test_a_long_bond_and_a_receiver_swap_earn_when_rates_fall():
    quotes = sample_markets.curves_of("USD", 0.03, 0.005, 0.0)
    bond = BondTerms(
        trade_id="bond",
        book="book",
        convention="US-TREASURY",
        face_amount=NOTIONAL,
        issue_date=dt.date(2023, 2, 15),
        maturity_date=dt.date(2033, 2, 15),
        coupon_rate=0.035,
    )
    swap = SwapTerms(
        trade_id="swap",
        book="book",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 5, 17),
        termination_date=dt.date(2034, 5, 17),
        fixed_rate=0.03,
    )
    risk = priced([bond, swap], TODAY, quotes).risk
    assert (risk.dv01_par > 0).all()
    assert (risk.dv01_zero > 0).all()
    assert (risk.pv01 > 0).all()
    assert risk.npv[0] > 0


@pytest.mark.parametrize("days", [1, 2, 3, 7, 30, 31, 92, 183, 365])
def test_rolling_a_kept_block_gives_exactly_what_compiling_afresh_gives(days):
    book = [
        terms
        for number in range(12)
        for terms in (swap_of("EUR", number), swap_of("USD", number), bond_of("GBP", number))
    ]
    later = TODAY + dt.timedelta(days=days)
    for currency in CURRENCIES:
        mine = [terms for terms in book if terms.currency == currency]
        kept = compiled(mine)
        quotes = sample_markets.curves_of(currency, 0.03, 0.004, 0.001)
        priced(
            kept, TODAY, quotes, sample_markets.fixings_until(TODAY)
        )  # used on another date first
        rolled = priced(kept, later, quotes, sample_markets.fixings_until(later)).risk
        fresh = priced(mine, later, quotes, sample_markets.fixings_until(later)).risk
        for name in ("npv", "leg_npv", "pv01", "ladder_par", "krd", "gamma"):
            assert np.array_equal(getattr(rolled, name), getattr(fresh, name))
        assert rolled.failures == fresh.failures == ()


def swap_of(currency: str, number: int) -> SwapTerms:
    names = sample_markets.SWAPS_OF[currency]
    start = TODAY - dt.timedelta(days=97 * number)
    return SwapTerms(
        trade_id=f"{currency}-S{number}",
        book="book",
        convention=names[number % len(names)],
        pay_receive="pay" if number % 2 else "receive",
        notional=NOTIONAL,
        effective_date=start,
        termination_date=TODAY + dt.timedelta(days=40 + 700 * number),
        fixed_rate=0.02 + 0.001 * number,
    )


def bond_of(currency: str, number: int) -> BondTerms:
    return BondTerms(
        trade_id=f"{currency}-B{number}",
        book="book",
        convention=sample_markets.BONDS_OF[currency][0],
        currency=currency,
        face_amount=NOTIONAL,
        issue_date=TODAY - dt.timedelta(days=100 + 50 * number),
        maturity_date=TODAY + dt.timedelta(days=20 + 600 * number),
        coupon_rate=0.04,
    )


def test_a_missing_fixing_fails_its_trade_alone_and_names_index_and_date():
    fixings = sample_markets.fixings_until(TODAY)
    del fixings["EURIBOR6M"][dt.date(2024, 2, 6)]
    good, bad = (
        SwapTerms(
            trade_id=name,
            book="book",
            convention="EUR-EURIBOR-6M",
            pay_receive="pay",
            notional=NOTIONAL,
            effective_date=start,
            termination_date=dt.date(2030, start.month, start.day),
            fixed_rate=0.02,
        )
        for name, start in (("good", dt.date(2023, 3, 8)), ("bad", dt.date(2023, 2, 8)))
    )
    quotes = sample_markets.curves_of("EUR", 0.03, 0.0, 0.0)
    risk = priced([good, bad], TODAY, quotes, fixings).risk
    (failure,) = risk.failures
    assert (failure.trade_id, failure.code) == ("bad", "MISSING_FIXING")
    assert "EURIBOR6M" in failure.message
    assert "2024-02-06" in failure.message
    assert np.isfinite(risk.npv[0])
    assert np.isnan(risk.npv[1])
    assert np.isnan(risk.ladder_par[1]).all()


def test_a_hole_in_an_overnight_coupon_in_progress_is_named_by_its_day():
    fixings = sample_markets.fixings_until(TODAY)
    del fixings["SOFR"][dt.date(2024, 4, 10)]
    swap = swap_of("USD", 1)
    quotes = sample_markets.curves_of("USD", 0.03, 0.0, 0.0)
    (failure,) = priced([swap], TODAY, quotes, fixings).risk.failures
    assert "SOFR" in failure.message
    assert "2024-04-10" in failure.message


def test_a_trade_on_a_curve_that_the_market_lacks_fails_alone():
    quotes = sample_markets.curves_of("EUR", 0.03, 0.0, 0.0)
    del quotes["EUR-EURIBOR3M"]
    book = [swap_of("EUR", number) for number in range(3)]
    risk = priced(book, TODAY, quotes, sample_markets.fixings_until(TODAY)).risk
    assert {f.code for f in risk.failures} == {"MISSING_CURVE"}
    assert len(risk.failures) == 1
    assert np.isfinite(risk.npv).sum() == 2


def test_an_empty_block_has_no_rows_and_breaks_nothing():
    quotes = sample_markets.curves_of("GBP", 0.03, 0.0, 0.0)
    risk, curves, solved = priced(make_block([]), TODAY, quotes)
    assert risk.npv.shape == (0,)
    dated = roll_to(make_block([]), day_of(TODAY), {}, curves.names)
    assert price_block(make_ready(dated, curves.grid), curves, solved).ladder_par.shape[0] == 0
