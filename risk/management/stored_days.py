"""Options of the commands that go through the stored days of the present book."""

from __future__ import annotations

import datetime as dt

from django.core.management.base import CommandParser

from instruments.management.options import day_count, iso_date
from pricing.markets.conventions import CURRENCIES

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
