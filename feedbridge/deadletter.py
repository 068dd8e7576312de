"""A record nobody can use in; a copy with its reason on the dead-letter topic out.

The copy has the original bytes and key; headers say why, and where it came from. A record
counts as dead-lettered only when the broker has acknowledged the copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError

from feedbridge.ledger import Place
from feedbridge.topics import YIELD_CURVE_TICKS_DLQ


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
        """What travels beside the original bytes."""
        return [
            ("reason", self.code.encode()),
            ("detail", self.reason.encode()[:2000]),
            ("original_topic", self.place.topic.encode()),
            ("original_partition", str(self.place.partition).encode()),
            ("original_offset", str(self.place.offset).encode()),
        ]


@dataclass
class _Sent:
    letter: DeadLetter
    future: Any


class DeadLetters:
    """Sends letters and tells which have arrived; a failed one is sent again."""

    def __init__(self, producer: Callable[[], Any], topic: str = YIELD_CURVE_TICKS_DLQ) -> None:
        """Keep what makes a producer; nothing is connected before the first letter."""
        self._make, self._topic = producer, topic
        self._producer: Any = None
        self._waiting: list[_Sent] = []

    def bury(self, letter: DeadLetter) -> None:
        """Send a letter; ``arrived`` will tell."""
        self._waiting.append(_Sent(letter, self._send(letter)))

    def arrived(self) -> list[DeadLetter]:
        """Letters that the broker has since the last call."""
        done: list[DeadLetter] = []
        waiting: list[_Sent] = []
        for sent in self._waiting:
            if sent.future is not None and not sent.future.is_done:
                waiting.append(sent)
            elif sent.future is not None and sent.future.succeeded():
                done.append(sent.letter)
            else:
                waiting.append(_Sent(sent.letter, self._send(sent.letter)))
        self._waiting = waiting
        return done

    def close(self) -> None:
        """Close the producer, if there is one."""
        if self._producer is not None:
            self._producer.close(timeout=2)

    def _send(self, letter: DeadLetter) -> Any:
        try:
            if self._producer is None:
                self._producer = self._make()
            return self._producer.send(
                self._topic, value=letter.value, key=letter.key, headers=letter.headers()
            )
        except (KafkaError, OSError):
            # Tried again with a new producer at the next round; its offset stays open.
            self._producer = None
            return None
