"""Convert view models to ECharts options. Pure: numbers stay numbers and text is not HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.risk import Breakdown, CurveLine, Ladder, tenor_name
from pricing.curves.quotes import tenor_days

Option = dict[str, Any]

UPDATE_MS = 250
FONT = "'Source Sans', system-ui, sans-serif"
WHOLE, PERCENT, BASIS_POINTS, MILLISECONDS = "%,.0f", "%.3f", "%.2f", "%.1f"


def _base(**more: Any) -> Option:
    return {
        "backgroundColor": "transparent",
        "textStyle": {"color": theme.TEXT, "fontFamily": FONT},
        "animationDuration": 0,
        "animationDurationUpdate": UPDATE_MS,
        "tooltip": _tooltip(WHOLE),
        **more,
    }


def _tooltip(number: str) -> Option:
    return {
        "trigger": "axis",
        "axisPointer": {"type": "shadow"},
        "valueFormatter": number,
        "backgroundColor": theme.PANEL,
        "borderColor": theme.LINE,
        "textStyle": {"color": theme.TEXT, "fontSize": 12},
        "confine": True,
    }


def _legend(names: Sequence[str] | None = None) -> Option:
    legend: Option = {
        "top": 0,
        "left": 0,
        "itemWidth": 12,
        "itemHeight": 10,
        "textStyle": {"color": theme.TEXT, "fontSize": 11},
        "type": "scroll",
    }
    return legend if names is None else {**legend, "data": list(names)}


def _categories(names: Sequence[str], **more: Any) -> Option:
    return {
        "type": "category",
        "data": list(names),
        "axisLine": {"lineStyle": {"color": theme.LINE}},
        "axisTick": {"show": False},
        "axisLabel": {"color": theme.MUTED, "fontSize": 11},
        **more,
    }


def _values(**more: Any) -> Option:
    label = {"color": theme.MUTED, "fontSize": 11, **more.pop("axisLabel", {})}
    return {
        "type": "value",
        "splitLine": {"lineStyle": {"color": theme.LINE}},
        "axisLabel": label,
        "nameTextStyle": {"color": theme.MUTED, "fontSize": 11},
        **more,
    }


def _cents(values: Sequence[float]) -> list[float]:
    return [round(value, 2) for value in values]


# --- Ladders ---------------------------------------------------------------------------------


def ladder_chart(ladder: Ladder) -> Option:
    """Bars stacked by currency, and a white diamond for the net; US dollars per bp."""
    bars = [
        {
            "name": currency,
            "type": "bar",
            "stack": "ladder",
            "barMaxWidth": 44,
            "color": theme.currency_color(currency),
            "data": _cents(row),
        }
        for currency, row in ladder.rows.items()
    ]
    net = {
        "name": "Net",
        "type": "scatter",
        "symbol": "diamond",
        "symbolSize": 10,
        "color": "#ffffff",
        "itemStyle": {"borderColor": theme.PANEL, "borderWidth": 1},
        "z": 5,
        "data": _cents(ladder.net),
    }
    return _base(
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(ladder.tenors),
        yAxis=_values(),
        series=[*bars, net],
    )


def trade_ladder_chart(ladder: pd.DataFrame, column: str) -> Option:
    """One trade's ladder by tenor, stacked by curve; the trade's currency per bp."""
    table = ladder.assign(tenor=ladder["tenor"].map(tenor_name))
    tenors = sorted(set(table["tenor"]), key=tenor_days)
    series = []
    for curve, rows in table.groupby("curve", sort=False):
        by_tenor = rows.groupby("tenor")[column].sum()
        data = [float(by_tenor.get(tenor, 0.0)) for tenor in tenors]
        series.append({"name": str(curve), "type": "bar", "stack": "trade", "data": _cents(data)})
    return _base(
        color=list(theme.HOP_COLORS),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(tenors),
        yAxis=_values(),
        series=series,
    )


# --- Curves ----------------------------------------------------------------------------------


def curves_chart(lines: Sequence[CurveLine]) -> Option:
    """Zero rates in percent: solid now, dotted at the opening; bars of change in bp below."""
    tenors = sorted({tenor for line in lines for tenor in line.now}, key=tenor_days)
    series: list[Option] = []
    for place, line in enumerate(lines):
        series += _curve_series(line, tenors, second=_seen_before(lines, place))
    return _base(
        tooltip=_tooltip(PERCENT),
        legend=_legend([line.curve for line in lines]),
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 44, "right": 16, "top": 30, "height": "52%"},
            {"left": 44, "right": 16, "bottom": 22, "height": "20%"},
        ],
        xAxis=[
            _categories(tenors, axisLabel={"show": False}),
            _categories(tenors, gridIndex=1, axisLine={"show": False}),
        ],
        yAxis=[
            _values(scale=True, axisLabel={"formatter": "{value}%"}),
            _values(gridIndex=1, name="Δbp", nameGap=6, splitNumber=2),
        ],
        series=series,
    )


def _seen_before(lines: Sequence[CurveLine], place: int) -> bool:
    return any(line.currency == lines[place].currency for line in lines[:place])


def _curve_series(line: CurveLine, tenors: Sequence[str], *, second: bool) -> list[Option]:
    color = theme.currency_color(line.currency)
    shape: Option = {"type": "line", "color": color, "connectNulls": True}
    opacity = 0.55 if second else 1.0  # a second curve of the same currency
    return [
        {
            **shape,
            "name": line.curve,
            "symbolSize": 5,
            "lineStyle": {"width": 2, "opacity": opacity},
            "data": _row(line.now, tenors, 100.0),
        },
        {
            **shape,
            "name": f"{line.curve} open",
            "symbol": "none",
            "lineStyle": {"width": 1.5, "type": "dotted", "opacity": opacity},
            "data": _row(line.open, tenors, 100.0),
        },
        {
            "name": f"{line.curve} Δbp",
            "type": "bar",
            "color": color,
            "barMaxWidth": 12,
            "xAxisIndex": 1,
            "yAxisIndex": 1,
            "tooltip": {"valueFormatter": BASIS_POINTS},
            "data": _row(line.change_bp, tenors, 1.0),
        },
    ]


def _row(values: Mapping[str, float], tenors: Sequence[str], times: float) -> list[float | None]:
    return [round(times * values[t], 6) if t in values else None for t in tenors]


# --- Groups ----------------------------------------------------------------------------------


def breakdown_chart(found: Breakdown) -> Option:
    """Bars across, one per group, stacked by product; US dollars per bp."""
    series = [
        {
            "name": product.capitalize(),
            "type": "bar",
            "stack": "dv01",
            "barMaxWidth": 34,
            "color": theme.product_color(product),
            "data": _cents(values),
        }
        for product, values in found.by_product.items()
    ]
    return _base(
        legend=_legend(),
        grid={"left": 8, "right": 24, "top": 28, "bottom": 4, "containLabel": True},
        xAxis=_values(splitNumber=3),
        yAxis=_categories(found.groups, inverse=True),
        series=series,
    )


# --- Latency ---------------------------------------------------------------------------------


def hops_chart(frames: Sequence[str], hops: Mapping[str, Sequence[float]]) -> Option:
    """Milliseconds by frame, stacked by hop, oldest frame first."""
    series = [
        {
            "name": name,
            "type": "bar",
            "stack": "hops",
            "barCategoryGap": "15%",
            "color": color,
            "data": _cents(values),
        }
        for (name, values), color in zip(hops.items(), theme.HOP_COLORS, strict=False)
    ]
    return _base(
        tooltip=_tooltip(MILLISECONDS),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        xAxis=_categories(frames, axisLabel={"show": False}),
        yAxis=_values(axisLabel={"formatter": "{value} ms"}),
        series=series,
    )


def latency_chart(lines: Mapping[str, Sequence[tuple[str, float]]]) -> Option:
    """Tick to published risk over time, a line per currency; times are UTC, ISO 8601."""
    series = [
        {
            "name": currency,
            "type": "line",
            "showSymbol": False,
            "lineStyle": {"width": 1.2},
            "color": theme.currency_color(currency),
            "data": [[when, round(ms, 2)] for when, ms in points],
        }
        for currency, points in lines.items()
    ]
    return _base(
        useUTC=True,
        tooltip=_tooltip(MILLISECONDS),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        xAxis={
            "type": "time",
            "axisLine": {"lineStyle": {"color": theme.LINE}},
            "axisLabel": {"color": theme.MUTED, "fontSize": 11},
        },
        yAxis=_values(type="log", axisLabel={"formatter": "{value} ms"}),
        series=series,
    )
