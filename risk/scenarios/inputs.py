"""Read what scenarios are made from: stored closes, and the scenarios themselves."""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import dataclass

import numpy as np

from instruments.models import ScenarioShock
from pricing.errors import BadInput
from pricing.scenarios.definition import Scenario, from_rows
from pricing.scenarios.historical import Closes
from pricing.scenarios.standard import plain, supervisory
from risk.history.closes import Closes as StoredCloses
from risk.history.closes import closes

log = logging.getLogger(__name__)

BEFORE_DAYS, AFTER_DAYS = 800, 120
"""Calendar days before and after a date that one query reads: 500 business days are about 725
calendar days, and a replay moves on from date to date."""

KEPT_S = 300.0
"""Longest time in seconds until a correction of a stored close is noticed."""


@dataclass(frozen=True)
class _Kept:
    start: dt.date
    end: dt.date
    until: float
    found: Closes


_kept: dict[str, _Kept] = {}


def closes_before(currency: str, date: dt.date) -> Closes | None:
    """The closes of a currency before a date; None where there are none."""
    kept = _kept.get(currency)
    first, last = date - dt.timedelta(days=BEFORE_DAYS), date - dt.timedelta(days=1)
    if kept is None or not (kept.start <= first and last <= kept.end) or _now() > kept.until:
        kept = _kept[currency] = _read(currency, first, date + dt.timedelta(days=AFTER_DAYS))
    found = kept.found.on(lambda day: first <= day < date)
    return found if found.dates else None


def _read(currency: str, start: dt.date, end: dt.date) -> _Kept:
    return _Kept(start, end, _now() + KEPT_S, for_scenarios(closes(currency, start, end)))


def for_scenarios(table: StoredCloses) -> Closes:
    """Stored closes as scenarios are made from them."""
    return Closes(
        table.currency,
        table.dates,
        table.quotes,
        np.asarray(table.rates),
        {curve: str(proxy) for curve, proxy in table.proxies.items()},
        table.labels,
    )


def _now() -> float:
    return time.monotonic()


def stress_scenarios() -> list[Scenario]:
    """The scenarios that are built in, and those of the table of the users.

    A scenario of the table that means nothing as a whole is left out and logged: its rows were
    checked one by one.
    """
    found = [*plain(), *supervisory()]
    rows: dict[str, list[ScenarioShock]] = {}
    for row in ScenarioShock.objects.all():
        rows.setdefault(row.scenario, []).append(row)
    for name, mine in rows.items():
        try:
            found += from_rows(enumerate((row.as_row() for row in mine), start=1), "user")
        except BadInput as error:
            log.warning("scenario %s: %s", name, error)
    return found
