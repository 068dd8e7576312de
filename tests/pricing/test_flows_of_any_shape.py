"""What a flow may be beside those of bonds and fixed-floating swaps, against formulas by hand.

Flows of one trade grow on different curves, stand on either leg, carry a z-spread though they
float, and are paid daily.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.next_day import NextDayFixings, make_ready_next_day, net_next_day
from pricing.measures.theta import curves_of_next_day, forecast_of_today, theta
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import (
    DAILY,
    FLOW,
    IBOR,
    OVERNIGHT,
    CompiledTrade,
    Row,
    last_payments,
    make_block,
    rows_of,
    trades_of,
)
from pricing.products.flows import compile_trade, make_template
from pricing.products.registry import PRODUCTS
from tests.pricing import sample_markets
from tests.pricing.sample_baskets import bond_future
from tests.risk.made import swap

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.02, 0.012, -0.004)
FIXINGS = sample_markets.fixings_until(TODAY)
NOW, SPREAD = day_of(TODAY), 0.013
Factor = Callable[[str, int], float]


def trade(name: str, *rows: Row, product: str = "swap", **more) -> CompiledTrade:
    given = {"discount": "EUR-ESTR", "notional": 1e6, "book": "book", **more}
    return CompiledTrade(
        trade_id=name, product=product, flows=np.array(list(rows), dtype=FLOW), **given
    )


TWO_CURVES = trade(
    "two curves",
    Row(IBOR, 0, 0, 1, NOW + 400, NOW + 210, NOW + 392, NOW + 208, scale=1e6, accrued=5e5),
    Row(leg=0, pay=NOW + 500, amount=2e4, unit=1e6),
    Row(leg=1, pay=NOW + 450, amount=-3e4),
    Row(OVERNIGHT, 1, 1, 0, NOW + 300, NOW + 30, NOW + 290, NOW + 30, scale=-1e6, amount=-4e3),
    forecasts=("EUR-ESTR", "EUR-EURIBOR6M"),
    indices=("EURIBOR6M", "ESTR"),
)
FLOATER = trade(
    "floater",
    Row(IBOR, 0, 0, 0, NOW + 400, NOW + 210, NOW + 392, NOW + 208, scale=1e6, amount=7e3),
    Row(pay=NOW + 400, amount=1e6),
    product="bond",
    forecasts=("EUR-EURIBOR3M",),
    indices=("EURIBOR3M",),
    z_spread=SPREAD,
)
MARGINED = trade(
    "margined",
    Row(OVERNIGHT, 0, 0, 0, DAILY, NOW + 30, NOW + 120, NOW + 30, scale=2.5e6, amount=-9e3),
    forecasts=("EUR-ESTR",),
    indices=("ESTR",),
)


def two_curves(p: Factor) -> tuple[float, float]:
    estr, euribor = "EUR-ESTR", "EUR-EURIBOR6M"
    coupon = 1e6 * (p(euribor, 210) / p(euribor, 392) - 1.0)
    compounded = -1e6 * (p(estr, 30) / p(estr, 290) - 1.0) - 4e3
    first = coupon * p(estr, 400) + 2e4 * p(estr, 500)
    return first, -3e4 * p(estr, 450) + compounded * p(estr, 300)


def floater(p: Factor, spread: float = SPREAD) -> tuple[float, float]:
    coupon = 1e6 * (p("EUR-EURIBOR3M", 210) / p("EUR-EURIBOR3M", 392) - 1.0) + 7e3
    return (coupon + 1e6) * p("EUR-ESTR", 400) * float(np.exp(-spread * 400 / 365)), 0.0


def margined(p: Factor) -> tuple[float, float]:
    return 2.5e6 * (p("EUR-ESTR", 30) / p("EUR-ESTR", 120) - 1.0) - 9e3, 0.0


BY_HAND = {"two curves": two_curves, "floater": floater, "margined": margined}
BOOK = [TWO_CURVES, FLOATER, MARGINED]


def factors(curves: CurveSet, x) -> Factor:
    def factor(curve: str, days: int) -> float:
        place = np.array([curves.names.index(curve)])
        tables = curves.grid.tables(place, np.array([day_of(curves.today) + days]))
        return float(curves.grid.discount(tables, x)[0])

    return factor


def market(today: dt.date = TODAY) -> tuple[CurveSet, Solved]:
    curves = CurveSet(today, shape_of(QUOTES), FIXINGS)
    return curves, curves.solve(curves.vector(QUOTES))


def risk_of(book, curves: CurveSet, solved: Solved):
    dated = roll_to(make_block(book), day_of(curves.today), FIXINGS, curves.names)
    return price_block(make_ready(dated, curves.grid), curves, solved)


def test_each_leg_is_worth_its_flows_on_their_own_curves():
    curves, solved = market()
    risk = risk_of(BOOK, curves, solved)
    assert risk.failures == ()
    for row, made in enumerate(BOOK):
        expected = BY_HAND[made.trade_id](factors(curves, solved.x))
        assert risk.leg_npv[row] == pytest.approx(expected, abs=1e-7)
        assert risk.npv[row] == pytest.approx(sum(expected), abs=1e-7)
    assert risk.pv01[0] == pytest.approx(1e6 * factors(curves, solved.x)("EUR-ESTR", 500) * 1e-4)


def test_ladders_are_the_differences_of_values_by_hand():
    curves, solved = market()
    risk = risk_of(BOOK, curves, solved)
    for key in range(len(curves.keys)):
        move = np.zeros(len(curves.keys))
        move[key] = ONE_BP
        up, down = (curves.solve(solved.quotes + sign * move).x for sign in (1, -1))
        for row, made in enumerate(BOOK):
            value = BY_HAND[made.trade_id]
            expected = (sum(value(factors(curves, down))) - sum(value(factors(curves, up)))) / 2
            assert risk.ladder_par[row, key] == pytest.approx(expected, rel=1e-5, abs=1e-4)
    assert risk.krd.sum(axis=1) == pytest.approx(risk.dv01_zero, rel=1e-12)


def test_a_floating_flow_carries_the_spread_of_its_trade():
    curves, solved = market()
    value = factors(curves, solved.x)
    up, down = (floater(value, SPREAD + sign * ONE_BP)[0] for sign in (1, -1))
    risk = risk_of(BOOK, curves, solved)
    assert risk.cs01[1] == pytest.approx((down - up) / 2, rel=1e-6)
    assert np.isnan(risk.cs01[[0, 2]]).all()


def test_sums_of_groups_are_those_of_the_trades():
    curves, solved = market()
    dated = roll_to(make_block(BOOK), NOW, FIXINGS, curves.names)
    sums = price_groups(make_ready_groups(net(dated, curves.names), curves.grid), curves, solved)
    risk = risk_of(BOOK, curves, solved)
    assert sums.groups == (("book", "bond"), ("book", "swap"))
    for name in ("npv", "dv01_par", "dv01_zero", "gamma"):
        trades = getattr(risk, name)
        expected = [trades[1], trades[0] + trades[2]]
        assert sums.values[name] == pytest.approx(expected, rel=1e-11, abs=1e-6)
    assert sums.values["cs01"][0] == pytest.approx(risk.cs01[1], rel=1e-12)
    assert np.isnan(sums.values["cs01"][1])


def test_daily_margin_ends_with_its_growth_or_when_it_says_so():
    curves, _ = market()
    late = trade(
        "late", *[Row(*row)._replace(ex=NOW + 200) for row in MARGINED.flows.tolist()],
        forecasts=("EUR-ESTR",), indices=("ESTR",),
    )  # fmt: skip
    block = make_block([late, MARGINED])
    assert last_payments(block).tolist() == [NOW + 200, NOW + 120]
    assert [one.last_payment for one in (late, MARGINED)] == [NOW + 200, NOW + 120]
    for day, matured in ((119, [False, False]), (120, [False, True]), (200, [True, True])):
        known = {"ESTR": {TODAY + dt.timedelta(days=n): 0.02 for n in range(-9, 200)}}
        dated = roll_to(block, NOW + day, known, curves.names)
        assert dated.matured.tolist() == matured
        assert dated.failures == ()
        assert np.diff(dated.flows.float_ptr[::2]).tolist() == [int(not over) for over in matured]


def test_theta_of_daily_margin_is_that_of_the_next_days_curve():
    curves, solved = market()
    later = curves_of_next_day(curves)
    value, after = factors(curves, solved.x), factors(later, later.solve(solved.quotes).x)
    expected = [
        sum(made(lambda curve, days: after(curve, days - 1))) - sum(made(value))
        for made in (two_curves, margined)
    ]
    book = [TWO_CURVES, MARGINED]
    npv = risk_of(book, curves, solved).npv
    found = theta(make_block(book), npv, curves, solved, FIXINGS)
    assert found == pytest.approx(expected, abs=1e-6)
    dated = roll_to(make_block(book), NOW, FIXINGS, curves.names)
    forecast = forecast_of_today(curves, FIXINGS)
    fixings = NextDayFixings.of(FIXINGS, TODAY, forecast.indices)
    ready = make_ready_next_day(net_next_day(dated, fixings, curves.names), forecast, later)
    groups = make_ready_groups(net(dated, curves.names), curves.grid)
    sums = price_groups(groups, curves, solved, ready)
    assert sums.values["theta"] == pytest.approx([sum(expected)], abs=1e-6)


def test_rows_of_blocks_keep_the_curves_of_their_flows():
    other = compile_trade(swap("other", convention="EUR-EURIBOR-3M"))
    blocks = [make_block([TWO_CURVES, MARGINED]), make_block([other, FLOATER])]
    found, _ = rows_of(blocks, [np.array([0]), np.array([0, 1])])
    expected = make_block(sorted([TWO_CURVES, other, FLOATER], key=lambda t: t.trade_id))
    assert found.curves == expected.curves == ("EUR-ESTR", "EUR-EURIBOR3M", "EUR-EURIBOR6M")
    assert np.array_equal(found.flows, expected.flows)
    for one in trades_of(found):
        again = make_block([one])
        names = [again.curves[n] for n in again.flows["curve"] if n != 255]
        (mine,) = (t for t in (TWO_CURVES, other, FLOATER) if t.trade_id == one.trade_id)
        block = make_block([mine])
        assert names == [block.curves[n] for n in block.flows["curve"] if n != 255]


def test_a_trade_fails_where_the_market_lacks_a_curve_that_one_of_its_flows_grows_on():
    curves = CurveSet(TODAY, shape_of({"EUR-ESTR": QUOTES["EUR-ESTR"]}), FIXINGS)
    dated = roll_to(make_block(BOOK), NOW, FIXINGS, curves.names)
    assert [(f.trade_id, f.code) for f in dated.failures] == [
        ("two curves", "MISSING_CURVE"),
        ("floater", "MISSING_CURVE"),
    ]
    assert "EUR-EURIBOR6M" in dated.failures[0].message


def test_flows_of_every_product_stand_leg_by_leg():
    """The loops find a leg's flows between two places."""
    each = [*sample_markets.one_of_each(), bond_future()]
    for terms in each:
        flows = np.frombuffer(make_template(terms).flows, dtype=FLOW)
        assert (np.diff(flows["leg"].astype(int)) >= 0).all(), terms.product
        assert flows["leg"].max() < 2
    assert {terms.product for terms in each} == set(PRODUCTS)
