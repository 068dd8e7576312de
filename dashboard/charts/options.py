"""What all charts share: base options, axes, legends and tooltips of ECharts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard import theme

Option = dict[str, Any]
UPDATE_MS = 250
MAX_LEVEL = 14
"""Names that fit side by side on an axis; more of them are turned."""
FONT = "'Source Sans', system-ui, sans-serif"
WHOLE, PERCENT, BASIS_POINTS, MILLISECONDS = "%,.0f", "%.3f", "%.2f", "%.1f"


def base_option(**more: Any) -> Option:
    return {
        "backgroundColor": "transparent",
        "textStyle": {"color": theme.palette().text, "fontFamily": FONT},
        "animationDuration": 0,
        "animationDurationUpdate": UPDATE_MS,
        "tooltip": tooltip(WHOLE),
        **more,
    }


def tooltip(number: str) -> Option:
    return {
        "trigger": "axis",
        "axisPointer": {"type": "shadow"},
        "valueFormatter": number,
        "backgroundColor": theme.palette().panel,
        "borderColor": theme.palette().line,
        "textStyle": {"color": theme.palette().text, "fontSize": 12},
        "confine": True,
    }


def legend(names: Sequence[str] | None = None) -> Option:
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


def legend_rows(names: Sequence[str], width_px: float) -> int:
    """Rows that a legend of these names takes in a panel of that width."""
    rows, used = 1, 0.0
    for name in names:
        width = MARK_PX + CHARACTER_PX * len(name)
        if used and used + width > width_px:
            rows, used = rows + 1, 0.0
        used += width
    return rows


def categories(names: Sequence[str], **more: Any) -> Option:
    return {
        "type": "category",
        "data": list(names),
        "axisLine": {"lineStyle": {"color": theme.palette().line}},
        "axisTick": {"show": False},
        "axisLabel": {"color": theme.palette().muted, "fontSize": 11},
        **more,
    }


def value_axis(**more: Any) -> Option:
    label = {"color": theme.palette().muted, "fontSize": 11, **more.pop("axisLabel", {})}
    return {
        "type": "value",
        "splitLine": {"lineStyle": {"color": theme.palette().line}},
        "axisLabel": label,
        "nameTextStyle": {"color": theme.palette().muted, "fontSize": 11},
        **more,
    }


def cents(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 2) for value in values]


NARROW_PX = 560
"""Width of a chart below which labels stand upright: a phone, a small panel."""
