"""What processes say to each other: frozen, typed, decoded once at the door.

Fields are added with a default, never renamed. msgspec refuses NaN, Infinity, numbers in
quotes, unknown fields and wrong types with the path to the fault.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from pricing.core import conventions, limits
from pricing.core.errors import BadInput

QUOTE_MIN, QUOTE_MAX = -0.05, 0.5
"""A rate outside is refused: 4.25 sent as percent is caught here."""

FX_MIN, FX_MAX = 1e-6, 1e3
"""US dollars per unit. The Iranian rial is worth about 2e-5 dollars, the Kuwaiti dinar 3.3: a rate
outside is a fault of its feed, and sums converted with it would be of no use."""

KEY = re.compile(rb'"\s*:')
TENOR = re.compile(r"([1-9][0-9]{0,3})([DWMY])")
DAYS_PER_UNIT = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
BASE_UNITS = {"D": (1, "D"), "W": (7, "D"), "M": (1, "M"), "Y": (12, "M")}
MAX_TENOR_DAYS = 60.01 * 365.25

Label = Literal["official", "proxy", "synthetic"]
CurveQuotes = dict[str, dict[str, float]]
"""Rates as decimals per year by curve and tenor."""


class MarketTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a feed: the moved quotes of one currency. What is absent stands.

    ``whole`` says that this is all the source publishes of the currency: what it carried before
    and does not carry now leaves the market. The first tick of a business date must be whole.
    ``seq`` rises per source and currency; ``epoch`` rises when a source restarts from 0.
    ``as_of`` is the market's time; its date in the currency's own time zone is the valuation date.
    ``sent_ns`` is the sender's wall clock (ns since 1970), for latency and for releases of sources.
    """

    currency: str
    as_of: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    curves: CurveQuotes
    labels: dict[str, Label] = {}
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    sent_ns: int = 0
    whole: bool = False


class FxTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exchange rates: the value of 1 unit of each currency in US dollars."""

    as_of: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    usd: dict[str, Annotated[float, msgspec.Meta(ge=FX_MIN, le=FX_MAX)]]
    label: Label
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    sent_ns: int = 0


class PriceJob(msgspec.Struct, frozen=True, kw_only=True):
    """One block of one frame: all that a worker needs to price it, so nothing is 'latest'.

    ``thorough`` is for careful runs (``pricing/rehearsal.py``).
    """

    currency: str
    frame: int
    block: int
    blocks: int
    book_version: str
    valuation_date: dt.date
    curves: CurveQuotes
    attempt: int = 1
    thorough: bool = False


class SourceQuotes(msgspec.Struct, frozen=True, kw_only=True):
    """What one source publishes of a currency: tenors by curve, and its last tick.

    ``since_ns`` is when that was sent or received, ns since 1970.
    """

    epoch: int
    seq: int
    as_of: dt.datetime
    since_ns: int
    curves: dict[str, list[str]]


class FrameHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame was made from: one quote vector, one date, one book version.

    ``source``, ``epoch`` and ``seq`` are of the newest tick; ``sources`` has all that publish.
    """

    frame: int
    currency: str
    as_of: dt.datetime
    valuation_date: dt.date
    curves: CurveQuotes
    labels: dict[str, Label]
    book_version: str
    blocks: int
    opened_ns: int
    received_ns: int
    sent_ns: int = 0
    source: str = ""
    epoch: int = 0
    seq: int = 0
    ticks: int = 1
    fx: dict[str, float] = {}
    fx_label: str = ""
    sources: dict[str, SourceQuotes] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A trade without a number, and why."""

    trade_id: str
    code: str
    message: str


@lru_cache(maxsize=1024)
def tenor_days(tenor: str) -> float:
    """Approximate length of a tenor in days, for sorting and limits only.

    Raises:
        BadInput: Not a tenor such as 1D, 2W, 18M or 30Y, or longer than 60 years.
    """
    match = TENOR.fullmatch(tenor)
    if match is None:
        raise BadInput("tenor", tenor, "use a number and D, W, M or Y, such as 6M or 10Y")
    days = int(match[1]) * DAYS_PER_UNIT[match[2]]
    if days > MAX_TENOR_DAYS:
        raise BadInput("tenor", tenor, "at most 60Y")
    return days


@lru_cache(maxsize=1024)
def tenor_length(tenor: str) -> tuple[int, str]:
    """Days or months of a tenor, with their unit: two spellings of one tenor have the same.

    Raises:
        BadInput: As ``tenor_days``.
    """
    tenor_days(tenor)
    count, unit = int(tenor[:-1]), tenor[-1]
    factor, base = BASE_UNITS[unit]
    return count * factor, base


def doubled_key(raw: bytes) -> str | None:
    """A key that stands twice in one JSON object: the last would win, unseen."""
    if _every_key_is_kept(raw):
        return None
    found: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        counts = Counter(name for name, _ in pairs)
        found.extend(name for name, count in counts.items() if count > 1)

    try:
        json.loads(raw, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return None  # not JSON at all: the typed decoder says it better
    return found[0] if found else None


def _every_key_is_kept(raw: bytes) -> bool:
    """True when a plain decoder keeps as many keys as the text has at most; ten times faster.

    Each key is a string before a colon. A string that holds such a text counts too: then
    this is False, and the slow way decides.
    """
    try:
        return _keys_in(msgspec.json.decode(raw)) == len(KEY.findall(raw))
    except (ValueError, RecursionError):
        return False


def _keys_in(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys_in, value.values()))
    return sum(map(_keys_in, value)) if isinstance(value, list) else 0


def check_quotes(currency: str, curves: CurveQuotes) -> None:
    """Refuse what cannot be quotes of that currency.

    Raises:
        BadInput: Unknown currency, curve of another currency, bad or doubled tenor, rate out of
            range.
    """
    if currency not in conventions.CURRENCIES:
        raise BadInput("currency", currency, f"allowed: {', '.join(conventions.CURRENCIES)}")
    for curve, quotes in curves.items():
        row = conventions.CURVES.get(curve)
        if row is None or row.currency != currency:
            known = [c.name for c in conventions.CURVES.values() if c.currency == currency]
            raise BadInput("curve", curve, f"curves of {currency}: {', '.join(known)}")
        for tenor, rate in quotes.items():
            _check_tenor(curve, tenor)
            if not QUOTE_MIN <= rate <= QUOTE_MAX:
                allowed = limits.decimal_rate(rate, QUOTE_MIN, QUOTE_MAX)
                raise BadInput(f"{curve} {tenor}", rate, allowed)
        check_tenors(curve, quotes)


def _check_tenor(curve: str, tenor: str) -> None:
    try:
        tenor_days(tenor)
    except BadInput as error:
        raise BadInput("tenor", tenor, f"{error.allowed} (quotes of {curve})") from None


def check_tenors(curve: str, tenors: Iterable[str]) -> None:
    """Refuse two spellings of one tenor in a curve: they are two quotes of one instrument.

    Tenors of days and of months can end on one day too, which depends on the date:
    ``CurveSet`` refuses those.

    Raises:
        BadInput: Such as 12M beside 1Y, or 7D beside 1W.
    """
    seen: dict[tuple[int, str], str] = {}
    for tenor in tenors:
        other = seen.setdefault(tenor_length(tenor), tenor)
        if other != tenor:
            reason = f"{curve} has {other} too, which is the same tenor: give one of them"
            raise BadInput("tenor", tenor, reason)


def check_numbers(curves: object) -> None:
    """Refuse quotes that are no numbers, in decoded JSON that the types have refused.

    Raises:
        BadInput: With curve, tenor and what stands there.
    """
    for curve, quotes in curves.items() if isinstance(curves, dict) else ():
        if not isinstance(quotes, dict):
            raise BadInput(curve, quotes, 'rates by tenor are expected, such as {"1Y": 0.0425}')
        for tenor, rate in quotes.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float):
                reason = "a number is expected; leave out what has no quote"
                raise BadInput(f"{curve} {tenor}", rate, reason)
