"""Count the end of every record, and compute the offsets that may be committed.

A record is outstanding until it has ended in one of STATES. Kafka's committed offset is the next
one to read, so the first outstanding offset is the limit:

    consumed   10 11 12 13 14
    ended       x  x     x         -> commit 12
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

STATES = ("published", "conflated", "duplicate", "stale", "conflict", "dead_lettered", "not_whole")
"""Final states: every consumed record ends in exactly one of them."""


class Place(NamedTuple):
    """Topic, partition and offset of a record."""

    topic: str
    partition: int
    offset: int


@dataclass
class Ledger:
    """Counts every consumed record into one state, and knows what may be committed."""

    consumed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    # By partition: offsets from the first outstanding one on, and whether each has ended.
    _open: dict[tuple[str, int], OrderedDict[int, bool]] = field(default_factory=dict)
    _next: dict[tuple[str, int], int] = field(default_factory=dict)
    _reached: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """Records consumed and not ended."""
        return self.consumed - sum(self.counts.values())

    def begin(self, place: Place) -> None:
        """A record has been read."""
        self.consumed += 1
        self._open.setdefault(place[:2], OrderedDict())[place.offset] = False

    def end(self, place: Place, state: str) -> None:
        """A record has ended in a state.

        Nothing is counted twice: what ended before, and what is another bridge's now (a dead
        letter may arrive after its partition has gone), changes nothing.

        Raises:
            ValueError: Not a state.
        """
        if state not in STATES:
            raise ValueError(f"{state!r} is not a state: {', '.join(STATES)}")
        records = self._open.get(place[:2], OrderedDict())
        if records.get(place.offset, True):
            return
        self.counts[state] += 1
        records[place.offset] = True
        while records and records[next(iter(records))]:
            reached = records.popitem(last=False)[0] + 1
            self._next[place[:2]] = self._reached[place[:2]] = reached

    def resume_at(self, partition: tuple[str, int]) -> int | None:
        """Return the offset to resume at: the first open record, or the one after all.

        None where nothing has been read.
        """
        return next(iter(self._open.get(partition, ())), self._reached.get(partition))

    def take_committable(self) -> dict[tuple[str, int], int]:
        """Offsets to commit that were not taken before: the next one to read by partition."""
        ready, self._next = self._next, {}
        return ready

    def give_back(self, offsets: dict[tuple[str, int], int]) -> None:
        """A commit failed: offer these again, unless a later one is ready.

        Those of a revoked partition are dropped: its new reader may have committed more.
        """
        for partition in offsets.keys() & self._open.keys():
            self._next[partition] = max(offsets[partition], self._next.get(partition, 0))

    def revoke(self, partitions: set[tuple[str, int]]) -> None:
        """Give up partitions to other bridges, which read the open records again."""
        for partition in partitions:
            records = self._open.pop(partition, OrderedDict())
            self.consumed -= sum(not ended for ended in records.values())
            self._next.pop(partition, None)
            self._reached.pop(partition, None)
