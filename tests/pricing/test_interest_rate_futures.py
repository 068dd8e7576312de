"""Interest-rate futures: contract dates, the rate they settle to, margin that is not discounted."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.next_day import NextDayFixings, make_ready_next_day, net_next_day
from pricing.measures.theta import (
    curves_of_next_day,
    forecast_of_today,
    theta,
    with_forecast_of_today,
)
from pricing.measures.value_date import roll_to
from pricing.products.flows import compile_trade
from pricing.products.futures.contract import contract_dates, read_contract
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import compiled, priced

TODAY = dt.date(2025, 2, 10)
FIXINGS = sample_markets.fixings_until(TODAY)
USD = sample_markets.curves_of("USD", 0.041, 0.006, -0.003)
EUR = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
GBP = sample_markets.curves_of("GBP", 0.043, 0.004, -0.002)
CLOSE = 1e-4
"""Of 100 contracts, a deposit of 100 million: QuantLib's bootstrap stops at 1e-12."""
QUOTES = {"USD": USD, "EUR": EUR, "GBP": GBP}


def future(contract: str = "SR3U25", **changes) -> InterestRateFutureTerms:
    usual = {"trade_id": contract, "book": "book", "contracts": 100.0, "trade_price": 96.0}
    return InterestRateFutureTerms(contract=contract, **{**usual, **changes})


def value(terms: InterestRateFutureTerms, today: dt.date = TODAY, fixings=None) -> float:
    known = sample_markets.fixings_until(today) if fixings is None else fixings
    risk = priced([terms], today, QUOTES[terms.currency], known).risk
    assert risk.failures == ()
    return float(risk.npv[0])


def as_ql(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


def curve(today: dt.date, currency: str, name: str):
    return Reference(today, QUOTES[currency], sample_markets.fixings_until(today)).base[name]


@pytest.mark.parametrize(
    ("code", "start", "end", "last_trading", "settlement"),
    [
        # CME, SR3 calendar; Juneteenth 2024 is a Wednesday.
        ("SR3H25", "2025-03-19", "2025-06-18", "2025-06-17", "2025-06-18"),
        ("SR3M24", "2024-06-19", "2024-09-18", "2024-09-17", "2024-09-18"),
        ("SR3H24", "2024-03-20", "2024-06-19", "2024-06-18", "2024-06-20"),
        ("SR1G25", "2025-02-01", "2025-03-01", "2025-02-28", "2025-03-03"),
        ("SR1X24", "2024-11-01", "2024-12-01", "2024-11-29", "2024-12-02"),
        ("SO3Z24", "2024-12-18", "2025-03-19", "2025-03-18", "2025-03-19"),
        ("ER3Z25", "2025-12-17", "2026-03-18", "2026-03-17", "2026-03-18"),
        ("IH25", "2025-03-19", "2025-06-18", "2025-03-17", "2025-03-18"),
        ("FEU3M25", "2025-06-18", "2025-09-17", "2025-06-16", "2025-06-17"),
    ],
)
def test_the_dates_of_a_contract_are_those_of_its_exchange(
    code, start, end, last_trading, settlement
):
    dates = contract_dates(read_contract(code))
    assert [day.isoformat() for day in dates] == [start, end, last_trading, settlement]


def test_a_tick_is_worth_what_the_exchange_says():
    found = {name: row.tick_value for name, row in conventions.FUTURES.items()}
    assert found == pytest.approx(
        {"SR3": 6.25, "SR1": 10.4175, "ER3": 6.25, "I": 12.5, "FEU3": 12.5, "SO3": 6.25}
    )


def test_the_size_of_a_position_is_that_of_its_deposits():
    found = {name: future(f"{name}H26", contracts=-2.0).size for name in conventions.FUTURES}
    three_months = dict.fromkeys(found, 2e6)
    assert found == pytest.approx({**three_months, "SR1": 2 * 5_000_400.0})


def test_a_quarter_to_come_is_worth_its_forward_rate_undiscounted():
    sofr = curve(TODAY, "USD", "USD-SOFR")
    start, end = ql.Date(17, 9, 2025), ql.Date(17, 12, 2025)
    rate = (sofr.discount(start) / sofr.discount(end) - 1.0) * 360 / (end - start)
    by_hand = 100 * 2500.0 * (100.0 * (1.0 - rate) - 96.0)
    assert value(future()) == pytest.approx(by_hand, abs=CLOSE)
    # QuantLib's own future, which is a price.
    made = ql.OvernightIndexFuture(ql.Sofr(ql.YieldTermStructureHandle(sofr)), start, end)
    assert value(future()) == pytest.approx(100 * 2500.0 * (made.NPV() - 96.0), abs=CLOSE)


def test_the_par_rate_is_that_of_the_model_price():
    book = [future(convexity_bp=2.5, trade_id="A"), future("IH25")]
    by_currency = {terms.currency: terms for terms in book}
    for currency, terms in by_currency.items():
        risk = priced([terms], TODAY, QUOTES[currency], FIXINGS).risk
        model_price = 96.0 + risk.npv[0] / (100 * 2500.0)
        assert risk.values["par_rate"][0] == pytest.approx((100 - model_price) / 100, abs=1e-12)
        assert risk.leg_npv[0] == pytest.approx(
            [100 * 2500.0 * 4.0, -100 * 2500.0 * (100.0 - model_price)], abs=CLOSE
        )


def test_convexity_lowers_the_model_price_and_is_none_by_default():
    plain, lower = future(), future(convexity_bp=2.5)
    assert plain.convexity_bp == 0.0
    assert value(plain) - value(lower) == pytest.approx(100 * 2500.0 * 0.025, abs=1e-6)


def test_a_basis_point_of_zero_rates_moves_the_rate_by_its_growth():
    """The rate is (exp(z t365) - 1) / t360 for a continuous zero rate z of the quarter."""
    book = [future("SR3U25"), future("SR3U25", trade_id="short", contracts=-100.0)]
    risk = priced(book, TODAY, USD).risk
    assert risk.pv01[0] == pytest.approx(100 * 25.0)
    sofr = curve(TODAY, "USD", "USD-SOFR")
    growth = sofr.discount(ql.Date(17, 9, 2025)) / sofr.discount(ql.Date(17, 12, 2025))
    assert risk.dv01_zero[0] == pytest.approx(100 * 25.0 * growth * 360 / 365, rel=1e-6)
    assert risk.ladder_par[0].sum() == pytest.approx(risk.dv01_par[0], rel=1e-6)
    assert risk.krd[0].sum() == pytest.approx(risk.dv01_zero[0], rel=1e-12)
    for name in ("npv", "leg_npv", "ladder_par", "krd", "pv01", "gamma"):
        values = getattr(risk, name)
        assert values[0] + values[1] == pytest.approx(0.0, abs=1e-9)


def test_known_fixings_of_a_quarter_in_progress_compound():
    """SONIA from 18 December to 19 March, fixings known until 7 February 2025."""
    sonia = curve(TODAY, "GBP", "GBP-SONIA")
    london, day, growth = ql.UnitedKingdom(ql.UnitedKingdom.Exchange), ql.Date(18, 12, 2024), 1.0
    today, end = as_ql(TODAY), ql.Date(19, 3, 2025)
    while day < today:
        after = london.advance(day, 1, ql.Days)
        known = FIXINGS["SONIA"][dt.date(day.year(), day.month(), day.dayOfMonth())]
        growth *= 1.0 + known * (after - day) / 365
        day = after
    rate = (growth / sonia.discount(end) - 1.0) * 365 / (end - ql.Date(18, 12, 2024))
    by_hand = 100 * 2500.0 * (100.0 * (1.0 - rate) - 96.0)
    known = {name: {d: r for d, r in rates.items() if d < TODAY} for name, rates in FIXINGS.items()}
    assert value(future("SO3Z24"), fixings=known) == pytest.approx(by_hand, abs=CLOSE)


def test_an_average_counts_each_calendar_day_of_the_month():
    """February 2025 begins on a Saturday: the fixing of 31 January counts for two days."""
    sofr = curve(TODAY, "USD", "USD-SOFR")
    market = ql.UnitedStates(ql.UnitedStates.SOFR)
    total, days = 0.0, 28
    for number in range(days):
        day = market.adjust(ql.Date(1, 2, 2025) + number, ql.Preceding)
        after = market.advance(day, 1, ql.Days)
        if day < as_ql(TODAY):
            total += FIXINGS["SOFR"][dt.date(day.year(), day.month(), day.dayOfMonth())]
        else:
            total += (sofr.discount(day) / sofr.discount(after) - 1.0) * 360 / (after - day)
    by_hand = 100 * 4167.0 * (100.0 * (1.0 - total / days) - 96.0)
    known = {name: {d: r for d, r in rates.items() if d < TODAY} for name, rates in FIXINGS.items()}
    assert value(future("SR1G25"), fixings=known) == pytest.approx(by_hand, abs=CLOSE)


@pytest.mark.parametrize("code", ["IH25", "FEU3M25", "IG25"])
def test_a_term_rate_is_that_of_quantlibs_euribor(code: str):
    forecast = ql.YieldTermStructureHandle(curve(TODAY, "EUR", "EUR-EURIBOR3M"))
    third = {"IH25": 19, "FEU3M25": 18, "IG25": 19}[code]
    month = {"H": 3, "M": 6, "G": 2}[code[-3]]
    index = ql.Euribor3M(forecast)
    ql.Settings.instance().evaluationDate = as_ql(TODAY)
    fixing = ql.TARGET().advance(ql.Date(third, month, 2025), -2, ql.Days)
    rate = index.fixing(fixing, True)
    by_hand = 100 * 2500.0 * (100.0 * (1.0 - rate) - 96.0)
    assert value(future(code)) == pytest.approx(by_hand, abs=CLOSE)


def test_after_the_last_fixing_the_price_is_known_and_after_settlement_there_is_none():
    last, settled = dt.date(2025, 3, 17), dt.date(2025, 3, 18)
    known = sample_markets.fixings_until(settled)
    rate = known["EURIBOR3M"][last]
    by_hand = 100 * 2500.0 * (100.0 * (1.0 - rate) - 96.0)
    found = priced([future("IH25")], last, EUR, known)
    assert found.risk.npv[0] == pytest.approx(by_hand, abs=CLOSE)
    assert np.abs(found.risk.ladder_par).max() == pytest.approx(0.0, abs=1e-9)
    over = priced([future("IH25")], settled, EUR, known).risk
    assert (over.npv[0], over.failures) == (0.0, ())
    block = compiled([future("IH25")])
    assert roll_to(block, day_of(settled), {}, ("EUR-EURIBOR3M",)).matured.tolist() == [True]


@pytest.mark.parametrize("code", ["SR3Z24", "SR1G25"])
def test_a_missing_fixing_is_named(code: str):
    known = {name: dict(rates) for name, rates in FIXINGS.items()}
    del known["SOFR"][dt.date(2025, 2, 5)]
    risk = priced([future(code)], TODAY, USD, known).risk
    assert [f.code for f in risk.failures] == ["MISSING_FIXING"]
    assert "2025-02-05" in risk.failures[0].message


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP"])
def test_sums_and_theta_are_those_of_the_trades(currency: str):
    months = ("Z24", "G25", "H25", "Z26")
    book = [
        future(f"{name}{month}", contracts=10.0 * number + 3.0, trade_price=95.0 + number)
        for name in sample_markets.FUTURES_OF[currency]
        for number, month in enumerate(months)
    ]
    quotes = QUOTES[currency]
    known = {name: {d: r for d, r in rates.items() if d < TODAY} for name, rates in FIXINGS.items()}
    found = priced(book, TODAY, quotes, known)
    curves, solved, block = found.curves, found.solved, compiled(book)
    dated = roll_to(block, day_of(TODAY), known, curves.names)
    by_trade = theta(block, found.risk.npv, curves, solved, known)
    tomorrow = Reference.on_next_day(
        TODAY, quotes, with_forecast_of_today(curves, solved, known), CurveOptions()
    )
    expected = np.array(tomorrow.values(book)) - found.risk.npv
    assert by_trade == pytest.approx(expected, abs=1e-3)
    forecast, later = forecast_of_today(curves, known), curves_of_next_day(curves)
    fixings = NextDayFixings.of(known, TODAY, forecast.indices)
    next_day = make_ready_next_day(net_next_day(dated, fixings, curves.names), forecast, later)
    ready = make_ready_groups(net(dated, curves.names), curves.grid)
    sums = price_groups(ready, curves, solved, next_day)
    for name, close in (("npv", 1e-6), ("dv01_par", 1e-6), ("dv01_zero", 1e-6), ("gamma", 1e-4)):
        trades = getattr(found.risk, name)
        assert sums.values[name] == pytest.approx([trades.sum()], rel=1e-9, abs=close)
    assert sums.values["theta"] == pytest.approx([by_trade.sum()], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"contract": "SR3H5"}, "contract: .*SR3H5.*two digits of a year, such as SR3H25"),
        ({"contract": "ED3H25"}, "contract: .*futures: SR3, SR1"),
        ({"contract": "SR3A25"}, "contract: .*months: FGHJKMNQUVXZ"),
        ({"contracts": 0}, "contracts: .*whole number of contracts, not 0"),
        ({"contracts": 2.5}, "contracts: .*whole number of contracts"),
        ({"trade_price": 4.5}, "trade_price: .*a rate of 4.5 % is 95.5"),
        ({"trade_price": "high"}, "trade_price: .*high"),
        ({"convexity_bp": 20000}, "convexity_bp: .*at most 10,000"),
        ({"volatility_bp": 90}, "mean_reversion: .*required beside volatility_bp"),
        ({"mean_reversion": 0.03}, "mean_reversion: 0.03.*belongs to volatility_bp"),
        ({"volatility_bp": 0.9, "mean_reversion": 3.0e2}, "mean_reversion: .*at most 5"),
        ({"volatility_bp": -90, "mean_reversion": 0.03}, "volatility_bp: -90.*greater than 0"),
        (
            {"volatility_bp": 90, "mean_reversion": 0.03, "convexity_bp": 2},
            "convexity_bp: 2.*either given or made by the model",
        ),
        ({"forecast_curve": "EUR-ESTR"}, "forecast_curve: .*curves of USD"),
        ({"notional": 1e6}, "notional: .*no such field"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str):
    given = {k: v for k, v in msgspec.to_builtins(future()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, InterestRateFutureTerms))
