"""The newest exchange rates in Redis: written by a bridge, stamped into every frame."""

from __future__ import annotations

from typing import Any

import msgspec
import redis

from pricing.core.messages import FxTick

FX_KEY = "risk:{fx}:usd"


class Fx(msgspec.Struct, frozen=True):
    """US dollars per unit of each currency, and how real they are."""

    usd: dict[str, float] = msgspec.field(default_factory=lambda: {"USD": 1.0})
    label: str = ""


_decoder = msgspec.msgpack.Decoder(Fx)


def read_fx(client: redis.Redis) -> Fx:
    """The newest rates; only the dollar's own when none have come."""
    raw: Any = client.get(FX_KEY)
    return _decoder.decode(raw) if raw else Fx()


def write_fx(client: redis.Redis, tick: FxTick) -> None:
    """Store a tick's rates. The bridge judges order; the last one written stands."""
    fx = Fx({"USD": 1.0, **tick.usd}, tick.label)
    client.set(FX_KEY, msgspec.msgpack.encode(fx))
