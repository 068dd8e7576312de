"""Charts of scenarios: the distribution of P&L, and the backtest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from dashboard import format, theme
from dashboard.charts.options import Option, base_option, categories, legend, value_axis

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
    return base_option(
        grid={"left": 8, "right": 16, "top": 12, "bottom": 4, "containLabel": True},
        xAxis=categories(names),
        yAxis=value_axis(name="days", minInterval=1),
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
    return base_option(
        legend=legend(["P&L", "Minus VaR"]),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(dates),
        yAxis=value_axis(),
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
