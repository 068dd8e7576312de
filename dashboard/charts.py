"""Convert view models to ECharts options: numbers stay numbers and text is not HTML.

Colours are those of the theme that the browser shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from dashboard import format, theme
from dashboard.risk import Breakdown, CurveLine, Ladder, tenor_name
from pricing.curves.quotes import quote_order
from pricing.markets.conventions import CURRENCIES

Option = dict[str, Any]

UPDATE_MS = 250
MAX_LEVEL = 14
"""Names that fit side by side on an axis; more of them are turned."""
FONT = "'Source Sans', system-ui, sans-serif"
WHOLE, PERCENT, BASIS_POINTS, MILLISECONDS = "%,.0f", "%.3f", "%.2f", "%.1f"


def _base(**more: Any) -> Option:
    return {
        "backgroundColor": "transparent",
        "textStyle": {"color": theme.palette().text, "fontFamily": FONT},
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
        "backgroundColor": theme.palette().panel,
        "borderColor": theme.palette().line,
        "textStyle": {"color": theme.palette().text, "fontSize": 12},
        "confine": True,
    }


def _legend(names: Sequence[str] | None = None) -> Option:
    legend: Option = {
        "top": 0,
        "left": 0,
        "itemWidth": 12,
        "itemHeight": 10,
        "textStyle": {"color": theme.palette().text, "fontSize": 11},
        "type": "scroll",
    }
    return legend if names is None else {**legend, "data": list(names)}


LEGEND_ROW_PX, CHARACTER_PX, MARK_PX = 18, 6.2, 30
"""Sizes in a legend of 11 pixels: the height of a row, the average width of a letter, and the width
of a name's mark with its margin."""


def _legend_rows(names: Sequence[str], width_px: float) -> int:
    """Rows that a legend of these names takes in a panel of that width."""
    rows, used = 1, 0.0
    for name in names:
        width = MARK_PX + CHARACTER_PX * len(name)
        if used and used + width > width_px:
            rows, used = rows + 1, 0.0
        used += width
    return rows


def _categories(names: Sequence[str], **more: Any) -> Option:
    return {
        "type": "category",
        "data": list(names),
        "axisLine": {"lineStyle": {"color": theme.palette().line}},
        "axisTick": {"show": False},
        "axisLabel": {"color": theme.palette().muted, "fontSize": 11},
        **more,
    }


def _values(**more: Any) -> Option:
    label = {"color": theme.palette().muted, "fontSize": 11, **more.pop("axisLabel", {})}
    return {
        "type": "value",
        "splitLine": {"lineStyle": {"color": theme.palette().line}},
        "axisLabel": label,
        "nameTextStyle": {"color": theme.palette().muted, "fontSize": 11},
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
        "color": theme.palette().mark,
        "itemStyle": {"borderColor": theme.palette().panel, "borderWidth": 1},
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
    tenors = sorted(set(table["tenor"]), key=quote_order)
    series = []
    for curve, rows in table.groupby("curve", sort=False):
        by_tenor = rows.groupby("tenor")[column].sum()
        data = [float(by_tenor.get(tenor, 0.0)) for tenor in tenors]
        series.append({"name": str(curve), "type": "bar", "stack": "trade", "data": _cents(data)})
    return _base(
        color=list(theme.palette().series),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(tenors),
        yAxis=_values(),
        series=series,
    )


# --- Curves ----------------------------------------------------------------------------------


def curves_chart(lines: Sequence[CurveLine]) -> Option:
    """Zero rates in percent: solid now, dotted at the opening; bars of change in bp below."""
    tenors = sorted({tenor for line in lines for tenor in line.now}, key=quote_order)
    one_each = len({line.currency for line in lines}) == len(lines)
    names = [line.currency if one_each else line.curve for line in lines]
    series: list[Option] = []
    for place, (line, name) in enumerate(zip(lines, names, strict=True)):
        series += _curve_series(line, name, tenors, second=_seen_before(lines, place))
    return _base(
        tooltip=_tooltip(PERCENT),
        legend={**_legend(names), "itemGap": 7},
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 46, "right": 16, "top": 30, "height": "52%"},
            {"left": 46, "right": 16, "bottom": 22, "height": "22%"},
        ],
        xAxis=[
            _categories(tenors, axisLabel={"show": False}),
            _categories(tenors, gridIndex=1, axisLine={"show": False}),
        ],
        yAxis=[
            _values(scale=True, axisLabel={"formatter": "{value}%"}),
            _values(gridIndex=1, name="Δbp", **BESIDE, splitNumber=2),
        ],
        series=series,
    )


BESIDE: Option = {"nameLocation": "middle", "nameGap": 30, "nameRotate": 90}
"""Options that put the name of an axis beside its middle: above the axis it would cover the largest
number."""


def _seen_before(lines: Sequence[CurveLine], place: int) -> bool:
    return any(line.currency == lines[place].currency for line in lines[:place])


def _curve_series(
    line: CurveLine, name: str, tenors: Sequence[str], *, second: bool
) -> list[Option]:
    color = theme.currency_color(line.currency)
    shape: Option = {"type": "line", "color": color, "connectNulls": True}
    opacity = 0.55 if second else 1.0  # a second curve of the same currency
    return [
        {
            **shape,
            "name": name,
            "symbolSize": 4,
            "lineStyle": {"width": 2, "opacity": opacity},
            "data": _row(line.now, tenors, 100.0),
        },
        {
            **shape,
            "name": f"{name} open",
            "symbol": "none",
            "lineStyle": {"width": 1.5, "type": "dotted", "opacity": opacity},
            "data": _row(line.open, tenors, 100.0),
        },
        {
            "name": f"{name} Δbp",
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


def one_curve_chart(
    name: str,
    now: Mapping[str, float],
    then: Mapping[str, float],
    past: tuple[str, Mapping[str, float]] | None = None,
) -> Option:
    """A curve by tenor: solid now, dotted at the opening, bars of change below.

    Args:
        name: What is drawn; ``Discount`` has no unit, all others are rates in percent.
        now: Decimals by tenor, in their order.
        then: The same at the opening.
        past: Name and decimals of a past day: dashed, and the bars are the change since then.
    """
    before, since = ("Open", then) if past is None else past
    tenors = sorted({*now, *since}, key=quote_order) if past is not None else list(now)
    factor = name == "Discount"
    scale, unit, change = (1.0, "", 1e4) if factor else (100.0, "%", 1e4)
    moved = {t: change * (now[t] - since[t]) for t in tenors if t in since and t in now}
    change_name = f"Change since {before.lower() if past is None else before}"
    dashed = [] if past is None else [(past[0], past[1])]
    color = theme.palette().accent
    line: Option = {"type": "line", "color": color, "connectNulls": True}
    label = {"rotate": 45} if len(tenors) > MAX_LEVEL else {}
    return _base(
        tooltip=_tooltip(PERCENT),
        legend=_legend(["Now", "Open", *(title for title, _ in dashed)]),
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 52, "right": 16, "top": 30, "height": "54%"},
            {"left": 52, "right": 16, "bottom": 40 if label else 24, "height": "18%"},
        ],
        xAxis=[
            _categories(tenors, axisLabel={"show": False}),
            _categories(
                tenors,
                gridIndex=1,
                axisLine={"show": False},
                axisLabel={"color": theme.palette().muted, "fontSize": 11, **label},
            ),
        ],
        yAxis=[
            _values(scale=True, axisLabel={"formatter": f"{{value}}{unit}"}),
            _values(gridIndex=1, name="1e-4" if factor else "Δbp", **BESIDE, splitNumber=2),
        ],
        series=[
            {**line, "name": "Now", "symbolSize": 5, "data": _row(now, tenors, scale)},
            {
                **line,
                "name": "Open",
                "symbol": "none",
                "lineStyle": {"width": 1.5, "type": "dotted"},
                "data": _row(then, tenors, scale),
            },
            *(
                {
                    **line,
                    "name": title,
                    "color": theme.palette().text,
                    "symbol": "none",
                    "lineStyle": {"width": 1.5, "type": "dashed"},
                    "data": _row(values, tenors, scale),
                }
                for title, values in dashed
            ),
            {
                "name": change_name,
                "type": "bar",
                "color": color,
                "barMaxWidth": 14,
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "tooltip": {"valueFormatter": BASIS_POINTS},
                "data": _row(moved, tenors, 1.0),
            },
        ],
    )


def heat_chart(
    times: Sequence[str], names: Sequence[str], rows: Sequence[Sequence[float]]
) -> Option:
    """Moves in basis points by time and quote; cold is a fall, hot a rise.

    Args:
        times: Labels of the columns.
        names: Labels of the rows, from below.
        rows: Moves, shape (times, names).
    """
    size = max((abs(move) for row in rows for move in row), default=0.0) or 1.0
    colors = theme.palette()
    cells = [
        [place, at, round(move, 2)] for place, row in enumerate(rows) for at, move in enumerate(row)
    ]
    return _base(
        tooltip={**_tooltip(BASIS_POINTS), "trigger": "item"},
        grid={"left": 8, "right": 70, "top": 8, "bottom": 4, "containLabel": True},
        xAxis=_categories(times),
        yAxis=_categories(names, axisLabel={"color": colors.muted, "fontSize": 11, "interval": 0}),
        visualMap={
            "min": -round(size, 1),
            "max": round(size, 1),
            "calculable": False,
            "right": 0,
            "top": "middle",
            "itemHeight": 150,
            "text": [f"+{size:.1f} bp", f"-{size:.1f} bp"],
            "textStyle": {"color": colors.muted, "fontSize": 11},
            "inRange": {"color": [colors.cold, colors.panel, colors.hot]},
        },
        series=[{"name": "bp", "type": "heatmap", "data": cells}],
    )


def spreads_chart(times: Sequence[str], lines: Mapping[str, Sequence[float]]) -> Option:
    """Spreads and flies over time, basis points."""
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "lineStyle": {"width": 1.6},
            "data": [round(value, 2) for value in values],
        }
        for name, values in lines.items()
    ]
    return _base(
        color=list(theme.palette().series),
        tooltip=_tooltip(BASIS_POINTS),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(times),
        yAxis=_values(scale=True, axisLabel={"formatter": "{value} bp"}),
        series=series,
    )


# --- Groups ----------------------------------------------------------------------------------


BREAKDOWN_PX = 310.0
"""Least width of the breakdown's panel."""


def breakdown_chart(found: Breakdown) -> Option:
    """Bars across, one per group, stacked by product; US dollars per bp.

    All products are named: a legend that scrolls hides some of them.
    """
    names = [format.product(product) for product in found.by_product]
    top = 10 + LEGEND_ROW_PX * _legend_rows(names, BREAKDOWN_PX)
    series = [
        {
            "name": format.product(product),
            "type": "bar",
            "stack": "dv01",
            "barMaxWidth": 34,
            "color": theme.product_color(product),
            "data": _cents(values),
        }
        for product, values in found.by_product.items()
    ]
    return _base(
        legend={**_legend(), "type": "plain", "itemGap": 8},
        grid={"left": 8, "right": 24, "top": top, "bottom": 4, "containLabel": True},
        xAxis=_values(splitNumber=3),
        yAxis=_categories(found.groups, inverse=True),
        series=series,
    )


# --- P&L -------------------------------------------------------------------------------------


def waterfall_chart(steps: Sequence[tuple[str, str, float]]) -> Option:
    """Terms one after the other, each from where the one before ended, and their total.

    Args:
        steps: Name, amount as text, and US dollars of each term; the last is the total.
    """
    ends: list[float] = []
    for _, _, amount in steps[:-1]:
        ends.append((ends[-1] if ends else 0.0) + amount)
    starts = [0.0, *ends[:-1], 0.0]
    ends.append(steps[-1][2] if steps else 0.0)
    bars = [
        _cents([start, end, min(start, end), max(start, end)])
        for start, end in zip(starts, ends, strict=False)
    ]
    series = {
        "name": "P&L",
        "type": "candlestick",
        "barMaxWidth": 56,
        "itemStyle": {
            "color": theme.palette().up,
            "color0": theme.palette().down,
            "borderColor": theme.palette().up,
            "borderColor0": theme.palette().down,
        },
        "data": bars[: len(steps)],
    }
    names = [f"{name}\n{text}" for name, text, _ in steps]
    label = {"color": theme.palette().text, "fontSize": 11, "lineHeight": 15, "interval": 0}
    upright = {"rotate": 90}
    return _base(
        tooltip={"show": False},
        grid={"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        xAxis=_categories(names, axisLabel=label),
        yAxis=_values(scale=True),
        series=[series],
        media=[
            {"query": {"maxWidth": NARROW_PX}, "option": {"xAxis": {"axisLabel": upright}}},
            {"option": {"xAxis": {"axisLabel": {"rotate": 0}}}},
        ],
    )


NARROW_PX = 560
"""Width of a chart below which labels stand upright: a phone, a small panel."""


def delta_chart(tenors: Sequence[str], rows: Mapping[str, Sequence[float]]) -> Option:
    """The term delta by tenor, stacked by curve or currency; US dollars."""
    series = [
        {
            "name": name,
            "type": "bar",
            "stack": "delta",
            "barMaxWidth": 44,
            **({"color": theme.currency_color(name)} if name in CURRENCIES else {}),
            "data": _cents(values),
        }
        for name, values in rows.items()
    ]
    return _base(
        color=list(theme.palette().series),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(tenors),
        yAxis=_values(),
        series=series,
    )


def _bucket_labels(buckets: Sequence[tuple[str, str]], *, upright: bool = False) -> list[str]:
    """Tenors, and once for each curve its name, where there are several.

    The name is below the tenor in the middle of the curve, or before its first one if upright.
    """
    curves = [curve for curve, _ in buckets]
    if len(set(curves)) < 2:
        return [tenor for _, tenor in buckets]
    named = {c: curves.index(c) + (0 if upright else curves.count(c) // 2) for c in curves}
    shape = "{curve} {tenor}" if upright else "{tenor}\n{curve}"
    return [
        shape.format(curve=curve, tenor=tenor) if named[curve] == place else tenor
        for place, (curve, tenor) in enumerate(buckets)
    ]


def sides_chart(
    buckets: Sequence[tuple[str, str]], sides: Mapping[str, Sequence[float | None]]
) -> Option:
    """DV01 by bucket, a bar for each side such as before and after; money per bp.

    Args:
        buckets: Curve and tenor of each.
        sides: Amounts by bucket of each side; None: not known.
    """
    label = {"color": theme.palette().muted, "fontSize": 11, "lineHeight": 16, "interval": 0}
    series = [
        {
            "name": side,
            "type": "bar",
            "barMaxWidth": 22,
            "data": [None if v is None else round(v, 2) for v in values],
        }
        for side, values in sides.items()
    ]
    return _base(
        color=list(theme.palette().series),
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(_bucket_labels(buckets), axisLabel=label),
        yAxis=_values(),
        series=series,
        media=[
            {
                "query": {"maxWidth": NARROW_PX},
                "option": {
                    "xAxis": {
                        "data": _bucket_labels(buckets, upright=True),
                        "axisLabel": {"rotate": 90, "fontSize": 10, "hideOverlap": True},
                    }
                },
            },
            {
                "option": {
                    "xAxis": {
                        "data": _bucket_labels(buckets),
                        "axisLabel": {"rotate": 0, "fontSize": 11, "hideOverlap": False},
                    }
                }
            },
        ],
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
        for (name, values), color in zip(hops.items(), theme.palette().hops, strict=False)
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
            "axisLine": {"lineStyle": {"color": theme.palette().line}},
            "axisLabel": {"color": theme.palette().muted, "fontSize": 11},
        },
        yAxis=_values(type="log", axisLabel={"formatter": "{value} ms"}),
        series=series,
    )


def days_chart(dates: Sequence[str], lines: Mapping[str, Sequence[float | None]]) -> Option:
    """A line per group over days, US dollars; a day without a number is a gap."""
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": len(dates) < 2,
            "lineStyle": {"width": 1.4},
            "color": theme.product_color(name),
            "data": [None if value is None else round(value, 2) for value in values],
        }
        for name, values in lines.items()
    ]
    return _base(
        legend=_legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(dates),
        yAxis=_values(scale=True),
        series=series,
    )


# --- Scenarios -------------------------------------------------------------------------------


ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def round_bins(values: Sequence[float], most: int) -> list[float]:
    """Edges of bins of equal width that hold all values.

    The middle of each is a multiple of the width, which is 1, 2, 2.5 or 5 times a power of ten, so
    that the names of the bins are round numbers and one of them is 0.

    Args:
        values: One at least.
        most: Largest number of bins.
    """
    low, high = min(values), max(values)
    least = max((high - low) / max(1, most - 1), 1e-6 * max(abs(low), abs(high), 1.0))
    power = 10.0 ** math.floor(math.log10(least))
    width = next(width for step in ROUND if (width := step * power) >= least)
    first, last = math.floor(low / width + 0.5), math.floor(high / width + 0.5)
    return [(place - 0.5) * width for place in range(first, last + 2)]


def distribution_chart(
    edges: Sequence[float], counts: Sequence[int], tail_below: float, days: Mapping[int, str]
) -> Option:
    """Scenario P&Ls in bins of equal width, US dollars; bins of the tail are red.

    Args:
        edges: Lower edge of each bin, and the upper of the last.
        counts: Days in each bin.
        tail_below: The P&L that value at risk is minus of: bins up to it are the tail.
        days: Names of the tail's days by bin.
    """
    middles = [round((low + high) / 2, 2) for low, high in pairwise(edges)]
    names = [format.money(middle) for middle in middles]
    colors = theme.palette()
    bars = [
        {
            "value": count,
            "name": days.get(place, ""),
            "itemStyle": {"color": colors.down if edges[place] <= tail_below else colors.accent},
        }
        for place, count in enumerate(counts)
    ]
    return _base(
        grid={"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        xAxis=_categories(names),
        yAxis=_values(name="days", minInterval=1),
        series=[{"name": "Days", "type": "bar", "barCategoryGap": "8%", "data": bars}],
    )


def backtest_chart(dates: Sequence[str], pnl: Sequence[float], var: Sequence[float]) -> Option:
    """P&L by day as bars over the line of minus the value at risk; exceptions are red.

    Args:
        dates: Days, oldest first.
        pnl: Hypothetical P&L of each; US dollars.
        var: Value at risk of the evening before each; positive for a loss.
    """
    colors = theme.palette()
    bars = [
        {
            "value": round(value, 2),
            "itemStyle": {"color": colors.down if value < -limit else colors.accent},
        }
        for value, limit in zip(pnl, var, strict=True)
    ]
    return _base(
        legend=_legend(["P&L", "Minus VaR"]),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=_categories(dates),
        yAxis=_values(),
        series=[
            {
                "name": "P&L",
                "type": "bar",
                "color": colors.accent,
                "barCategoryGap": "10%",
                "data": bars,
            },
            {
                "name": "Minus VaR",
                "type": "line",
                "step": "middle",
                "symbol": "none",
                "color": colors.text,
                "lineStyle": {"width": 1.4},
                "data": [round(-limit, 2) for limit in var],
            },
        ],
    )
