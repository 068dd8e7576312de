"""Six stored days of two currencies, and replays of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pricing.curves.quotes import CurveOptions
from risk.models import Replay
from risk.replays import control
from risk.replays.plan import Plan
from risk.replays.runner import Runner, prepare

DAYS = [dt.date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11)]
TENORS = {"1D": 0.053, "1Y": 0.05, "5Y": 0.042, "10Y": 0.041, "30Y": 0.04}
MOVES_BP = (0, 4, -3, 9, 2, -6)
OPTIONS = CurveOptions()


def quotes_of(day: dt.date) -> dict[str, float]:
    move = MOVES_BP[DAYS.index(day)] * 1e-4
    return {tenor: round(rate + move, 8) for tenor, rate in TENORS.items()}


def plan_of(**changes: Any) -> Plan:
    usual: dict[str, Any] = {"ticks_per_day": 3, "seed": 5}
    return Plan.read(("USD", "EUR"), DAYS[0], DAYS[-1], **{**usual, **changes})


def run(name: str = "r", count: int = 0, plan: Plan | None = None, **options: Any) -> Replay:
    """A whole replay by that many processes."""
    made = plan or plan_of()
    row = control.make(name, start=DAYS[0], end=DAYS[-1], ticks_per_day=made.ticks_per_day)
    row.save()
    return Runner(row, prepare(made, OPTIONS, 1), OPTIONS, processes=count, **options).run()
