"""Business days without QuantLib are QuantLib's, on every day that can be priced."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st

from pricing.limits import FIRST_DATE, LAST_DATE
from pricing.markets import calendars, vocabulary
from pricing.products import schedules

DATES = st.dates(dt.date(1950, 1, 1), dt.date(2150, 12, 31))
NAMES = st.sampled_from(vocabulary.CALENDARS)


@pytest.mark.parametrize("name", vocabulary.CALENDARS)
def test_every_business_day_is_quantlibs(name: str) -> None:
    first, last = calendars.day_of(FIRST_DATE), calendars.day_of(LAST_DATE)
    listed = schedules.calendar(name).businessDayList(
        schedules.ql_of_day(first), schedules.ql_of_day(last)
    )
    quantlibs = [schedules.day_number(day) for day in listed]
    found = calendars.business_days(name, first, last)
    remedy = "run: python -m pricing.products.make_holidays"
    assert np.array_equal(found, quantlibs), remedy


@given(name=NAMES, date=DATES, convention=st.sampled_from(vocabulary.ROLLS))
def test_a_date_is_moved_as_quantlib_moves_it(name: str, date: dt.date, convention: str) -> None:
    moved = schedules.calendar(name).adjust(schedules.to_ql(date), schedules.roll(convention))
    assert calendars.adjust(name, date, convention).isoformat() == moved.ISO()


@given(name=NAMES, date=DATES, count=st.integers(0, 5))
def test_business_days_are_counted_back_as_quantlib_counts_them(
    name: str, date: dt.date, count: int
) -> None:
    calendar = schedules.calendar(name)
    open_day = calendar.adjust(schedules.to_ql(date), ql.Following)
    before = schedules.day_number(calendar.advance(open_day, -count, ql.Days))
    assert calendars.business_day_before(name, calendars.day_of(date), count) == before


def test_holidays_published_for_2024_are_closed() -> None:
    """SIFMA's and TARGET's lists of 2024: Juneteenth closes the US, Easter Monday the euro area."""
    assert not calendars.is_business_day("US-SOFR", dt.date(2024, 6, 19))
    assert calendars.is_business_day("TARGET", dt.date(2024, 6, 19))
    assert not calendars.is_business_day("TARGET", dt.date(2024, 4, 1))
    assert calendars.is_business_day("US-SOFR", dt.date(2024, 4, 1))
    assert calendars.is_business_day("NONE", dt.date(2024, 6, 22))
