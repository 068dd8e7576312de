"""The view models of the curves page: quotes in the order in which they end, meetings, warnings."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import pytest

from dashboard import curves
from dashboard.data import CurveSample, Market
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, curve_version, shape_of
from pricing.curves.sanity import CurveWarning
from risk.workers.book_netter import nodes_of
from tests.dashboard import made

DAY = dt.date(2025, 11, 27)
QUOTES = {
    "GBP-SONIA": {
        "1D": 0.039688,
        "1Y": 0.0359805,
        "MPC-2025-12-18": 0.037704,
        "MPC-2026-02-05": 0.036843,
    }
}


def warning(quote: str) -> CurveWarning:
    return CurveWarning(
        curve="GBP-SONIA",
        quote=quote,
        check="move",
        value=80.0,
        limit=50.0,
        message=f"GBP-SONIA {quote} has moved by +80.0 bp",
    )


def market(*warnings: CurveWarning) -> Market:
    made_of = CurveSet(DAY, shape_of(QUOTES))
    solved = made_of.solve(made_of.vector(QUOTES))
    rollup = msgspec.structs.replace(
        made.make("GBP").rollup,
        valuation_date=DAY,
        curves=QUOTES,
        keys=[(key.curve, key.tenor) for key in made_of.keys],
        zero_rates=made_of.grid.zero_rates(solved.x).tolist(),
        node_days=made_of.grid.key_days().tolist(),
        residuals_bp=(solved.residuals * 1e4).tolist(),
        nodes=nodes_of(made_of, solved),
        curve_version=curve_version(QUOTES, DAY),
        warnings=list(warnings),
    )
    return Market(rollup)


def test_quotes_are_in_the_order_in_which_they_end():
    rows = curves.quote_rows(market().rollup, "GBP-SONIA")
    assert [row.quote for row in rows] == ["1D", "MPC-2025-12-18", "MPC-2026-02-05", "1Y"]
    assert rows[1].cells()[:3] == ("MPC-2025-12-18", "2026-02-05", "3.77040%")
    assert rows[1].residual_bp == pytest.approx(0.0, abs=1e-8)
    assert rows[1].weight is None


def test_forwards_between_meetings_are_those_of_the_swaps():
    rows = curves.meeting_rows(market().rollup, "GBP-SONIA", CurveOptions())
    assert rows[1][:4] == ("2025-12-18", "2025-12-18", "2026-02-05", "3.7704%")
    assert rows[2][3] == "3.6843%"
    assert rows[2][4] == "-8.6"


def test_the_first_warnings_are_said_and_the_rest_counted():
    one = market(*(warning(name) for name in ("1D", "1Y", "2Y", "3Y", "5Y")))
    said = curves.doubts([one])
    assert said[0] == "GBP-SONIA 1D has moved by +80.0 bp"
    assert said[-1] == "2 more: see the page Curves"
    assert len(said) == 4
    assert len(curves.warnings_of([one])) == 5
    assert curves.doubts([market()]) == []


def test_options_are_those_of_the_variables():
    found = curves.options_of(
        {"CURVE_INTERPOLATION": "USD-SOFR=natural_log_cubic", "IBOR_COUPONS": "indexed"}
    )
    assert found == CurveOptions(True, {"USD-SOFR": "natural_log_cubic"})
    assert curves.options_of({}) == CurveOptions()


# --- Curves and their past -------------------------------------------------------------------


def test_discount_factors_and_forwards_are_those_of_the_zero_rates() -> None:
    rollup = market().rollup
    options = CurveOptions()
    zero = curves.rates(rollup, "GBP-SONIA", "Zero", options)
    ends = {key: days for (_, key), days in zip(rollup.keys, rollup.node_days, strict=True)}
    today = (DAY - dt.date(1970, 1, 1)).days
    by_hand = {q: math.exp(-z * (ends[q] - today) / 365) for q, z in zero.items()}
    factors = curves.rates(rollup, "GBP-SONIA", "Discount", options)
    assert factors == pytest.approx(by_hand, abs=1e-12)
    assert list(factors) == ["1D", "MPC-2025-12-18", "MPC-2026-02-05", "1Y"]
    days = ends["1Y"] - ends["MPC-2026-02-05"]
    forward = (by_hand["MPC-2026-02-05"] / by_hand["1Y"] - 1) * 365 / days
    found = curves.rates(rollup, "GBP-SONIA", "Forward", options)
    assert found["1Y"] == pytest.approx(forward, abs=1e-9)
    assert curves.rates(rollup, "GBP-SONIA", "Par", options) == QUOTES["GBP-SONIA"]


def sample(minute: int, *rates: float) -> CurveSample:
    at = dt.datetime(2024, 3, 5, 9, minute, tzinfo=dt.UTC)
    quotes = dict(zip(("2Y", "5Y", "10Y", "30Y"), rates, strict=False))
    return CurveSample(minute, at, minute * 10**9, {"USD-SOFR": quotes})


def test_moves_spreads_and_flies_are_in_basis_points() -> None:
    rollup = msgspec.structs.replace(
        made.make("USD").rollup,
        curves={"USD-SOFR": {"10Y": 0.0425, "2Y": 0.041, "5Y": 0.039, "30Y": 0.0435}},
    )
    samples = (
        sample(1, 0.040),  # another curve then: it has no 10Y and is left out
        sample(2, 0.040, 0.038, 0.042, 0.043),
        sample(3, 0.041, 0.039, 0.0425, 0.0435),
    )
    seen = curves.past(Market(rollup, curve_samples=samples), "USD-SOFR")
    assert seen.quotes == ["2Y", "5Y", "10Y", "30Y"]
    assert [moment.minute for moment in seen.times] == [2, 3]
    assert seen.moves_bp()[1] == pytest.approx([10, 10, 5, 5])
    found = seen.spreads_bp()
    assert found["2s10s"] == pytest.approx([20, 15])
    assert found["5s30s"] == pytest.approx([50, 45])
    assert found["2s5s10s"] == pytest.approx([-60, -55])


def test_a_curve_without_the_quotes_of_a_spread_has_none() -> None:
    seen = curves.past(market(), "GBP-SONIA")
    assert seen.spreads_bp() == {}
    assert seen.moves_bp() == []
