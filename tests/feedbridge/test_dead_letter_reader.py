"""Dead letters are read up to their end, also by a consumer that passes over the last of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer

from feedbridge.dead_letters.reader import read_dead_letters
from feedbridge.kafka.topics import ensure_topics
from tests.waiting import until

LETTERS = 5


class PassesOver:
    """A real consumer that passes over the last record once, as one did after a seek."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._reads_all, self.passed_over = False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def seek(self, place: Any, offset: int) -> None:
        """Note that the partition is read from its first record on."""
        self._reads_all = offset == 0
        self._consumer.seek(place, offset)

    def poll(self, **options: Any) -> dict[Any, list[Any]]:
        """What the consumer has, without the last record the first time that all are read."""
        found = self._consumer.poll(**options)
        for place, records in found.items():
            if self._reads_all and records[-1].offset == LETTERS - 1 and not self.passed_over:
                found[place], self.passed_over = records[:-1], 1
        return found


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    name = f"letters-{uuid.uuid4().hex}"
    ensure_topics(kafka_bootstrap, topics=(name,), partitions=1)
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    for number in range(LETTERS):
        producer.send(name, b"%d" % number).get(timeout=30)
    producer.close()
    return name


@pytest.fixture
def consumer(kafka_bootstrap: str) -> Iterator[KafkaConsumer]:
    made = KafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=None)
    yield made
    made.close()


def test_all_letters_are_read_once(topic: str, consumer: KafkaConsumer) -> None:
    until(lambda: consumer.partitions_for_topic(topic), 30)
    assert [letter.value for letter in read_dead_letters(consumer, topic)] == [
        b"%d" % number for number in range(LETTERS)
    ]


def test_a_letter_that_the_consumer_passes_over_is_sought_again(
    topic: str, consumer: KafkaConsumer
) -> None:
    until(lambda: consumer.partitions_for_topic(topic), 30)
    careless = PassesOver(consumer)
    found = [letter.value for letter in read_dead_letters(careless, topic)]
    assert careless.passed_over == 1
    assert found == [b"%d" % number for number in range(LETTERS)]
