"""Convert the terms of an explain to another currency, and add them up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FX = "fx"
"""Name of the term for exchange rates, which answers in a reporting currency have."""


class NoRate(ValueError):
    """A frame has no FX rate of a currency that amounts are to be converted from or to."""


def conversion_between(
    currency: str, ends: Iterable[tuple[Mapping[str, float], int]], reporting: str | None
) -> tuple[float, float]:
    """Units of the reporting currency per unit at the start and at the end.

    Args:
        currency: What is converted.
        ends: US dollars per unit by currency, and the number of the frame that has them.
        reporting: What it is converted to; None: it stays.

    Raises:
        NoRate: One of them has no rate.
    """
    if reporting is None or reporting == currency:
        return 1.0, 1.0
    found: list[float] = []
    for fx, frame in ends:
        missing = [name for name in (currency, reporting) if name not in fx]
        if missing:
            raise NoRate(f"no FX rate for {', '.join(missing)} in frame {frame}")
        found.append(fx[currency] / fx[reporting])
    return found[0], found[1]


def converted(
    terms: Mapping[str, float | None], factor: float, fx_move: float
) -> dict[str, float | None]:
    """Terms and memos in another currency, with what the move of its rate adds; None stays None.

    Args:
        terms: As in ``ExplainedGroup``.
        factor: Units of the other currency per unit at the start.
        fx_move: The change of that up to the end.
    """
    found = {name: None if value is None else factor * value for name, value in terms.items()}
    value, cash, paid = terms["value_end"], terms["cash"], terms["consideration"]
    total = found["total"]
    if value is None or cash is None or paid is None or total is None:
        return {**found, FX: None, "total": None}
    of_fx = (value + cash - paid) * fx_move
    return {**found, FX: of_fx, "total": total + of_fx}


def add_terms(into: dict[str, float | None], more: Mapping[str, float | None]) -> None:
    """Add terms and memos; one that is missing in either is missing in the sum."""
    for name, value in more.items():
        known = into.get(name, 0.0)
        into[name] = None if value is None or known is None else known + value
