"""The business date of a market: the date in the currency's own time zone.

A tick of Monday 08:00 in Tokyo is Monday's market, though it is Sunday in UTC.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class BusinessDay:
    """When a currency's business date begins.

    ``begins`` is the local time at which a date begins: midnight, or an hour of the evening before,
    from which on trades are booked on the next date.
    """

    zone: str
    place: str
    begins: dt.time = dt.time(0)


BUSINESS_DAYS = {
    "USD": BusinessDay("America/New_York", "New York"),
    "EUR": BusinessDay("Europe/Berlin", "Frankfurt, seat of the ECB and of TARGET"),
    "GBP": BusinessDay("Europe/London", "London"),
}
"""One row per currency. The cut at midnight is this project's own choice: closes, fixings and
settlement of these markets all carry the local calendar date."""


def business_date(currency: str, moment: dt.datetime) -> dt.date:
    """The business date of a currency at a moment that has a time zone.

    Raises:
        KeyError: The currency has no row.
    """
    row = BUSINESS_DAYS[currency]
    local = moment.astimezone(ZoneInfo(row.zone))
    evening = row.begins != dt.time(0) and local.time() >= row.begins
    return local.date() + dt.timedelta(days=evening)
