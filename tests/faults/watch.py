"""Record every published frame that appears in Redis, in the order of appearance.

A frame that was published and replaced between two reads is not seen; ``missed`` counts those.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from risk.store.frames import connect, key
from risk.store.messages import FrameHeader
from risk.store.results import Rollup

LOOK_EVERY_S = 0.01
_rollup = msgspec.msgpack.Decoder(Rollup).decode
_header = msgspec.msgpack.Decoder(FrameHeader).decode


@dataclass(frozen=True)
class Seen:
    """One published frame, and when this process saw it (ns since 1970)."""

    rollup: Rollup
    header: FrameHeader
    seen_ns: int

    @property
    def currency(self) -> str:
        """Its code."""
        return self.rollup.currency


class Watch:
    """A thread that looks at the pointers a hundred times a second."""

    def __init__(self, url: str, redis_kills: Callable[[], int]) -> None:
        """Start looking; ``redis_kills`` tells how often Redis may have lost its last writes."""
        self._redis_kills = redis_kills
        self._gone = set[str]()
        self._forgiven = dict.fromkeys(CURRENCIES, redis_kills())
        self.client: Any = connect(url, timeout_s=1.0)
        self.new: deque[Seen] = deque()
        self.last: dict[str, Seen] = {}
        self.falls: list[str] = []
        self.seen = self.details_seen = 0
        self.details = dict.fromkeys(CURRENCIES, 0)
        self._details_forgiven = dict.fromkeys(CURRENCIES, redis_kills())
        self.restored = 0
        self._numbers = dict.fromkeys(CURRENCIES, 0)
        self._shown = dict.fromkeys(CURRENCIES, 0)
        self._known: dict[tuple[str, int], bytes] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()
        self.client.close()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self._look()
            except (redis.RedisError, OSError):
                time.sleep(0.02)

    def _look(self) -> None:
        names = [key(name, kind) for kind in ("detail", "pointer") for name in CURRENCIES]
        found = [int(raw or 0) for raw in self.client.mget(names)]
        details, pointers = found[: len(CURRENCIES)], found[len(CURRENCIES) :]
        for name, detail, number in zip(CURRENCIES, details, pointers, strict=True):
            if detail > number:
                self.falls.append(f"{name} detail {detail} above its sums {number}")
            self._look_at_detail(name, detail)
            if number == self._numbers[name]:
                continue
            self._numbers[name] = number
            if not number:  # Redis has lost its data; what comes next is as high all the same
                self._gone.add(name)
                continue
            self._fetch(name, number)

    def _look_at_detail(self, name: str, number: int) -> None:
        """The detail's pointer falls only where Redis was killed, too, and has its sums."""
        before, self.details[name] = self.details[name], number
        if number == before:
            return
        self.details_seen += 1
        if 0 < number < before and self._details_forgiven[name] == self._redis_kills():
            self.falls.append(f"{name} detail {number} after {before}, though Redis lost nothing")
        if number < before:
            self._details_forgiven[name] = self._redis_kills()

    def _fetch(self, name: str, number: int) -> None:
        rollup, header = self.client.mget(key(name, "rollup", number), key(name, "frame", number))
        if rollup is None or header is None:
            if int(self.client.get(key(name, "pointer")) or 0) == number:
                self.falls.append(f"{name} pointer {number} has no frame behind it")
            return
        seen = Seen(_rollup(rollup), _header(header), time.time_ns())
        again = (name, number) in self._known
        digest = _digest(seen.rollup)
        if self._known.setdefault((name, number), digest) != digest:
            self.falls.append(f"{name} frame {number} with other numbers than before")
        self._check_order(name, number)
        self.restored += again
        self.seen += not again
        if not again:
            self.last[name] = seen
        self.new.append(seen)

    def _check_order(self, name: str, number: int) -> None:
        """The pointer falls once for each time that Redis was killed, and rises from there."""
        before, self._shown[name] = self._shown[name], number
        gone = name in self._gone
        self._gone.discard(name)
        # A task that was sent twice may publish its frame again: its numbers are compared above.
        if number > before or (gone and number == before):
            return
        if self._forgiven[name] == self._redis_kills():
            self.falls.append(
                f"{name} frame {number} after {before}, though Redis has lost nothing"
            )
        self._forgiven[name] = self._redis_kills()


def _digest(rollup: Rollup) -> bytes:
    """Return what a frame says of the market and the book; not when and by whom it was made."""
    said = (rollup.curves, rollup.valuation_date, rollup.book_version, rollup.status)
    return hashlib.sha256(msgspec.msgpack.encode((said, rollup.cells, rollup.failures))).digest()
