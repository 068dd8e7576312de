"""Collect the changes of the consumer group's assignment between two rounds."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from kafka import ConsumerRebalanceListener, TopicPartition


class Assignment(NamedTuple):
    """Partitions that were assigned and revoked since the last round."""

    gained: set[tuple[str, int]]
    lost: set[tuple[str, int]]


class Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers assignment changes; the consumer must not be called from a listener.

    ``pending`` is True from a revocation until the next assignment.
    """

    def __init__(self) -> None:
        """Wait for the first assignment."""
        self.pending = True
        self._gained: set[tuple[str, int]] = set()
        self._lost: set[tuple[str, int]] = set()
        self._lock = threading.Lock()  # the client may call from its own thread

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Note partitions that the group takes from this bridge."""
        self.pending = True
        with self._lock:
            self._lost |= {(p.topic, p.partition) for p in revoked}

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Note partitions that are lost because the group has expelled this bridge."""
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note partitions that this bridge reads from now on."""
        with self._lock:
            self._gained |= {(p.topic, p.partition) for p in assigned}
        self.pending = False

    def take(self) -> Assignment:
        """The changes since the last call."""
        with self._lock:
            change = Assignment(self._gained, self._lost)
            self._gained, self._lost = set(), set()
        return change
