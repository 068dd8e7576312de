"""Tell basis spreads from outright quotes: the curves they need, and where Newton's method starts.

A basis quote is a spread, not a rate. A parallel move of rates leaves it where it is
(docs/definitions.md), and it says nothing of the level of its curve without the other one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.curves.quote_ids import Basis, Turn, read, spread_against, tenor_length
from pricing.curves.quotes import QuoteId
from pricing.errors import BootstrapFailed
from pricing.markets import conventions


def outright(keys: Sequence[QuoteId]) -> BoolArray:
    """Which quotes are outright: all but basis spreads; shape (quotes,)."""
    return np.array([spread_against(key.tenor) is None for key in keys], dtype=bool)


def other_curve(key: QuoteId) -> str | None:
    """The curve that a basis quote is a spread against; None for an outright quote."""
    index = spread_against(key.tenor)
    return None if index is None else conventions.INDICES[index].forecast_curve


def refuse_twins(keys: Sequence[QuoteId]) -> None:
    """Refuse one basis swap that is quoted on both of its curves.

    Raises:
        BootstrapFailed: Both quotes are named.
    """
    seen: dict[tuple[object, ...], QuoteId] = {}
    for key in keys:
        made, other = read(key.tenor), other_curve(key)
        if not isinstance(made, Basis) or other is None:
            continue
        pair = (*sorted((key.curve, other)), tenor_length(made.tenor))
        twin = seen.setdefault(pair, key)
        if twin is not key:
            reason = f"{twin.curve} has {twin.tenor}, which is the same swap: give one of them"
            raise BootstrapFailed(key.curve, key.tenor, None, reason)


def as_rates(keys: Sequence[QuoteId], quotes: FloatArray, ends: IntArray) -> FloatArray:
    """Quotes, a spread as about the rate that its curve then has on the day on which it ends.

    Args:
        keys: The quotes of all curves.
        quotes: Decimal per year, in their order.
        ends: Day number on which each quote ends.
    """
    spreads = np.flatnonzero(~outright(keys))
    if not len(spreads):
        return quotes
    rates, curves = quotes.copy(), np.array([key.curve for key in keys])
    known = np.array([not isinstance(read(key.tenor), Basis | Turn) for key in keys])
    for place in spreads.tolist():
        row = conventions.CURVES[keys[place].curve]
        index = str(spread_against(keys[place].tenor))
        near = (other_curve(keys[place]), row.name, row.discount_curve)
        of_level = next(
            (found for found in (known & (curves == name) for name in near) if found.any()), known
        )
        order = np.flatnonzero(of_level)[np.argsort(ends[of_level])]
        level = np.interp(ends[place], ends[order], quotes[order]) if len(order) else 0.0
        quoted = conventions.basis_swap(str(row.index), index)
        is_first = quoted is not None and quoted.second_index == index
        rates[place] = level - quotes[place] if is_first else level + quotes[place]
    return rates
