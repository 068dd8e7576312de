"""The path of a day: it ends on the close, repeats, and moves all curves of a currency alike."""

from __future__ import annotations

import datetime as dt
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay.history.daily import CurveHistory, stored
from risk.history.intraday import bridge, intraday_curves, slope_load

YESTERDAY, TODAY = dt.date(2023, 3, 10), dt.date(2023, 3, 13)


def path(ticks: int, seed: int = 1, currency: str = "USD"):
    previous = stored().day(currency, YESTERDAY).curves
    return list(intraday_curves(previous, stored().day(currency, TODAY), ticks, seed))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(), st.sampled_from(CurveHistory.CURRENCIES))
def test_the_last_tick_is_exactly_the_close(ticks: int, seed: int, currency: str):
    curves = path(ticks, seed, currency)
    assert len(curves) == ticks
    assert curves[-1] == stored().day(currency, TODAY).curves
    assert all(c.keys() == curves[-1].keys() for c in curves)


def test_the_same_seed_repeats_the_path_and_another_does_not():
    assert path(30) == path(30)
    assert path(30)[7] != path(30, seed=2)[7]


def test_without_noise_the_path_is_a_straight_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("risk.history.intraday.LEVEL_VOL_BP", 0.0)
    monkeypatch.setattr("risk.history.intraday.SLOPE_VOL_BP", 0.0)
    two_years = [curves["USD-GOVT"]["2Y"] for curves in path(4)]
    assert two_years == pytest.approx([0.0460 - 0.0057 * k / 4 for k in (1, 2, 3, 4)], abs=1e-8)


def test_all_curves_of_a_currency_move_alike():
    for curves in path(20):
        spread_bp = (curves["USD-SOFR"]["10Y"] - curves["USD-GOVT"]["10Y"]) * 1e4
        assert spread_bp == pytest.approx(-44, abs=2e-4)


def test_noise_has_the_stated_size_in_the_middle_of_the_day():
    middle = [bridge(str(seed), 100, 1.5)[50] for seed in range(2000)]
    assert statistics.pstdev(middle) == pytest.approx(0.75, rel=0.05)  # 1.5 sqrt(1/2 * 1/2)


def test_a_bridge_starts_and_ends_at_zero():
    walk = bridge("any", 10, 2.0)
    assert (len(walk), walk[0]) == (11, 0.0)
    assert walk[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_tenor_without_a_previous_close_moves_around_its_own():
    close = stored().day("USD", TODAY)
    first = next(intraday_curves({}, close, 10, 1))
    assert first["USD-GOVT"]["10Y"] == pytest.approx(close.curves["USD-GOVT"]["10Y"], abs=5e-4)


@pytest.mark.parametrize(("years", "load"), [(0, 1), (5, 0), (10, -1), (30, -1)])
def test_the_slope_turns_around_five_years(years: float, load: float):
    assert slope_load(years) == load
