"""Bond futures: the cheapest bond by hand and by QuantLib, and chosen anew on each market."""

from __future__ import annotations

import dataclasses
import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BadInput
from pricing.explain.explain import explain
from pricing.explain.market import MarketState
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.delivery.choice import cheapest
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import merge, net
from pricing.measures.next_day import (
    NextDayFixings,
    make_ready_next_day,
    merge_next_day,
    net_next_day,
)
from pricing.measures.theta import curves_of_next_day, forecast_of_today, theta
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_trade
from pricing.products.futures.bond_contract import bond_contract_dates, read_bond_contract
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ready_groups, ready_trades, revalue
from tests.pricing import sample_markets
from tests.pricing.explain import periods
from tests.pricing.pricing_of import compiled, priced
from tests.pricing.sample_baskets import CONTRACTS, basket, bond_future

TODAY = dt.date(2025, 2, 10)
QUOTES = {
    "USD": sample_markets.curves_of("USD", 0.041, 0.006, -0.003),
    "EUR": sample_markets.curves_of("EUR", 0.021, 0.011, -0.003),
    "GBP": sample_markets.curves_of("GBP", 0.043, 0.004, -0.002),
}
CURRENCIES = tuple(QUOTES)


def as_ql(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


def moved(currency: str, by: float) -> dict:
    quotes = QUOTES[currency]
    return {name: {t: r + by for t, r in rates.items()} for name, rates in quotes.items()}


def delivered(terms: BondFutureTerms, quotes) -> int:
    """Number of the bond that the model delivers."""
    curves = CurveSet(TODAY, shape_of(quotes), {})
    dated = roll_to(compiled([terms]), day_of(TODAY), {}, curves.names)
    tables = curves.grid.tables(dated.point_curve, dated.point_day)
    discount = curves.grid.discount(tables, curves.solve(curves.vector(quotes)).x)
    picked = cheapest(dated.flows, dated.deliveries, discount).picked
    return int(dated.deliveries.number[picked[0]])


def test_a_bund_future_is_the_least_forward_price_over_its_factor_by_hand():
    """German bonds pay once a year and accrue actual/actual; delivery is on 10 June 2025."""
    ql.Settings.instance().evaluationDate = as_ql(TODAY)
    curve = Reference(TODAY, QUOTES["EUR"], {}).base[
        conventions.CURRENCY_ROWS["EUR"].bond_discount_curve
    ]
    delivery = ql.Date(10, 6, 2025)
    until = (delivery - as_ql(TODAY)) / 365.0
    # Coupon, next coupon before delivery, first after it, spread, repo spread, factor by Eurex.
    bonds = (
        (2.2, ql.Date(15, 2, 2025), ql.Date(15, 2, 2026), 9, 0.0006, -0.0005),
        (2.6, ql.Date(15, 8, 2024), ql.Date(15, 8, 2025), 10, 0.0005, -0.0008),
        (2.5, ql.Date(15, 2, 2025), ql.Date(15, 2, 2026), 10, 0.0007, 0.0),
    )
    terms = bond_future()
    prices = []
    for bond, (coupon, before, after, count, spread, repo) in zip(
        terms.deliverables, bonds, strict=True
    ):
        later = 0.0
        for number in range(count):
            day = ql.TARGET().adjust(after + ql.Period(number, ql.Years))
            paid = coupon + (100.0 if number == count - 1 else 0.0)
            years = (day - as_ql(TODAY)) / 365.0
            later += paid * curve.discount(day) * np.exp(-spread * years)
        if before == ql.Date(15, 2, 2025) and bond.issue_date == dt.date(2025, 1, 10):
            before = ql.Date(10, 1, 2025)  # a long first coupon
        forward = later / (curve.discount(delivery) * np.exp(-repo * until))
        year = after - (after - ql.Period(1, ql.Years))
        accrued = coupon * (delivery - before) / year
        prices.append((forward - accrued) / bond.conversion_factor)
    assert terms.deliverables[0].conversion_factor == pytest.approx(0.7509, abs=0.02)
    by_hand = 100 * 1000.0 * (min(prices) - 110.0)
    found = priced([terms], TODAY, QUOTES["EUR"]).risk
    assert found.failures == ()
    assert found.npv[0] == pytest.approx(by_hand, abs=1e-3)
    assert delivered(terms, QUOTES["EUR"]) == int(np.argmin(prices))


@pytest.mark.parametrize("currency", CURRENCIES)
def test_both_engines_agree_on_value_and_ladders(currency: str):
    book = [
        bond_future(currency, trade_id="long", option_value=0.125),
        bond_future(currency, trade_id="short", contracts=-30.0, trade_price=112.5),
    ]
    quotes = QUOTES[currency]
    found = priced(book, TODAY, quotes).risk
    expected = Reference(TODAY, quotes, {}).price(book)
    for row, risk in enumerate(expected):
        assert risk.failure is None
        assert found.npv[row] == pytest.approx(risk.npv, abs=1e-3)
        assert found.leg_npv[row] == pytest.approx(risk.leg_npv, abs=1e-3)
        assert found.pv01[row] == risk.pv01 == 0.0
        for name in ("dv01_par", "dv01_zero"):
            assert getattr(found, name)[row] == pytest.approx(getattr(risk, name), rel=1e-5)
        for name in ("ladder_par", "krd"):
            assert getattr(found, name)[row] == pytest.approx(
                getattr(risk, name), abs=1e-5 * abs(risk.dv01_par)
            )
        assert found.ladder_par[row].sum() == pytest.approx(found.dv01_par[row], rel=1e-9)
        assert found.krd[row].sum() == pytest.approx(found.dv01_zero[row], rel=1e-9)
    assert found.dv01_par[0] > 0.0 > found.dv01_par[1]


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_long_and_a_short_position_are_worth_nothing_together(currency: str):
    book = [
        bond_future(currency, trade_id="long"),
        bond_future(currency, trade_id="short", contracts=-100.0),
    ]
    risk = priced(book, TODAY, QUOTES[currency]).risk
    for name in ("npv", "leg_npv", "dv01_par", "dv01_zero", "gamma", "ladder_par", "krd"):
        values = getattr(risk, name)
        assert values[0] + values[1] == pytest.approx(0.0, abs=1e-7)


def two_bonds(**changes) -> BondFutureTerms:
    """A short bond that is cheap at low rates, and a long one that is cheap at high rates."""
    short, *_, long = basket("USD")
    return bond_future("USD", **{"deliverables": (short, long), **changes})


def test_the_cheapest_bond_changes_with_the_level_of_rates():
    terms = two_bonds()
    low, high = moved("USD", -0.02), moved("USD", 0.04)
    assert (delivered(terms, low), delivered(terms, high)) == (0, 1)
    for quotes, number in ((low, 0), (high, 1)):
        alone = two_bonds(deliverables=(terms.deliverables[number],))
        ours, its = (priced([t], TODAY, quotes).risk for t in (terms, alone))
        for name in ("npv", "dv01_par", "ladder_par", "krd", "gamma"):
            assert getattr(ours, name) == pytest.approx(getattr(its, name), rel=1e-12)


def test_scenarios_choose_again():
    """Both by group and by trade, a far scenario is worth what the whole market is worth there."""
    terms = [two_bonds(), two_bonds(trade_id="short", contracts=-40.0, book="other")]
    curves = CurveSet(TODAY, shape_of(QUOTES["USD"]), {})
    solved = curves.solve(curves.vector(QUOTES["USD"]))
    shifts = (-0.02, 0.0, 0.04)
    keys = len(curves.keys)
    moves = Moves(np.array([[s] * keys for s in shifts]), np.zeros((3, keys)))
    dated = roll_to(compiled(terms), day_of(TODAY), {}, curves.names)
    values = np.array([priced(terms, TODAY, moved("USD", s)).risk.npv for s in shifts]).T
    expected = values - values[:, [1]]
    by_trade = revalue(ready_trades(dated, curves.grid), curves, solved, moves)
    assert by_trade.pnl == pytest.approx(expected, abs=1e-4)
    assert by_trade.base == pytest.approx(values[:, 1], abs=1e-4)
    netted = net(dated, curves.names)
    by_group = revalue(ready_groups(netted, curves.grid), curves, solved, moves)
    assert [book for book, _ in netted.groups] == ["book", "other"]
    assert by_group.pnl == pytest.approx(expected, abs=1e-4)
    # A gain that is less than that of the bond delivered at the start: the seller chooses.
    alone = two_bonds(deliverables=(terms[0].deliverables[delivered(terms[0], QUOTES["USD"])],))
    start, there = (priced([alone], TODAY, moved("USD", s)).risk.npv[0] for s in (0.0, -0.02))
    others = priced([alone], TODAY, moved("USD", 0.04)).risk.npv[0]
    assert min(there - start - expected[0, 0], others - start - expected[0, 2]) >= -1e-4
    assert max(there - start - expected[0, 0], others - start - expected[0, 2]) > 1_000.0


@pytest.mark.parametrize("currency", CURRENCIES)
def test_sums_and_theta_are_those_of_the_trades(currency: str):
    """Positions of one contract in one group choose together, over all blocks."""
    quotes = QUOTES[currency]
    other = basket(currency)[1:]
    cheaper = msgspec.structs.replace(basket(currency)[0], z_spread_bp=90.0)
    book = [
        bond_future(currency, trade_id="a"),
        bond_future(currency, trade_id="b", contracts=-35.0, trade_price=109.5),
        bond_future(currency, trade_id="c", contracts=7.0, book="other"),
        bond_future(currency, trade_id="d", contracts=11.0, deliverables=other),
        bond_future(currency, trade_id="e", contracts=13.0, option_value=0.5),
        bond_future(currency, trade_id="f", contracts=-7.0, book="other"),
        bond_future(currency, trade_id="g", contracts=9.0, deliverables=(cheaper, *other)),
    ]
    found = priced(book, TODAY, quotes)
    curves, solved = found.curves, found.solved
    blocks = [compiled(book[:2]), compiled(book[2:4]), compiled(book[4:])]
    dated = [roll_to(block, day_of(TODAY), {}, curves.names) for block in blocks]
    forecast, later = forecast_of_today(curves, {}), curves_of_next_day(curves)
    fixings = NextDayFixings.of({}, TODAY, forecast.indices)
    tomorrow = merge_next_day([net_next_day(one, fixings, curves.names) for one in dated])
    merged = merge([net(one, curves.names) for one in dated])
    # Three contracts in one book, of which one has fewer bonds and one another spread, and one in
    # the other.
    bonds = len(basket(currency))
    assert len(merged.deliveries.group) == bonds + (bonds - 1) + bonds + bonds
    ready = make_ready_groups(merged, curves.grid)
    next_day = make_ready_next_day(tomorrow, forecast, later)
    sums = price_groups(ready, curves, solved, next_day)
    mine = np.array([terms.book == "book" for terms in book])
    by_trade = theta(compiled(book), found.risk.npv, curves, solved, {})
    in_full = np.array(Reference.on_next_day(TODAY, quotes, {}, CurveOptions()).values(book))
    assert by_trade == pytest.approx(in_full - found.risk.npv, abs=1e-3)
    for name in ("npv", "dv01_par", "dv01_zero", "gamma"):
        trades = getattr(found.risk, name)
        expected = [trades[mine].sum(), trades[~mine].sum()]
        assert sums.values[name] == pytest.approx(expected, rel=1e-9, abs=1e-4)
    assert sums.values["theta"] == pytest.approx(
        [by_trade[mine].sum(), by_trade[~mine].sum()], abs=1e-4
    )
    for name in ("ladder_par", "krd"):
        trades = getattr(found.risk, name)
        expected = np.array([trades[mine].sum(axis=0), trades[~mine].sum(axis=0)])
        assert getattr(sums, name) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_a_trade_that_failed_is_in_no_sum():
    trades = [compile_trade(two_bonds(trade_id=name)) for name in ("a", "b")]
    broken = dataclasses.replace(trades[1], forecasts=("no such curve",))
    curves = CurveSet(TODAY, shape_of(QUOTES["USD"]), {})
    solved = curves.solve(curves.vector(QUOTES["USD"]))
    dated = roll_to(make_block([trades[0], broken]), day_of(TODAY), {}, curves.names)
    assert [failure.trade_id for failure in dated.failures] == ["b"]
    sums = price_groups(make_ready_groups(net(dated, curves.names), curves.grid), curves, solved)
    alone = priced([two_bonds()], TODAY, QUOTES["USD"]).risk
    assert sums.values["npv"] == pytest.approx(alone.npv, abs=1e-6)


def test_the_explain_adds_up_and_chooses_at_each_end():
    later = dt.date(2025, 2, 17)
    book = [
        two_bonds(trade_id="a"),
        two_bonds(trade_id="b", contracts=-20.0, book="other"),
        bond_future("USD", trade_id="c", contracts=5.0),
    ]
    start = MarketState(TODAY, QUOTES["USD"], sample_markets.fixings_until(TODAY))
    end = MarketState(later, moved("USD", 0.03), sample_markets.fixings_until(later))
    held = periods.hold(book, start, end)
    move = held.period.move_to(end.quotes)
    (trades,) = [explain(opened, move) for opened in held.by_trade]
    groups = explain(held.by_group, move)
    values = [
        priced(book, state.date, state.quotes, state.fixings).risk.npv for state in (start, end)
    ]
    assert trades.terms["total"] == pytest.approx(values[1] - values[0], abs=1e-3)
    for name, column in groups.terms.items():
        mine = trades.terms[name]
        assert column == pytest.approx([mine[0] + mine[2], mine[1]], rel=1e-7, abs=1e-3), name


def test_it_is_over_on_the_last_day_of_delivery():
    delivery = bond_future().dates.delivery
    assert delivery == dt.date(2025, 6, 10)
    day_before = priced([bond_future()], delivery - dt.timedelta(days=1), QUOTES["EUR"]).risk
    assert abs(day_before.npv[0]) > 1_000.0
    over = priced([bond_future()], delivery, QUOTES["EUR"]).risk
    assert (over.npv[0], over.failures) == (0.0, ())


@pytest.mark.parametrize(
    ("code", "last_trading", "delivery"),
    [
        # CME: seven business days before the last of the month; short ones deliver three after it.
        ("ZNM25", "2025-06-18", "2025-06-30"),
        ("ZTH25", "2025-03-31", "2025-04-03"),
        ("FGBLM25", "2025-06-06", "2025-06-10"),
        ("FGBXU23", "2023-09-07", "2023-09-11"),  # the tenth is a Sunday
        ("RM25", "2025-06-26", "2025-06-30"),
        ("JGBLM16", "2016-06-13", "2016-06-20"),
    ],
)
def test_dates_of_contracts(code: str, last_trading: str, delivery: str):
    found = bond_contract_dates(read_bond_contract(code))
    assert (found.last_trading.isoformat(), found.delivery.isoformat()) == (last_trading, delivery)


def test_ticks_are_worth_what_the_exchanges_say():
    found = {name: row.tick_value for name, row in conventions.BOND_FUTURES.items()}
    assert found == {
        **{"ZT": 7.8125, "Z3N": 7.8125, "ZF": 7.8125},
        **{"ZN": 15.625, "TN": 15.625, "ZB": 31.25, "UB": 31.25},
        **{"FGBS": 5.0, "FGBM": 10.0, "FGBL": 10.0, "FGBX": 20.0},
        **dict.fromkeys("GHRU", 10.0),
        "JGBL": 10_000.0,
    }


@pytest.mark.parametrize("currency", CURRENCIES)
def test_factors_are_those_of_the_exchange_unless_they_are_stated(currency: str):
    terms = bond_future(currency)
    factors = [bond.conversion_factor for bond in terms.deliverables]
    assert all(0.4 < factor < 1.05 for factor in factors)
    stated = [msgspec.structs.replace(b, conversion_factor=0.5) for b in terms.deliverables]
    assert {b.conversion_factor for b in bond_future(currency, deliverables=tuple(stated))
            .deliverables} == {0.5}  # fmt: skip
    assert CONTRACTS[currency] == terms.contract


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"contract": "FGBLM5"}, "contract: .*FGBLM5.*two digits of a year, such as FGBLM25"),
        ({"contract": "SR3M25"}, "contract: .*futures: ZT, Z3N"),
        ({"contracts": 0}, "contracts: .*whole number of contracts, not 0"),
        ({"trade_price": 0.0}, "trade_price: .*a price per 100 of face"),
        ({"option_value": -101}, "option_value: .*points of price, -100 to 100"),
        ({"market_price": 0.5}, "market_price: .*a price per 100 of face, 1 to 1000"),
        ({"deliverables": []}, "deliverables: '0 bonds'.*may be delivered into FGBLM25: 1 to 100"),
        ({"contract": "ZNM25"}, r"deliverables\[0\].currency: 'EUR'.*ZNM25 is in USD"),
        ({"notional": 1e6}, "notional: .*no such field"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str):
    given = msgspec.to_builtins(bond_future())
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, BondFutureTerms))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maturity_date": "2025-06-10"}, r"\[1\].maturity_date: .*after the delivery of FGBLM25"),
        ({"conversion_factor": 0}, r"\[1\].conversion_factor: 0 .*greater than 0"),
        ({"convention": "DE-BUNT"}, r"\[1\].convention: 'DE-BUNT'.*allowed: .*DE-BUND"),
        ({"isin": "DE000BU2Z023"}, r"\[0\].isin: .*each bond may appear only once"),
        ({"coupon_rate": 2.6}, r"\[1\].coupon_rate: 2.6"),
    ],
)
def test_bonds_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str):
    given = msgspec.json.decode(msgspec.json.encode(bond_future()))
    given["deliverables"][0]["isin"] = "DE000BU2Z023"
    given["deliverables"][1] |= change
    with pytest.raises(BadInput, match=sentence):
        decode(given, BondFutureTerms)


def test_the_exchange_of_japan_states_its_factors():
    bond = msgspec.structs.replace(basket("EUR")[0], convention=None, currency="JPY",
                                   payment_frequency="6M", day_count="ACT/365F")  # fmt: skip
    with pytest.raises(BadInput, match=r"conversion_factor: None .*OSE publishes the factors"):
        bond_future(contract="JGBLM25", deliverables=(bond,))
