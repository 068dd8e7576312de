"""The measures of one trade of a published frame, and why one is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pricing.measures.table import BY_NAME, MEASURES, with_new_names
from risk.store.results import PartColumns

UNSUPPORTED = "UNSUPPORTED"
"""The trade's product does not have the measure."""

OLDER_WORKER = "OLDER_WORKER"
"""The worker is of a release that does not make the measure."""

NOT_A_NUMBER = "NOT_A_NUMBER"
"""It could not be made of this trade, such as the par rate of a swap that pays nothing more."""


def numbers(part: PartColumns, row: int, product: str) -> dict[str, Any]:
    """All measures of a priced trade; ``unavailable`` says why one of them is None."""
    values = {name: number(part.column(name)[row]) for name in MEASURES}
    reasons = {
        name: _reason(part, name, product) for name, value in values.items() if value is None
    }
    return {**with_new_names(values), "unavailable": with_new_names(reasons)}


def no_numbers() -> dict[str, Any]:
    """The same fields of a trade that is not priced; its failure says why."""
    return {**with_new_names(dict.fromkeys(MEASURES)), "unavailable": {}}


def _reason(part: PartColumns, name: str, product: str) -> str:
    if not BY_NAME[name].supports(product):
        return UNSUPPORTED
    return NOT_A_NUMBER if part.has(name) else OLDER_WORKER


def number(value: float) -> float | None:
    """JSON has no NaN: what could not be made is null."""
    return float(value) if np.isfinite(value) else None
