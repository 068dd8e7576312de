"""The traffic light of exceptions among 250 days."""

from __future__ import annotations

import datetime as dt

import pytest

from pricing.scenarios.backtest import BacktestDay, backtest, zone_of

START = dt.date(2023, 1, 2)


def series(losses: list[float], var: float = 100.0) -> list[BacktestDay]:
    return [
        BacktestDay(START + dt.timedelta(days=n), -loss, var, START + dt.timedelta(days=n - 1))
        for n, loss in enumerate(losses)
    ]


def test_zones_of_the_basel_committee():
    """MAR32.9: green 0 to 4, amber (yellow) 5 to 9, red 10 or more."""
    assert [zone_of(n) for n in range(12)] == ["green"] * 5 + ["amber"] * 5 + ["red"] * 2


def test_a_loss_of_exactly_the_value_at_risk_is_no_exception():
    found = backtest(series([100.0, 100.01, -500.0]))
    assert [day.pnl for day in found.exceptions] == [-100.01]
    assert (found.days, found.zone) == (3, "green")


def test_the_last_250_days_count():
    found = backtest(series([200.0] * 30 + [0.0] * 246 + [200.0] * 4))
    assert (found.days, len(found.exceptions), found.zone) == (250, 4, "green")
    assert backtest(series([200.0] * 10 + [0.0] * 240)).zone == "red"


def test_without_a_day_there_is_no_test():
    with pytest.raises(ValueError, match="needs a day"):
        backtest([])
