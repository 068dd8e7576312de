"""Keep the results of a backtest, and read them by desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pricing.scenarios.backtest import DAYS, BacktestDay, backtest
from risk.models import BacktestRun

Json = dict[str, Any]
COMMAND = "manage.py backtest"


class NoBacktest(Exception):
    """Why there is none: a sentence with the command that makes it."""


def keep(
    level: str,
    desks: Mapping[str, Sequence[BacktestDay]],
    firm: Sequence[BacktestDay],
    notes: Sequence[str],
) -> None:
    """Write a backtest of the whole book, in place of the last one at its level.

    Args:
        level: Percent, as written.
        desks: Days by desk; US dollars.
        firm: Of all desks together.
        notes: What is left out.
    """
    BacktestRun.objects.update_or_create(
        level=level,
        defaults={
            "made": dt.datetime.now(dt.UTC),
            "desks": {desk: _stored(rows) for desk, rows in desks.items()},
            "firm": _stored(firm),
            "notes": list(notes),
        },
    )


def _stored(rows: Sequence[BacktestDay]) -> list[list[Any]]:
    return [[row.date.isoformat(), row.pnl, row.var, row.evening.isoformat()] for row in rows]


def _read(rows: Sequence[Sequence[Any]]) -> list[BacktestDay]:
    date = dt.date.fromisoformat
    return [BacktestDay(date(day), pnl, var, date(evening)) for day, pnl, var, evening in rows]


def answer(level: str, desks: Collection[str] | None, *, series: bool = False) -> Json:
    """The newest backtest at a level.

    Args:
        level: Percent, as written.
        desks: Desks that the user may see; None for all. The firm and the notes, which name
            trades, are for who sees all of them.
        series: Whether every day is in it, not the exceptions alone.

    Raises:
        NoBacktest: None at that level is stored.
    """
    run = BacktestRun.objects.filter(level=level).first()
    if run is None:
        known = list(BacktestRun.objects.values_list("level", flat=True))
        stored = f"; stored: {', '.join(known)}" if known else ""
        raise NoBacktest(f"No backtest at {level} % is stored{stored}: run {COMMAND}")
    seen = {desk: rows for desk, rows in run.desks.items() if desks is None or desk in desks}
    return {
        "level": run.level,
        "made": run.made,
        "amounts_in": "USD",
        "days_of_the_zones": DAYS,
        "desks": [{"desk": desk, **_result(_read(seen[desk]), series)} for desk in sorted(seen)],
        "firm": _result(_read(run.firm), series) if desks is None and run.firm else None,
        "notes": run.notes if desks is None else [],
    }


def _result(rows: Sequence[BacktestDay], series: bool) -> Json:
    found = backtest(rows)
    last = sorted(rows)[-DAYS:]
    return {
        "days": found.days,
        "zone": found.zone,
        "exceptions": [_day(day) for day in found.exceptions],
        "series": [_day(day) for day in last] if series else [],
    }


def _day(day: BacktestDay) -> Json:
    return {
        "date": day.date,
        "evening": day.evening,
        "pnl": day.pnl,
        "var": day.var,
        "exception": day.is_exception,
    }
