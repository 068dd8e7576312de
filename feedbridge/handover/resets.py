"""Resets of sources, in Redis, which tell every bridge to forget a source's sequence numbers.

When a source has sent a number that is far too high, or starts again below its last number, its
next ticks count as stale. After a reset its next tick counts as its first, and another source may
publish the quotes that it owned. A reset is stored in Redis with its time, so that it reaches
bridges that run and those that start later; ticks sent after that time count.
"""

from __future__ import annotations

import time
from typing import Any

RESETS_KEY = "risk:resets"
ALL_CURRENCIES = "*"

KEPT_DAYS = 30
"""Days after which a reset is deleted, when another is written. Every replay writes one."""

Resets = dict[tuple[str, str], int]
"""Time of the last reset (ns since 1970) by source and currency, or ALL_CURRENCIES."""


def write_reset(
    client: Any, source: str, currency: str = ALL_CURRENCIES, for_s: float = 0.0
) -> None:
    """Tell all bridges to forget the last number of a source, and to release its quotes.

    For ``for_s`` seconds the quotes that it sends are released too, so that another source can
    take them over from one that continues to send.
    """
    now_ns = time.time_ns()
    oldest_ns = now_ns - KEPT_DAYS * 86_400 * 10**9
    old = [key for key, value in client.hgetall(RESETS_KEY).items() if int(value) < oldest_ns]
    if old:
        client.hdel(RESETS_KEY, *old)
    client.hset(RESETS_KEY, f"{currency} {source}", now_ns + int(for_s * 1e9))


def read_resets(client: Any) -> Resets:
    """All resets.

    Raises:
        redis.RedisError: It is down.
    """
    return decode_resets(client.hgetall(RESETS_KEY))


def decode_resets(raw: dict[bytes, bytes]) -> Resets:
    """The resets of a reply of HGETALL."""
    found: Resets = {}
    for field, value in raw.items():
        currency, _, source = field.decode().partition(" ")
        found[source, currency] = int(value)
    return found


def reset_ns(resets: Resets, source: str, currency: str) -> int:
    """When a source was last reset in a currency; 0 when it never was."""
    return max(resets.get((source, currency), 0), resets.get((source, ALL_CURRENCIES), 0))
