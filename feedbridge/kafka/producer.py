"""Send market ticks to Kafka, and resend unconfirmed ones after a broker failure.

    sent, unconfirmed:  [t5][t6][t7]      oldest first
    broker gone      :  t5 fails          -> a new producer sends t5, t6, t7 again, same bytes
    broker back      :  [t6][t7]          t5 counted as sent

A record may therefore arrive twice, byte for byte; the bridge recognises it by source, epoch and
seq.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from feedbridge.kafka.acl import TOPIC_RIGHTS
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options
from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS, ensure_topics
from risk.store.messages import FxTick, MarketTick

NOT_HANDED_OVER = KafkaError("no producer")
RECORD_IS_BAD = (MessageSizeTooLargeError, RecordListTooLargeError)
"""Errors of the record itself: to send it again would fail again. All other errors are of the
broker or the producer."""

BLOCK_MS = 500
"""Longest time for which ``send`` blocks its caller."""

DELIVERY_TIMEOUT_MS = 15_000
"""Time in which the client itself repeats a record, in order and once; after that a new producer
sends it."""

REQUEST_TIMEOUT_MS = 5000
RETRY_S = 1.0


@dataclass
class Record:
    """A serialized tick, kept until the broker acknowledges it."""

    topic: str
    key: bytes
    value: bytes
    sent_at: float = 0.0
    future: Any = None


class TickProducer:
    """An idempotent producer that sends each tick until it is acknowledged.

    Not thread-safe. ``sent`` counts acknowledged ticks, ``failed`` those given up.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        *,
        topic: str = YIELD_CURVE_TICKS,
        wall_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect.

        Args:
            connect: Makes a KafkaProducer, also again after a fatal error; see ``connector``.
            topic: Where ticks go.
            wall_ns: Wall clock in nanoseconds, stamped into each tick.
            clock: Rising clock in seconds.

        Raises:
            BrokerUnreachable, AccessRefused: From ``connect``.
        """
        self.sent, self.failed, self.last_error = 0, 0, ""
        self._connect, self._topic = connect, topic
        self._wall_ns, self._clock = wall_ns, clock
        self._pending: deque[Record] = deque()
        self._retry_at = 0.0
        self._producer: Any = connect()

    @property
    def pending(self) -> int:
        """Ticks that are not acknowledged yet."""
        return len(self._pending)

    def oldest_s(self) -> float:
        """Age of the oldest tick that is not acknowledged, in seconds."""
        return self._clock() - self._pending[0].sent_at if self._pending else 0.0

    def send(self, tick: MarketTick) -> None:
        """Stamp ``sent_ns`` and hand over; ``settle`` or ``flush`` tells what became of it."""
        stamped = msgspec.structs.replace(tick, sent_ns=self._wall_ns())
        self._queue(self._topic, tick.currency.encode(), msgspec.json.encode(stamped))

    def send_fx(self, tick: FxTick) -> None:
        """Stamp and send exchange rates, which are not counted as ticks."""
        stamped = msgspec.structs.replace(tick, sent_ns=self._wall_ns())
        self._queue(FX_TICKS, b"FX", msgspec.json.encode(stamped))

    def _queue(self, topic: str, key: bytes, value: bytes) -> None:
        record = Record(topic, key, value, self._clock())
        self._pending.append(record)
        self._hand_over(record)

    def settle(self) -> None:
        """Count what is acknowledged, and send again what the broker or a fatal error lost."""
        while self._pending and self._done(self._pending[0]):
            record = self._pending.popleft()
            error = _error_of(record)
            if error is None:
                self.sent += record.topic == self._topic
            elif isinstance(error, RECORD_IS_BAD):
                self.failed += record.topic == self._topic
                self.last_error = str(error)
            else:
                self._pending.appendleft(record)
                self._start_over(error)
                return

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged or given up; false when the time is over."""
        end = self._clock() + timeout_s
        self.settle()
        while self._pending and self._clock() < end:
            time.sleep(0.005)
            self.settle()
        return not self._pending

    def close(self, timeout_s: float = 5.0) -> None:
        """Flush and close; what is still not acknowledged is counted as failed."""
        self.flush(timeout_s)
        self.failed += sum(record.topic == self._topic for record in self._pending)
        self._pending.clear()
        self._drop_producer()

    def _hand_over(self, record: Record) -> None:
        if self._producer is None:
            return
        try:
            record.future = self._producer.send(record.topic, value=record.value, key=record.key)
        except KafkaError as error:
            record.future = error

    def _done(self, record: Record) -> bool:
        if record.future is None:  # no producer: a new try is due now and then
            return self._clock() >= self._retry_at
        return isinstance(record.future, KafkaError) or bool(record.future.is_done)

    def _start_over(self, error: KafkaError) -> None:
        if error is not NOT_HANDED_OVER:
            self.last_error = str(error) or type(error).__name__
        self._drop_producer()
        try:
            self._producer = self._connect()
        except (AccessRefused, BrokerUnreachable, KafkaError) as again:
            self.last_error = str(again)
            self._retry_at = self._clock() + RETRY_S
        for record in self._pending:
            if _acknowledged(record):
                continue
            record.future = None
            self._hand_over(record)

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=0)
        except KafkaError:
            # close() flushes first, and when that fails leaves its thread running for ever.
            producer._sender.force_close()


def connector(
    bootstrap_servers: str, options: Options | None = None
) -> Callable[[], KafkaProducer]:
    """Return what makes a producer, and the topics first: a memory-only broker forgets them.

    Args:
        bootstrap_servers: ``host:port``, several by comma.
        options: More of kafka-python's client options, for TLS and SASL.
    """
    more = dict(options or {})

    def connect() -> KafkaProducer:
        ensure_topics(bootstrap_servers, options=more, rights=TOPIC_RIGHTS["feed"])
        try:
            return KafkaProducer(
                bootstrap_servers=bootstrap_servers.split(","),
                linger_ms=0,
                max_block_ms=BLOCK_MS,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                reconnect_backoff_max_ms=1000,
                allow_auto_create_topics=False,
                # The default leaves keepalive off: a silent firewall would look like a quiet day.
                socket_options=[
                    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                ],
                **more,
            )
        except KafkaError as error:
            raise BrokerUnreachable(bootstrap_servers, type(error).__name__) from error

    return connect


def _error_of(record: Record) -> KafkaError | None:
    if record.future is None:
        return NOT_HANDED_OVER
    if isinstance(record.future, KafkaError):
        return record.future
    error: KafkaError | None = record.future.exception
    return error


def _acknowledged(record: Record) -> bool:
    future = record.future
    return future is not None and not isinstance(future, KafkaError) and future.succeeded()
