"""Offsets in; how far each partition may be committed out.

A record is outstanding until its tick has ended in a counted state. Kafka's committed
offset is the next one to read, so the first outstanding offset is the limit:

    consumed   10 11 12 13 14
    ended       x  x     x         -> commit 12
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

STATES = ("published", "conflated", "duplicate", "stale", "conflict", "dead_lettered")
"""Every consumed tick ends in exactly one of these."""


class Place(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass
class Ledger:
    """Counts every consumed record into one state, and knows what may be committed."""

    consumed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _open: dict[tuple[str, int], deque[int]] = field(default_factory=dict)
    _ended: dict[tuple[str, int], set[int]] = field(default_factory=dict)
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """Records consumed and not ended."""
        return self.consumed - sum(self.counts.values())

    def begin(self, place: Place) -> None:
        """A record has been read."""
        self.consumed += 1
        self._open.setdefault(place[:2], deque()).append(place.offset)
        self._ended.setdefault(place[:2], set())

    def end(self, place: Place, state: str) -> None:
        """A record has ended in a state; one of a revoked partition is only counted.

        Raises:
            ValueError: Not a state.
        """
        if state not in STATES:
            raise ValueError(f"{state!r} is not a state: {', '.join(STATES)}")
        self.counts[state] += 1
        queue = self._open.get(place[:2])
        if queue is None:
            return
        ended = self._ended[place[:2]]
        ended.add(place.offset)
        while queue and queue[0] in ended:
            ended.remove(queue[0])
            self._next[place[:2]] = queue.popleft() + 1

    def take_committable(self) -> dict[tuple[str, int], int]:
        """Offsets to commit that were not taken before: the next one to read by partition."""
        ready, self._next = self._next, {}
        return ready

    def give_back(self, offsets: dict[tuple[str, int], int]) -> None:
        """A commit failed: offer these again, unless a later one is ready."""
        for partition, offset in offsets.items():
            self._next[partition] = max(offset, self._next.get(partition, 0))

    def revoke(self, partitions: set[tuple[str, int]]) -> None:
        """Other bridges read these now: what is open there will be read again by them."""
        for partition in partitions:
            self.consumed -= len(self._open.pop(partition, ())) - len(
                self._ended.pop(partition, ())
            )
            self._next.pop(partition, None)
