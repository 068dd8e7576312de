"""Charts of how long a frame takes, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard import theme
from dashboard.charts.options import (
    MILLISECONDS,
    Option,
    base_option,
    categories,
    cents,
    legend,
    tooltip,
    value_axis,
)


def hops_chart(frames: Sequence[str], hops: Mapping[str, Sequence[float]]) -> Option:
    """Milliseconds by frame, stacked by hop, oldest frame first."""
    series = [
        {
            "name": name,
            "type": "bar",
            "stack": "hops",
            "barCategoryGap": "15%",
            "color": color,
            "data": cents(values),
        }
        for (name, values), color in zip(hops.items(), theme.palette().hops, strict=False)
    ]
    return base_option(
        tooltip=tooltip(MILLISECONDS),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        xAxis=categories(frames, axisLabel={"show": False}),
        yAxis=value_axis(axisLabel={"formatter": "{value} ms"}),
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
    return base_option(
        useUTC=True,
        tooltip=tooltip(MILLISECONDS),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        xAxis={
            "type": "time",
            "axisLine": {"lineStyle": {"color": theme.palette().line}},
            "axisLabel": {"color": theme.palette().muted, "fontSize": 11},
        },
        yAxis=value_axis(type="log", axisLabel={"formatter": "{value} ms"}),
        series=series,
    )
