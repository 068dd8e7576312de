"""Check dates, rates and fixings of trades and markets, whoever sends them.

The limits are the same in files, forms, REST calls and records of the feed.
"""

from __future__ import annotations

import datetime as dt

from pricing.errors import BadInput
from pricing.markets import conventions

FIRST_DATE, LAST_DATE = dt.date(1901, 1, 1), dt.date(2198, 12, 31)
"""Dates that can be priced. QuantLib's own dates run from 1901-01-01 to 2199-12-31
(ql/time/date.hpp, Date::minDate and Date::maxDate); the year after is for late payments.
"""
RATE_MIN, RATE_MAX = -0.2, 1.0
"""Bounds of coupons, fixed rates and fixings, decimals per year: 4.25 sent as percent
is refused."""

PRICE_MIN, PRICE_MAX = 1.0, 1000.0
"""Bounds of a clean price per 100 of face. 0.99 is 99 % written as a fraction; a bond that trades
below one percent of its face has a z-spread instead of a price."""

PRICE_IN_DOUBT = 3.0
"""Clean price below which a warning is given. 1.01 may be 101 % written as a fraction, or a bond in
default at one per cent of its face. No bond trades above 300 %, so that no fraction is larger."""

SATURDAY = 5


def check_date(field: str, date: dt.date) -> None:
    """Refuse a date on which nothing can be priced.

    Raises:
        BadInput: Before ``FIRST_DATE`` or after ``LAST_DATE``.
    """
    if not FIRST_DATE <= date <= LAST_DATE:
        raise BadInput(field, date.isoformat(), f"a date from {FIRST_DATE} to {LAST_DATE}")


def price_doubt(clean_price: float) -> str | None:
    """A sentence on a price per 100 of face that may be meant as a fraction of it, or None."""
    if clean_price >= PRICE_IN_DOUBT:
        return None
    read, meant = f"{clean_price:g}", f"{clean_price * 100:g}"
    return f"{read} is read as {read} % of face; if {meant} % is meant, write {meant}"


def check_index(index: str, currency: str | None = None) -> None:
    """Refuse an index that there is not, or that is of another currency.

    Raises:
        BadInput: With the indices that there are.
    """
    row = conventions.pick(conventions.INDICES, "index", index)
    if currency not in (None, row.currency):
        own = [i.name for i in conventions.INDICES.values() if i.currency == currency]
        reason = f"it is an index of {row.currency}; indices of {currency}: {', '.join(own)}"
        raise BadInput("index", index, reason)


def check_fixing(index: str, date: dt.date, rate: float) -> None:
    """Refuse a fixing that the index could not have had.

    Args:
        index: Name of the index.
        date: The fixing date.
        rate: Decimal per year.

    Raises:
        BadInput: Unknown index, a rate out of range, a date out of range or on a weekend.
    """
    check_index(index)
    check_date("date", date)
    if not RATE_MIN <= rate <= RATE_MAX:
        raise BadInput("rate", rate, decimal_rate(rate, RATE_MIN, RATE_MAX))
    if date.weekday() >= SATURDAY:
        raise BadInput("date", date.isoformat(), f"{date:%A}: no index fixes on a weekend")


def decimal_rate(value: object, least: float, most: float) -> str:
    """Return what is allowed for a rate; a number that is meant as percent is written out."""
    percent = 4.25
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and least <= float(value) / 100.0 <= most:  # type: ignore[arg-type]
        percent = float(value)  # type: ignore[arg-type]
    return f"decimal expected, {least:g} to {most:g} (write {percent:g} % as {percent / 100.0:g})"


FX_MIN, FX_MAX = 1e-6, 1e3
"""Bounds of an exchange rate, in US dollars per unit. The Iranian rial is worth about 2e-5 dollars,
the Kuwaiti dinar 3.3: a rate outside is a mistake of its feed."""
