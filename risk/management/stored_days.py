"""Options and exchange rates of the commands that go through the stored days of the book."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable

from django.conf import settings
from django.core.management.base import CommandParser
from redis import RedisError

from instruments import trade_repository as master
from instruments.management.options import day_count, iso_date
from pricing.markets.conventions import CURRENCIES
from risk.store.frames import connect
from risk.store.fx import known_rates

LAST_DAY = dt.date(2200, 1, 1)
"""After every stored day."""


def add_stored_days(parser: CommandParser, days: int) -> None:
    """Add the last day, the number of days, the currencies, and whether each day is printed."""
    parser.add_argument(
        "--to", type=iso_date, default=LAST_DAY, help="last day (default: the newest)"
    )
    parser.add_argument(
        "--days", type=day_count, default=days, help=f"number of days (default: {days})"
    )
    parser.add_argument(
        "--currency",
        nargs="+",
        choices=CURRENCIES,
        metavar="CCY",
        help="only these currencies (default: all with trades)",
    )
    parser.add_argument("--series", action="store_true", help="print each day as CSV")


def usd_rates(currencies: Iterable[str], warn: Callable[[str], None]) -> dict[str, float]:
    """US dollars per unit: the newest rates of the feed, and the master's where none has come.

    Args:
        currencies: Those that are needed; the ones without a rate are named.
        warn: Hears what is missing.
    """
    stored = master.load_fx()
    try:
        rates = known_rates(connect(settings.REDIS_URL), stored)
    except RedisError as error:
        warn(f"rates of the master alone: Redis does not answer ({type(error).__name__})")
        rates = {"USD": 1.0, **stored}
    lost = [currency for currency in currencies if currency not in rates]
    if lost:
        verb = "is" if len(lost) == 1 else "are"
        warn(
            f"{', '.join(lost)} {verb} left out: no exchange rate is known, of a feed or loaded "
            "(manage.py load_instruments FILE --kind fx_rates)"
        )
    return rates


def currencies_by_desk(
    trades: Iterable[master.BookTrade], wanted: Collection[str]
) -> dict[str, set[str]]:
    """The currencies, of those wanted, in which each desk has trades."""
    found: dict[str, set[str]] = {}
    for trade in trades:
        if trade.terms.currency in wanted:
            found.setdefault(trade.desk, set()).add(str(trade.terms.currency))
    return found


def why_not_whole(name: str, held: Collection[str], found: Collection[str]) -> str:
    """The sentence for a desk of which a currency has no days; empty where all have."""
    lost = sorted(set(held) - set(found))
    return f"{name} is left out: it has trades in {', '.join(lost)} too" if lost else ""
