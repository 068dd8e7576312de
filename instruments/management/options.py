"""Types of command-line options."""

from __future__ import annotations

import argparse
import datetime as dt

MOST_DAYS = 5_000


def iso_date(text: str) -> dt.date:
    """A date such as 2024-01-31; what else is given is refused with a sentence."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2024-01-31") from None


def day_count(text: str) -> int:
    """A number of days; what else is given is refused with a sentence."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {MOST_DAYS}")
    return int(text)
