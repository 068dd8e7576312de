"""Work that follows frames at a lower cadence, one task of a kind at a time for each currency.

    risk:{USD}:analytics:scheduled  the name of the task that waits, and is to make analytics
    risk:{USD}:explain:scheduled    the same for an explain

Celery may deliver a task twice, and one may be sent in place of another that counts as lost. Only
the one that waits runs. Otherwise two would go on for ever, because each that comes too early sends
the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import redis

from risk.store.frames import key

INTERVAL_S = 1.0
"""Seconds from a frame, or from a run that has left something, to the next run."""

SOON_S, MOST_WAIT_S = 0.2, 3.0
"""Least and most seconds until a task begins that came too early. One that waits for longer than
the broker's ``visibility_timeout`` would be delivered again."""

LOST_AFTER_S = 60
"""Seconds after which a task that has not begun counts as lost: the next frame sends another."""

OPEN_S = 0.05
"""Seconds of work that may be owed when more begins."""


class FollowUp:
    """The tasks of one kind, behind one Redis client."""

    def __init__(self, client: redis.Redis, kind: Literal["analytics", "explain"]) -> None:
        """Keep which ones wait in this Redis."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self.kind = kind

    def claim(self, currency: str, name: str) -> bool:
        """Whether the caller is to send a task of this name: no other waits. Safe to ask twice."""
        waits = self.client.set(self._key(currency), name, nx=True, get=True, ex=LOST_AFTER_S)
        return waits in (None, name.encode())

    def begin(self, currency: str, name: str) -> bool:
        """Whether the task of this name is the one that waits; from now on none waits."""
        if self.client.get(self._key(currency)) != name.encode():
            return False
        self.client.delete(self._key(currency))
        return True

    def _key(self, currency: str) -> str:
        return key(currency, self.kind, "scheduled")


def countdown_s(wait_s: float) -> float:
    """Seconds until a task begins that came ``wait_s`` too early; it may come too early again."""
    return min(max(wait_s, SOON_S), MOST_WAIT_S)


class ShareOfTime:
    """Keeps the work for all currencies to a share of a process's time, and gives each its turn.

    Work may begin when what was done before has been paid for but for ``OPEN_S``: currencies of a
    few trades run one after the other. Who was refused first goes first.
    """

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Any work may begin at once."""
        self.share, self._clock = share, clock
        self._owed_s, self._at = 0.0, clock()
        # By currency: when it was first refused since its last turn, and when it last asked.
        self._refused: dict[str, tuple[float, float]] = {}

    def wait_s(self) -> float:
        """Seconds until time has paid for what was done."""
        return max(0.0, (self._owed_s_at(self._clock()) - OPEN_S) / self.share)

    def refuses(self, currency: str) -> bool:
        """Whether work for a currency is to come again later: it is too early, or not its turn."""
        now = self._clock()
        # One that has not come again is not waited for.
        others = {n: t for n, t in self._refused.items() if now - t[1] <= 2 * MOST_WAIT_S}
        since, _ = others.pop(currency, (now, now))
        refused = self.wait_s() > 0.0 or any(first < since for first, _ in others.values())
        self._refused = {**others, currency: (since, now)} if refused else others
        return refused

    def note(self, began: float) -> None:
        """Note work that has just ended, by its beginning on the clock."""
        now, owed_s = self._clock(), self._owed_s_at(began)
        self._owed_s, self._at = max(0.0, owed_s + (now - began) * (1.0 - self.share)), now

    def _owed_s_at(self, moment: float) -> float:
        """Seconds of work that time has not paid for by a moment."""
        return max(0.0, self._owed_s - max(0.0, moment - self._at) * self.share)
