"""Raw bytes of the feed in; a checked tick out, or the reason why not."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from pricing.core import messages
from pricing.core.errors import BadInput
from pricing.core.messages import FxTick, MarketTick

MAX_BYTES = 256 * 1024

_market = msgspec.json.Decoder(MarketTick)
_fx = msgspec.json.Decoder(FxTick)


class BadTick(Exception):
    """A record that is not a tick and never will be: bury it."""

    def __init__(self, code: str, reason: str) -> None:
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
    if not any(tick.curves.values()):
        raise BadTick("EMPTY", "curves: carries no quote")
    try:
        messages.check_quotes(tick.currency, tick.curves)
    except BadInput as error:
        raise BadTick(_code(error), str(error)) from None
    return tick


def fx_tick(raw: bytes | None) -> FxTick:
    """The tick of a record of the FX topic.

    Raises:
        BadTick: As ``market_tick``.
    """
    return _decode(_fx, raw)  # type: ignore[no-any-return]


def _decode(decoder: Any, raw: bytes | None) -> Any:
    if not raw:
        raise BadTick("EMPTY", "the record has no value")
    if len(raw) > MAX_BYTES:
        raise BadTick("TOO_LARGE", f"{len(raw)} bytes; at most {MAX_BYTES}")
    _refuse_double_keys(raw)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadTick("SCHEMA", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadTick("NON_FINITE" if _non_finite(raw) else "JSON", str(error)) from None
    except RecursionError:
        raise BadTick("TOO_DEEP", "nested too deeply") from None


def _refuse_double_keys(raw: bytes) -> None:
    """JSON lets a key stand twice and the last one win; a quote sent twice is no quote."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise BadTick("DUP_KEY", f"{twice!r} stands twice")
        return found

    try:
        json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return  # the typed decoder says it better


def _non_finite(raw: bytes) -> bool:
    return any(word in raw for word in (b"NaN", b"Infinity"))


def _code(error: BadInput) -> str:
    if error.field == "currency":
        return "UNKNOWN_CURRENCY"
    if error.field == "curve":
        return "UNKNOWN_CURVE"
    return "UNKNOWN_TENOR" if error.field == "tenor" else "RANGE"
