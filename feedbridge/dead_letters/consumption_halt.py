"""The record in Redis of why bridges have stopped reading; it also holds for bridges started later.

A supervisor restarts a bridge that has ended, and each start must not read fifty more bad records.
While the record exists, no bridge reads anything.
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
    """Decode a halt; None when there is none."""
    return _decode(raw) if raw else None


def read_halt(client: Any) -> ConsumptionHalt | None:
    """The halt, if consumption is halted."""
    return decode_halt(client.get(HALTED_KEY))


def write_halt(client: Any, bridge: str, why: str) -> ConsumptionHalt:
    """Halt consumption and return the halt that holds: the first one. Safe to repeat."""
    halt = ConsumptionHalt(bridge=bridge, why=why, since_ns=time.time_ns())
    client.set(HALTED_KEY, msgspec.json.encode(halt), nx=True)
    return read_halt(client) or halt


def clear_halt(client: Any) -> None:
    """End the halt: bridges may read again."""
    client.delete(HALTED_KEY)
