"""Charts of ladders and of DV01 by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard import format, theme
from dashboard.charts.options import (
    LEGEND_ROW_PX,
    NARROW_PX,
    Option,
    base_option,
    categories,
    cents,
    legend,
    legend_rows,
    value_axis,
)
from dashboard.risk import Breakdown, Ladder, tenor_name
from pricing.curves.quotes import quote_order


def ladder_chart(ladder: Ladder) -> Option:
    """Bars stacked by currency, and a white diamond for the net; US dollars per bp."""
    bars = [
        {
            "name": currency,
            "type": "bar",
            "stack": "ladder",
            "barMaxWidth": 44,
            "color": theme.currency_color(currency),
            "data": cents(row),
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
        "data": cents(ladder.net),
    }
    return base_option(
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(ladder.tenors),
        yAxis=value_axis(),
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
        series.append({"name": str(curve), "type": "bar", "stack": "trade", "data": cents(data)})
    return base_option(
        color=list(theme.palette().series),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(tenors),
        yAxis=value_axis(),
        series=series,
    )


BREAKDOWN_PX = 310.0
"""Least width of the breakdown's panel."""


def breakdown_chart(found: Breakdown) -> Option:
    """Bars across, one per group, stacked by product; US dollars per bp.

    All products are named: a legend that scrolls hides some of them.
    """
    names = [format.product(product) for product in found.by_product]
    top = 10 + LEGEND_ROW_PX * legend_rows(names, BREAKDOWN_PX)
    series = [
        {
            "name": format.product(product),
            "type": "bar",
            "stack": "dv01",
            "barMaxWidth": 34,
            "color": theme.product_color(product),
            "data": cents(values),
        }
        for product, values in found.by_product.items()
    ]
    return base_option(
        legend={**legend(), "type": "plain", "itemGap": 8},
        grid={"left": 8, "right": 24, "top": top, "bottom": 4, "containLabel": True},
        xAxis=value_axis(splitNumber=3),
        yAxis=categories(found.groups, inverse=True),
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
    return base_option(
        color=list(theme.palette().series),
        legend=legend(),
        grid={"left": 8, "right": 16, "top": 30, "bottom": 4, "containLabel": True},
        xAxis=categories(_bucket_labels(buckets), axisLabel=label),
        yAxis=value_axis(),
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
