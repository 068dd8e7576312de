"""Commit the offsets of ended records to Kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError

from feedbridge.bridge.ledger import Ledger

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.2


class Commits:
    """Commits at most five times a second, without waiting for the broker's answer."""

    def __init__(
        self, consumer: Any, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Commit at the first call."""
        self.consumer, self.ledger, self.clock = consumer, ledger, clock
        self._next = 0.0

    def commit(self) -> None:
        """Commit what has ended since the last commit, if one is due.

        Raises:
            FencedInstanceIdError: Another bridge has joined the group with this one's instance id.
        """
        if self.clock() < self._next:
            return
        self._next = self.clock() + COMMIT_EVERY_S
        ready = self.ledger.take_committable()
        if not ready:
            return
        try:
            self.consumer.commit_async(_offsets(ready), callback=self._committed)
        except FencedInstanceIdError:
            raise  # another bridge has this instance id and reads these partitions now
        except KafkaError as error:
            log.warning("commit failed: %s", error)
            self.ledger.give_back(ready)

    def _committed(self, offsets: dict[TopicPartition, Any], result: Any) -> None:
        """Offer a failed commit again; until it succeeds a restart would read duplicates."""
        if isinstance(result, Exception):
            log.warning("commit failed: %s", result)
            self.ledger.give_back({(p.topic, p.partition): o.offset for p, o in offsets.items()})

    def commit_last(self) -> None:
        """Commit everything that has ended, and wait for the answer.

        Raises:
            KafkaError: Nothing was committed; the next reader gets duplicates.
        """
        ready = self.ledger.take_committable()
        if ready:
            self.consumer.commit(_offsets(ready), timeout_ms=1000)


def _offsets(ready: dict[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
        for (topic, partition), offset in ready.items()
    }
