"""Full revaluation equals QuantLib rebuilt for each scenario; approximations differ by the second
and the third power of the move; the supervisory shocks are what hand arithmetic makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pricing.curves.interpolation import YEAR
from pricing.errors import BootstrapFailed
from pricing.scenarios.curve_batch import solve_columns
from pricing.scenarios.definition import KeyRate, Points, Scenario, moves_of, parallel
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import (
    approximate,
    delta_pnl,
    ready_trades,
    revalue,
)
from pricing.scenarios.standard import plain, supervisory
from pricing.scenarios.tail import tail_of
from tests.pricing.scenarios import quantlib_script
from tests.pricing.scenarios.market import NAMES, QUOTES, Market, market

OF_NOTIONAL = 1e-8 * quantlib_script.NOTIONAL


@pytest.fixture(scope="module")
def made() -> Market:
    return market()


def only_par(moves: np.ndarray) -> Moves:
    return Moves(moves, np.zeros_like(moves))


def random_moves(count: int, keys: int, size_bp: float) -> np.ndarray:
    drawn = np.random.default_rng(19).normal(0.0, size_bp * 1e-4, (count, keys))
    return drawn


def test_par_scenarios_equal_quantlib_with_helpers_rebuilt(made):
    keys = len(made.curves.keys)
    moves = np.vstack([random_moves(6, keys, 8.0), random_moves(3, keys, 40.0)])
    moves = np.vstack([moves, np.full(keys, 0.02), np.full(keys, -0.02)])
    found = revalue(made.ready, made.curves, made.solved, only_par(moves))
    base = quantlib_script.values(QUOTES)
    assert not found.failures
    for name in NAMES:
        assert found.base[made.place(name)] == pytest.approx(base[name], abs=OF_NOTIONAL)
    for number, move in enumerate(moves):
        truth = quantlib_script.values(made.quotes_moved(move))
        for name in NAMES:
            pnl = found.pnl[made.place(name), number]
            assert pnl == pytest.approx(truth[name] - base[name], abs=OF_NOTIONAL), (name, number)


def test_value_at_risk_equals_a_script_of_numpy_and_quantlib(made):
    """Of the book and of each trade: QuantLib rebuilds for each scenario, NumPy sorts."""
    count = 120
    moves = random_moves(count, len(made.curves.keys), 8.0)
    found = revalue(made.ready, made.curves, made.solved, only_par(moves))
    base = quantlib_script.values(QUOTES)
    truth = [quantlib_script.values(made.quotes_moved(move)) for move in moves]
    pnl = {name: np.array([each[name] - base[name] for each in truth]) for name in NAMES}
    rows = {name: found.pnl[made.place(name)] for name in NAMES}
    pnl["book"], rows["book"] = sum(pnl.values()), sum(rows.values())
    for name, losses in pnl.items():
        ordered = np.sort(losses)
        # 1.2 and 3 of 120: the tail has 2 at 99 %, 3 at 97.5 %.
        for level, tail in (("99", 2), ("97.5", 3)):
            mine = tail_of(rows[name], level)
            assert mine.var == pytest.approx(-ordered[tail - 1], abs=OF_NOTIONAL), name
            shortfall = -ordered[:tail].mean()
            assert mine.expected_shortfall == pytest.approx(shortfall, abs=OF_NOTIONAL), name


def test_zero_scenarios_equal_discount_factors_moved_by_hand(made):
    """The bond's flows, discounted by exp(-z t) with the tent on z written out."""
    govt = QUOTES["EUR-GOVT"]
    grid = made.curves.grid
    days = grid.curves[made.curves.names.index("EUR-GOVT")].days
    times = (days - grid.today) / YEAR
    move_bp = np.array([10.0, -20.0, 35.0, 50.0, -15.0])
    keys = made.curves.keys_of("EUR-GOVT")
    shock = Scenario(
        "s",
        "zero",
        tuple(
            KeyRate(key.tenor, bp, "EUR", "EUR-GOVT") for key, bp in zip(keys, move_bp, strict=True)
        ),
    )
    moves = moves_of([shock], "EUR", made.curves.keys, grid.node_years)
    found = revalue(made.ready, made.curves, made.solved, moves)
    log = -np.array(list(govt.values())) * times

    def worth(shift: np.ndarray) -> float:
        total = 0.0
        flows = made.dated.block
        mine = flows.flows[flows.trade_of_flow == list(flows.trade_ids).index("bond")]
        for flow in mine:
            t = (flow["pay"] - grid.today) / YEAR
            if t > 0:
                x = np.interp(t, [0.0, *times], [0.0, *log])
                total += flow["amount"] * math.exp(x - t * np.interp(t, times, shift))
        return total

    expected = worth(move_bp * 1e-4) - worth(0.0 * move_bp)
    assert found.pnl[made.place("bond"), 0] == pytest.approx(expected, abs=OF_NOTIONAL)
    assert found.pnl[made.place("ois"), 0] == 0.0


def test_groups_are_the_sums_of_their_trades(made):
    moves = only_par(random_moves(40, len(made.curves.keys), 15.0))
    by_group = revalue(made.ready, made.curves, made.solved, moves, threads=2)
    ready = ready_trades(made.dated, made.curves.grid)
    by_trade = revalue(ready, made.curves, made.solved, moves)
    places = [made.place(book) for book in made.dated.block.books]
    np.testing.assert_allclose(by_group.pnl[places], by_trade.pnl, rtol=0, atol=1e-6)


@pytest.mark.parametrize("space", ["par", "zero"])
def test_errors_of_delta_and_of_delta_gamma_have_slopes_two_and_three(made, space):
    sums = made.sums()
    shape = Scenario("s", space, (Points(("1Y", "30Y"), (10.0, 14.0)),))
    unit = moves_of([shape], "EUR", made.curves.keys, made.curves.grid.node_years)
    sizes = np.array([4.0, 8.0, 16.0, 32.0])
    moves = Moves(sizes[:, None] * unit.par, sizes[:, None] * unit.zero)
    truth = revalue(made.ready, made.curves, made.solved, moves).pnl
    delta = delta_pnl(sums.ladder_par, sums.krd, moves)
    second = approximate(made.ready, made.curves, made.solved, moves, delta).delta_gamma
    for errors, slope in ((np.abs(truth - delta), 2.0), (np.abs(truth - second), 3.0)):
        found = np.diff(np.log(errors), axis=1) / math.log(2.0)
        assert np.abs(found - slope).max() < 0.25, (space, slope, found)


def test_the_supervisory_shocks_by_hand(made):
    """EU 2024/856, Annex, Part A: EUR 200, 250 and 100 bp."""
    keys, years = made.curves.keys, made.curves.grid.node_years
    t = years[keys.index(("EUR-ESTR", "5Y"))]
    short, long = 250.0 * math.exp(-t / 4.0), 100.0 * (1.0 - math.exp(-t / 4.0))
    expected = {
        "irrbb_parallel_up": 200.0,
        "irrbb_parallel_down": -200.0,
        "irrbb_steepener": -0.65 * short + 0.9 * long,
        "irrbb_flattener": 0.8 * short - 0.6 * long,
        "irrbb_short_up": short,
        "irrbb_short_down": -short,
    }
    moves = moves_of(supervisory(), "EUR", keys, years)
    found = moves.zero[:, keys.index(("EUR-ESTR", "5Y"))]
    for number, scenario in enumerate(supervisory()):
        assert found[number] == pytest.approx(expected[scenario.name] * 1e-4, abs=1e-15)
        assert scenario.set_name == "EU 2024/856"
        assert scenario.refusal("NOK")
        assert not scenario.refusal("EUR")
    assert not moves.par.any()


def test_every_plain_scenario_moves_the_book(made):
    moves = moves_of(plain(), "EUR", made.curves.keys, made.curves.grid.node_years)
    found = revalue(made.ready, made.curves, made.solved, moves)
    assert np.isfinite(found.pnl).all()
    ten_years = np.abs(found.pnl[made.place("ois")])
    assert (ten_years[:-1] > 1.0).all()
    assert ten_years[-1] < 1e-6


def test_columns_far_away_converge_as_those_that_are_near(made):
    quotes = made.solved.quotes
    wide = np.stack([quotes + move for move in (0.0, 1e-4, 0.05, -0.03, 0.15)], axis=1)
    found = solve_columns(made.curves, made.solved, np.ascontiguousarray(wide))
    assert not found.failures
    for column in range(wide.shape[1]):
        alone = made.curves.solve(np.ascontiguousarray(wide[:, column]))
        np.testing.assert_allclose(found.x[:, column], alone.x, rtol=0, atol=2e-13)


def test_a_scenario_without_a_curve_is_missing_with_its_reason(made):
    keys = made.curves.keys
    moves = np.zeros((3, len(keys)))
    moves[1, keys.index(("EUR-ESTR", "10Y"))] = 0.6
    found = revalue(made.ready, made.curves, made.solved, only_par(moves))
    assert list(found.failures) == [1]
    assert isinstance(found.failures[1], BootstrapFailed)
    assert np.isnan(found.pnl[:, 1]).all()
    assert (found.pnl[:, [0, 2]] == 0.0).all()


def test_a_scenario_of_one_currency_leaves_the_others_as_they_are(made):
    years = made.curves.grid.node_years
    scenario = Scenario("usd", "par", (parallel(50.0, "USD"),))
    assert not moves_of([scenario], "EUR", made.curves.keys, years).par.any()
