"""Check whether ticks sent now would be priced: running processes and publishing sources."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from redis import RedisError

from feedbridge.bridge.market_state import market_of
from feedbridge.handover.resets import read_resets, reset_ns
from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book import Books
from risk.store.frames import Frames
from risk.store.heartbeats import alive, alive_workers

LOOK_EVERY_S = 0.2


def system_is_up(client: Any) -> bool:
    """True when ticks sent now will be priced."""
    try:
        books = Books(client)
        compiled = all(books.newest(name) is not None for name in CURRENCIES)
        listening = any(pulse.partitions for pulse in alive(client))
        return compiled and listening and bool(alive_workers(client))
    except RedisError:
        return False


def owners_of(frames: Frames, currencies: Sequence[str]) -> set[tuple[str, str]]:
    """Return source and currency of all publishing sources that were not released.

    Raises:
        redis.RedisError: It is down.
    """
    resets = read_resets(frames.client)
    found = set()
    for name, frame in frames.pointers(currencies).items():
        header = frames.header(name, frame)
        parts = market_of(header).parts.values() if header else ()
        found |= {(p.source, name) for p in parts if p.since_ns >= reset_ns(resets, p.source, name)}
    return found


def wait_for_system(client: Any, stop: threading.Event) -> None:
    """Wait until it is up or a signal to stop arrives."""
    while not system_is_up(client):
        if stop.wait(LOOK_EVERY_S):
            return
