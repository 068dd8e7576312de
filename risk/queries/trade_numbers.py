"""The measures of one trade of a published frame, and why one is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pricing.measures.table import BY_NAME, DETAILS, LIVE, MEASURES, with_new_names
from risk.store.block_details import NOT_MADE_YET, BlockDetails
from risk.store.results import PartColumns

UNSUPPORTED = "UNSUPPORTED"
"""The trade's product does not have the measure."""

OLDER_WORKER = "OLDER_WORKER"
"""The worker is of a release that does not make the measure."""

NOT_A_NUMBER = "NOT_A_NUMBER"
"""It could not be made of this trade, such as the par rate of a swap that pays nothing more."""


def numbers(
    part: PartColumns, row: int, product: str, details: BlockDetails | None
) -> dict[str, Any]:
    """All measures of a priced trade; ``unavailable`` says why one of them is None."""
    values = {name: number(part.column(name)[row]) for name in MEASURES}
    for name in DETAILS:
        values[name] = None if details is None else number(details.column(name)[row])
    reasons = {
        name: _reason(part, row, name, product, details)
        for name, value in values.items()
        if value is None
    }
    return {
        **with_new_names(values),
        "unavailable": with_new_names(reasons),
        "details_frame": None if details is None else details.frame,
        "details_as_of": None if details is None else details.as_of,
    }


def no_numbers() -> dict[str, Any]:
    """The same fields of a trade that is not priced; its failure says why."""
    return {
        **with_new_names(dict.fromkeys(LIVE)),
        "unavailable": {},
        "details_frame": None,
        "details_as_of": None,
    }


def _reason(
    part: PartColumns, row: int, name: str, product: str, details: BlockDetails | None
) -> str:
    if not BY_NAME[name].supports(product):
        return UNSUPPORTED
    if name in MEASURES:
        return NOT_A_NUMBER if part.has(name) else OLDER_WORKER
    if details is None or name not in details.columns:
        return NOT_MADE_YET
    return NOT_A_NUMBER if BY_NAME[name].every_product else details.reasons.get(row, NOT_A_NUMBER)


def number(value: float) -> float | None:
    """JSON has no NaN: what could not be made is null."""
    return float(value) if np.isfinite(value) else None
