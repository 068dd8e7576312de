"""Limit the requests that each caller may have in progress in this web process, and order them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import APIException


class TooMany(APIException):
    """The caller, or this web process, has reached its limit of requests in progress."""

    status_code = 429

    def __init__(self, sentence: str, what: str, retry_after_s: int) -> None:
        super().__init__(sentence, code=f"too_many_{what}")
        self.wait = retry_after_s


class Slots:
    """Count requests in progress by user.

    They use the memory, sockets and threads of one process, so each process counts its own: a
    process that dies leaves no count behind.
    """

    def __init__(self, what: str, own_hint: str, hint: str, retry_after_s: int) -> None:
        """Start with no request in progress.

        Args:
            what: What is counted, in the plural.
            own_hint: Advice for a user at the user's limit.
            hint: Advice for a user when the process is at its limit.
            retry_after_s: Seconds after which a refused caller may ask again.
        """
        self._what, self._own_hint, self._hint = what, own_hint, hint
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._users: dict[object, object] = {}

    def take(self, user: object, per_user: int, total: int) -> object:
        """Return a slot; `release` gives it back.

        Raises:
            TooMany: The user or the process has no slot left.
        """
        with self._lock:
            if sum(owner == user for owner in self._users.values()) >= per_user:
                raise self._refusal(
                    f"You have {per_user} open {self._what}, which is the limit of a user: "
                    f"{self._own_hint}"
                )
            if len(self._users) >= total:
                raise self._refusal(
                    f"{total} {self._what} are open, which is the limit of this web process: "
                    f"{self._hint}"
                )
            slot = object()
            self._users[slot] = user
            return slot

    def release(self, slot: object) -> None:
        """Give a slot back; doing it twice is harmless."""
        with self._lock:
            self._users.pop(slot, None)

    def _refusal(self, sentence: str) -> TooMany:
        return TooMany(sentence, self._what, self._retry_after_s)


class NoTurn(Exception):
    """The earlier request of the user has not ended in time."""


class Turns:
    """Lets one request of each user run at a time, so that others wait for at most one of them."""

    def __init__(self) -> None:
        """Start with nobody at work."""
        self._locks: defaultdict[object, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, user: object, timeout_s: float) -> Iterator[None]:
        """Wait until the user's earlier request has ended.

        Raises:
            NoTurn: It has not ended in time.
        """
        lock = self._locks[user]
        if not lock.acquire(timeout=timeout_s):
            raise NoTurn
        try:
            yield
        finally:
            lock.release()
