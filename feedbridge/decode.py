"""Raw bytes of the feed in; a checked tick out, or the reason why not."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

import msgspec

from pricing.core import messages
from pricing.core.errors import BadInput
from pricing.core.messages import FxTick, MarketTick

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_QUOTES = 500
"""In one tick. A curve of thousands of nodes would hold a worker up beyond its time limit."""

YEARS = (1950, 2150)
"""QuantLib's dates end in 2199, and the longest tenor is 60 years."""

MAX_NS = 2**63 - 1
MAX_REASON_CHARACTERS = 1000
"""A reason may quote the record; the copy on the dead-letter topic holds the record itself."""

BRACKETS = re.compile(rb"[\[\]{}]")

NAMED = (
    (re.compile(r"missing required field `(\w+)`"), "MISSING"),
    (re.compile(r"unknown field"), "UNKNOWN_FIELD"),
    (re.compile(r"timezone component"), "AS_OF_NAIVE"),
    (re.compile(r"^Invalid RFC3339[^`]*`\$\.as_of`"), "AS_OF"),
    (re.compile(r"`\$\.(seq|epoch)`"), "SEQ"),
    (re.compile(r"Number out of range"), "NON_FINITE"),
    (re.compile(r"Expected `float`, got"), "TYPE"),
    (re.compile(r"Expected `float` [<>]"), "RANGE"),
    (re.compile(r"`\$\.labels"), "LABEL"),
)
"""What msgspec says, and the code for it; the first that fits. Anything else is SCHEMA."""

_market = msgspec.json.Decoder(MarketTick)
_fx = msgspec.json.Decoder(FxTick)


class BadTick(Exception):
    """A record that is not a tick and never will be: bury it."""

    def __init__(self, code: str, reason: str) -> None:
        if len(reason) > MAX_REASON_CHARACTERS:
            reason = f"{reason[:MAX_REASON_CHARACTERS]} ... ({len(reason)} characters)"
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


def market_tick(raw: bytes | None, key: bytes | None) -> MarketTick:
    """The tick of a record of the curve topic.

    Raises:
        BadTick: With a stable code and a sentence that names field, value and what is allowed.
    """
    tick: MarketTick = _decode(_market, raw)
    if key is not None and key != tick.currency.encode():
        raise BadTick("KEY_MISMATCH", f"key {key!r} of a tick of {tick.currency}; use the currency")
    _check_times(tick.as_of, tick.sent_ns)
    _check_count(tick)
    try:
        messages.check_quotes(tick.currency, tick.curves)
    except BadInput as error:
        raise BadTick(_code(error), str(error)) from None
    return tick


def judged(raw: bytes) -> MarketTick:
    """The tick of bytes that ``market_tick`` has taken before."""
    return _market.decode(raw)


def fx_tick(raw: bytes | None) -> FxTick:
    """The tick of a record of the FX topic.

    Raises:
        BadTick: As ``market_tick``.
    """
    tick: FxTick = _decode(_fx, raw)
    _check_times(tick.as_of, tick.sent_ns)
    if not tick.usd:
        raise BadTick("EMPTY", "usd: carries no rate")
    if tick.usd.get("USD", 1.0) != 1.0:
        raise BadTick("RANGE", f"usd USD: {tick.usd['USD']!r} is not valid; a dollar is 1 dollar")
    return tick


def _check_times(as_of: dt.datetime, sent_ns: int) -> None:
    first, last = YEARS
    if not first <= as_of.year <= last:
        raise BadTick("AS_OF", f"as_of: {as_of.year} is not valid; years {first} to {last}")
    if not 0 <= sent_ns <= MAX_NS:
        raise BadTick("SENT_NS", "sent_ns: nanoseconds since 1970, or 0 when not known")


def _check_count(tick: MarketTick) -> None:
    quotes = sum(map(len, tick.curves.values()))
    if not quotes:
        raise BadTick("EMPTY", "curves: carries no quote")
    if quotes > MAX_QUOTES:
        raise BadTick("TOO_MANY", f"curves: {quotes} quotes; at most {MAX_QUOTES}")
    for curve, tenors in tick.curves.items():
        for tenor in tenors:
            if not _is_tenor(tenor):
                raise BadTick("UNKNOWN_TENOR", f"{curve}: {tenor!r} is not valid; such as 10Y")


@lru_cache(maxsize=1024)
def _is_tenor(text: str) -> bool:
    return messages.TENOR.fullmatch(text) is not None


def _decode(decoder: Any, raw: bytes | None) -> Any:
    if not raw:
        raise BadTick("EMPTY", "the record has no value")
    if len(raw) > MAX_BYTES:
        raise BadTick("TOO_LARGE", f"{len(raw)} bytes; at most {MAX_BYTES}")
    if _depth(raw) > MAX_DEPTH:
        raise BadTick("TOO_DEEP", f"nested more than {MAX_DEPTH} deep")
    _refuse_double_keys(raw)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadTick(_schema_code(str(error)), str(error)) from None
    except UnicodeDecodeError as error:
        raise BadTick("ENCODING", str(error)) from None
    except msgspec.DecodeError as error:
        raise BadTick("NON_FINITE" if _non_finite(raw) else "JSON", str(error)) from None


def _depth(raw: bytes) -> int:
    """How deep brackets nest; those inside strings count too, and no tick has twenty."""
    depth = deepest = 0
    for bracket in BRACKETS.findall(raw):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _schema_code(text: str) -> str:
    return next((code for pattern, code in NAMED if pattern.search(text)), "SCHEMA")


def _refuse_double_keys(raw: bytes) -> None:
    """JSON lets a key stand twice and the last one win; a quote sent twice is no quote."""
    twice = messages.doubled_key(raw)
    if twice is not None:
        raise BadTick("DUP_KEY", f"{twice!r} stands twice")


def _non_finite(raw: bytes) -> bool:
    return any(word in raw for word in (b"NaN", b"Infinity"))


def _code(error: BadInput) -> str:
    if error.field == "currency":
        return "UNKNOWN_CURRENCY"
    if error.field == "curve":
        return "UNKNOWN_CURVE"
    return "UNKNOWN_TENOR" if error.field == "tenor" else "RANGE"
