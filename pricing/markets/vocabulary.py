"""Translate the spellings that people use into this project's own names.

It covers day counts, calendars, business day conventions and payment frequencies. The QuantLib
objects behind the names are made in ``products/schedules.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pricing.errors import BadInput

CALENDARS = (
    *("AUSTRALIA", "CANADA", "DENMARK", "JAPAN", "NEW-ZEALAND", "NONE", "NORWAY", "SWEDEN"),
    *("SWITZERLAND", "TARGET", "UK", "US", "US-GOVT", "US-SOFR", "WEEKENDS"),
)
DAY_COUNTS = (
    "ACT/360",
    "ACT/365F",
    "ACT/ACT ICMA",
    "ACT/ACT ISDA",
    "30/360",
    "30/360 US",
    "30E/360",
)
YEAR_DAYS: Mapping[str, float] = {"ACT/360": 360.0, "ACT/365F": 365.0}
"""Days of a year by day count, for those that divide actual days by one number, as indices do."""

IMM = "IMM"
"""The roll day of dates on third Wednesdays."""

ROLLS = ("FOLLOWING", "MODIFIED_FOLLOWING", "PRECEDING", "MODIFIED_PRECEDING", "UNADJUSTED")
MONTHS = {"1M": 1, "2M": 2, "3M": 3, "4M": 4, "6M": 6, "1Y": 12}
"""Months of a period, by frequency."""

PERIODIC_FREQUENCIES = tuple(MONTHS)
FREQUENCIES = (*PERIODIC_FREQUENCIES, "ZERO")

_DAY_COUNT_ALIASES = {
    "ACTUAL360": "ACT/360",
    "A360": "ACT/360",
    "ACT365": "ACT/365F",
    "ACT365FIXED": "ACT/365F",
    "ACTUAL365F": "ACT/365F",
    "ACTUAL365FIXED": "ACT/365F",
    "A365F": "ACT/365F",
    "ACTACT": "ACT/ACT ICMA",
    "ACTACTISMA": "ACT/ACT ICMA",
    "ACTUALACTUAL": "ACT/ACT ICMA",
    "ACTUALACTUALICMA": "ACT/ACT ICMA",
    "ACTUALACTUALISMA": "ACT/ACT ICMA",
    "ACTUALACTUALISDA": "ACT/ACT ISDA",
    "30360BONDBASIS": "30/360",
    "BONDBASIS": "30/360",
    "30360ISDA": "30/360",
    "30U360": "30/360 US",
    "30360EUROPEAN": "30E/360",
    "EUROBONDBASIS": "30E/360",
    "30E360ISMA": "30E/360",
}
_ROLL_ALIASES = {
    "MODFOLLOWING": "MODIFIED_FOLLOWING",
    "MF": "MODIFIED_FOLLOWING",
    "F": "FOLLOWING",
    "NONE": "UNADJUSTED",
}
_FREQUENCY_ALIASES = {
    "ANNUAL": "1Y",
    "YEARLY": "1Y",
    "SEMIANNUAL": "6M",
    "QUARTERLY": "3M",
    "MONTHLY": "1M",
    "1": "1Y",
    "2": "6M",
    "4": "3M",
    "12": "1M",
    "12M": "1Y",
    "NONE": "ZERO",
    "0": "ZERO",
    "ONCE": "ZERO",
}


def _squash(name: object) -> str:
    return re.sub(r"[^A-Z0-9]", "", str(name).upper())


def _known(field: str, name: object, table: tuple[str, ...], aliases: dict[str, str]) -> str:
    squashed = _squash(name)
    for known in table:
        if squashed == _squash(known):
            return known
    if squashed in aliases:
        return aliases[squashed]
    raise BadInput(field, name, f"allowed: {', '.join(table)}")


@cache
def day_count(name: str, field: str = "day_count") -> str:
    """Return the name in DAY_COUNTS for a spelling of it.

    Raises:
        BadInput: No such day count; the message lists them. So below.
    """
    return _known(field, name, DAY_COUNTS, _DAY_COUNT_ALIASES)


@cache
def calendar(name: str, field: str = "calendar") -> str:
    """Return the name in CALENDARS for a spelling of it."""
    return _known(field, name, CALENDARS, {})


@cache
def roll(name: str, field: str = "business_day_convention") -> str:
    """Return the name in ROLLS for a spelling of it."""
    return _known(field, name, ROLLS, _ROLL_ALIASES)


@cache
def frequency(value: str | int, field: str = "payment_frequency") -> str:
    """Return the name in FREQUENCIES for a tenor, a word, or a number of payments per year."""
    return _known(field, value, FREQUENCIES, _FREQUENCY_ALIASES)


@cache
def roll_day(value: str | int, field: str = "roll_day") -> int | str:
    """A day of the month, or IMM.

    Raises:
        BadInput: Neither of them.
    """
    word = str(value).strip().upper()
    if word == IMM:
        return IMM
    if word.isdecimal() and 1 <= int(word) <= 31:
        return int(word)
    raise BadInput(field, value, "a day of the month from 1 to 31, or IMM (third Wednesdays)")
