"""Decode and check records of the feed: a typed tick, or a BadTick with code and reason."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from pricing.curves.price_quotes import with_prices
from pricing.curves.quote_ids import is_id
from pricing.curves.quotes import CurveQuotes, check_numbers, check_quotes, check_tenors
from pricing.errors import BadInput, shortened
from pricing.json_objects import doubled_key
from pricing.markets.business_dates import business_date
from pricing.markets.conventions import CURRENCIES, CURVES
from risk.store.messages import FxTick, MarketTick

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_CURVE_QUOTES, MAX_MARKET_QUOTES = 120, 300
"""Largest number of quotes of one curve, and of all curves of a currency. A task has a time limit,
and the cost of solving rises with the cube of the quotes; the longest published curves have about
30."""

FIRST_YEAR = 1950

MAX_RISE = {"epoch": 1_000, "seq": 10**9}
"""Largest rise of a source's numbers from one tick to the next; a tenth of the number is allowed
too, if that is more. Counters rise by one and clocks by the time between ticks: after a mistaken
leap, all correct ticks would count as stale."""

MAX_NS = 2**63 - 1
MAX_REASON_CHARACTERS = 1000
"""Longest reason in a dead letter. A reason may quote the record, which the dead letter contains
anyway."""

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
"""Patterns of msgspec's messages with the code of the refusal; the first match counts. A message
that matches none has the code SCHEMA."""

_market = msgspec.json.Decoder(MarketTick)
_fx = msgspec.json.Decoder(FxTick)


@dataclass(frozen=True)
class TimeLimits:
    """How far the `as_of` of a tick may be from this machine's clock.

    ``ahead`` leaves room for time zones and wrong clocks: a date beyond all maturities would price
    the book at 0. ``age`` is open unless it is set, as history is replayed.
    """

    ahead: dt.timedelta = dt.timedelta(days=2)
    age: dt.timedelta | None = None

    def earliest(self, now: dt.datetime) -> dt.datetime:
        """The first time that is taken."""
        first = dt.datetime(FIRST_YEAR, 1, 1, tzinfo=dt.UTC)
        return first if self.age is None else max(first, now - self.age)


class BadTick(Exception):
    """A record that can never become a tick: send it to the dead letters."""

    def __init__(self, code: str, reason: str) -> None:
        if len(reason) > MAX_REASON_CHARACTERS:  # msgspec names the field at the end
            half = MAX_REASON_CHARACTERS // 2
            reason = f"{reason[:half]} ... ({len(reason)} characters) ... {reason[-half:]}"
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class SourceRefused(BadTick):
    """A valid record that its source may not send: its numbers leap, or the quotes are another's.

    It says nothing against the other records of the topic, which bridges stop reading when too
    many are bad.
    """


def market_tick(
    raw: bytes | None,
    key: bytes | None,
    now: dt.datetime | None = None,
    times: TimeLimits = TimeLimits(),
) -> MarketTick:
    """The tick of a record of the curve topic; ``now`` is the clock's time, else today's.

    Raises:
        BadTick: With a stable code and a sentence that names field, value and what is allowed.
    """
    tick: MarketTick = _decode(_market, raw)
    if key is not None and key != tick.currency.encode():
        raise BadTick("KEY_MISMATCH", f"key {key!r} of a tick of {tick.currency}; use the currency")
    _check_times(tick.as_of, tick.sent_ns, now, times)
    _check_count(tick)
    try:
        tick = _in_rates(tick)
        check_quotes(tick.currency, tick.curves)
        _check_labels(tick)
    except BadInput as error:
        raise BadTick(_code(error), str(error)) from None
    return tick


def checked_tick(raw: bytes) -> MarketTick:
    """Decode a tick that ``market_tick`` has accepted before, without checking it again."""
    return _in_rates(_market.decode(raw))


def _in_rates(tick: MarketTick) -> MarketTick:
    """The tick with the rates of its prices, so that nothing behind this module sees a price.

    Raises:
        BadInput: As ``with_prices``.
    """
    if not tick.prices:
        return tick
    today = business_date(tick.currency, tick.as_of)
    curves = with_prices(tick.currency, tick.curves, tick.prices, today)
    return msgspec.structs.replace(tick, curves=curves, prices={})


def fx_tick(
    raw: bytes | None, now: dt.datetime | None = None, times: TimeLimits = TimeLimits()
) -> FxTick:
    """The tick of a record of the FX topic.

    Raises:
        BadTick: As ``market_tick``.
    """
    tick: FxTick = _decode(_fx, raw)
    _check_times(tick.as_of, tick.sent_ns, now, times)
    if not tick.usd:
        raise BadTick("EMPTY", "usd: carries no rate")
    unknown = [name for name in tick.usd if name not in CURRENCIES]
    if unknown:
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        found = shortened(repr(unknown[0]))
        allowed = ", ".join(CURRENCIES)
        raise BadTick("UNKNOWN_CURRENCY", f"usd: {found}{more} not known; allowed: {allowed}")
    if tick.usd.get("USD", 1.0) != 1.0:
        raise BadTick("RANGE", f"usd USD: {tick.usd['USD']!r} is not valid; a dollar is 1 dollar")
    return tick


def check_order(tick: MarketTick | FxTick, last: tuple[int, int] | None, now_ns: int) -> None:
    """Refuse a leap of a source's numbers.

    Args:
        tick: What it sent.
        last: Its last epoch and seq; None for the first tick of a source.
        now_ns: The clock's time, ns since 1970: the first epoch is a counter or a clock's time in
            seconds, milliseconds or microseconds.

    Raises:
        SourceRefused: With the code EPOCH_JUMP or SEQ_JUMP.
    """
    if last is None:
        _check_highest("epoch", tick.epoch, "the clock's microseconds", now_ns // 1000)
    elif tick.epoch > last[0]:
        _check_highest("epoch", tick.epoch, "the source's last", last[0])
    elif tick.epoch == last[0]:
        _check_highest("seq", tick.seq, "the source's last", last[1])


def _check_highest(name: str, value: int, what: str, base: int) -> None:
    highest = max(base + MAX_RISE[name], base + base // 10)
    if value > highest:
        why = f"{name}: {value} is too far above {base}, {what}; at most {highest}"
        raise SourceRefused(f"{name.upper()}_JUMP", f"{why}, or run manage.py reset_source")


def check_market(curves: CurveQuotes) -> None:
    """Refuse a market of too many quotes to be priced in time, or of one tenor spelt twice.

    Raises:
        BadTick: With the code TOO_MANY or UNKNOWN_TENOR; it names the curve.
    """
    for curve, quotes in curves.items():
        if len(quotes) > MAX_CURVE_QUOTES:
            why = f"{curve}: {len(quotes)} quotes with those that stand; at most {MAX_CURVE_QUOTES}"
            raise BadTick("TOO_MANY", why)
        try:
            check_tenors(curve, quotes)
        except BadInput as error:
            raise BadTick(_code(error), str(error)) from None
    total = sum(map(len, curves.values()))
    if total > MAX_MARKET_QUOTES:
        why = f"curves: {total} quotes with those that stand; at most {MAX_MARKET_QUOTES}"
        raise BadTick("TOO_MANY", why)


def _check_labels(tick: MarketTick) -> None:
    for curve in tick.labels:
        row = CURVES.get(curve)
        if row is None or row.currency != tick.currency:
            known = ", ".join(c.name for c in CURVES.values() if c.currency == tick.currency)
            place, allowed = shortened(repr(curve)), f"curves of {tick.currency}: {known}"
            raise BadTick("LABEL", f"labels: {place} is not valid; {allowed}")


def _check_times(
    as_of: dt.datetime, sent_ns: int, now: dt.datetime | None, times: TimeLimits
) -> None:
    now = now or dt.datetime.now(dt.UTC)
    earliest, latest = times.earliest(now), now + times.ahead
    if not earliest <= as_of <= latest:
        ahead = f"{times.ahead.days} days ahead of the clock"
        limits = f"from {earliest:%Y-%m-%d} to {ahead}, {latest:%Y-%m-%d}"
        raise BadTick("AS_OF", f"as_of: {as_of.isoformat()} is not valid; {limits}")
    if not 0 <= sent_ns <= MAX_NS:
        raise BadTick("SENT_NS", "sent_ns: nanoseconds since 1970, or 0 when not known")


def _check_count(tick: MarketTick) -> None:
    if not any(tick.curves.values()) and not any(tick.prices.values()):
        raise BadTick("EMPTY", "curves: carries no quote")
    for quotes in (tick.curves, tick.prices):
        check_market(quotes)
        _check_ids(quotes)


def _check_ids(curves: CurveQuotes) -> None:
    for curve, tenors in curves.items():
        for tenor in tenors:
            if not is_id(tenor):
                shown = f"{shortened(repr(tenor))} is not valid; such as 10Y or SR3H25"
                raise BadTick("UNKNOWN_TENOR", f"{curve}: {shown}")


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
        code = _schema_code(str(error))
        raise BadTick(code, _no_number(raw, error) if code == "TYPE" else str(error)) from None
    except UnicodeDecodeError as error:
        raise BadTick("ENCODING", str(error)) from None
    except msgspec.DecodeError as error:
        raise BadTick("NON_FINITE" if _non_finite(raw) else "JSON", str(error)) from None


def _no_number(raw: bytes, error: msgspec.ValidationError) -> str:
    """Name the curve and tenor, or the currency, whose rate is no number.

    A record may be malformed behind the place at which its types were found wrong.
    """
    try:
        content = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return str(error)
    try:
        check_numbers(content.get("curves"))
        check_numbers(content.get("prices"))
        check_numbers({"usd": content.get("usd", {})})
    except BadInput as error:
        return str(error)
    return "a number is expected"


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
    twice = doubled_key(raw)
    if twice is not None:
        raise BadTick("DUP_KEY", f"{twice!r} appears twice")


def _non_finite(raw: bytes) -> bool:
    return any(word in raw for word in (b"NaN", b"Infinity"))


def _code(error: BadInput) -> str:
    if error.field == "currency":
        return "UNKNOWN_CURRENCY"
    if error.field == "curve":
        return "UNKNOWN_CURVE"
    return "UNKNOWN_TENOR" if error.field == "tenor" else "RANGE"
