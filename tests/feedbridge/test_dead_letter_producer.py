"""Dead letters hold no tick up, also while their producer still connects or cannot."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError

from feedbridge.bridge.ledger import Place
from feedbridge.dead_letters.producer import DeadLetter, DeadLetterProducer
from feedbridge.kafka.topics import ensure_topics
from tests.waiting import until


@pytest.fixture(autouse=True)
def topics(kafka_bootstrap: str) -> None:
    ensure_topics(kafka_bootstrap)


def letter(number: int = 0) -> DeadLetter:
    value = f"junk {number} {uuid.uuid4()}".encode()
    return DeadLetter(Place("yield_curve_ticks", 0, number), b"USD", value, "JSON", "not JSON")


def test_a_letter_is_sent_once_the_producer_has_connected(kafka_bootstrap: str) -> None:
    connects = threading.Event()

    def slow() -> KafkaProducer:
        connects.wait(30)
        return KafkaProducer(bootstrap_servers=kafka_bootstrap)

    letters = DeadLetterProducer(slow)
    letters.connect()
    wanted = [letter(number) for number in range(3)]
    for each in wanted:
        letters.send(each)  # would wait 30 s if it connected here
    assert letters.acknowledged() == []
    assert letters.waiting == 3
    connects.set()
    found: list[DeadLetter] = []
    until(lambda: (found.extend(letters.acknowledged()), len(found) == 3)[1], 20)
    assert found == wanted
    letters.close()


def test_a_broker_that_is_away_is_tried_again_after_a_second(kafka_bootstrap: str) -> None:
    tries: list[float] = []

    def away_at_first() -> KafkaProducer:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise KafkaConnectionError
        return KafkaProducer(bootstrap_servers=kafka_bootstrap)

    letters = DeadLetterProducer(away_at_first)
    wanted = letter()
    letters.send(wanted)
    found: list[DeadLetter] = []
    until(lambda: (found.extend(letters.acknowledged()), bool(found))[1], 20)
    assert found == [wanted]
    assert tries[1] - tries[0] >= 1.0
    letters.close()
