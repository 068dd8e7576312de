"""Charts of P&L: terms, days, quotes, and how closely two P&Ls agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard import theme
from dashboard.answers.attribution import Meter
from dashboard.charts.options import (
    NARROW_PX,
    Option,
    base_option,
    categories,
    cents,
    legend,
    value_axis,
)
from pricing.markets.conventions import CURRENCIES


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
        cents([start, end, min(start, end), max(start, end)])
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
    return base_option(
        tooltip={"show": False},
        grid={"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        xAxis=categories(names, axisLabel=label),
        yAxis=value_axis(scale=True),
        series=[series],
        media=[
            {"query": {"maxWidth": NARROW_PX}, "option": {"xAxis": {"axisLabel": upright}}},
            {"option": {"xAxis": {"axisLabel": {"rotate": 0}}}},
        ],
    )


def pnl_days_chart(
    days: Sequence[str],
    bars: Mapping[str, Sequence[float | None]],
    total: Sequence[float | None],
) -> Option:
    """Terms of the P&L of each day on top of each other, and the total as a line; US dollars.

    Args:
        days: Oldest first.
        bars: By title of the term; None where it could not be computed.
        total: Of each day.
    """
    colors = theme.palette().series
    series: list[Option] = [
        {
            "name": name,
            "type": "bar",
            "stack": "pnl",
            "barMaxWidth": 34,
            "color": colors[place % len(colors)],
            "data": [None if value is None else round(value, 2) for value in values],
        }
        for place, (name, values) in enumerate(bars.items())
        if any(value != 0.0 for value in values)
    ]
    series.append(
        {
            "name": "Total",
            "type": "line",
            "symbol": "diamond",
            "symbolSize": 9,
            "lineStyle": {"width": 1.4},
            "color": theme.palette().text,
            "data": [None if value is None else round(value, 2) for value in total],
        }
    )
    return base_option(
        legend=legend([str(one["name"]) for one in series]),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(days),
        yAxis=value_axis(),
        series=series,
    )


def delta_chart(tenors: Sequence[str], rows: Mapping[str, Sequence[float]]) -> Option:
    """The term delta by tenor, stacked by curve or currency; US dollars."""
    series = [
        {
            "name": name,
            "type": "bar",
            "stack": "delta",
            "barMaxWidth": 44,
            **({"color": theme.currency_color(name)} if name in CURRENCIES else {}),
            "data": cents(values),
        }
        for name, values in rows.items()
    ]
    return base_option(
        color=list(theme.palette().series),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(tenors),
        yAxis=value_axis(),
        series=series,
    )


METER_PX, METER_TOP_PX, METER_GAP_PX, METER_LEFT_PX = 34, 14, 44, 104
"""Of a meter: the height of its zones, the room above the first and between two, and the room for
its name."""
NOT_SHOWN: Option = {"show": False}


def meter_chart(meters: Sequence[Meter]) -> Option:
    """Each number as a mark on its zones, one meter below the other.

    A number beyond the scale is an arrow at its end. Zones are named, and so is that of the number.
    """
    colors = theme.palette()
    color_of = {"green": colors.up, "amber": colors.warning, "red": colors.down}
    grids, across, up, series = [], [], [], []
    for place, meter in enumerate(meters):
        low, high = meter.bands[0].start, meter.bands[-1].end
        top = METER_TOP_PX + place * (METER_PX + METER_GAP_PX)
        grids.append({"left": METER_LEFT_PX, "right": 16, "top": top, "height": METER_PX})
        width = next(band.end - band.start for band in meter.bands if band.zone == "amber")
        across.append(
            value_axis(
                gridIndex=place, min=low, max=high, interval=round(width, 6), splitLine=NOT_SHOWN
            )
        )
        text = f"{meter.title}\n{meter.text}" + (f" {meter.zone}" if meter.zone else "")
        label = {"color": colors.text, "fontSize": 12, "lineHeight": 16}
        up.append(categories([text], gridIndex=place, axisLine=NOT_SHOWN, axisLabel=label))
        areas: list[list[Option]] = [
            [
                {
                    "name": band.zone,
                    "xAxis": band.start,
                    "itemStyle": {"color": color_of[band.zone]},
                },
                {"xAxis": band.end},
            ]
            for band in meter.bands
        ]
        series.append(
            {
                "name": meter.title,
                "type": "scatter",
                "xAxisIndex": place,
                "yAxisIndex": place,
                "clip": False,
                "color": colors.mark,
                "z": 5,
                "markArea": {
                    "silent": True,
                    "label": {"position": "inside", "color": colors.background, "fontSize": 11},
                    "data": areas,
                },
                "data": [] if meter.value is None else [_mark(meter.value, low, high)],
            }
        )
    return base_option(tooltip=NOT_SHOWN, grid=grids, xAxis=across, yAxis=up, series=series)


def _mark(value: float, low: float, high: float) -> Option:
    """A bar across the zones, or an arrow at the end that the value is beyond."""
    edge = {"borderColor": theme.palette().panel, "borderWidth": 1, "opacity": 1}
    if low <= value <= high:
        shape: Option = {"symbol": "rect", "symbolSize": [5, METER_PX + 12]}
    else:
        turn = 90 if value < low else -90
        shape = {"symbol": "triangle", "symbolSize": [METER_PX, 14], "symbolRotate": turn}
    return {"value": [min(max(value, low), high), 0], "itemStyle": edge, **shape}


def attribution_chart(
    dates: Sequence[str], hpl: Sequence[float | None], rtpl: Sequence[float | None]
) -> Option:
    """HPL and RTPL by day, and as bars below what RTPL does not explain.

    Args:
        dates: Days, oldest first.
        hpl: Hypothetical P&L of each, US dollars; None: no number.
        rtpl: Risk-theoretical P&L of each.
    """
    colors = theme.palette()
    line: Option = {"type": "line", "symbol": "none" if len(dates) > 1 else "circle"}
    missed = [
        None if of is None or by is None else round(of - by, 2)
        for of, by in zip(hpl, rtpl, strict=True)
    ]
    return base_option(
        legend=legend(["HPL", "RTPL", "HPL - RTPL"]),
        axisPointer={"link": [{"xAxisIndex": "all"}]},
        grid=[
            {"left": 78, "right": 16, "top": 30, "height": "50%"},
            {"left": 78, "right": 16, "bottom": 24, "height": "20%"},
        ],
        xAxis=[
            categories(dates, axisLabel=NOT_SHOWN),
            categories(dates, gridIndex=1, axisLine=NOT_SHOWN),
        ],
        yAxis=[value_axis(), value_axis(gridIndex=1, splitNumber=2)],
        series=[
            {
                **line,
                "name": "HPL",
                "color": colors.series[0],
                "lineStyle": {"width": 2},
                "data": cents(hpl),
            },
            {
                **line,
                "name": "RTPL",
                "color": colors.series[1],
                "lineStyle": {"width": 1.4, "type": "dashed"},
                "data": cents(rtpl),
            },
            {
                "name": "HPL - RTPL",
                "type": "bar",
                "color": colors.muted,
                "barMaxWidth": 14,
                "xAxisIndex": 1,
                "yAxisIndex": 1,
                "data": missed,
            },
        ],
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
    return base_option(
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(dates),
        yAxis=value_axis(scale=True),
        series=series,
    )
