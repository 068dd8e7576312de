"""Tasks of which at most one waits for each currency, however many frames ask for one.

    risk:{USD}:analytics:scheduled  the name of the task that waits, and is to make analytics
    risk:{USD}:explain:scheduled    the same for an explain

A task that is not the one that waits ends at once. Otherwise each task that was sent twice would
go on for ever, because those whose turn has not come send another.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal

import redis

from risk.store.frames import key

INTERVAL_S = 1.0
"""Least seconds until a task begins, so that it sees the frames of that time."""

LOST_AFTER_S = 30
"""Seconds after which a task that has not begun counts as lost; the next frame sends another."""


class WaitingTask:
    """The tasks of one kind, behind one Redis client."""

    def __init__(self, client: redis.Redis, kind: Literal["analytics", "explain"]) -> None:
        """Keep which ones wait in this Redis."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self.kind = kind

    def claim(self, currency: str) -> str:
        """The name of a task that the caller is to send; "" while one is waiting to begin."""
        name = secrets.token_hex(8)
        mine = self.client.set(self._key(currency), name, nx=True, ex=LOST_AFTER_S)
        return name if mine else ""

    def begin(self, currency: str, name: str) -> bool:
        """Return whether a task is to run: no other waits. A frame from now on needs another."""
        waits = self.client.get(self._key(currency))
        if waits is not None and waits != name.encode():
            return False
        self.client.delete(self._key(currency))
        return True

    def _key(self, currency: str) -> str:
        return key(currency, self.kind, "scheduled")


def pause_s(wait_s: float) -> float:
    """Seconds until a task is to begin that would come too early before ``wait_s``.

    One that waits for too long counts as lost.
    """
    return min(max(wait_s, INTERVAL_S), LOST_AFTER_S / 2)
