"""Why bridges have stopped reading, for all of them and the next ones, in Redis.

A supervisor starts a bridge that has ended again. It must not read fifty more bad records at
each start: while the mark stands, a bridge reads nothing.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

HALTED_KEY = "risk:halted"


class ConsumptionHalt(msgspec.Struct, frozen=True, kw_only=True):
    """Which bridge stopped, when, and why."""

    bridge: str
    why: str
    since_ns: int

    def __str__(self) -> str:
        return (
            f"reading has stopped: {self.why} ({self.bridge}); look at `manage.py deadletters`,"
            " correct the feed, then start `manage.py runbridge --accept-bad`"
        )


_decode = msgspec.json.Decoder(ConsumptionHalt).decode


def decode_halt(raw: bytes | None) -> ConsumptionHalt | None:
    """The mark of these bytes."""
    return _decode(raw) if raw else None


def read_halt(client: Any) -> ConsumptionHalt | None:
    """The mark, if it stands."""
    return decode_halt(client.get(HALTED_KEY))


def write_halt(client: Any, bridge: str, why: str) -> ConsumptionHalt:
    """Set the mark; the first one stays. Safe to repeat."""
    halt = ConsumptionHalt(bridge=bridge, why=why, since_ns=time.time_ns())
    client.set(HALTED_KEY, msgspec.json.encode(halt), nx=True)
    return read_halt(client) or halt


def clear_halt(client: Any) -> None:
    """Somebody has looked: bridges may read again."""
    client.delete(HALTED_KEY)
