"""Daily closing curves of a currency over a range of dates, each labelled with its origin.

USD-GOVT is the US Treasury's par yield curve. USD-SOFR is a proxy: that curve plus a fixed spread.
All others are invented (``synthetic``), on the same dates, so that all curves move together.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from feedbridge.replay.history import synthetic
from pricing.curves.quotes import CurveQuotes, Label
from pricing.errors import BadInput
from pricing.markets import conventions
from risk.history import proxies
from risk.history.layouts import curves as layouts
from risk.history.layouts.table import Quotes, RateTable

STORED = Path(__file__).with_name("usd_treasury_par_yields.csv")


@dataclass(frozen=True, kw_only=True)
class DailyCurves:
    """The closing quotes of one currency on one day: decimals by curve and tenor."""

    date: dt.date
    currency: str
    curves: CurveQuotes
    labels: dict[str, Label]


SAMPLE_CURRENCIES = ("USD", *synthetic.ECONOMIES)
"""Currencies of the sample book; a replay plays these by default."""


class CurveHistory:
    """Closing curves of every currency on every day of a table of Treasury par yields."""

    CURRENCIES = SAMPLE_CURRENCIES

    def __init__(self, treasury: RateTable) -> None:
        if treasury.currency != "USD" or treasury.quotes != "par_yield":
            raise BadInput("history", treasury.publisher, "US Treasury par yields are needed")
        self._rows = treasury.rows
        self.dates = tuple(treasury.rows)

    @property
    def first(self) -> dt.date:
        """The first day."""
        return self.dates[0]

    @property
    def last(self) -> dt.date:
        """The last day."""
        return self.dates[-1]

    def between(self, start: dt.date, end: dt.date) -> tuple[dt.date, ...]:
        """Market days from start to end, both included."""
        return self.dates[bisect_left(self.dates, start) : bisect_right(self.dates, end)]

    def on_or_before(self, day: dt.date) -> dt.date:
        """Return the last market day on or before a day.

        Raises:
            BadInput: The history begins later.
        """
        found = bisect_right(self.dates, day)
        if found == 0:
            raise BadInput("date", day.isoformat(), self.covers())
        return self.dates[found - 1]

    def covers(self) -> str:
        """Return the range of dates as a sentence."""
        return f"the history covers {self.first} to {self.last}"

    def day(self, currency: str, day: dt.date) -> DailyCurves:
        """Return all curves of that market day.

        Raises:
            BadInput: Unknown currency, or not a market day of this history.
        """
        self.check_currency(currency)
        if day not in self._rows:
            raise BadInput("date", day.isoformat(), f"not a market day; {self.covers()}")
        if currency == "USD":
            return usd_day(day, self._rows[day])
        curves = synthetic.curves_on(currency, day)
        return DailyCurves(
            date=day,
            currency=currency,
            curves=curves,
            labels=dict.fromkeys(curves, "synthetic"),
        )

    def days(self, currency: str, start: dt.date, end: dt.date) -> Iterator[DailyCurves]:
        """Every market day of a range."""
        return (self.day(currency, day) for day in self.between(start, end))

    def check_currency(self, currency: str) -> None:
        """Refuse a currency without curves.

        Raises:
            BadInput: Lists those with.
        """
        if currency not in conventions.CURRENCIES:
            raise BadInput("currency", currency, f"allowed: {', '.join(conventions.CURRENCIES)}")

    def check_range(self, currency: str, start: dt.date, end: dt.date) -> None:
        """Refuse market days on which a currency has no curves.

        Raises:
            BadInput: Invented curves begin later or end earlier.
        """
        days = self.between(start, end)
        if currency == "USD" or not days:
            return
        for day in (days[0], days[-1]):
            if not synthetic.FIRST <= day <= synthetic.LAST:
                allowed = (
                    f"the invented curves of {currency} cover {synthetic.FIRST} to "
                    f"{synthetic.LAST}; --currency USD plays the file alone"
                )
                raise BadInput("market day", day.isoformat(), allowed)


def usd_day(day: dt.date, treasury: Quotes) -> DailyCurves:
    """A day's Treasury par yields (decimals by tenor) and the SOFR proxy on top of them."""
    proxy = proxies.STATED["USD-SOFR"]
    sofr = {t: proxy.rate(t, rate) for t, rate in treasury.items() if proxy.has(t)}
    return DailyCurves(
        date=day,
        currency="USD",
        curves={"USD-GOVT": dict(treasury), "USD-SOFR": sofr},
        labels={"USD-GOVT": "official", "USD-SOFR": "proxy"},
    )


@cache
def stored() -> CurveHistory:
    """The history that ships with the project, 1990-01-02 to 2024-09-24."""
    return CurveHistory(layouts.load(STORED))
