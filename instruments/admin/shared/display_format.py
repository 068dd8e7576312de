"""Format numbers for display: percentages and thousands separators."""

from __future__ import annotations

from decimal import Decimal

LEAST_PLACES = 3
MISSING = "-"


def percent(rate: Decimal) -> str:
    """0.0425 as 4.250 %."""
    value = (rate * 100).normalize()
    exponent = value.as_tuple().exponent
    places = max(LEAST_PLACES, -exponent if isinstance(exponent, int) else 0)
    return f"{value:.{places}f} %"


def money(amount: float | Decimal | None) -> str:
    """Return whole units with thousands separators; a missing number is not shown as 0."""
    return MISSING if amount is None else f"{amount:,.0f}"


def amount(value: float | None, places: int = 2) -> str:
    """An amount with its places."""
    return MISSING if value is None else f"{value:,.{places}f}"
