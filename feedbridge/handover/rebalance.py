"""The group's words about partitions in; what came and went since the last round out."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from kafka import ConsumerRebalanceListener, TopicPartition


class Assignment(NamedTuple):
    """Partitions that came and went since the last round."""

    gained: set[tuple[str, int]]
    lost: set[tuple[str, int]]


class Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers what changed. Calling the consumer from here would raise."""

    def __init__(self) -> None:
        """Nothing has changed; nothing is dealt out yet."""
        self.pending = True
        self._gained: set[tuple[str, int]] = set()
        self._lost: set[tuple[str, int]] = set()
        self._lock = threading.Lock()  # the client may call from its own thread

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Another bridge takes these."""
        self.pending = True
        with self._lock:
            self._lost |= {(p.topic, p.partition) for p in revoked}

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The group has thrown this bridge out."""
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are this bridge's now."""
        with self._lock:
            self._gained |= {(p.topic, p.partition) for p in assigned}
        self.pending = False

    def take(self) -> Assignment:
        """What changed since the last call."""
        with self._lock:
            change = Assignment(self._gained, self._lost)
            self._gained, self._lost = set(), set()
        return change
