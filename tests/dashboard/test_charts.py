"""Chart options carry the numbers of their view models."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import theme
from dashboard.charts import (
    curve_charts,
    ladder_charts,
    latency_charts,
    options,
    pnl_charts,
    scenario_charts,
)
from dashboard.risk import Breakdown, CurveLine, Ladder
from dashboard.trades import panels
from pricing.products.registry import PRODUCT_NAMES


def test_ladder_bars_stack_by_currency_under_a_net_diamond() -> None:
    option = ladder_charts.ladder_chart(
        Ladder(["2Y", "10Y"], {"USD": [1.0, -2.0], "EUR": [3.0, 4.5]})
    )
    usd, eur, net = option["series"]
    assert (usd["data"], eur["data"], net["data"]) == ([1, -2], [3, 4.5], [4, 2.5])
    assert usd["stack"] == eur["stack"]
    assert (net["symbol"], net["color"]) == ("diamond", "#ffffff")
    assert option["xAxis"]["data"] == ["2Y", "10Y"]


def test_a_currency_has_one_colour_everywhere() -> None:
    ladder = ladder_charts.ladder_chart(Ladder(["2Y"], {"GBP": [1.0]}))
    curves = curve_charts.curves_chart([CurveLine("GBP-SONIA", "GBP", {"2Y": 0.05}, {})])
    assert ladder["series"][0]["color"] == curves["series"][0]["color"]
    assert ladder["series"][0]["color"] == theme.PALETTES["dark"].series[2]


def test_curves_are_solid_now_dotted_at_the_opening_and_bars_in_bp() -> None:
    line = CurveLine("USD-SOFR", "USD", {"2Y": 0.0402, "10Y": 0.042}, {"2Y": 0.04})
    now, then, change = curve_charts.curves_chart([line])["series"]
    assert now["data"] == [4.02, 4.2]
    assert (then["data"], then["lineStyle"]["type"]) == ([4.0, None], "dotted")
    assert (change["type"], change["data"]) == ("bar", [2.0, None])


def test_a_tenor_that_one_curve_lacks_is_a_gap_not_a_zero() -> None:
    lines = [
        CurveLine("USD-SOFR", "USD", {"2Y": 0.04}, {}),
        CurveLine("EUR-ESTR", "EUR", {"10Y": 0.02}, {}),
    ]
    option = curve_charts.curves_chart(lines)
    assert option["xAxis"][0]["data"] == ["2Y", "10Y"]
    assert option["series"][0]["data"] == [4.0, None]


def test_breakdown_has_a_bar_per_group_and_product() -> None:
    option = ladder_charts.breakdown_chart(
        Breakdown(["EUR", "USD"], {"bond": [1, 2], "swap": [3, -4]})
    )
    assert [s["data"] for s in option["series"]] == [[1, 2], [3, -4]]
    assert option["yAxis"]["data"] == ["EUR", "USD"]


def test_all_products_of_the_breakdown_are_named_above_its_bars() -> None:
    """A legend that scrolls hides products; one of two rows needs the room of two."""
    few = ladder_charts.breakdown_chart(Breakdown(["EUR"], {"bond": [1]}))
    many = ladder_charts.breakdown_chart(Breakdown(["EUR"], {name: [1] for name in PRODUCT_NAMES}))
    assert many["legend"]["type"] == "plain"
    assert many["grid"]["top"] >= few["grid"]["top"] + options.LEGEND_ROW_PX


def test_curves_are_named_by_currency_where_each_has_one() -> None:
    usd, eur = (CurveLine(f"{c}-X", c, {"2Y": 0.04}, {}) for c in ("USD", "EUR"))
    second = CurveLine("EUR-Y", "EUR", {"2Y": 0.03}, {})
    assert curve_charts.curves_chart([usd, eur])["legend"]["data"] == ["USD", "EUR"]
    names = curve_charts.curves_chart([usd, eur, second])["legend"]["data"]
    assert names == ["USD-X", "EUR-X", "EUR-Y"]


def test_names_of_the_waterfall_stand_upright_on_a_phone_alone() -> None:
    option = pnl_charts.waterfall_chart([("Carry", "+$5", 5.0), ("Total", "+$5", 5.0)])
    narrow, other = option["media"]
    assert narrow["query"]["maxWidth"] < 640  # the style sheet's phone
    assert narrow["option"]["xAxis"]["axisLabel"]["rotate"] == 90
    assert other["option"]["xAxis"]["axisLabel"]["rotate"] == 0


def test_buckets_of_several_curves_name_each_curve_once() -> None:
    buckets = [("A", "1Y"), ("A", "2Y"), ("B", "1Y")]
    option = ladder_charts.sides_chart(buckets, {"Before": [1.0, None, 3.0]})
    assert option["xAxis"]["data"] == ["1Y", "2Y\nA", "1Y\nB"]
    assert option["series"][0]["data"] == [1.0, None, 3.0]
    narrow = option["media"][0]["option"]["xAxis"]
    assert narrow["data"] == ["A 1Y", "2Y", "B 1Y"]
    assert narrow["axisLabel"]["rotate"] == 90
    alone = ladder_charts.sides_chart(buckets[:2], {"Before": [1.0, 2.0]})
    assert alone["xAxis"]["data"] == ["1Y", "2Y"]
    assert alone["media"][0]["option"]["xAxis"]["data"] == ["1Y", "2Y"]


@given(
    st.lists(st.floats(-1e10, 1e10, allow_subnormal=False), min_size=1, max_size=30),
    st.integers(2, 60),
)
def test_bins_are_round_and_hold_all_values(values: list[float], most: int) -> None:
    edges = scenario_charts.round_bins(values, most)
    assert len(edges) - 1 <= most
    assert edges[0] <= min(values)
    assert max(values) <= edges[-1]
    widths = [high - low for low, high in pairwise(edges)]
    width = widths[0]
    assert widths == pytest.approx([width] * len(widths), rel=1e-3)
    leading = width / 10.0 ** math.floor(math.log10(width) + 1e-9)
    assert min(abs(leading - step) for step in scenario_charts.ROUND) < 1e-3
    middle = (edges[0] + edges[1]) / 2 / width
    assert middle == pytest.approx(round(middle), abs=1e-2)


def test_a_distribution_names_its_bins_by_round_numbers() -> None:
    edges = scenario_charts.round_bins([-374e6, -1e6, 249e6], 40)
    option = scenario_charts.distribution_chart(edges, [1] * (len(edges) - 1), -300e6, {})
    names = option["xAxis"]["data"]
    assert names[0] == "-$380m"
    assert "$0" in names
    assert len(names) == 32


def test_a_trades_ladder_leaves_out_curves_that_it_does_not_depend_on() -> None:
    columns = ["curve", "tenor", "krd", "ladder_par"]
    rows = [("A", "1Y", 0.0, 0.0), ("A", "2Y", 0.0, 1.0), ("B", "1Y", 0.0, 0.0)]
    ladder = pd.DataFrame(rows, columns=columns)
    assert list(panels.of_its_curves(ladder)["curve"]) == ["A", "A"]
    missing = pd.DataFrame([("A", "1Y", math.nan, 0.0)], columns=columns)
    assert len(panels.of_its_curves(pd.concat([ladder, missing]))) == 3
    assert len(panels.of_its_curves(ladder[2:])) == 1, "all are 0: all are shown"


def test_the_delta_of_a_currency_has_its_colour() -> None:
    eur, curve = pnl_charts.delta_chart(["2Y"], {"EUR": [1.0], "EUR-ESTR": [2.0]})["series"]
    assert eur["color"] == theme.currency_color("EUR")
    assert "color" not in curve


def test_a_trades_ladder_adds_tenors_of_the_same_length() -> None:
    rows = [("A", "12M", 1.0), ("A", "1Y", 2.0), ("B", "2Y", 4.0)]
    option = ladder_charts.trade_ladder_chart(
        pd.DataFrame(rows, columns=["curve", "tenor", "krd"]), "krd"
    )
    assert option["xAxis"]["data"] == ["1Y", "2Y"]
    assert [s["data"] for s in option["series"]] == [[3, 0], [0, 4]]


def test_hops_and_latencies() -> None:
    hops = latency_charts.hops_chart(["7", "8"], {"Queue": [1.0, 2.0], "Pricing": [3.0, 4.0]})
    assert [s["data"] for s in hops["series"]] == [[1, 2], [3, 4]]
    when = "2024-03-05T09:00:00.000+00:00"
    assert latency_charts.latency_chart({"USD": [(when, 28.4)]})["series"][0]["data"] == [
        [when, 28.4]
    ]


def test_options_are_plain_json() -> None:
    option = curve_charts.curves_chart([CurveLine("USD-SOFR", "USD", {"2Y": 0.04}, {"2Y": 0.04})])
    assert json.loads(json.dumps(option, allow_nan=False)) == option
