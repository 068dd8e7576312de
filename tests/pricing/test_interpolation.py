"""Discount factors between nodes: by hand, and as QuantLib's own curves have them."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.interpolation import CurveNodes, Grid
from pricing.products import schedules

TODAY = 20_000  # 2024-10-04
DAYS = np.array([TODAY + 365, TODAY + 730, TODAY + 3650])
X = np.array([-0.03, -0.07, -0.42])
QUANTLIB = {
    "log_linear": ql.DiscountCurve,
    "natural_log_cubic": ql.NaturalLogCubicDiscountCurve,
}


def grid(*curves: str) -> Grid:
    """Curves of the same nodes, each with its interpolation."""
    return Grid(TODAY, tuple(CurveNodes(f"C{i}", kind, DAYS) for i, kind in enumerate(curves)))


def factor(of: Grid, day: int, x: np.ndarray = X, curve: int = 0) -> float:
    tables = of.tables(np.array([curve]), np.array([day]))
    return float(of.discount(tables, x)[0])


@pytest.mark.parametrize(
    ("day", "log_factor"),
    [
        (TODAY - 1, 0.0),
        (TODAY, 0.0),
        (TODAY + 73, -0.03 * 73 / 365),  # before the first node: from 0 today
        (TODAY + 365, -0.03),
        (TODAY + 438, -0.03 - 0.04 * 73 / 365),
        (TODAY + 3650, -0.42),
        (TODAY + 3650 + 292, -0.42 - 0.35 * 292 / 2920),  # past the last: its forward goes on
    ],
)
def test_log_discount_factors_are_linear_between_nodes(day: int, log_factor: float) -> None:
    assert factor(grid("log_linear"), day) == pytest.approx(np.exp(log_factor), rel=1e-14)


@pytest.mark.parametrize("kind", QUANTLIB)
def test_every_day_up_to_the_last_node_is_as_quantlib_interpolates(kind: str) -> None:
    dates = [schedules.ql_of_day(day) for day in (TODAY, *DAYS)]
    theirs = QUANTLIB[kind](dates, np.exp([0.0, *X]).tolist(), ql.Actual365Fixed())
    days = np.arange(TODAY, DAYS[-1] + 1)
    made = grid(kind)
    ours = made.discount(made.tables(np.zeros_like(days), days), X)
    wanted = [theirs.discount(schedules.ql_of_day(int(day))) for day in days]
    assert ours == pytest.approx(wanted, rel=1e-13)


def test_a_natural_spline_goes_on_with_its_last_slope() -> None:
    made, last = grid("natural_log_cubic"), int(DAYS[-1])
    slope = np.log(factor(made, last + 1)) - np.log(factor(made, last))
    assert np.log(factor(made, last + 500)) == pytest.approx(X[-1] + 500 * slope, rel=1e-10)
    inside = np.log(factor(made, last)) - np.log(factor(made, last - 1))
    assert slope == pytest.approx(inside, rel=1e-4)


def test_each_curve_reads_its_own_nodes() -> None:
    both = grid("log_linear", "natural_log_cubic")
    x = np.concatenate([X, 2.0 * X])
    assert both.offsets == [0, 3, 6]
    assert factor(both, int(DAYS[1]), x, curve=0) == pytest.approx(np.exp(-0.07))
    assert factor(both, int(DAYS[1]), x, curve=1) == pytest.approx(np.exp(-0.14))
    assert both.node_years.tolist() == [1.0, 2.0, 10.0] * 2


def test_forwards_run_from_node_to_node_of_the_same_curve() -> None:
    found = grid("log_linear", "log_linear").forwards(np.concatenate([X, X]))
    assert found == pytest.approx([0.03, 0.04, 0.35 / 8.0] * 2)


def test_tents_add_up_to_a_parallel_move_of_zero_rates() -> None:
    """Each tent is 1 at its key; flat before the first key and after the last."""
    made, days = grid("log_linear"), TODAY + np.array([100, 365, 438, 730, 3650, 9000])
    tables = made.tables(np.zeros_like(days), days)
    years = (days - TODAY) / 365.0
    assert tables.tent_weight.sum(axis=1) == pytest.approx(-years)
    share = np.zeros((len(days), 3))
    for row, (places, weights) in enumerate(zip(tables.tent, tables.tent_weight, strict=True)):
        np.add.at(share[row], places, -weights / years[row])
    wanted = [[1, 0, 0], [1, 0, 0], [0.8, 0.2, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert share == pytest.approx(np.array(wanted, dtype=float), abs=1e-12)
