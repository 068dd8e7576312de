"""The measures of one trade of a published frame, and why one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pricing.measures.table import ANALYTICS, BY_NAME, LIVE, MEASURES, with_new_names
from risk.queries.trade_fields import MADE_OF, quotes_of
from risk.store.block_analytics import NOT_MADE_YET, BlockAnalytics
from risk.store.results import PartColumns

UNSUPPORTED = "UNSUPPORTED"
"""Reason code: the product of the trade does not have the measure."""

OLDER_WORKER = "OLDER_WORKER"
"""Reason code: the worker is of a release that does not make the measure."""

NOT_A_NUMBER = "NOT_A_NUMBER"
"""Reason code: the trade has no such number, such as the par rate of a swap without further
payments."""


def made_of(part: PartColumns, row: int) -> dict[str, float]:
    """The measures of every frame that a worker has made of one trade; NaN where it could not."""
    return {name: float(part.column(name)[row]) for name in MEASURES if part.has(name)}


def numbers(
    made: Mapping[str, float | None], product: str, analytics: BlockAnalytics | None, row: int
) -> dict[str, Any]:
    """All measures of a priced trade; ``unavailable`` says why one of them is None.

    Args:
        made: Measures of every frame by name; a measure that is absent was not made.
        product: The trade's product.
        analytics: The newest analytics of the trade's block; None when there are none yet.
        row: The trade's row in them.
    """
    values = {name: number(made.get(name)) for name in MEASURES}
    for name in ANALYTICS:
        values[name] = None if analytics is None else number(analytics.column(name)[row])
    reasons = {
        name: reason(made, name, product, analytics, row)
        for name, value in values.items()
        if value is None
    }
    return {
        **quotes_of(product, values),
        **with_new_names(values),
        "unavailable": with_new_names(reasons),
        "analytics_frame": None if analytics is None else analytics.frame,
        "analytics_as_of": None if analytics is None else analytics.as_of,
    }


def no_numbers() -> dict[str, Any]:
    """Return the fields of a trade that is not priced; its failure gives the reason."""
    return {
        **dict.fromkeys(MADE_OF),
        **with_new_names(dict.fromkeys(LIVE)),
        "unavailable": {},
        "analytics_frame": None,
        "analytics_as_of": None,
    }


def reason(
    made: Mapping[str, float | None],
    name: str,
    product: str,
    analytics: BlockAnalytics | None,
    row: int,
) -> str:
    """Why a measure of a priced trade is missing; arguments as ``numbers``."""
    if not BY_NAME[name].supports(product):
        return UNSUPPORTED
    if name in MEASURES:
        return NOT_A_NUMBER if name in made else OLDER_WORKER
    if analytics is None or name not in analytics.columns:
        return NOT_MADE_YET
    return NOT_A_NUMBER if BY_NAME[name].every_product else analytics.reasons.get(row, NOT_A_NUMBER)


def number(value: float | None) -> float | None:
    """JSON has no NaN: what could not be made is null."""
    return float(value) if value is not None and np.isfinite(value) else None
