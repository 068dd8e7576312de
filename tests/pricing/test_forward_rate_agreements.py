"""Forward rate agreements: settled at the start of the period, discounted at the fixing."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput
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
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import compiled, priced

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
FIXINGS = sample_markets.fixings_until(TODAY)
FIXES_TODAY, HAS_FIXED = dt.date(2025, 2, 12), dt.date(2025, 2, 11)


def fra(**changes) -> FraTerms:
    usual = {
        "trade_id": "F",
        "book": "book",
        "index": "EURIBOR6M",
        "pay_receive": "pay",
        "notional": 1e8,
        "effective_date": dt.date(2025, 6, 18),
        "fixed_rate": 0.024,
    }
    return FraTerms(**{**usual, **changes})


def by_quantlib(reference: Reference, terms: FraTerms) -> float:
    """QuantLib's agreement on its own EURIBOR."""
    forecast, discount = (
        ql.YieldTermStructureHandle(reference.base[name]) for name in ("EUR-EURIBOR6M", "EUR-ESTR")
    )
    start = terms.effective_date
    side = ql.Position.Long if terms.pay_receive == "pay" else ql.Position.Short
    made = ql.ForwardRateAgreement(
        ql.Euribor6M(forecast), ql.Date(start.day, start.month, start.year), side,
        terms.fixed_rate, terms.notional, discount,
    )  # fmt: skip
    return float(made.NPV())


@pytest.mark.parametrize("side", ["pay", "receive"])
@pytest.mark.parametrize("start", [dt.date(2025, 6, 18), dt.date(2026, 3, 18), FIXES_TODAY])
def test_the_value_before_the_fixing_is_quantlibs(start: dt.date, side: str) -> None:
    terms = fra(effective_date=start, pay_receive=side)
    reference = Reference(TODAY, QUOTES, FIXINGS)
    with reference.history():
        expected = by_quantlib(reference, terms)
    risk = priced([terms], TODAY, QUOTES, FIXINGS).risk
    assert risk.npv[0] == pytest.approx(expected, abs=1e-4)
    assert risk.leg_npv[0, 1] == 0.0


def test_after_the_fixing_the_settlement_is_known_and_discounted_at_the_fixing() -> None:
    terms = fra(effective_date=HAS_FIXED)
    rate = FIXINGS["EURIBOR6M"][dt.date(2025, 2, 7)]
    years = (dt.date(2025, 8, 11) - HAS_FIXED).days / 360
    settlement = 1e8 * years * (rate - 0.024) / (1.0 + rate * years)
    found = priced([terms], TODAY, QUOTES, FIXINGS)
    paid = Reference(TODAY, QUOTES, FIXINGS).base["EUR-ESTR"].discount(ql.Date(11, 2, 2025))
    assert found.risk.npv[0] == pytest.approx(settlement * paid, abs=1e-6)
    on_euribor = [key.curve == "EUR-EURIBOR6M" for key in found.curves.keys]
    assert np.abs(found.risk.ladder_par[0][on_euribor]).max() == pytest.approx(0.0, abs=1e-9)
    over = priced([fra(effective_date=TODAY)], TODAY, QUOTES, FIXINGS).risk
    assert (over.npv[0], over.failures) == (0.0, ())


def test_a_missing_fixing_is_named() -> None:
    risk = priced([fra(effective_date=HAS_FIXED)], TODAY, QUOTES, {}).risk
    assert [f.code for f in risk.failures] == ["MISSING_FIXING"]
    assert "EURIBOR6M" in risk.failures[0].message
    assert "2025-02-07" in risk.failures[0].message


def test_the_forward_rate_makes_it_worth_nothing_and_a_basis_point_its_annuity() -> None:
    curve = Reference(TODAY, QUOTES, FIXINGS).base["EUR-EURIBOR6M"]
    start, end = ql.Date(18, 6, 2025), ql.Date(18, 12, 2025)
    years = (end - start) / 360
    forward = (curve.discount(start) / curve.discount(end) - 1.0) / years
    book = [fra(fixed_rate=forward), fra(trade_id="up", fixed_rate=forward + 1e-4)]
    risk = priced(book, TODAY, QUOTES, FIXINGS).risk
    assert risk.npv[0] == pytest.approx(0.0, abs=1e-5)
    assert risk.npv[1] == pytest.approx(risk.pv01[0], rel=1e-3)


def test_buyer_and_seller_add_up_to_nothing() -> None:
    dates = (dt.date(2025, 6, 18), FIXES_TODAY, HAS_FIXED)
    book = [
        fra(trade_id=f"{day}{side}", effective_date=day, pay_receive=side)
        for day in dates
        for side in ("pay", "receive")
    ]
    risk = priced(book, TODAY, QUOTES, FIXINGS).risk
    for name in ("npv", "leg_npv", "ladder_par", "krd", "pv01", "gamma"):
        values = getattr(risk, name)
        assert values[::2] + values[1::2] == pytest.approx(0.0, abs=1e-6)


def test_theta_of_a_fixing_of_today_is_that_of_its_forecast_by_trade_and_in_sums() -> None:
    """The settlement is not linear in the fixing; sums still are those of the trades."""
    book = [
        fra(trade_id="A", effective_date=FIXES_TODAY, fixed_rate=0.05),
        fra(trade_id="B", effective_date=FIXES_TODAY, fixed_rate=-0.01, pay_receive="receive"),
        fra(trade_id="C", index="EURIBOR3M", effective_date=FIXES_TODAY, notional=3e7),
        fra(trade_id="D"),
    ]
    found = priced(book, TODAY, QUOTES, FIXINGS)
    curves, solved, block = found.curves, found.solved, compiled(book)
    by_trade = theta(block, found.risk.npv, curves, solved, FIXINGS)
    known = with_forecast_of_today(curves, solved, FIXINGS)
    tomorrow = Reference.on_next_day(TODAY, QUOTES, known, CurveOptions())
    expected = np.array(tomorrow.values(book)) - found.risk.npv
    assert by_trade == pytest.approx(expected, abs=1e-3)
    dated = roll_to(block, day_of(TODAY), FIXINGS, curves.names)
    forecast, later = forecast_of_today(curves, FIXINGS), curves_of_next_day(curves)
    fixings = NextDayFixings.of(FIXINGS, TODAY, forecast.indices)
    next_day = make_ready_next_day(net_next_day(dated, fixings, curves.names), forecast, later)
    ready = make_ready_groups(net(dated, curves.names), curves.grid)
    sums = price_groups(ready, curves, solved, next_day).values["theta"]
    assert sums == pytest.approx([by_trade.sum()], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"index": "ESTR"}, "index: .*an overnight index has no period.*EURIBOR3M"),
        ({"index": "LIBOR"}, "index: .*LIBOR.*indices: "),
        ({"effective_date": "2025-06-21"}, "effective_date: .*business day of TARGET"),
        ({"fixed_rate": 2.4}, "fixed_rate: .*"),
        ({"forecast_curve": "USD-SOFR"}, "forecast_curve: .*curves of EUR"),
        ({"notional": 0}, "notional: .*must be greater than 0"),
        ({"tenor": "6M"}, "tenor: .*no such field"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str) -> None:
    given = {k: v for k, v in msgspec.to_builtins(fra()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, FraTerms))
