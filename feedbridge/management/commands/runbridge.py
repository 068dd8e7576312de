"""``manage.py runbridge``: ticks from Kafka to pricing tasks until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from feedbridge.consumer import Bridge, Rebalance
from feedbridge.deadletter import DeadLetters
from feedbridge.dispatch import Dispatcher, Numbers
from feedbridge.epoch import next_epoch
from feedbridge.heartbeat import Heartbeat
from feedbridge.queue import PricingQueue
from feedbridge.topics import FX_TICKS, YIELD_CURVE_TICKS, BrokerUnreachable, ensure_topics
from feedbridge.watchdog import Patience, Watchdog
from instruments.models.book_version import ask_to_compile
from pricing.books import Books
from pricing.frames import Frames, connect
from riskproject.celery import app

log = logging.getLogger("feedbridge")

KAFKA_RETRY_S = 0.2
KEEP_ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


class Command(BaseCommand):
    """Consume ticks, open frames, dispatch blocks, commit what is published."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Options of the bridge."""
        parser.add_argument("--group", default="feedbridge", help="consumer group")
        parser.add_argument(
            "--start",
            choices=("earliest", "latest"),
            default="earliest",
            help="where a group without committed offsets begins",
        )
        parser.add_argument(
            "--resend-ms", type=int, default=500, help="send a missing block again after this"
        )
        parser.add_argument(
            "--give-up-ms", type=int, default=3000, help="publish a frame as PARTIAL after this"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; commits before it ends."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        servers = settings.KAFKA_BOOTSTRAP_SERVERS
        if not servers:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS is not set: set it, or run `make demo`")
        try:
            ensure_topics(servers)
            epoch = next_epoch()
        except (BrokerUnreachable, DatabaseError) as error:
            raise CommandError(str(error).strip()) from None
        self._run(servers, epoch, options, stop)

    def _run(
        self, servers: str, epoch: int, options: dict[str, Any], stop: threading.Event
    ) -> None:
        client, queue, rebalance = connect(settings.REDIS_URL), PricingQueue(app), Rebalance()
        numbers = Numbers(epoch, next_epoch)
        dispatcher = Dispatcher(Frames(client), Books(client), queue.send, numbers)
        patience = Patience(options["resend_ms"] / 1000, options["give_up_ms"] / 1000)
        letters = DeadLetters(lambda: _letter_producer(servers))
        consumer = _consumer(servers, options, rebalance)
        bridge = Bridge(
            *(consumer, dispatcher, letters, Watchdog(patience), rebalance),
            ask_to_compile=ask_to_compile,
        )
        name = f"{socket.gethostname()}:{os.getpid()}"
        health = os.environ.get("BRIDGE_HEARTBEAT_FILE", "")
        broker = os.environ.get("KAFKA_BROKER_NAME", servers)
        pulse = Heartbeat(client, name, broker, Path(health) if health else None)
        self.stdout.write(f"bridge {name}, epoch {epoch}, reads {YIELD_CURVE_TICKS} at {servers}")
        while not stop.is_set():
            if not _round(bridge):
                stop.wait(KAFKA_RETRY_S)
            pulse.beat(bridge)
        bridge.close()
        queue.close()
        counts = ", ".join(f"{n} {s}" for s, n in sorted(bridge.ledger.counts.items())) or "none"
        self.stdout.write(f"bridge stopped: {bridge.ledger.consumed} ticks, {counts}")


def _round(bridge: Bridge) -> bool:
    """One round; False when Kafka had something against it."""
    try:
        bridge.step()
    except KafkaError as error:
        log.warning("kafka: %s", error)
        return False
    return True


def _consumer(servers: str, options: dict[str, Any], rebalance: Rebalance) -> KafkaConsumer:
    """A consumer of raw bytes: a deserializer that raises would hang it for good."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        group_id=options["group"],
        enable_auto_commit=False,
        auto_offset_reset=options["start"],
        # A tick wakes a durable broker's long poll; the packaged one waits it out.
        fetch_max_wait_ms=settings.KAFKA_FETCH_MAX_WAIT_MS,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1500,
        max_poll_interval_ms=60_000,
        reconnect_backoff_max_ms=1000,
        allow_auto_create_topics=False,
        socket_options=KEEP_ALIVE,
    )
    consumer.subscribe([YIELD_CURVE_TICKS, FX_TICKS], listener=rebalance)
    return consumer


def _letter_producer(servers: str) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=servers.split(","),
        max_block_ms=500,
        delivery_timeout_ms=5000,
        request_timeout_ms=3000,
        allow_auto_create_topics=False,
        socket_options=KEEP_ALIVE,
    )
