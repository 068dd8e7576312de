"""What other tests have left in the topics of this run's broker."""

from __future__ import annotations

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from feedbridge.kafka.end_offsets import ends_of
from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS


def leave_out(servers: str, group: str) -> None:
    """A new group has read all that stands in the topics now."""
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    places = [
        TopicPartition(topic, number)
        for topic in (YIELD_CURVE_TICKS, FX_TICKS)
        for number in consumer.partitions_for_topic(topic)
    ]
    ends = ends_of(consumer, places)
    consumer.commit({place: OffsetAndMetadata(end, "", -1) for place, end in ends.items()})
    consumer.close()
