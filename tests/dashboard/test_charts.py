"""Chart options carry the numbers of their view models."""

from __future__ import annotations

import json

import pandas as pd

from dashboard import charts, theme
from dashboard.risk import Breakdown, CurveLine, Ladder


def test_ladder_bars_stack_by_currency_under_a_net_diamond() -> None:
    option = charts.ladder_chart(Ladder(["2Y", "10Y"], {"USD": [1.0, -2.0], "EUR": [3.0, 4.5]}))
    usd, eur, net = option["series"]
    assert (usd["data"], eur["data"], net["data"]) == ([1, -2], [3, 4.5], [4, 2.5])
    assert usd["stack"] == eur["stack"]
    assert (net["symbol"], net["color"]) == ("diamond", "#ffffff")
    assert option["xAxis"]["data"] == ["2Y", "10Y"]


def test_a_currency_has_one_colour_everywhere() -> None:
    ladder = charts.ladder_chart(Ladder(["2Y"], {"GBP": [1.0]}))
    curves = charts.curves_chart([CurveLine("GBP-SONIA", "GBP", {"2Y": 0.05}, {})])
    assert ladder["series"][0]["color"] == curves["series"][0]["color"]
    assert ladder["series"][0]["color"] == theme.PALETTES["dark"].series[2]


def test_curves_are_solid_now_dotted_at_the_opening_and_bars_in_bp() -> None:
    line = CurveLine("USD-SOFR", "USD", {"2Y": 0.0402, "10Y": 0.042}, {"2Y": 0.04})
    now, then, change = charts.curves_chart([line])["series"]
    assert now["data"] == [4.02, 4.2]
    assert (then["data"], then["lineStyle"]["type"]) == ([4.0, None], "dotted")
    assert (change["type"], change["data"]) == ("bar", [2.0, None])


def test_a_tenor_that_one_curve_lacks_is_a_gap_not_a_zero() -> None:
    lines = [
        CurveLine("USD-SOFR", "USD", {"2Y": 0.04}, {}),
        CurveLine("EUR-ESTR", "EUR", {"10Y": 0.02}, {}),
    ]
    option = charts.curves_chart(lines)
    assert option["xAxis"][0]["data"] == ["2Y", "10Y"]
    assert option["series"][0]["data"] == [4.0, None]


def test_breakdown_has_a_bar_per_group_and_product() -> None:
    option = charts.breakdown_chart(Breakdown(["EUR", "USD"], {"bond": [1, 2], "swap": [3, -4]}))
    assert [s["data"] for s in option["series"]] == [[1, 2], [3, -4]]
    assert option["yAxis"]["data"] == ["EUR", "USD"]


def test_a_trades_ladder_adds_tenors_of_the_same_length() -> None:
    rows = [("A", "12M", 1.0), ("A", "1Y", 2.0), ("B", "2Y", 4.0)]
    option = charts.trade_ladder_chart(pd.DataFrame(rows, columns=["curve", "tenor", "krd"]), "krd")
    assert option["xAxis"]["data"] == ["1Y", "2Y"]
    assert [s["data"] for s in option["series"]] == [[3, 0], [0, 4]]


def test_hops_and_latencies() -> None:
    hops = charts.hops_chart(["7", "8"], {"Queue": [1.0, 2.0], "Pricing": [3.0, 4.0]})
    assert [s["data"] for s in hops["series"]] == [[1, 2], [3, 4]]
    when = "2024-03-05T09:00:00.000+00:00"
    assert charts.latency_chart({"USD": [(when, 28.4)]})["series"][0]["data"] == [[when, 28.4]]


def test_options_are_plain_json() -> None:
    option = charts.curves_chart([CurveLine("USD-SOFR", "USD", {"2Y": 0.04}, {"2Y": 0.04})])
    assert json.loads(json.dumps(option, allow_nan=False)) == option
