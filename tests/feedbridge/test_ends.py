"""Where a topic ends is the offset after its last record, on both brokers."""

from __future__ import annotations

import uuid

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from feedbridge.kafka.end_offsets import ends_of
from feedbridge.kafka.topics import connect_admin


@pytest.fixture(params=["configured", "packaged"])
def broker(request: pytest.FixtureRequest) -> str:
    if request.param == "packaged":
        return str(request.getfixturevalue("mortal_broker").bootstrap)
    return str(request.getfixturevalue("kafka_bootstrap"))


def test_a_batch_of_many_records_counts_in_full_and_the_consumer_stays_where_it_was(
    broker: str,
) -> None:
    topic = f"ends-{uuid.uuid4().hex[:8]}"
    admin = connect_admin(broker, {})
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    admin.close()
    full, empty = TopicPartition(topic, 0), TopicPartition(topic, 1)
    producer = KafkaProducer(bootstrap_servers=broker, linger_ms=200)
    for number in range(600):
        producer.send(topic, value=b"%d" % number, partition=0)
    producer.flush()
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=broker)
    consumer.assign([full])
    consumer.seek(full, 7)
    assert ends_of(consumer, [full, empty]) == {full: 600, empty: 0}
    assert consumer.assignment() == {full}
    assert consumer.position(full) == 7
    consumer.close()
