"""The producer: each tick ends acknowledged or counted as failed, also across fatal errors."""

from __future__ import annotations

import datetime as dt
import gc
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumberError,
)
from kafka.future import Future

from feedbridge.kafka import topics
from feedbridge.kafka.connection import BrokerUnreachable
from feedbridge.kafka.producer import TickProducer, connector
from feedbridge.replay.history.daily import CurveHistory
from feedbridge.replay.playback import Playback
from feedbridge.replay.progress import Progress
from feedbridge.replay.ticks import ReplayPlan, ticks
from risk.store.messages import MarketTick

PlanOf = Callable[..., ReplayPlan]


class FakeKafka:
    """A KafkaProducer whose futures the test settles."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.records: list[tuple[str, bytes, bytes]] = []
        self.futures: list[Future] = []
        self.refuse, self.closed = refuse, False

    def send(self, topic: str, value: bytes, key: bytes) -> Future:
        if self.refuse is not None:
            raise self.refuse
        self.records.append((topic, key, value))
        self.futures.append(Future())
        return self.futures[-1]

    def close(self, timeout: float) -> None:
        self.closed = True


def tick(seq: int = 1, currency: str = "EUR") -> MarketTick:
    return MarketTick(
        currency=currency,
        as_of=dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC),
        source="replay-test",
        seq=seq,
        curves={f"{currency}-GOVT": {"10Y": 0.02}},
    )


def seqs(kafka: FakeKafka) -> list[int]:
    return [json.loads(value)["seq"] for _, _, value in kafka.records]


def test_a_tick_is_keyed_by_its_currency_and_stamped_when_sent():
    kafka = FakeKafka()
    producer = TickProducer(lambda: kafka, wall_ns=lambda: 123)
    producer.send(tick(currency="GBP"))
    ((topic, key, value),) = kafka.records
    assert (topic, key) == ("yield_curve_ticks", b"GBP")
    assert json.loads(value)["sent_ns"] == 123


def test_only_what_the_broker_acknowledged_counts_as_sent():
    kafka = FakeKafka()
    producer = TickProducer(lambda: kafka)
    producer.send(tick(1))
    producer.send(tick(2))
    producer.settle()
    assert (producer.sent, producer.pending) == (0, 2)
    kafka.futures[0].success(None)
    producer.settle()
    assert (producer.sent, producer.pending) == (1, 1)


def test_a_tick_that_is_too_large_is_failed_and_not_repeated():
    kafka = FakeKafka()
    producer = TickProducer(lambda: kafka)
    producer.send(tick(1))
    kafka.futures[0].failure(MessageSizeTooLargeError("too large"))
    producer.settle()
    assert (producer.failed, producer.pending, len(kafka.records)) == (1, 0, 1)
    assert "too large" in producer.last_error


@pytest.mark.parametrize(
    "error", [OutOfOrderSequenceNumberError(), KafkaTimeoutError("expired"), RuntimeError("bug")]
)
def test_after_a_fatal_error_a_new_producer_sends_what_is_unconfirmed_in_order(error: Exception):
    dead, fresh = FakeKafka(), FakeKafka()
    made = iter((dead, fresh))
    producer = TickProducer(lambda: next(made))
    for seq in (1, 2, 3, 4):
        producer.send(tick(seq))
    dead.futures[0].success(None)
    dead.futures[1].failure(error)
    dead.futures[2].success(None)  # arrived although the one before it did not
    producer.settle()
    assert dead.closed
    assert seqs(fresh) == [2, 4]
    assert fresh.records[0] == dead.records[1]  # the same bytes, the same sent_ns
    for future in fresh.futures:
        future.success(None)
    producer.settle()
    assert (producer.sent, producer.failed, producer.pending) == (4, 0, 0)


def test_a_broker_that_is_away_is_tried_again_now_and_then():
    now, fresh = [0.0], FakeKafka()
    tries: list[float] = []

    def connect() -> Any:
        tries.append(now[0])
        if len(tries) == 1:
            return FakeKafka(refuse=KafkaTimeoutError("no metadata"))
        if len(tries) < 4:
            raise BrokerUnreachable("host:1", "refused")
        return fresh

    producer = TickProducer(connect, clock=lambda: now[0])
    producer.send(tick(1))
    while now[0] < 5:
        producer.settle()
        if now[0] == 0.1:
            producer.send(tick(2))
        now[0] = round(now[0] + 0.1, 1)
    assert tries == [0.0, 0.0, 1.0, 2.0]
    assert seqs(fresh) == [1, 2]
    assert producer.oldest_s() == pytest.approx(5.0)


def test_closing_counts_what_never_arrived_as_failed():
    kafka = FakeKafka()
    producer = TickProducer(lambda: kafka)
    producer.send(tick(1))
    producer.close(timeout_s=0)
    assert (producer.failed, producer.pending, kafka.closed) == (1, 0, True)


# --- A real broker ---------------------------------------------------------------------------


def consume(bootstrap: str, source: str) -> list[tuple[bytes, dict[str, Any]]]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        parts = [
            TopicPartition(topics.YIELD_CURVE_TICKS, number)
            for number in consumer.partitions_for_topic(topics.YIELD_CURVE_TICKS)
        ]
        ends = consumer.end_offsets(parts)
        consumer.assign(parts)
        consumer.seek_to_beginning()
        found = []
        deadline = time.monotonic() + 20
        while any(consumer.position(p) < ends[p] for p in parts) and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=100).values():
                # The topic is everybody's in a run: other tests send ticks that are no JSON.
                mine = [record for record in records if source.encode() in (record.value or b"")]
                found += [(record.key, json.loads(record.value)) for record in mine]
        return found
    finally:
        consumer.close()


def test_topics_are_made_once_and_found_the_second_time(bootstrap: str):
    topics.ensure_topics(bootstrap)
    assert topics.ensure_topics(bootstrap) == []
    assert topics.ensure_topics(bootstrap, topics=("made_by_a_test",), partitions=2) in (
        ["made_by_a_test"],
        [],
    )


def test_a_broker_that_is_not_there_is_named_with_what_to_run():
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(BrokerUnreachable, match=r"127.0.0.1:1 .*make demo"):
            topics.ensure_topics("127.0.0.1:1")
    assert threading.active_count() == before


def test_a_replay_arrives_whole_in_order_and_keyed_by_currency(
    bootstrap: str, history: CurveHistory, plan_of: PlanOf
):
    run_id = f"t{time.time_ns()}"
    plan = plan_of(run_id=run_id, interval_s=0.0, ticks_per_day=50)
    producer = TickProducer(connector(bootstrap))
    try:
        summary = Playback(producer, Progress(print, None), threading.Event()).run(
            ticks(history, plan)
        )
    finally:
        producer.close()
    assert (summary.acknowledged, summary.failed, summary.unconfirmed) == (600, 0, 0)
    arrived = consume(bootstrap, f"replay-{run_id}")
    for currency in plan.currencies:
        mine = [value for key, value in arrived if key == currency.encode()]
        assert [value["seq"] for value in mine] == list(range(1, 201))
        assert {value["currency"] for value in mine} == {currency}
        assert all(abs(time.time_ns() - value["sent_ns"]) < 60e9 for value in mine)


# kafka-python leaves each refused connection's socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_replay_outlives_its_broker(
    mortal_broker: Any, history: CurveHistory, plan_of: PlanOf, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.CRITICAL, logger="kafka")
    said: list[str] = []
    bootstrap = mortal_broker.bootstrap
    producer = TickProducer(connector(bootstrap))
    plan = plan_of(run_id="outage", interval_s=0.1, ticks_per_day=15)
    results = []
    player = threading.Thread(
        target=lambda: results.append(
            Playback(producer, Progress(said.append, None), threading.Event()).run(
                ticks(history, plan)
            )
        )
    )
    player.start()
    time.sleep(1.0)
    mortal_broker.kill()
    time.sleep(3.0)
    mortal_broker.revive()
    player.join(40)
    assert not player.is_alive()
    (summary,) = results
    assert (summary.acknowledged, summary.failed, summary.unconfirmed) == (180, 0, 0)
    about = [line for line in said if "the broker" in line]
    assert len(about) == 2
    assert "does not acknowledge" in about[0]
    assert "is back" in about[1]
    last = {key: value["seq"] for key, value in consume(bootstrap, "replay-outage")}
    assert last == {b"USD": 60, b"EUR": 60, b"GBP": 60}
    producer.close()
    gc.collect()
