"""Keep the result of a P&L attribution test, and read it by desk."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pricing.explain.pla import DAYS, AttributionDay, attribution_of
from risk.models import AttributionRun

Json = dict[str, Any]
COMMAND = "manage.py pla"
ONLY_ROW = 1
"""Key of the one row."""

NO_RANK = "HPL or RTPL is the same on every day: their ranks have no correlation"


class NoAttribution(Exception):
    """Why there is none: a sentence with the command that makes it."""


def keep(
    desks: Mapping[str, Sequence[AttributionDay]],
    notes: Sequence[str],
    of_trades: Sequence[str] = (),
) -> None:
    """Write a test of the whole book, in place of the last one.

    Args:
        desks: Days by desk; US dollars.
        notes: Currencies and days that are left out.
        of_trades: Trades and desks that are left out.
    """
    AttributionRun.objects.update_or_create(
        pk=ONLY_ROW,
        defaults={
            "made": dt.datetime.now(dt.UTC),
            "desks": {desk: [_stored(day) for day in days] for desk, days in desks.items()},
            "notes": list(notes),
            "of_trades": list(of_trades),
        },
    )


def _stored(day: AttributionDay) -> list[Any]:
    return [day.date.isoformat(), _number(day.hpl), _number(day.rtpl)]


def _number(value: float) -> float | None:
    """The number; None of one that JSON has no word for."""
    return value if math.isfinite(value) else None


def _read(rows: Sequence[Sequence[Any]]) -> list[AttributionDay]:
    days = [
        AttributionDay(
            dt.date.fromisoformat(date),
            *(float("nan") if value is None else value for value in values),
        )
        for date, *values in rows
    ]
    return sorted(days)[-DAYS:]


def answer(desks: Collection[str] | None, *, series: bool = False) -> Json:
    """The newest test.

    Args:
        desks: Desks that the user may see; None for all. Notes that name trades and desks are for
            who sees all of them.
        series: Whether every day is in it.

    Raises:
        NoAttribution: None is stored.
    """
    run = AttributionRun.objects.filter(pk=ONLY_ROW).first()
    if run is None:
        raise NoAttribution(f"No P&L attribution test is stored: run {COMMAND}")
    seen = {desk: rows for desk, rows in run.desks.items() if desks is None or desk in desks}
    return {
        "made": run.made,
        "amounts_in": "USD",
        "days_of_the_zones": DAYS,
        "desks": [{"desk": desk, **_result(_read(seen[desk]), series)} for desk in sorted(seen)],
        "notes": [*run.notes, *(run.of_trades if desks is None else ())],
    }


def _result(days: Sequence[AttributionDay], series: bool) -> Json:
    """The test of a desk; numbers that it does not have are None, with the reason."""
    numbers: Json = {"spearman": None, "ks": None, "zone": None, "reason": None}
    try:
        found = attribution_of(days)
    except ValueError as error:
        numbers["reason"] = str(error)
    else:
        rank = _number(found.spearman)
        numbers = {
            "spearman": rank,
            "ks": found.ks,
            "zone": found.zone,
            "reason": NO_RANK if rank is None else None,
        }
    return {
        "days": len(days),
        **numbers,
        "series": [_day(day) for day in days] if series else [],
    }


def _day(day: AttributionDay) -> Json:
    return {"date": day.date, "hpl": _number(day.hpl), "rtpl": _number(day.rtpl)}
