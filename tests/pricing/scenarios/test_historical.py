"""Moves between stored closes: which days count, what neighbours make, and what is named."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from pricing.curves.quotes import QuoteId
from pricing.errors import BadInput
from pricing.scenarios.historical import Closes, historical_moves

NAN = float("nan")
MONDAY = dt.date(2024, 3, 4)


def days(*offsets: int) -> tuple[dt.date, ...]:
    return tuple(MONDAY + dt.timedelta(days=n) for n in offsets)


def keys(curve: str, *tenors: str) -> tuple[QuoteId, ...]:
    return tuple(QuoteId(curve, tenor) for tenor in tenors)


def closes(currency: str, dates, names, rates) -> Closes:
    return Closes(currency, dates, names, np.array(rates, dtype=float))


USD = keys("USD-SOFR", "1Y", "3Y", "5Y")


def test_moves_are_differences_of_consecutive_days():
    stored = closes("USD", days(0, 1, 2), keys("USD-SOFR", "1Y"), [[0.04], [0.041], [0.0405]])
    found = historical_moves([stored], {"USD": USD[:1]})
    assert found.days == days(1, 2)
    assert found.currencies["USD"].moves[:, 0] == pytest.approx([0.001, -0.0005])


def test_relative_moves_are_scaled_to_todays_rates_and_named():
    stored = closes("USD", days(0, 1), keys("USD-SOFR", "1Y"), [[0.04], [0.05]])
    now = {"USD": np.array([0.02])}
    found = historical_moves([stored], {"USD": USD[:1]}, now, kind="relative")
    assert found.kind == "relative"
    assert found.currencies["USD"].moves[0, 0] == pytest.approx(0.005)


def test_a_pair_more_than_a_week_apart_is_left_out_and_named():
    stored = closes("USD", days(0, 1, 9, 10), keys("USD-SOFR", "1Y"), [[1], [2], [4], [5]])
    found = historical_moves([stored], {"USD": USD[:1]})
    assert found.days == days(1, 10)
    assert list(found.left_out) == list(days(9))


def test_a_day_whose_rates_are_not_as_real_as_those_before_is_left_out_and_named():
    kinds = ("synthetic", "synthetic", "official", "official")
    stored = replace(
        closes("USD", days(0, 1, 2, 3), keys("USD-SOFR", "1Y"), [[0.02], [0.021], [0.04], [0.041]]),
        labels=[{"USD-SOFR": kind, "USD-GOVT": "official"} for kind in kinds],
    )
    found = historical_moves([stored], {"USD": USD[:1]})
    assert found.days == days(1, 3)
    assert found.currencies["USD"].moves[:, 0] == pytest.approx([0.001, 0.001])
    (sentence,) = found.left_out.values()
    assert sentence == (
        "USD-SOFR: the quotes of 2024-03-05 are synthetic, those of 2024-03-06 are official"
    )
    later = historical_moves([stored.on(lambda day: day > MONDAY)], {"USD": USD[:1]})
    assert (later.days, list(later.left_out)) == (days(3), [])


def test_a_missing_tenor_moves_between_its_neighbours_and_is_counted():
    stored = closes("USD", days(0, 1), USD, [[0.01, NAN, 0.03], [0.02, 0.02, 0.05]])
    found = historical_moves([stored], {"USD": USD}).currencies["USD"]
    assert found.moves[0] == pytest.approx([0.01, 0.015, 0.02], rel=1e-3)
    assert found.interpolated == 1


def test_a_currency_on_holiday_moves_by_nothing_and_then_by_both_days():
    usd = closes("USD", days(0, 1, 2), keys("USD-SOFR", "1Y"), [[0.01], [0.02], [0.04]])
    eur = closes("EUR", days(0, 2), keys("EUR-ESTR", "1Y"), [[0.01], [0.03]])
    found = historical_moves([usd, eur], {"USD": USD[:1], "EUR": keys("EUR-ESTR", "1Y")})
    assert found.days == days(1, 2)
    assert found.currencies["EUR"].moves[:, 0] == pytest.approx([0.0, 0.02])
    assert (found.currencies["EUR"].holidays, found.currencies["USD"].holidays) == (1, 0)


def test_days_before_any_currencys_first_close_are_no_scenarios():
    usd = closes("USD", days(0, 1, 2, 3), keys("USD-SOFR", "1Y"), [[1], [2], [3], [4]])
    eur = closes("EUR", days(1, 2, 3), keys("EUR-ESTR", "1Y"), [[1], [2], [3]])
    found = historical_moves([usd, eur], {"USD": USD[:1], "EUR": keys("EUR-ESTR", "1Y")})
    assert found.days == days(2, 3)


def test_a_curve_without_a_history_takes_its_proxys_moves_and_both_are_named():
    stored = closes("USD", days(0, 1), keys("USD-GOVT", "1Y", "5Y"), [[0.01, 0.02], [0.02, 0.04]])
    found = historical_moves([stored], {"USD": USD}).currencies["USD"]
    assert found.moves[0] == pytest.approx([0.01, 0.015, 0.02], rel=1e-3)
    assert found.proxies == {"USD-SOFR": "USD-GOVT"}


def test_only_the_newest_scenarios_count():
    stored = closes("USD", days(0, 1, 2, 3), keys("USD-SOFR", "1Y"), [[1], [2], [3], [4]])
    assert historical_moves([stored], {"USD": USD[:1]}, count=2).days == days(2, 3)


def test_a_currency_without_closes_is_refused_by_name():
    with pytest.raises(BadInput, match="EUR"):
        historical_moves([], {"EUR": keys("EUR-ESTR", "1Y")})
