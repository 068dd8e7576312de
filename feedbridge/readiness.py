"""A Redis in; the moment at which a bridge and a worker run and books are compiled, out."""

from __future__ import annotations

import threading
from typing import Any

from redis import RedisError

from pricing.books import Books
from pricing.core.conventions import CURRENCIES
from pricing.pulse import alive, alive_workers

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


def wait_for_system(client: Any, stop: threading.Event) -> None:
    """Return when it is up, or when told to stop."""
    while not system_is_up(client):
        if stop.wait(LOOK_EVERY_S):
            return
