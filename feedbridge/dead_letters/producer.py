"""Copy records that cannot be used to the dead-letter topic, with the reason.

The copy has the original bytes and key; its headers say why and where it came from. A record
counts as dead-lettered only when the broker has acknowledged the copy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError

from feedbridge.bridge.ledger import Place
from feedbridge.kafka.topics import YIELD_CURVE_TICKS_DLQ

MAX_COPY_BYTES = 512 * 1024
"""A longer record is cut: a copy that the broker refuses for its size would never arrive."""

WAS_NULL = "was_null"
"""Header of the copy of a record that had neither key nor value."""

RETRY_S = 1.0


@dataclass(frozen=True)
class DeadLetter:
    """One refused record.

    ``code`` is stable (JSON, RANGE, UNKNOWN_CURVE ...), ``reason`` a sentence for people.
    """

    place: Place
    key: bytes | None
    value: bytes | None
    code: str
    reason: str

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of the copy: the reason and the original position."""
        size = len(self.value or b"")
        return [
            ("reason", self.code.encode()),
            ("detail", self.reason.encode(errors="replace")[:2000]),
            ("original_topic", self.place.topic.encode()),
            ("original_partition", str(self.place.partition).encode()),
            ("original_offset", str(self.place.offset).encode()),
            *([("cut_from_bytes", str(size).encode())] if size > MAX_COPY_BYTES else []),
            *([(WAS_NULL, b"1")] if self.key is None and self.value is None else []),
        ]

    def copy(self) -> bytes | None:
        """The original bytes, or their beginning.

        The client sends no record without key and value, though others do: its copy is empty.
        """
        if self.value is None:
            return b"" if self.key is None else None
        return self.value[:MAX_COPY_BYTES]


@dataclass
class _Sent:
    letter: DeadLetter
    future: Any


class DeadLetterProducer:
    """Sends dead letters and reports which are acknowledged; a failed one is sent again."""

    def __init__(
        self,
        producer: Callable[[], Any],
        topic: str = YIELD_CURVE_TICKS_DLQ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect at ``connect`` or the first dead letter; ``producer`` makes a KafkaProducer."""
        self._make, self._topic, self._clock = producer, topic, clock
        self._not_before = 0.0
        self._producer: Any = None
        self._connecting: threading.Thread | None = None
        self._waiting: list[_Sent] = []

    def connect(self) -> None:
        """Connect in the background: it takes a tenth of a second, and no tick waits for it."""
        if self._connecting is None:
            self._connecting = threading.Thread(target=self._connect, daemon=True)
            self._connecting.start()

    def _connect(self) -> None:
        producer: Any = None
        try:
            producer = self._make()
            producer.partitions_for(self._topic)  # the first record would wait for it
            self._producer = producer
        except (KafkaError, OSError):
            self._not_before = self._clock() + RETRY_S
            if producer is not None:
                producer.close(timeout=0)
        finally:
            self._connecting = None

    def send(self, letter: DeadLetter) -> None:
        """Send a dead letter; ``acknowledged`` returns it once the broker has it."""
        self._waiting.append(_Sent(letter, self._send(letter)))

    @property
    def waiting(self) -> int:
        """How many dead letters the broker has not acknowledged."""
        return len(self._waiting)

    def acknowledged(self) -> list[DeadLetter]:
        """Dead letters that the broker has acknowledged since the last call."""
        done: list[DeadLetter] = []
        waiting: list[_Sent] = []
        for sent in self._waiting:
            if sent.future is not None and not sent.future.is_done:
                waiting.append(sent)
            elif sent.future is not None and sent.future.succeeded():
                done.append(sent.letter)
            elif self._clock() < self._not_before:
                waiting.append(_Sent(sent.letter, None))
            else:
                waiting.append(_Sent(sent.letter, self._send(sent.letter)))
        self._waiting = waiting
        return done

    def close(self) -> None:
        """Close the producer after up to 4 s; ``acknowledged`` returns what it still sends."""
        connecting = self._connecting
        if connecting is not None:
            connecting.join(timeout=2)
        if self._producer is not None:
            for place, sent in enumerate(self._waiting):
                if sent.future is None:
                    self._waiting[place] = _Sent(sent.letter, self._send(sent.letter))
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=2)

    def _send(self, letter: DeadLetter) -> Any:
        if self._producer is None:
            self.connect()
            return None  # ``acknowledged`` tries again
        try:
            return self._producer.send(
                self._topic, value=letter.copy(), key=letter.key, headers=letter.headers()
            )
        except (KafkaError, OSError):
            # ``acknowledged`` tries again with a new producer; the record's offset stays open.
            self._not_before = self._clock() + RETRY_S
            self._drop_producer()
            return None

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=0)
