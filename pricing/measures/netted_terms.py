"""Terms of netted flows: the keys that name them, and how terms of many blocks are added.

A cash term is paid at one point, a curve and a day. A growth term pays ``P(start) / P(end)`` of one
curve at a point of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.curves.interpolation import Grid
from pricing.kernel_arrays import Tables
from pricing.netting_kernel import Added, GroupedValues, add_up, discount_factors, number_keys

DAY_BITS, CURVE_BITS = 17, 6
FIRST_DAY = -25567
"""1900-01-01. Seventeen bits reach from here to 2258; QuantLib's dates end in 2199."""

MAX_CURVES = 1 << CURVE_BITS
_POINT_BITS = CURVE_BITS + DAY_BITS
_DAY = (1 << DAY_BITS) - 1
_POINT = (1 << _POINT_BITS) - 1


class NettedTerms(NamedTuple):
    """Terms by group; the attributes are those of ``netting.NettedBlock``."""

    cash_ptr: IntArray
    cash_key: IntArray
    cash_money: FloatArray
    growth_ptr: IntArray
    growth_key: IntArray
    growth_alpha: FloatArray


class MergedTerms(NamedTuple):
    """Terms that were added earlier, the group of each of their groups, and what they made."""

    parts: Sequence[NettedTerms]
    places: Sequence[IntArray]
    made: NettedTerms


def discount_columns(grid: Grid, tables: Tables, x: FloatArray) -> FloatArray:
    """Discount factors of points at several vectors of node values, whatever the interpolation.

    Args:
        grid: Nodes of the curves.
        tables: Dependence of points on the nodes.
        x: Log node values; shape (nodes, columns).

    Returns:
        Shape (points, columns).
    """
    return grid.with_bent(tables, x, discount_factors(tables, x))


def point_key(curve: IntArray, day: IntArray) -> IntArray:
    """One int64 for a curve (its place in the market's list) and a day since 1970.

    Raises:
        ValueError: A curve or day is beyond ``MAX_CURVES`` or QuantLib's dates.
    """
    curve, moved = np.asarray(curve, dtype=np.int64), np.asarray(day, dtype=np.int64) - FIRST_DAY
    if np.any((curve < 0) | (curve >= MAX_CURVES)) or np.any((moved < 0) | (moved > _DAY)):
        raise ValueError(
            f"netting knows {MAX_CURVES} curves a currency and dates from 1900 to 2258"
        )
    return np.asarray(curve << DAY_BITS | moved)


def point_of(key: IntArray) -> tuple[IntArray, IntArray]:
    """Curve and day of point keys."""
    return key >> DAY_BITS, (key & _DAY) + FIRST_DAY


def growth_key(pay: IntArray, start: IntArray, end: IntArray) -> IntArray:
    """One int64 for the point keys of payment, and of start and end of growth on one curve."""
    return np.asarray((pay << _POINT_BITS | start) << DAY_BITS | (end & _DAY))


def growth_points(key: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Point keys of payment, start and end of growth keys."""
    start = (key >> DAY_BITS) & _POINT
    return key >> (DAY_BITS + _POINT_BITS), start, (start & ~np.int64(_DAY)) | (key & _DAY)


def terms_of(block: Any) -> NettedTerms:
    """The terms of a ``NettedBlock`` or ``NettedNextDay``."""
    return NettedTerms(*(getattr(block, name) for name in NettedTerms._fields))


class NumberedTerms(NamedTuple):
    """Terms numbered for the loop that makes values, and the key of each point (``point_key``)."""

    flows: GroupedValues
    point: IntArray


def number_terms(terms: NettedTerms) -> NumberedTerms:
    """Number the points of terms whose cash has one column."""
    term_key, growth_term = number_keys(terms.growth_key)
    point, places = number_keys(np.concatenate((terms.cash_key, *growth_points(term_key))))
    cash = len(terms.cash_key)
    flows = GroupedValues(
        cash_ptr=terms.cash_ptr.copy(),
        cash_point=places[:cash].copy(),
        cash_money=terms.cash_money.copy(),
        growth_ptr=terms.growth_ptr.copy(),
        growth_term=growth_term,
        growth_alpha=terms.growth_alpha.copy(),
        term_point=np.ascontiguousarray(places[cash:].reshape(3, -1).T),
    )
    return NumberedTerms(flows, point)


def merge_terms(
    parts: Sequence[NettedTerms],
    places: Sequence[IntArray],
    groups: int,
    before: MergedTerms | None = None,
) -> NettedTerms:
    """Add terms in the order of their parts.

    Args:
        parts: Terms of each part.
        places: For each part, the group of the result that each of its groups belongs to; int32.
        groups: Number of groups of the result.
        before: Earlier parts of a result with the same groups: only groups whose terms differ are
            added anew.
    """
    changed = None if before is None else _changed(parts, places, groups, before)
    if before is not None and changed is not None and not changed.any():
        return before.made
    made = _added(parts, places, groups, changed)
    if before is None or changed is None:
        return made
    old = before.made
    return NettedTerms(*_spliced(changed, old[:3], made[:3]), *_spliced(changed, old[3:], made[3:]))


def _added(
    parts: Sequence[NettedTerms],
    places: Sequence[IntArray],
    groups: int,
    changed: BoolArray | None,
) -> NettedTerms:
    """Add the terms of all groups, or of those that have changed."""

    def add(first: int) -> Added:
        chosen: list[tuple[Any, Any, Any]] = []
        for part, place in zip(parts, places, strict=True):
            ptr, key, money = tuple[Any, ...](part)[first : first + 3]
            if changed is None:
                chosen.append((np.repeat(place, np.diff(ptr)), key, money))
                continue
            for g in np.flatnonzero(changed[place]):
                rows = slice(ptr[g], ptr[g + 1])
                chosen.append((np.repeat(place[g], ptr[g + 1] - ptr[g]), key[rows], money[rows]))
        group, key, money = (np.concatenate(column) for column in zip(*chosen, strict=True))
        if money.ndim == 2:
            return add_up(group, key, money, groups)
        found = add_up(group, key, money[:, None], groups)
        return found._replace(money=found.money[:, 0])

    return NettedTerms(*add(0), *add(3))


def _changed(
    parts: Sequence[NettedTerms], places: Sequence[IntArray], groups: int, before: MergedTerms
) -> BoolArray:
    """Groups with a term that is not as it was in the same part before; shape (groups,)."""
    found = np.zeros(groups, dtype=bool)
    for new, here, old, there in zip(parts, places, before.parts, before.places, strict=True):
        if _same(new, old) and np.array_equal(here, there):
            continue
        now, then = _by_group(new, here), _by_group(old, there)
        for group in now.keys() | then.keys():
            ours, theirs = now.get(group), then.get(group)
            found[group] |= ours is None or theirs is None or not _same(ours, theirs)
    return found


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(x is y or np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def _by_group(terms: NettedTerms, places: IntArray) -> dict[int, tuple[Any, ...]]:
    """The terms of each group."""
    cash, growth = terms.cash_ptr.tolist(), terms.growth_ptr.tolist()
    return {
        place: (
            terms.cash_key[cash[g] : cash[g + 1]],
            terms.cash_money[cash[g] : cash[g + 1]],
            terms.growth_key[growth[g] : growth[g + 1]],
            terms.growth_alpha[growth[g] : growth[g + 1]],
        )
        for g, place in enumerate(places.tolist())
    }


def _spliced(
    changed: BoolArray, old: Sequence[Any], new: Sequence[Any]
) -> tuple[IntArray, IntArray, FloatArray]:
    """Pointers, keys and money, of the new groups where they have changed."""
    sizes = np.where(changed, np.diff(new[0]), np.diff(old[0]))
    ptr = np.concatenate(([0], np.cumsum(sizes)))
    chosen = [(new if is_new else old) for is_new in changed.tolist()]
    bounds = [(c[0][g], c[0][g + 1], c) for g, c in enumerate(chosen)]
    key, money = (np.concatenate([c[k][a:b] for a, b, c in bounds]) for k in (1, 2))
    return ptr, key, money
