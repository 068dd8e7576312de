"""Charts of curves, their moves, and spreads between tenors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard import theme
from dashboard.charts.options import (
    BASIS_POINTS,
    MAX_LEVEL,
    PERCENT,
    Option,
    base_option,
    categories,
    legend,
    tooltip,
    value_axis,
)
from dashboard.risk import CurveLine
from pricing.curves.quotes import quote_order


def curves_chart(lines: Sequence[CurveLine]) -> Option:
    """Zero rates in percent: solid now, dotted at the opening; bars of change in bp below."""
    tenors = sorted({tenor for line in lines for tenor in line.now}, key=quote_order)
    one_each = len({line.currency for line in lines}) == len(lines)
    names = [line.currency if one_each else line.curve for line in lines]
    series: list[Option] = []
    for place, (line, name) in enumerate(zip(lines, names, strict=True)):
        series += _curve_series(line, name, tenors, second=_seen_before(lines, place))
    return base_option(
        tooltip=tooltip(PERCENT),
        legend={**legend(names), "itemGap": 7},
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 46, "right": 16, "top": 30, "height": "52%"},
            {"left": 46, "right": 16, "bottom": 22, "height": "22%"},
        ],
        xAxis=[
            categories(tenors, axisLabel={"show": False}),
            categories(tenors, gridIndex=1, axisLine={"show": False}),
        ],
        yAxis=[
            value_axis(scale=True, axisLabel={"formatter": "{value}%"}),
            value_axis(gridIndex=1, name="Δbp", **BESIDE, splitNumber=2),
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
    return _lines_over_bars(
        tenors,
        [*("Now", "Open"), *(title for title, _ in dashed)],
        [
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
            _bar(change_name, color, _row(moved, tenors, 1.0)),
        ],
        unit=unit,
        moves="1e-4" if factor else "Δbp",
    )


def _lines_over_bars(
    tenors: Sequence[str], names: Sequence[str], series: Sequence[Option], *, unit: str, moves: str
) -> Option:
    """Lines by tenor, with bars of moves by the same tenors below; ``names`` are in the legend."""
    label = {"rotate": 45} if len(tenors) > MAX_LEVEL else {}
    return base_option(
        tooltip=tooltip(PERCENT),
        legend=legend(names),
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 52, "right": 16, "top": 30, "height": "54%"},
            {"left": 52, "right": 16, "bottom": 40 if label else 24, "height": "18%"},
        ],
        xAxis=[
            categories(tenors, axisLabel={"show": False}),
            categories(
                tenors,
                gridIndex=1,
                axisLine={"show": False},
                axisLabel={"color": theme.palette().muted, "fontSize": 11, **label},
            ),
        ],
        yAxis=[
            value_axis(scale=True, axisLabel={"formatter": f"{{value}}{unit}"}),
            value_axis(gridIndex=1, name=moves, **BESIDE, splitNumber=2),
        ],
        series=list(series),
    )


def _bar(name: str, color: str, data: Sequence[float | None]) -> Option:
    """Bars of moves in the lower grid."""
    return {
        "name": name,
        "type": "bar",
        "color": color,
        "barMaxWidth": 14,
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "tooltip": {"valueFormatter": BASIS_POINTS},
        "data": list(data),
    }


def shock_chart(
    tenors: Sequence[str],
    now: Sequence[float],
    moved: Sequence[float],
    moves_bp: Sequence[float],
) -> Option:
    """A curve as it is and as a scenario moves it, over bars of the moves.

    Args:
        tenors: Of the quotes, by their ends.
        now: Rates, decimal.
        moved: The same with the moves.
        moves_bp: Basis points.
    """
    colors = theme.palette()
    line: Option = {"type": "line", "symbolSize": 5}
    return _lines_over_bars(
        tenors,
        ["Now", "Moved"],
        [
            {**line, "name": "Now", "color": colors.accent, "data": _percents(now)},
            {
                **line,
                "name": "Moved",
                "color": colors.warning,
                "lineStyle": {"width": 2, "type": "dashed"},
                "data": _percents(moved),
            },
            _bar("Move", colors.warning, [round(move, 4) for move in moves_bp]),
        ],
        unit="%",
        moves="bp",
    )


def _percents(rates: Sequence[float]) -> list[float]:
    return [round(100.0 * rate, 6) for rate in rates]


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
    return base_option(
        tooltip={**tooltip(BASIS_POINTS), "trigger": "item"},
        grid={"left": 8, "right": 70, "top": 8, "bottom": 4, "containLabel": True},
        xAxis=categories(times),
        yAxis=categories(names, axisLabel={"color": colors.muted, "fontSize": 11, "interval": 0}),
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
    return base_option(
        color=list(theme.palette().series),
        tooltip=tooltip(BASIS_POINTS),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(times),
        yAxis=value_axis(scale=True, axisLabel={"formatter": "{value} bp"}),
        series=series,
    )
