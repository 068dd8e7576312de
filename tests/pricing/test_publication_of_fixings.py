"""A fixing is known from the business day on which it is published."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from pricing.curves.fixings import public_on
from pricing.markets.conventions import INDICES

DAYS = [dt.date(2025, 2, day) for day in (5, 6, 7, 10, 11)]
FIXINGS = dict.fromkeys(DAYS, 0.03)


@pytest.mark.parametrize(
    ("lag", "today", "last"),
    [
        (0, dt.date(2025, 2, 10), dt.date(2025, 2, 10)),
        (1, dt.date(2025, 2, 10), dt.date(2025, 2, 7)),
        (2, dt.date(2025, 2, 10), dt.date(2025, 2, 6)),
        (3, dt.date(2025, 2, 10), dt.date(2025, 2, 5)),
        # Saturday: the market is that of Monday, but nothing of Monday is known.
        (0, dt.date(2025, 2, 8), dt.date(2025, 2, 7)),
        (1, dt.date(2025, 2, 8), dt.date(2025, 2, 7)),
        (2, dt.date(2025, 2, 8), dt.date(2025, 2, 6)),
    ],
)
def test_publication_lag_counts_business_days(lag, today, last):
    index = msgspec.structs.replace(INDICES["SONIA"], publication_lag=lag)
    assert max(public_on(index, FIXINGS, today)) == last
