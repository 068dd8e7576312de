"""Every path that reads weights, on monotone convex curves: what it computes is what bumped or
moved quotes give when the curves are solved anew."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing import kernel
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BadInput
from pricing.explain.explain import explain
from pricing.explain.market import MarketState
from pricing.measures.block import make_ready, values_at
from pricing.measures.netting import merge, net
from pricing.measures.theta import theta, with_forecast_of_today
from pricing.reference import Reference
from pricing.scenarios.curve_batch import solve_columns
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ready_groups, ready_trades, revalue
from tests.pricing import netting_of, sample_markets
from tests.pricing.explain import periods
from tests.pricing.fitted_markets import with_curve
from tests.pricing.sample_markets import NOTIONAL
from tests.pricing.test_compiled_equals_quantlib import PROPERTY, check
from tests.pricing.test_groups import check_against_trades
from tests.pricing.test_next_day import check as check_theta

DAY = dt.date(2025, 2, 10)
KINKED = {
    "EUR-ESTR": {
        **{"1D": 0.0266, "1M": 0.0261, "3M": 0.0252, "6M": 0.0233, "1Y": 0.0212, "2Y": 0.0203},
        **{"3Y": 0.0206, "5Y": 0.0214, "7Y": 0.0225, "10Y": 0.0236, "20Y": 0.0242, "30Y": 0.0229},
    },
    "EUR-EURIBOR6M": {
        **{"6M": 0.0259, "1Y": 0.0238, "2Y": 0.0226, "3Y": 0.0229, "5Y": 0.0238, "7Y": 0.0247},
        **{"10Y": 0.0257, "20Y": 0.0259, "30Y": 0.0242},
    },
    "EUR-GOVT": {"1Y": 0.0221, "2Y": 0.0215, "5Y": 0.0232, "10Y": 0.0256, "30Y": 0.0281},
}


def convex(names) -> CurveOptions:
    return CurveOptions(interpolation=dict.fromkeys(names, "monotone_convex"))


def swap(years: int, **over) -> sample_markets.SwapTerms:
    """One whose dates lie within sections."""
    return sample_markets.SwapTerms(
        **{
            "trade_id": f"{years}Y",
            "book": "book",
            "convention": "EUR-EURIBOR-6M",
            "pay_receive": "pay",
            "notional": NOTIONAL,
            "effective_date": dt.date(2024, 9, 17),
            "termination_date": dt.date(2025 + years, 5, 20),
            "fixed_rate": 0.0231,
        }
        | over
    )


BOOK = [swap(years) for years in (1, 4, 8, 16, 28, 33)] + [
    swap(6, trade_id="ois", convention="EUR-ESTR-OIS")
]


@pytest.fixture(scope="module")
def market() -> netting_of.Market:
    options = convex(KINKED)
    fixings = sample_markets.fixings_until(DAY)
    return netting_of.market(netting_of.compiled(BOOK, options), DAY, KINKED, fixings, options)


def refitted(market: netting_of.Market, quotes: np.ndarray) -> np.ndarray:
    """Values by trade on curves that are solved at other quotes."""
    x = market.curves.solve(quotes).x
    ready = [make_ready(dated, market.curves.grid) for dated in market.blocks]
    return np.concatenate([values_at(each, x) for each in ready])


def test_the_par_ladder_is_that_of_quotes_bumped_and_curves_solved_anew(market) -> None:
    """By five-point differences over 0.005 bp: within a larger bump sections change their shapes,
    and rounding of values decides the tenth digit of a smaller one."""
    ladder = np.concatenate([risk.ladder_par for risk in market.risks()])
    gross = np.abs(ladder).sum(axis=1)
    bump = 5e-7
    for place in range(len(market.curves.keys)):
        values = {}
        for steps in (-2, -1, 1, 2):
            quotes = market.solved.quotes.copy()
            quotes[place] += steps * bump
            values[steps] = refitted(market, quotes)
        slope = 8.0 * (values[1] - values[-1]) - (values[2] - values[-2])
        expected = -slope / (12.0 * bump) * ONE_BP
        assert (np.abs(ladder[:, place] - expected) / gross).max() < 1e-9, place


def test_the_jacobian_is_the_inverse_of_the_slopes_of_the_instruments(market) -> None:
    made, solved = market.curves.instruments, market.solved
    found = made.at(solved.x, solved.quotes)
    identity = -found.slope @ solved.jacobian / found.by_quote[:, None]
    assert np.abs(identity - np.eye(len(identity))).max() < 1e-10


def test_gamma_and_values_of_moved_quotes_are_those_of_solving_anew(market) -> None:
    gamma = np.concatenate([risk.gamma for risk in market.risks()])
    quotes, move = market.solved.quotes, market.curves.parallel(ONE_BP)
    up, down = refitted(market, quotes + move), refitted(market, quotes - move)
    assert gamma == pytest.approx(up + down - 2.0 * refitted(market, quotes), abs=1e-5)


def test_every_measure_of_every_trade_equals_quantlibs() -> None:
    """QuantLib's instruments on the same curves, bumped by little and solved anew."""
    check(BOOK, DAY, KINKED, convex(KINKED), lambda _: None)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@settings(PROPERTY, max_examples=4)
@given(data=st.data())
def test_sums_and_theta_of_groups_are_those_of_their_trades(currencies, data) -> None:
    """Netted flows, whose growth is alpha P(start) / P(end) P(pay) of three points."""
    currency = data.draw(st.sampled_from(currencies))
    names = sample_markets.curves_of(currency, 0.02, 0.0, 0.0)
    drawn = netting_of.draw_market(data.draw, currency, convex(names))
    check_against_trades(drawn)
    check_theta(drawn)


def test_theta_is_that_of_quantlib_on_the_next_day(market) -> None:
    fixings, options = market.fixings, convex(KINKED)
    reference = Reference(DAY, KINKED, fixings, options)
    risks = market.risks()
    found = np.concatenate(
        [
            theta(dated.block, risk.npv, market.curves, market.solved, fixings)
            for dated, risk in zip(market.blocks, risks, strict=True)
        ]
    )
    known = with_forecast_of_today(market.curves, market.solved, fixings)
    after = Reference.on_next_day(DAY, KINKED, known, options).values(BOOK)
    assert found == pytest.approx(np.array(after) - reference.values(BOOK), abs=1e-9 * NOTIONAL)


# --- Scenarios -------------------------------------------------------------------------------


def moves(market: netting_of.Market, count: int) -> np.ndarray:
    drawn = np.random.default_rng(7).normal(0.0, 1.0, (count, len(market.curves.keys)))
    return drawn * np.repeat([1e-4, 8e-4, 25e-4, 60e-4], count // 4)[:, None]


def test_a_batch_of_scenarios_is_each_solved_by_itself(market) -> None:
    quotes = market.solved.quotes[:, None] + moves(market, 40).T
    found = solve_columns(market.curves, market.solved, quotes)
    for column in range(quotes.shape[1]):
        if column in found.failures:
            with pytest.raises(type(found.failures[column])):
                market.curves.solve(quotes[:, column])
            continue
        anew = market.curves.solve(quotes[:, column]).x
        assert np.abs(found.x[:, column] - anew).max() < 1e-12, column
    assert len(found.failures) < 5


def test_pnl_of_scenarios_is_that_of_curves_solved_anew(market) -> None:
    par = moves(market, 40)
    groups = merge([net(dated, market.curves.names) for dated in market.blocks])
    zero = np.zeros_like(par)
    by_group = revalue(
        ready_groups(groups, market.curves.grid), market.curves, market.solved, Moves(par, zero)
    )
    ready = [ready_trades(dated, market.curves.grid) for dated in market.blocks]
    found = [revalue(each, market.curves, market.solved, Moves(par, zero)) for each in ready]
    pnl = np.concatenate([each.pnl for each in found])
    base = refitted(market, market.solved.quotes)
    for number, move in enumerate(par):
        if number in by_group.failures:
            assert np.isnan(pnl[:, number]).all()
            continue
        expected = refitted(market, market.solved.quotes + move) - base
        assert pnl[:, number] == pytest.approx(expected, abs=1e-9 * NOTIONAL), number
        total = by_group.pnl[:, number].sum()
        assert total == pytest.approx(expected.sum(), abs=1e-8 * NOTIONAL), number


def test_moves_of_zero_rates_come_on_top_of_the_curve(market) -> None:
    """A parallel move of 10 bp takes exp(-t 10 bp) off each factor: sums of flows by hand."""
    zero = np.full((1, len(market.curves.keys)), 1e-3)
    dated = market.blocks[0]
    ready = ready_trades(dated, market.curves.grid)
    found = revalue(ready, market.curves, market.solved, Moves(np.zeros_like(zero), zero))
    grid, block = market.curves.grid, make_ready(dated, market.curves.grid)
    factors = grid.discount(block.tables, market.solved.x) * np.exp(-1e-3 * block.years)
    moved = kernel.value(block.flows, factors)
    base = values_at(block, market.solved.x)
    assert found.pnl[:, 0] == pytest.approx(moved - base, abs=1e-9 * NOTIONAL)


# --- P&L explain ----------------------------------------------------------------------------


def test_an_explain_adds_up_and_its_slope_is_that_of_small_moves() -> None:
    fixings = sample_markets.fixings_until(DAY)
    start = MarketState(DAY, KINKED, fixings)
    end_date = DAY + dt.timedelta(days=1)
    later = sample_markets.fixings_until(end_date)
    options = convex(KINKED)

    def terms(size: float):
        drawn = iter(np.random.default_rng(3).normal(0.0, size, 99))
        quotes = {n: {t: r + next(drawn) for t, r in q.items()} for n, q in KINKED.items()}
        book = netting_of.compiled(BOOK, options)
        held = periods.hold(book, start, MarketState(end_date, quotes, later), options)
        move = held.period.move_to(quotes)
        by_trade = [explain(each, move).terms for each in held.by_trade]
        return explain(held.by_group, move).terms, by_trade

    found, by_trade = terms(5e-4)
    named = ("carry", "roll_down", "fixings", "delta", "gamma", "residual")
    assert sum(found[n] for n in named) == pytest.approx(found["total"], abs=1e-9 * NOTIONAL)
    for name in named:
        total = sum(float(each[name].sum()) for each in by_trade)
        assert float(found[name].sum()) == pytest.approx(total, abs=1e-8 * NOTIONAL), name
    small, _ = terms(1e-8)
    left = small["gamma"] + small["residual"]
    assert np.abs(left).max() < 1e-4 * np.abs(small["delta"]).max()


# --- Fits --------------------------------------------------------------------------------------


def test_a_currency_whose_curves_are_fitted_has_no_such_curve(monkeypatch) -> None:
    with_curve(monkeypatch, "EUR-ESTR", fit="least_squares", nodes=("1Y", "10Y"))
    with pytest.raises(BadInput, match="allowed: log_linear, natural_log_cubic: EUR-ESTR has fit"):
        CurveSet(DAY, shape_of(KINKED), None, convex(["EUR-EURIBOR6M"]))
