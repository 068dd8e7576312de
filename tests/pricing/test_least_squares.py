"""More quotes than nodes: the weighted sum of squares is least, the ladder is that of fitting
again, and scenarios and explains solve the same problem."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import BootstrapFailed
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from pricing.scenarios.curve_batch import solve_columns
from tests.pricing.explain.periods import by_trade, state
from tests.pricing.fitted_markets import with_curve
from tests.pricing.pricing_of import priced

DAY = dt.date(2025, 2, 10)
NODES = ("1M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y")
WEIGHTS = {"10Y": 4.0, "ER3": 0.5, "OIS": 0.25}
ESTR = {
    "1D": 0.0291,
    "1M": 0.0287,
    "3M": 0.0268,
    "6M": 0.0249,
    "ER3M25": 0.0224,
    "ER3U25": 0.0207,
    "ER3Z25": 0.0199,
    "1Y": 0.0226,
    "18M": 0.0213,
    "2Y": 0.0211,
    "3Y": 0.0214,
    "5Y": 0.0221,
    "ZERO-7Y": 0.0229,
    "10Y": 0.0238,
    "OIS-2026-03-18-2027-03-17": 0.0204,
    "30Y": 0.0232,
}
QUOTES = {"EUR-ESTR": ESTR, "EUR-EURIBOR6M": {"6M": 0.0262, "2Y": 0.0231, "10Y": 0.0251}}


def trades() -> list[SwapTerms]:
    def swap(name: str, convention: str, end: dt.date, rate: float) -> SwapTerms:
        return SwapTerms(
            trade_id=name,
            book=name,
            convention=convention,
            pay_receive="receive",
            notional=1_000_000.0,
            effective_date=dt.date(2025, 3, 17),
            termination_date=end,
            fixed_rate=rate,
        )

    return [
        swap("ois", "EUR-ESTR-OIS", dt.date(2034, 3, 17), 0.027),
        swap("short", "EUR-ESTR-OIS", dt.date(2026, 9, 17), 0.021),
        swap("swap", "EUR-EURIBOR-6M", dt.date(2031, 3, 17), 0.029),
    ]


@pytest.fixture(autouse=True)
def fitted(monkeypatch):
    with_curve(monkeypatch, "EUR-ESTR", fit="least_squares", nodes=NODES, weights=WEIGHTS)


def curve_set(quotes=QUOTES, day: dt.date = DAY) -> CurveSet:
    return CurveSet(day, shape_of(quotes))


def by_quantlib(x: np.ndarray, curves: CurveSet) -> np.ndarray:
    """Model rates of the overnight curve, by QuantLib's swaps and index on its own curve."""
    today = ql.Date(10, 2, 2025)
    ql.Settings.instance().evaluationDate = today
    nodes = curves.grid.curves[0]
    dates = [today, *(ql.Date(1, 1, 1970) + int(day) for day in nodes.days)]
    factors = [1.0, *np.exp(x[: len(nodes.days)]).tolist()]
    curve = ql.DiscountCurve(dates, factors, ql.Actual365Fixed())
    curve.enableExtrapolation()
    handle = ql.YieldTermStructureHandle(curve)
    index, calendar = ql.Estr(handle), ql.TARGET()
    found = []
    for key in curves.keys_of("EUR-ESTR"):
        name = key.tenor
        if name == "1D":
            end = calendar.advance(today, 1, ql.Days)
            found.append((1.0 / curve.discount(end) - 1.0) * 360.0 / (end - today))
        elif name.startswith("ZERO"):
            end = today + ql.Period(name[5:])
            found.append(-np.log(curve.discount(end)) * 365.0 / (end - today))
        elif name.startswith("ER3"):
            month, year = "FGHJKMNQUVXZ".index(name[3]) + 1, 2000 + int(name[4:])
            start = ql.Date.nthWeekday(3, ql.Wednesday, month, year)
            later = year + (month + 3 > 12)
            end = ql.Date.nthWeekday(3, ql.Wednesday, (month + 2) % 12 + 1, later)
            grown = curve.discount(start) / curve.discount(end)
            found.append((grown - 1.0) * 360.0 / (end - start))
        else:
            found.append(_swap_rate(name, index, handle))
    return np.array(found)


def _swap_rate(name: str, index: ql.OvernightIndex, handle: ql.YieldTermStructureHandle) -> float:
    start = ql.TARGET().advance(ql.Date(10, 2, 2025), 2, ql.Days)
    if name.startswith("OIS"):
        first, last = name[4:14], name[15:]
        start = ql.Date(first, "%Y-%m-%d")
        end = ql.Date(last, "%Y-%m-%d")
    else:
        end = start + ql.Period(name)
    rule, annual = ql.ModifiedFollowing, ql.Period(ql.Annual)
    dates = ql.Schedule(
        start, end, annual, ql.TARGET(), rule, rule, ql.DateGeneration.Backward, False
    )
    swap = ql.OvernightIndexedSwap(
        ql.Swap.Payer, 1.0, dates, 0.0, ql.Actual360(), index, 0.0, 1, rule, ql.TARGET(), True
    )
    swap.setPricingEngine(ql.DiscountingSwapEngine(handle))
    return float(swap.fairRate())


def test_residuals_are_quotes_less_quantlibs_rates():
    curves = curve_set()
    found = curves.solve(curves.vector(QUOTES))
    rates = by_quantlib(found.x, curves)
    mine = len(rates)
    assert np.abs(found.quotes[:mine] - rates - found.residuals[:mine]).max() < 1e-12
    assert np.abs(found.residuals[:mine]).max() > 0.5 * ONE_BP  # a real fit
    assert np.abs(found.residuals[mine:]).max() < 1e-10
    assert found.rate_error < 1e-10


def test_no_other_nodes_have_a_smaller_sum_of_squares_by_quantlib():
    """The gradient of the sum by QuantLib's own rates, by differences, is 0 at the nodes."""
    curves = curve_set()
    found = curves.solve(curves.vector(QUOTES))
    count = len(curves.keys_of("EUR-ESTR"))
    weights, wanted = curves.weights[:count], found.quotes[:count]

    def total(x: np.ndarray) -> float:
        return float(weights @ (wanted - by_quantlib(x, curves)) ** 2)

    least = total(found.x)
    for node in range(len(NODES)):
        step = np.zeros_like(found.x)
        step[node] = 1e-5
        up, down = total(found.x + step), total(found.x - step)
        assert up > least
        assert down > least
        # Where a parabola through the three has its least: at the nodes, within 1e-9.
        least_at = 0.5e-5 * (down - up) / (up - 2.0 * least + down)
        assert abs(least_at) < 1e-9


def test_weights_are_those_of_the_market_file():
    curves = curve_set()
    given = dict(zip((key.tenor for key in curves.keys), curves.weights, strict=True))
    assert given["10Y"] == 1.0  # of the curve of EURIBOR, the last of the name
    own = {
        k.tenor: w
        for k, w in zip(curves.keys, curves.weights, strict=True)
        if k.curve == "EUR-ESTR"
    }
    assert own["10Y"] == 4.0
    assert own["ER3M25"] == 0.5
    assert own["OIS-2026-03-18-2027-03-17"] == 0.25
    assert own["1Y"] == 1.0


def test_a_heavier_quote_has_a_smaller_residual(monkeypatch):
    plain = curve_set()
    place = [key.tenor for key in plain.keys].index("18M")
    before = abs(plain.solve(plain.vector(QUOTES)).residuals[place])
    with_curve(monkeypatch, "EUR-ESTR", weights={"18M": 1000.0})
    after = abs(curve_set().solve(plain.vector(QUOTES)).residuals[place])
    assert after < before / 20.0


def test_a_quote_of_no_weight_is_left_out_and_still_has_a_residual(monkeypatch):
    with_curve(monkeypatch, "EUR-ESTR", weights={**WEIGHTS, "18M": 0.0})
    curves = curve_set()
    place = [key.tenor for key in curves.keys].index("18M")
    quotes = curves.vector(QUOTES)
    found = curves.solve(quotes)
    assert not found.jacobian[:, place].any()
    wild = quotes.copy()
    wild[place] += 0.01
    again = curves.solve(wild)
    assert np.abs(again.x - found.x).max() < 1e-14
    assert again.residuals[place] - found.residuals[place] == pytest.approx(0.01, abs=1e-12)
    without = {**QUOTES, "EUR-ESTR": {t: r for t, r in ESTR.items() if t != "18M"}}
    alone = curve_set(without)
    nodes = len(NODES)
    assert np.abs(alone.solve(alone.vector(without)).x[:nodes] - found.x[:nodes]).max() < 1e-12


def test_slopes_of_nodes_are_those_of_fitting_again():
    curves = curve_set()
    quotes = curves.vector(QUOTES)
    found = curves.solve(quotes)
    for place in range(len(quotes)):
        move = np.zeros(len(quotes))
        move[place] = 1e-5
        once = (curves.solve(quotes + move).x - curves.solve(quotes - move).x) / 2e-5
        twice = (curves.solve(quotes + 2 * move).x - curves.solve(quotes - 2 * move).x) / 4e-5
        again = (4.0 * once - twice) / 3.0
        assert np.abs(found.jacobian[:, place] - again).max() < 2e-9 * max(1.0, np.abs(again).max())


def test_a_ladder_adds_up_to_moving_all_quotes_and_fitting_again():
    book = trades()
    today = priced(book, DAY, QUOTES)
    ladder = today.risk.ladder_par
    assert ladder.shape == (len(book), len(today.curves.keys))
    assert np.allclose(ladder.sum(axis=1), today.risk.dv01_par, rtol=1e-12)

    def moved(by: float) -> np.ndarray:
        quotes = {c: {t: r + by for t, r in some.items()} for c, some in QUOTES.items()}
        return priced(book, DAY, quotes).risk.npv

    once = (moved(-ONE_BP) - moved(ONE_BP)) / 2.0
    twice = (moved(-2 * ONE_BP) - moved(2 * ONE_BP)) / 4.0
    again = (4.0 * once - twice) / 3.0
    assert np.allclose(ladder.sum(axis=1), again, rtol=1e-8)


def test_fast_path_and_quantlib_agree_on_a_fitted_curve():
    book = trades()
    fast = priced(book, DAY, QUOTES).risk
    for row, truth in enumerate(Reference(DAY, QUOTES).price(book)):
        assert truth.failure is None
        assert fast.npv[row] == pytest.approx(truth.npv, abs=2e-3)
        scale = np.abs(truth.ladder_par).sum()
        assert np.abs(fast.ladder_par[row] - truth.ladder_par).max() < 1e-5 * scale
        assert np.abs(fast.krd[row] - truth.krd).max() < 1e-5 * scale


@settings(max_examples=25, deadline=None)
@given(moves=st.lists(st.floats(-80.0, 80.0), min_size=3, max_size=7), twist=st.floats(-2.0, 2.0))
def test_scenarios_solve_the_same_problem(moves, twist):
    curves = curve_set()
    quotes = curves.vector(QUOTES)
    found = curves.solve(quotes)
    noise = twist * ONE_BP * np.sin(np.arange(len(quotes)))
    columns = np.array([quotes + move * ONE_BP + noise for move in moves]).T
    batch = solve_columns(curves, found, columns)
    assert not batch.failures
    for place in range(len(moves)):
        alone = curves.solve(np.ascontiguousarray(columns[:, place]))
        assert np.abs(batch.x[:, place] - alone.x).max() < 1e-10


def test_a_scenario_too_far_for_chord_steps_is_fitted_by_itself():
    curves = curve_set()
    found = curves.solve(curves.vector(QUOTES))
    tilt = np.linspace(0.25, -0.2, len(found.quotes))
    far = np.stack((found.quotes + tilt, found.quotes + ONE_BP), axis=1)
    batch = solve_columns(curves, found, far)
    assert not batch.failures
    start = found.x + found.jacobian @ tilt
    stepped = curves.shifted(found, tilt)
    alone = curves.solve(np.ascontiguousarray(far[:, 0])).x
    assert np.abs(stepped - alone).max() > 1e-6 < np.abs(start - alone).max()  # far indeed
    assert np.abs(batch.x[:, 0] - alone).max() < 1e-10


def test_small_moves_of_a_fit_are_those_of_fitting_again():
    curves = curve_set()
    quotes = curves.vector(QUOTES)
    found, shift = curves.solve(quotes), np.full(len(quotes), ONE_BP)
    assert np.abs(curves.shifted(found, shift) - curves.solve(quotes + shift).x).max() < 1e-12


@pytest.mark.parametrize("days", [0, 1])
def test_an_explain_of_a_fitted_curve_leaves_little_unexplained(days):
    """Quotes move, one comes, one goes, and a day passes."""
    later = {c: {t: r + 5.0 * ONE_BP for t, r in some.items()} for c, some in QUOTES.items()}
    del later["EUR-ESTR"]["18M"]
    later["EUR-ESTR"]["ER3H26"] = 0.0199
    date = DAY + dt.timedelta(days=days)
    for found in by_trade(trades(), state(DAY, QUOTES), state(date, later)).values():
        assert abs(found["total"]) > 50.0
        assert abs(found["residual"]) < 1e-3 * abs(found["total"])


def test_more_quotes_than_nodes_are_refused_without_a_fit(monkeypatch):
    with_curve(monkeypatch, "EUR-ESTR", fit=None, weights=None)
    with pytest.raises(BootstrapFailed) as caught:
        curve_set()
    assert str(caught.value) == (
        "EUR-ESTR OIS-2026-03-18-2027-03-17 does not bootstrap: 16 quotes and 7 nodes, the last on "
        '2055-02-10: leave one out, or give EUR-ESTR fit = "least_squares" in its market file'
    )


def test_a_node_that_no_quote_determines_is_named(monkeypatch):
    with_curve(
        monkeypatch, "EUR-ESTR", nodes=("1M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y", "40Y", "50Y")
    )
    curves = curve_set()
    with pytest.raises(BootstrapFailed) as caught:
        curves.solve(curves.vector(QUOTES))
    assert "no quote determines its node of 20" in str(caught.value)


def test_fewer_quotes_than_nodes_are_refused():
    with pytest.raises(BootstrapFailed) as caught:
        curve_set({"EUR-ESTR": {"1Y": 0.02, "10Y": 0.025}})
    assert "7 nodes and 2 quotes: give more quotes, or fewer nodes" in str(caught.value)
