"""Monotone convex curves: published numbers, hand arithmetic, QuantLib's own, and what is promised
of forward rates."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import CurveSet
from pricing.curves.interpolation import YEAR, CurveNodes, Grid, Layout
from pricing.curves.monotone_convex.hagan_west import log_factors, weights
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BootstrapFailed
from pricing.markets import conventions
from pricing.products import schedules
from tests.pricing.test_curves import basis_points, curves, quotes_of

EXAMPLES = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=15, deadline=None)
SAME_AS_QUANTLIB = 1e-10
"""Of a discount factor."""

TODAY = dt.date(2025, 2, 10)
FIVE_YEARS = np.arange(6.0)


def rates_to_logs(rates: list[float]) -> np.ndarray:
    """Log discount factors after 0, 1, 2, ... years from continuous zero rates."""
    return -np.array([0.0, *(rate * (year + 1) for year, rate in enumerate(rates))])


def log_at(t: float, u: np.ndarray, y: np.ndarray) -> float:
    return float(log_factors(np.array([t]), u, y[:, None])[0, 0])


def forward(t: float, u: np.ndarray, y: np.ndarray, step: float = 1e-6) -> float:
    """Instantaneous, by a difference."""
    return (log_at(t - step, u, y) - log_at(t + step, u, y)) / (2.0 * step)


@pytest.mark.parametrize(
    ("t", "zero_rate"),
    [
        # d = 3, 5, 6.1, 9.9, 6 %; f = 2.5, 4, 5.55, 8, 7.95, 5.025 %.
        # Section 1: g0 = -0.5 %, g1 = 1 %, region (i): integral to 1/2 is g0 / 8 - g1 / 8.
        (0.5, (0.03 * 0.5 + (-0.005 - 0.01) / 8.0) / 0.5),
        (1.0, 0.03),
        (2.0, 0.04),
        # Section 3: g0 = -0.55 %, g1 = 1.9 %, region (ii): flat to eta = 16 / 49, then a parabola
        # whose integral is (g1 - g0) (s - eta)^3 / (3 (1 - eta)^2).
        (2.5, (0.08 + 0.061 / 2 - 0.0055 / 2 + 0.0245 * (17 / 98) ** 3 / 3 / (33 / 49) ** 2) / 2.5),
        # Section 4: g0 = -1.9 %, g1 = -1.95 %, region (iv): eta = 19.5 / 38.5, A = 0.019 eta.
        (
            3.5,
            (
                0.141
                + 0.099 / 2
                + 0.019 * (195 / 385) / 2
                - 0.019 * (580 / 385) * (195 / 385) / 3 * (1 - (1 - 0.5 / (195 / 385)) ** 3)
            )
            / 3.5,
        ),
        (5.0, 0.06),
        (5.2, (0.3 + 0.2 * 0.05025) / 5.2),  # behind the last node: its forward rate
    ],
)
def test_zero_rates_by_hand(t: float, zero_rate: float) -> None:
    """The curve of 3, 4, 4.7, 6 and 6 % that circulates with West's spreadsheet of the method."""
    y = rates_to_logs([0.03, 0.04, 0.047, 0.06, 0.06])
    assert -log_at(t, FIVE_YEARS, y) / t == pytest.approx(zero_rate, abs=1e-15)


def test_forward_rates_at_nodes_are_those_of_a_published_example() -> None:
    """G. Dehlbom, "Interpolation of the yield curve", Uppsala University 2020: f_0 to f_5."""
    y = np.log([1.0, 0.98, 0.955, 0.92, 0.88, 0.83])
    found = [forward(max(year, 1e-6), FIVE_YEARS, y) for year in range(5)]
    found.append(log_at(5.0, FIVE_YEARS, y) - log_at(6.0, FIVE_YEARS, y))
    assert found == pytest.approx([0.0188, 0.0230, 0.0316, 0.0409, 0.0515, 0.0620], abs=1e-4)


# --- As QuantLib -----------------------------------------------------------------------------


def quantlibs(helpers: list[ql.RateHelper], today: dt.date) -> ql.YieldTermStructure:
    """The paper's method without its bounds: no quadratic part, and sections of any shape."""
    date = schedules.to_ql(today)
    ql.Settings.instance().evaluationDate = date
    rule, search = ql.ConvexMonotone(0.0, 1.0, False), ql.IterativeBootstrap(1e-13)
    return ql.PiecewiseConvexMonotoneForward(
        date, helpers, ql.Actual365Fixed(), [], [], rule, search
    )


def bounds_are_not_reached(u: np.ndarray, y: np.ndarray) -> bool:
    """By the paper's formulas, written once more."""
    h, d = np.diff(u), -np.diff(y) / np.diff(u)
    inner = (h[:-1] * d[1:] + h[1:] * d[:-1]) / (h[1:] + h[:-1])
    f = np.array([1.5 * d[0] - 0.5 * inner[0], *inner, 1.5 * d[-1] - 0.5 * inner[-1]])
    most = 2.0 * np.array([d[0], *np.minimum(d[1:], d[:-1]), d[-1]])
    return bool((f > 0.0).all() and (f < most).all())


@EXAMPLES
@given(data=st.data())
def test_every_day_is_quantlibs_where_no_bound_is_reached(data: st.DataObject) -> None:
    """Deposits on days of any distance: their factors, and QuantLib's of every day."""
    ends = np.cumsum(data.draw(st.lists(st.integers(20, 900), min_size=2, max_size=8)))
    forwards = data.draw(
        st.lists(st.floats(0.01, 0.06), min_size=len(ends), max_size=len(ends)), label="forwards"
    )
    u = np.array([0.0, *ends / YEAR])
    y = -np.cumsum([0.0, *(np.array(forwards) * np.diff(u))])
    assume(bounds_are_not_reached(u, y))
    helpers = [
        ql.DepositRateHelper(
            ql.QuoteHandle(ql.SimpleQuote(np.expm1(-log) / t)),
            ql.Period(int(end), ql.Days),
            0,
            ql.NullCalendar(),
            ql.Unadjusted,
            False,
            ql.Actual365Fixed(),
        )
        for end, t, log in zip(ends, u[1:], y[1:], strict=True)
    ]
    theirs, date = quantlibs(helpers, TODAY), schedules.to_ql(TODAY)
    days = np.arange(1, ends[-1] + 1)
    ours = np.exp(log_factors(days / YEAR, u, y[:, None])[:, 0])
    try:
        wanted = np.array([theirs.discount(date + int(day)) for day in days])
    except RuntimeError as error:
        # With equal forward rates QuantLib's search may end without a curve to compare with.
        assert "iteration: failed at" in str(error)  # noqa: PT017
        reject()
    assert np.abs(ours - wanted).max() < SAME_AS_QUANTLIB


SONIA = {
    **{"1D": 0.0445, "1M": 0.0448, "3M": 0.0452, "6M": 0.0447, "1Y": 0.0435, "18M": 0.0422},
    **{"2Y": 0.0414, "3Y": 0.0405, "4Y": 0.0400, "5Y": 0.0398, "7Y": 0.0397, "10Y": 0.0400},
    **{"15Y": 0.0408, "20Y": 0.0409, "30Y": 0.0403},
}


def sonia_helper(tenor: str, rate: float) -> ql.RateHelper:
    quote = ql.QuoteHandle(ql.SimpleQuote(rate))
    if tenor == "1D":
        calendar, rule = ql.UnitedKingdom(), ql.Following
        return ql.DepositRateHelper(
            quote, ql.Period(1, ql.Days), 0, calendar, rule, False, ql.Actual365Fixed()
        )
    return ql.OISRateHelper(0, ql.Period(tenor), quote, ql.Sonia())


@FEW
@given(moves=st.lists(st.floats(-3.0, 3.0), min_size=5, max_size=11))
def test_a_curve_of_overnight_swaps_is_quantlibs_bootstrap(moves: list[float]) -> None:
    """Coupons within sections, so that the interpolation is part of what is solved."""
    moved = dict(zip(SONIA, np.resize(moves, len(SONIA)) * 1e-4, strict=True))
    quotes = {tenor: rate + moved[tenor] for tenor, rate in SONIA.items()}
    market = {"GBP-SONIA": quotes}
    options = CurveOptions(interpolation={"GBP-SONIA": "monotone_convex"})
    found = CurveSet(TODAY, shape_of(market), None, options)
    solved = found.solve(found.vector(market))
    u = np.array([0.0, *found.grid.node_years])
    assume(bounds_are_not_reached(u, np.array([0.0, *solved.x])))
    theirs = quantlibs([sonia_helper(*quote) for quote in quotes.items()], TODAY)
    days = np.arange(found.grid.today, found.grid.node_days()[-1] + 1)
    ours = found.grid.discount(found.grid.tables(np.zeros_like(days), days), solved.x)
    wanted = [theirs.discount(schedules.ql_of_day(int(day))) for day in days]
    assert np.abs(ours - np.array(wanted)).max() < SAME_AS_QUANTLIB


# --- What is promised --------------------------------------------------------------------------

sections = st.lists(st.tuples(st.floats(0.02, 6.0), st.floats(-0.05, 0.12)), min_size=1, max_size=9)


def nodes_of(drawn: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Times and log discount factors of lengths of sections and their forward rates."""
    h, d = np.array(drawn).T
    return np.cumsum([0.0, *h]), -np.cumsum([0.0, *(h * d)])


@EXAMPLES
@given(drawn=sections)
def test_nodes_are_met_and_curves_of_negative_rates_are_mirror_images(drawn) -> None:
    u, y = nodes_of(drawn)
    assert log_factors(u[1:], u, y[:, None])[:, 0] == pytest.approx(y[1:], abs=1e-15)
    t = np.linspace(0.0, u[-1] * 1.2, 50)[1:]
    mirrored = log_factors(t, u, -y[:, None])
    assert mirrored == pytest.approx(-log_factors(t, u, y[:, None]), abs=1e-15)


@EXAMPLES
@given(drawn=sections)
def test_forward_rates_are_nowhere_negative_where_no_section_has_a_negative_one(drawn) -> None:
    u, y = nodes_of([(length, abs(rate)) for length, rate in drawn])
    t = np.unique(np.concatenate((np.linspace(0.0, u[-1] * 1.2, 700), u)))
    assert np.diff(log_factors(t, u, y[:, None])[:, 0]).max() < 1e-15


@EXAMPLES
@given(drawn=sections)
def test_factors_are_the_weighted_sum_of_the_node_values(drawn) -> None:
    u, y = nodes_of(drawn)
    t = np.linspace(0.0, u[-1] * 1.2, 60)[1:]
    place, weight = weights(t, u, y)
    summed = (weight * y[place]).sum(axis=1)
    assert summed == pytest.approx(log_factors(t, u, y[:, None])[:, 0], abs=1e-12)


@EXAMPLES
@given(drawn=sections, seed=st.integers(0, 1000))
def test_weights_are_derivatives(drawn, seed: int) -> None:
    """They are what differences over a small move are, where both sides have the same slope."""
    u, y = nodes_of(drawn)
    t = np.linspace(0.0, u[-1] * 1.2, 60)[1:]
    move = np.random.default_rng(seed).normal(0.0, 1e-9, len(y))

    def slope(values: np.ndarray) -> np.ndarray:
        place, weight = weights(t, u, values)
        return (weight * move[place]).sum(axis=1)

    ends = log_factors(t, u, np.stack((y - move, y + move), axis=1))
    size = 1e-9 * max(1.0, 1.0 / np.diff(u).min())
    sides = np.stack((slope(y - move), slope(y), slope(y + move)))
    smooth = np.ptp(sides, axis=0) < 1e-4 * size
    assume(smooth.any())
    difference = (ends[:, 1] - ends[:, 0]) / 2.0
    assert np.abs(difference - sides[1])[smooth].max() < 1e-2 * size


@EXAMPLES
@given(drawn=sections, seed=st.integers(0, 1000))
def test_no_factor_jumps_when_node_values_move(drawn, seed: int) -> None:
    """Through flat sections, changes of sign and bounds: a small move makes a small change."""
    flat = [(length, round(rate, 2)) for length, rate in drawn]  # many are equal, or 0
    u, y = nodes_of(flat)
    t = np.linspace(0.0, u[-1] * 1.2, 60)[1:]
    move = np.random.default_rng(seed).normal(0.0, 1e-9, len(y))
    both = log_factors(t, u, np.stack((y, y + move), axis=1))
    assert np.abs(both[:, 1] - both[:, 0]).max() < 100 * 1e-9 * (u[-1] + 1.0) / np.diff(u).min()


def test_a_section_that_is_flat_to_rounding_has_the_weights_of_a_smooth_one() -> None:
    """All rates the same: what is left of differences of forward rates decides nothing."""
    u = np.array([0.0, 1.0, 2.0, 3.0])
    exact = weights(np.array([1.3]), u, -0.25 * u)[1]
    rounded = weights(np.array([1.3]), u, -0.25 * u + np.array([0.0, 3e-17, -5e-17, 4e-17]))[1]
    assert rounded == pytest.approx(exact, abs=1e-12)


def test_one_node_is_a_constant_forward_rate() -> None:
    y = np.array([0.0, -0.06])
    assert log_at(0.5, np.array([0.0, 2.0]), y) == pytest.approx(-0.015)
    assert log_at(3.0, np.array([0.0, 2.0]), y) == pytest.approx(-0.09)


# --- On a grid -----------------------------------------------------------------------------------

START = 20_000
DAYS = START + np.array([100, 200, 565, 930, 2000])


def test_behind_the_last_meeting_the_interpolation_begins_and_turns_come_on_top() -> None:
    layout = Layout(
        ends=np.concatenate((DAYS, [START + 50])),
        keys=np.arange(5),
        flat=2,
        turns=np.array([[START + 600, START + 603]]),
    )
    grid = Grid(
        START,
        (
            CurveNodes("A", "log_linear", DAYS),
            CurveNodes("B", "monotone_convex", DAYS, layout),
        ),
    )
    x = np.array([-0.01, -0.02, -0.06, -0.1, -0.2, *(-0.01, -0.022, -0.065, -0.1, -0.22), -3e-4])
    days = START + np.array([50, 150, 200, 400, 601, 650, 2500])
    found = np.log(grid.discount(grid.tables(np.ones_like(days), days), x))
    u, y = (DAYS[1:] - START) / YEAR, x[6:10]
    far = log_factors((days[3:] - START) / YEAR, u, y[:, None])[:, 0]
    far += -3e-4 * np.array([0.0, 1 / 3, 1.0, 1.0])
    assert found == pytest.approx([-0.005, -0.016, -0.022, *far], abs=1e-15)
    columns = grid.bent_log_factors(grid.tables(np.ones_like(days), days), np.stack((x, 2 * x), 1))
    assert columns == pytest.approx(np.stack((far, 2.0 * far), axis=1), abs=1e-15)


def test_tables_without_their_weights_give_no_number() -> None:
    """A path that takes the weights of a grid for constants shows it at once."""
    grid = Grid(START, (CurveNodes("A", "monotone_convex", DAYS),))
    tables = grid.tables(np.zeros(2, dtype=int), START + np.array([50, 700]))
    assert np.isnan(tables.node_weight).all()
    x = -0.03 * grid.node_years
    made = grid.tables_at(tables, x)
    assert not len(made.bent)
    assert grid.tables_at(made, 2.0 * x) is made
    assert np.log(grid.discount(tables, x)) == pytest.approx(-0.03 * np.array([50, 700]) / YEAR)


def test_zero_rates_are_those_at_nodes() -> None:
    grid = Grid(START, (CurveNodes("A", "monotone_convex", DAYS),))
    x = np.array([-0.01, -0.02, -0.06, -0.1, -0.2])
    assert grid.zero_rates(x) == pytest.approx(-x / grid.node_years)


# --- Quotes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
@FEW
@given(moves=basis_points(40.0))
def test_every_quote_is_met_and_slopes_are_those_of_solving_anew(currency, moves) -> None:
    found, quotes = curves(currency, "monotone_convex"), quotes_of(currency, moves)
    solved = found.solve(quotes)
    assert solved.rate_error < 1e-13
    assert np.abs(found.instruments.value(solved.x, quotes)).max() < 1e-12
    for sign in (1.0, -1.0):
        shift = np.full(len(quotes), sign * 1e-4)
        anew = found.solve(quotes + shift)
        assert np.abs(found.shifted(solved, shift) - anew.x).max() < 1e-13


def test_quotes_without_a_curve_are_refused_with_a_sentence() -> None:
    """QuantLib has no bootstrap that could judge them."""
    found = curves("GBP", "monotone_convex")
    quotes = quotes_of("GBP", [800.0, -800.0, 500.0])
    with pytest.raises(BootstrapFailed, match=r"GBP-SONIA .* (Newton's method finds|forward rate)"):
        found.solve(quotes)
    with pytest.raises(BootstrapFailed, match="QuantLib has no curve that is monotone_convex"):
        found.bootstrap(quotes)
