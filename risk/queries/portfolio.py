"""Sum NPV, DV01 and ladders of published frames by group."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pricing.measures.table import LIVE_SUMMED, total, with_new_names
from risk.store.results import BookProductTotals, Rollup

Member = tuple[BookProductTotals, float]
"""A cell, and the factor that converts its amounts."""

LADDERS = ("ladder_par", "krd")
GROUPINGS = ("currency", "desk", "book", "type")


def portfolio(
    rollups: Sequence[Rollup],
    group_by: Sequence[str],
    reporting: str | None,
    desks: Collection[str] | None = None,
    ladders: Sequence[str] = LADDERS,
) -> list[dict[str, Any]]:
    """Sums by groups. Currencies are added only when converted, by each frame's own FX.

    A group names the valuation dates of the frames that went in: a sum over two is of no one date.

    Args:
        rollups: One frame per currency.
        group_by: Any of GROUPINGS; without ``currency`` a reporting currency is needed.
        reporting: Currency to convert to, or None to stay in each trade's own.
        desks: Only these; None for all.
        ladders: Those that are added up, too.

    Raises:
        ValueError: Two currencies would be added unconverted, or an FX rate is missing.
    """
    if reporting is None and "currency" not in group_by and len(rollups) > 1:
        raise ValueError(
            "give reporting_currency, or group by currency: amounts of two"
            " currencies are never added unconverted"
        )
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    members: dict[tuple[str, ...], list[Member]] = {}
    for rollup in rollups:
        factor = conversion(rollup, reporting)
        for cell in rollup.cells:
            if desks is None or cell.desk in desks:
                place = tuple(_label(rollup, cell, name) for name in group_by)
                group = groups.setdefault(
                    place, _empty(group_by, place, rollup, reporting, ladders)
                )
                _add(group, rollup, cell, factor, ladders)
                members.setdefault(place, []).append((cell, factor))
    return [groups[place] | _sums(members[place]) for place in sorted(groups)]


def _sums(members: Sequence[Member]) -> dict[str, float | None]:
    """Sums of cells, each converted by its factor; None where a cell lacks the measure."""

    def converted(name: str) -> Iterator[tuple[str, float | None]]:
        for cell, factor in members:
            value = getattr(cell, name)
            yield cell.product, None if value is None else factor * value

    return with_new_names({name: total(converted(name), name) for name in LIVE_SUMMED})


def conversion(rollup: Rollup, reporting: str | None) -> float:
    """Units of the reporting currency per unit of the frame's, by the frame's own FX.

    Raises:
        ValueError: The frame has no rate of one of them.
    """
    if reporting is None or reporting == rollup.currency:
        return 1.0
    fx = rollup.fx
    missing = [name for name in (rollup.currency, reporting) if name not in fx]
    if missing:
        raise ValueError(f"no FX rate for {', '.join(missing)} in the current frames")
    return fx[rollup.currency] / fx[reporting]


def _label(rollup: Rollup, cell: BookProductTotals, name: str) -> str:
    return {
        "currency": rollup.currency,
        "desk": cell.desk,
        "book": cell.book,
        "type": cell.product,
    }[name]


def _empty(
    group_by: Sequence[str],
    place: tuple[str, ...],
    rollup: Rollup,
    reporting: str | None,
    ladders: Sequence[str],
) -> dict[str, Any]:
    labels = dict(zip(group_by, place, strict=True))
    return {
        **labels,
        "amounts_in": reporting or rollup.currency,
        "reporting_currency": reporting,
        "valuation_dates": [],
        "trades": 0,
        "failed": 0,
        "notional": 0.0,
        **{name: {} for name in ladders},
    }


def _add(
    group: dict[str, Any],
    rollup: Rollup,
    cell: BookProductTotals,
    factor: float,
    ladders: Sequence[str],
) -> None:
    if rollup.valuation_date not in group["valuation_dates"]:
        group["valuation_dates"] = sorted([*group["valuation_dates"], rollup.valuation_date])
    group["trades"] += cell.trades
    group["failed"] += cell.failed
    group["notional"] += factor * cell.notional
    for name in ladders:
        for (curve, tenor), value in zip(rollup.keys, getattr(cell, name), strict=True):
            ladder = group[name].setdefault(curve, {})
            ladder[tenor] = ladder.get(tenor, 0.0) + factor * value
