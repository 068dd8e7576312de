"""Exchange rates in Redis: a bridge merges ticks into them, and every frame takes a copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import redis

from risk.store.messages import FxTick

FX_KEY = "risk:{fx}:usd"

STORED = "stored"
"""Label of rates of the security master, which are used until a tick brings newer ones."""

LEAST_REAL_FIRST = ("synthetic", STORED, "proxy", "official")


class Fx(msgspec.Struct, frozen=True):
    """US dollars per unit of each currency, with their labels.

    ``labels`` holds the label that each rate came with; ``label`` is the least real of them,
    for displays with one label for all. The dollar's own rate has none.
    """

    usd: dict[str, float] = msgspec.field(default_factory=lambda: {"USD": 1.0})
    label: str = ""
    labels: dict[str, str] = {}


_decoder = msgspec.msgpack.Decoder(Fx)


def laid_over(before: Fx, newer: FxTick | Fx) -> Fx:
    """Merge newer rates into the stored ones; absent rates keep their value and label."""
    labels = newer.labels if isinstance(newer, Fx) else dict.fromkeys(newer.usd, newer.label)
    merged = {**before.labels, **labels}
    merged.pop("USD", None)  # a dollar is a dollar, whatever its source
    return Fx({**before.usd, **newer.usd}, _least_real(merged), merged)


def _least_real(labels: dict[str, str]) -> str:
    return next((label for label in LEAST_REAL_FIRST if label in labels.values()), "")


def read_fx(client: redis.Redis) -> Fx:
    """The newest rates; only the dollar's own when none have come."""
    raw: Any = client.get(FX_KEY)
    return _decoder.decode(raw) if raw else Fx()


def known_rates(client: redis.Redis, of_master: Mapping[str, float]) -> dict[str, float]:
    """US dollars per unit: the newest rates of ticks, and the master's where none has come.

    Raises:
        RedisError: Redis does not answer.
    """
    return {"USD": 1.0, **of_master, **read_fx(client).usd}


def write_fx(client: redis.Redis, newer: FxTick | Fx) -> None:
    """Merge rates into the stored ones. The bridge that reads the FX topic checks order."""
    merged = laid_over(read_fx(client), newer)
    client.set(FX_KEY, msgspec.msgpack.encode(merged))


def stand_in(client: redis.Redis, usd: Mapping[str, float]) -> None:
    """Use the security master's rates for currencies of which no tick has come."""

    def write(pipe: Any) -> None:
        raw = pipe.get(FX_KEY)
        before = _decoder.decode(raw) if raw else Fx()
        free = [name for name in usd if before.labels.get(name, STORED) == STORED]
        ours = [name for name in free if name in before.labels or name not in before.usd]
        newer = Fx({name: usd[name] for name in ours}, STORED, dict.fromkeys(ours, STORED))
        pipe.multi()
        if ours:
            pipe.set(FX_KEY, msgspec.msgpack.encode(laid_over(before, newer)))

    client.transaction(write, FX_KEY)  # again, when a tick comes in between
