"""Rough rate levels and business days of the demo's markets, for generating sample trades.

The levels are approximate, so that sample trades have values that such trades had.
"""

from __future__ import annotations

import datetime as dt
import random

MARKET_DATE = dt.date(2024, 1, 2)
"""First market date of the demo; clean prices are of that day."""

FIRST_MATURITY = dt.date(2026, 1, 1)
LAST_YEAR = {"USD": 2053, "EUR": 2053, "GBP": 2048}
"""The last maturity year: curves end at 30 years, the gilt curve of most days at 25."""

HOLIDAYS = frozenset(
    {(1, 1), (1, 2), (5, 1), (6, 19), (7, 4), (7, 5), (11, 11)}
    | {(12, day) for day in (24, 25, 26, 27, 28)}
)
"""Fixed-date holidays of New York, TARGET and London, with their substitute days."""

FIRST_ISSUE_YEAR = 2012
PERCENT_FROM_2012 = {
    "USD": (1.8, 2.3, 2.5, 2.1, 1.8, 2.3, 2.9, 2.0, 0.7, 1.2, 2.8, 3.9, 3.8),
    "EUR": (1.9, 1.9, 1.4, 0.8, 0.5, 0.8, 0.9, 0.1, -0.2, 0.0, 1.8, 2.9, 2.5),
    "GBP": (1.9, 2.4, 2.5, 1.9, 1.3, 1.2, 1.4, 0.9, 0.3, 0.6, 2.6, 4.2, 3.7),
}
"""Approximate ten-year swap rate of each year from 2012 on, in percent; later years have the last
one."""


def level(currency: str, year: int) -> float:
    """Decimal per year."""
    levels = PERCENT_FROM_2012[currency]
    return levels[min(year - FIRST_ISSUE_YEAR, len(levels) - 1)] / 100


def open_day(date: dt.date) -> dt.date:
    """The date, or the first Tuesday or Wednesday after a Monday, a weekend or a holiday.

    Outside the fixed-date holidays, a Tuesday or Wednesday is a business day in all three
    markets: moving holidays are Mondays, Thursdays and Fridays.
    """
    if 1 <= date.weekday() <= 4 and (date.month, date.day) not in HOLIDAYS:
        return date
    while date.weekday() not in (1, 2) or (date.month, date.day) in HOLIDAYS:
        date += dt.timedelta(days=1)
    return date


def start_day(rng: random.Random, first: dt.date, last: dt.date) -> dt.date:
    """A business day of all three markets, in the middle of a month."""
    while True:
        date = first + dt.timedelta(days=rng.randrange((last - first).days + 1))
        good = date.weekday() in (1, 2) and 4 <= date.day <= 26
        if good and (date.month, date.day) not in HOLIDAYS:
            return date


def months_after(date: dt.date, months: int) -> dt.date:
    """Same day of a later month; only for days that every month has, or the 31st of two."""
    years, month = divmod(date.month - 1 + months, 12)
    return date.replace(year=date.year + years, month=month + 1)


def clean_price(rate: float, bond_yield: float, payments: int, maturity: dt.date) -> float:
    """Per 100 on `MARKET_DATE`, from the annuity formula in whole and part periods."""
    periods = (maturity - MARKET_DATE).days / 365.25 * payments
    discount: float = (1 + bond_yield / payments) ** -periods
    return round(100 * (rate / bond_yield * (1 - discount) + discount), 3)
