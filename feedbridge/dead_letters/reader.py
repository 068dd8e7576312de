"""Read the dead-letter topic, and send dead letters to their original topics again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kafka import TopicPartition

from feedbridge.bridge.ledger import Place
from feedbridge.dead_letters.producer import WAS_NULL
from feedbridge.kafka.end_offsets import ends_of
from feedbridge.kafka.topics import YIELD_CURVE_TICKS_DLQ

POLL_MS = 200
REINJECTED_FROM = "reinjected_from"


class StoredDeadLetter(NamedTuple):
    """One record of the dead-letter topic; ``name`` is its partition and offset there."""

    name: str
    at: dt.datetime
    code: str
    detail: str
    original: Place
    key: bytes | None
    value: bytes | None
    cut_from_bytes: int
    was_null: bool

    def refusal(self) -> str:
        """Why it cannot be sent again; "" when it can."""
        if self.cut_from_bytes:
            size = len(self.value or b"")
            return (
                f"{self.name} holds the first {size} of {self.cut_from_bytes} bytes:"
                " the rest is lost, so send it from its source"
            )
        if self.was_null:
            return f"{self.name} had neither key nor value: there is nothing to send"
        if not self.original.topic:
            return f"{self.name} does not say which topic it came from"
        return ""

    def record(self) -> dict[str, Any]:
        """Return the dead letter as a mapping for JSON."""
        return {
            "name": self.name,
            "time": self.at.isoformat(),
            "reason": self.code,
            "detail": self.detail,
            "key": _text(self.key),
            "topic": self.original.topic,
            "partition": self.original.partition,
            "offset": self.original.offset,
            "bytes": self.cut_from_bytes or len(self.value or b""),
            "first_bytes": _text(self.value and self.value[:200]),
        }


def read_dead_letters(
    consumer: Any, topic: str = YIELD_CURVE_TICKS_DLQ
) -> Iterator[StoredDeadLetter]:
    """Read all dead letters up to the present end of each partition.

    Args:
        consumer: A KafkaConsumer of raw bytes without a group.
        topic: The dead-letter topic.
    """
    numbers = sorted(consumer.partitions_for_topic(topic) or ())
    places = [TopicPartition(topic, number) for number in numbers]
    ends = ends_of(consumer, places)
    starts = consumer.beginning_offsets(places)
    for place in places:
        consumer.assign([place])
        consumer.seek(place, starts[place])
        for record in _records(consumer, place, starts[place], ends[place]):
            yield _letter(record)


def _records(consumer: Any, place: TopicPartition, start: int, end: int) -> Iterator[Any]:
    """Read the records of a partition, each once.

    A consumer that was at the end before and sought back may pass over records there (kafka-python
    3.0.12): what is missing at the end is sought once more.
    """
    after = start
    for _ in range(2):
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=POLL_MS).values():
                for record in records:
                    if after <= record.offset < end:
                        after = record.offset + 1
                        yield record
        if after >= end:
            return
        consumer.seek(place, after)


def _letter(record: Any) -> StoredDeadLetter:
    headers = {name: value.decode(errors="replace") for name, value in record.headers or ()}
    return StoredDeadLetter(
        name=f"{record.partition}:{record.offset}",
        at=dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC),
        code=headers.get("reason", ""),
        detail=headers.get("detail", ""),
        original=Place(
            headers.get("original_topic", ""),
            _number(headers.get("original_partition")),
            _number(headers.get("original_offset")),
        ),
        key=record.key,
        value=record.value,
        cut_from_bytes=_number(headers.get("cut_from_bytes"), 0),
        was_null=WAS_NULL in headers,
    )


def _number(text: str | None, otherwise: int = -1) -> int:
    return int(text) if text and text.isdigit() else otherwise


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")


def send_again(producer: Any, letters: Iterable[StoredDeadLetter]) -> int:
    """Put original bytes and keys back on their topics, once each; returns how many.

    Raises:
        KafkaError: The broker did not take one; those before it are sent.
    """
    futures = [producer.send(**_again(producer, letter)) for letter in letters]
    for future in futures:
        future.get(timeout=30)
    return len(futures)


def _again(producer: Any, letter: StoredDeadLetter) -> dict[str, Any]:
    topic, partition, _ = letter.original
    there = producer.partitions_for(topic) or ()
    return {
        "topic": topic,
        "key": letter.key,
        "value": letter.value,
        # Its own partition keeps it among its currency's ticks, whatever its key is.
        "partition": partition if partition in there else None,
        "headers": [(REINJECTED_FROM, letter.name.encode())],
    }
