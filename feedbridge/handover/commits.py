"""What has ended, from the ledger, in; offsets committed to Kafka out."""

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
    """Commits at most five times a second, without waiting for the answer."""

    def __init__(
        self, consumer: Any, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Commit at the first call."""
        self.consumer, self.ledger, self.clock = consumer, ledger, clock
        self._next = 0.0

    def commit(self) -> None:
        """Commit what has ended since the last time, if it is time.

        Raises:
            FencedInstanceIdError: Another bridge has joined the group under this one's name.
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
            raise  # another bridge has this one's name: it is no longer its to commit
        except KafkaError as error:
            log.warning("commit failed: %s", error)
            self.ledger.give_back(ready)

    def _committed(self, offsets: dict[TopicPartition, Any], result: Any) -> None:
        """Kafka's answer; a failed commit is offered again, and costs only duplicates."""
        if isinstance(result, Exception):
            log.warning("commit failed: %s", result)
            self.ledger.give_back({(p.topic, p.partition): o.offset for p, o in offsets.items()})

    def commit_last(self) -> None:
        """Commit all that has ended, and wait for the answer.

        Raises:
            KafkaError: It was not committed; whoever reads on has duplicates.
        """
        ready = self.ledger.take_committable()
        if ready:
            self.consumer.commit(_offsets(ready), timeout_ms=1000)


def _offsets(ready: dict[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
        for (topic, partition), offset in ready.items()
    }
