"""Closes of USD-SOFR in the tables, before a date."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np

from risk.history.models import CurveFile, CurveQuote
from tests.risk.made import QUOTES

DAYS = 60
"""Moves: there is one close more."""

TENORS = list(QUOTES["USD"]["USD-SOFR"])


def usd_closes(date: dt.date) -> tuple[list[dt.date], np.ndarray]:
    """Weekdays before a date and their quotes; shape (days, tenors)."""
    days = [date - dt.timedelta(days=n) for n in range(1, 2 * DAYS)]
    weekdays = sorted(day for day in days if day.weekday() < 5)[-DAYS - 1 :]
    moves = np.random.default_rng(7).normal(0.0, 6e-4, (len(weekdays), 5)).cumsum(axis=0)
    quotes = np.array(list(QUOTES["USD"]["USD-SOFR"].values())) + moves
    return weekdays, np.round(quotes, 8)


def store_usd_closes(date: dt.date) -> None:
    """Write them."""
    file = CurveFile.objects.create(
        publisher="test", name="test.csv", label="official", retrieved_at=dt.datetime.now(dt.UTC)
    )
    days, quotes = usd_closes(date)
    CurveQuote.objects.bulk_create(
        CurveQuote(
            date=day,
            curve="USD-SOFR",
            quote_id=tenor,
            rate=Decimal(repr(round(rate, 8))),
            quote_kind="ois",
            file=file,
        )
        for day, row in zip(days, quotes.tolist(), strict=True)
        for tenor, rate in zip(TENORS, row, strict=True)
    )


def usd_moves(date: dt.date) -> np.ndarray:
    """Moves of the quotes between consecutive closes; shape (DAYS, tenors)."""
    return np.diff(usd_closes(date)[1], axis=0)
