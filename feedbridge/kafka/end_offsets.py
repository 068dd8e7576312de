"""Find the end offsets of a topic's partitions from fetch responses."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

POLL_MS, PATIENCE_S = 200, 20.0


def ends_of(consumer: Any, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record of each partition.

    ``end_offsets`` asks ListOffsets. The packaged broker (tansu 0.6.0) answers with the offset
    after the first record of the last batch, and a batch may hold hundreds. What a fetch says of
    the end is right on both brokers, so this reads on from there.

    Args:
        consumer: A KafkaConsumer that subscribes to nothing; its own partitions and positions are
            as before when this returns.
        places: Partitions.

    Raises:
        KafkaTimeoutError: The end was not reached in time.
    """
    places = list(places)
    starts: dict[TopicPartition, int] = consumer.beginning_offsets(places)
    ends: dict[TopicPartition, int] = consumer.end_offsets(places)
    before = {place: consumer.position(place) for place in consumer.assignment()}
    filled = [place for place in places if ends[place] > starts[place]]
    consumer.assign(filled)
    for place in filled:
        # From the record before, as a fetch that finds something does not wait.
        consumer.seek(place, max(starts[place], ends[place] - 1))
    deadline = time.monotonic() + PATIENCE_S
    while any(_is_behind(consumer, place) for place in filled):
        if time.monotonic() > deadline:
            raise KafkaTimeoutError(f"the ends of {places} were not told in {PATIENCE_S:.0f} s")
        consumer.poll(timeout_ms=POLL_MS)
    ends |= {place: consumer.position(place) for place in filled}
    consumer.assign(list(before))
    for place, offset in before.items():
        consumer.seek(place, offset)
    return ends


def _is_behind(consumer: Any, place: TopicPartition) -> bool:
    end = consumer.highwater(place)
    return end is None or consumer.position(place) < end
