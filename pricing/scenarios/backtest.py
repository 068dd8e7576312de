"""Backtest value at risk: count the days whose hypothetical loss exceeded it.

An exception is a day, of the last 250, whose P&L was below minus the value at risk of the evening
before:
0 to 4 are green, 5 to 9 amber, 10 and more red. Source: Basel Committee on Banking Supervision,
MAR32 (backtesting requirements), the traffic light of 250 observations at 99 %.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, NamedTuple

Zone = Literal["green", "amber", "red"]
DAYS = 250
AMBER_FROM, RED_FROM = 5, 10


class BacktestDay(NamedTuple):
    """One day: its P&L and the value at risk of the evening before; money, a loss is negative.

    ``evening`` is the date of the close that the value at risk is of.
    """

    date: dt.date
    pnl: float
    var: float
    evening: dt.date

    @property
    def is_exception(self) -> bool:
        """Return whether the day lost more than the value at risk."""
        return self.pnl < -self.var


class Backtest(NamedTuple):
    """The result: the number of days, the exceptions, and the zone."""

    days: int
    exceptions: tuple[BacktestDay, ...]
    zone: Zone


def backtest(days: Sequence[BacktestDay]) -> Backtest:
    """Count exceptions among the last ``DAYS``.

    Args:
        days: In any order.

    Raises:
        ValueError: There is no day.
    """
    last = sorted(days)[-DAYS:]
    if not last:
        raise ValueError("the test needs a day with a P&L and a value at risk")
    found = tuple(day for day in last if day.is_exception)
    return Backtest(len(last), found, zone_of(len(found)))


def zone_of(exceptions: int) -> Zone:
    """The traffic light of a number of exceptions among 250 days."""
    if exceptions >= RED_FROM:
        return "red"
    return "amber" if exceptions >= AMBER_FROM else "green"
