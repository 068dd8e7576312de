"""The business date of a market: the date in the currency's own time zone.

A tick of Monday 08:00 in Tokyo is Monday's market, though it is Sunday in UTC.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from pricing.markets.conventions import CURRENCY_ROWS


def business_date(currency: str, moment: dt.datetime) -> dt.date:
    """The business date of a currency at a moment that has a time zone.

    Raises:
        KeyError: The currency has no row.
    """
    row = CURRENCY_ROWS[currency]
    begins = row.business_day_begins
    local = moment.astimezone(ZoneInfo(row.time_zone))
    evening = begins != dt.time(0) and local.time() >= begins
    return local.date() + dt.timedelta(days=evening)
