"""Work that follows frames at a lower cadence, one task of a kind at a time for each currency.

    risk:{USD}:analytics:scheduled  the name of the task that waits, and is to make analytics
    risk:{USD}:explain:scheduled    the same for an explain

Celery may deliver a task twice, and one may be sent in place of another that counts as lost. Only
the one that waits runs. Otherwise two would go on for ever, because each that comes too early sends
the next.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Literal

import redis

from risk.store.frames import key

INTERVAL_S, MOST_WAIT_S = 1.0, 3.0
"""Least and most seconds until a task begins. The first is for newer frames to come; a task that
waits for longer than the broker's ``visibility_timeout`` would be delivered again."""

LOST_AFTER_S = 300
"""Seconds after which a task that has not begun counts as lost, and the next frame sends another.
It may have to wait for the compilation of a whole book."""


OPEN_S = 0.05
"""Seconds of work that may be owed when more begins."""


class FollowUp:
    """The tasks of one kind, behind one Redis client."""

    def __init__(self, client: redis.Redis, kind: Literal["analytics", "explain"]) -> None:
        """Keep which ones wait in this Redis."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self.kind = kind

    def claim(self, currency: str) -> str:
        """The name of a task that the caller is to send; "" while one waits."""
        name = secrets.token_hex(8)
        mine = self.client.set(self._key(currency), name, nx=True, ex=LOST_AFTER_S)
        return name if mine else ""

    def begin(self, currency: str, name: str) -> bool:
        """Whether the task of this name is the one that waits: it no longer does."""
        if self.client.get(self._key(currency)) != name.encode():
            return False
        self.client.delete(self._key(currency))
        return True

    def _key(self, currency: str) -> str:
        return key(currency, self.kind, "scheduled")


def countdown_s(wait_s: float) -> float:
    """Seconds until a task begins that may not run for ``wait_s`` more; then it sends the next."""
    return min(max(wait_s, INTERVAL_S), MOST_WAIT_S)


class ShareOfTime:
    """Keeps the work for all currencies to a share of a process's time.

    Work may begin while what was done before has been paid for but for ``OPEN_S``: a currency of
    a few trades does not wait for its turn behind a large one.
    """

    def __init__(self, share: float) -> None:
        """Any work may begin at once."""
        self.share = share
        self._owed_s, self._at = 0.0, time.monotonic()

    def wait_s(self) -> float:
        """Seconds until work may begin."""
        return max(0.0, (self._owed_s_at(time.monotonic()) - OPEN_S) / self.share)

    def note(self, began: float) -> None:
        """Note work that has just ended, by its beginning on the monotonic clock."""
        now, owed_s = time.monotonic(), self._owed_s_at(began)
        self._owed_s, self._at = max(0.0, owed_s + (now - began) * (1.0 - self.share)), now

    def _owed_s_at(self, moment: float) -> float:
        """Seconds of work that time has not paid for by a moment."""
        return max(0.0, self._owed_s - max(0.0, moment - self._at) * self.share)
