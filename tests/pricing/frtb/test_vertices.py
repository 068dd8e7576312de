"""The linear map from ladders to the tenors of GIRR."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.curves.quotes import QuoteId
from pricing.frtb.vertices import VERTICES, shares, years_of
from pricing.markets.calendars import day_of


def test_a_tenor_of_the_table_counts_there_alone() -> None:
    assert np.array_equal(shares(np.array(VERTICES)), np.eye(len(VERTICES)))


def test_between_two_tenors_by_hand() -> None:
    (row,) = shares(np.array([7.0]))
    assert row[5] == pytest.approx(0.6)  # 5 years
    assert row[6] == pytest.approx(0.4)  # 10 years
    assert np.count_nonzero(row) == 2


def test_outside_the_table_the_nearest_end_has_it_all() -> None:
    short, long = shares(np.array([1 / 365.25, 50.0]))
    assert short[0] == 1.0
    assert long[-1] == 1.0
    assert np.count_nonzero([short, long]) == 2


@given(st.lists(st.floats(-1.0, 70.0), min_size=1))
def test_shares_add_up_to_one_and_are_none_below_zero(years: list[float]) -> None:
    found = shares(np.array(years))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(years)), abs=1e-15)
    assert (found >= 0.0).all()


def test_a_tenor_has_its_own_length_and_a_dated_quote_the_time_to_its_end() -> None:
    today, end = dt.date(2024, 3, 5), dt.date(2025, 3, 5)
    keys = [QuoteId("USD-SOFR", "3M"), QuoteId("USD-SOFR", "10Y"), QuoteId("USD-SOFR", "SR3H6")]
    found = years_of(keys, [0, 0, day_of(end)], day_of(today))
    assert found == pytest.approx([0.25, 10.0, 365 / 365.25])
