"""``manage.py runbridge``: turn Kafka ticks into pricing tasks until it is told to stop."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import OperationalError, connection
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import AuthorizationError, FencedInstanceIdError, KafkaError
from redis import RedisError

from feedbridge.bridge.decode import TimeLimits
from feedbridge.bridge.detail_lifecycle import DETAIL_PATIENCE, DetailLifecycle
from feedbridge.bridge.dispatch import Dispatcher, FrameNumbers
from feedbridge.bridge.heartbeat import Heartbeat
from feedbridge.bridge.loop import Bridge
from feedbridge.bridge.market_state import MAX_MOVE
from feedbridge.bridge.poison_trades import PoisonTradeDetector
from feedbridge.bridge.task_queue import PricingQueue
from feedbridge.bridge.watchdog import Patience, Watchdog
from feedbridge.dead_letters.consumption_halt import ConsumptionHalt, clear_halt, write_halt
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit, NoLimit
from feedbridge.dead_letters.producer import DeadLetterProducer
from feedbridge.handover.epoch import next_epoch
from feedbridge.handover.rebalance import Rebalance
from feedbridge.kafka.acl import GROUP, TOPIC_RIGHTS
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options, start_client
from feedbridge.kafka.membership import leave
from feedbridge.kafka.topics import FX_TICKS, GRANT, YIELD_CURVE_TICKS, ensure_topics
from instruments import trade_repository
from instruments.models.book_version import ask_to_compile
from risk.store.compiled_book import Books
from risk.store.frames import Frames, connect
from risk.store.heartbeats import speaking
from risk.store.run_registry import RunRegistry
from riskproject.celery import app

log = logging.getLogger("feedbridge")

KAFKA_RETRY_S, HALT_CHECK_S, START_AGAIN_S = 0.2, 1.0, 0.5
GC_THRESHOLD = 700
"""New objects between two garbage collections: Python's own default."""

KEEP_ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


class Command(BaseCommand):
    """Consume ticks, open frames, dispatch their blocks, and commit what is published."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--group", default=GROUP, help="consumer group")
        parser.add_argument(
            "--instance",
            default="",
            help="a name that no other bridge has: the group gives its partitions back at once "
            "to a bridge that died and is started again, instead of after 6 s",
        )
        parser.add_argument(
            "--start",
            choices=("earliest", "latest"),
            default="earliest",
            help="where a group without committed offsets starts reading",
        )
        parser.add_argument(
            "--resend-ms",
            type=int,
            default=200,
            help=("time after which a missing block is sent again"),
        )
        parser.add_argument(
            "--give-up-ms",
            type=int,
            default=3000,
            help=("time after which an incomplete frame is published as PARTIAL"),
        )
        parser.add_argument(
            "--max-ahead-days",
            type=int,
            default=2,
            help="refuse ticks whose as_of is further ahead of this machine's clock",
        )
        parser.add_argument(
            "--max-age-days",
            type=int,
            help="refuse ticks whose as_of is older; default: any age, as history is replayed",
        )
        parser.add_argument(
            "--max-move",
            type=float,
            default=MAX_MOVE,
            help="refuse ticks with a quote that is further from the one before, as a decimal rate "
            "(%(default)s is 3 percentage points); 0: take any",
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="refuse ticks whose curves have a warning (CURVE_LIMITS), instead of showing it",
        )
        parser.add_argument(
            "--bad-in-a-row",
            type=int,
            default=50,
            help=("stop reading after this many invalid records"),
        )
        parser.add_argument(
            "--bad-share",
            type=float,
            default=0.2,
            help="stop reading when more of the last 500 records are invalid (0.2 is 20 %%)",
        )
        parser.add_argument(
            "--accept-bad",
            action="store_true",
            help="continue where bridges have stopped reading, without a limit of invalid records",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; commits before it ends."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        servers = settings.KAFKA_BOOTSTRAP_SERVERS
        if not servers:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS is not set: set it, or run `make demo`")
        if settings.DATABASES["default"]["ENGINE"] == "riskproject.nodatabase":
            connection.ensure_connection()  # raises an error if no server is configured
        try:
            access = settings.KAFKA_ACCESS.options_for(servers)
            epoch = _topics_and_epoch(servers, access, stop)
        except (AccessRefused, DatabaseError, ImproperlyConfigured) as error:
            raise CommandError(str(error).strip()) from None
        if epoch is not None:
            self._run(servers, access, epoch, options, stop)

    def _run(
        self,
        servers: str,
        access: Options,
        epoch: int,
        options: dict[str, Any],
        stop: threading.Event,
    ) -> None:
        client, queue, rebalance = connect(settings.REDIS_URL), PricingQueue(app), Rebalance()
        numbers = FrameNumbers(epoch, next_epoch)
        dispatcher = Dispatcher(
            Frames(client),
            Books(client),
            queue.send_sums,
            queue.send_detail,
            numbers,
            sanity=settings.CURVE_LIMITS,
            strict=options["strict"],
        )
        patience = Patience(options["resend_ms"] / 1000, options["give_up_ms"] / 1000)
        dead_letters = DeadLetterProducer(lambda: _dead_letter_producer(servers, access))
        dead_letters.connect()
        consumer = _consumer(servers, access, options, rebalance)
        poison_trades = PoisonTradeDetector(
            RunRegistry(client), queue.send_isolation_run, _quarantine
        )
        bridge = Bridge(
            consumer=consumer,
            dispatcher=dispatcher,
            dead_letters=dead_letters,
            watchdog=Watchdog(patience),
            rebalance=rebalance,
            poison_trades=poison_trades,
            details=DetailLifecycle(
                dispatcher=dispatcher,
                poison_trades=poison_trades,
                watchdog=Watchdog(DETAIL_PATIENCE),
                window=settings.PRICING_PROCESSES + 1,  # one waits while the bridge looks
            ),
            ask_to_compile=ask_to_compile,
            invalid_record_limit=_limit(options),
            time_limits=_times(options),
            max_move=_max_move(options),
        )
        name = f"{socket.gethostname()}:{os.getpid()}"
        health = os.environ.get("BRIDGE_HEARTBEAT_FILE", "")
        broker = os.environ.get("KAFKA_BROKER_NAME", servers)
        heartbeat = Heartbeat(client, name, broker, Path(health) if health else None)
        self.stdout.write(f"bridge {name}, epoch {epoch}, reads {YIELD_CURVE_TICKS} at {servers}")
        with speaking(client, "bridge"):
            if not options["accept_bad"]:
                _wait_while_halted(bridge, heartbeat, stop)
            elif not _retry_until_done(lambda: clear_halt(client), stop):
                return
            heartbeat.beat(bridge)
            bridge.reset_sources(heartbeat.resets)  # before the first record is judged
            _collect_garbage_often()
            while not stop.is_set() and not bridge.halted:
                if not _round(bridge, options["instance"]):
                    stop.wait(KAFKA_RETRY_S)
                heartbeat.beat(bridge)
                bridge.reset_sources(heartbeat.resets)
                bridge.lifecycle.details.count_processes(heartbeat.detail_processes)
                if heartbeat.halt is not None and not options["accept_bad"]:
                    bridge.halt(heartbeat.halt.why)
            if bridge.halted:
                _retry_until_done(lambda: write_halt(client, name, bridge.halted), stop)
                heartbeat.beat(bridge)
        bridge.close()
        leave(servers, access, options["group"], options["instance"])
        queue.close()
        counts = ", ".join(f"{n} {s}" for s, n in sorted(bridge.ledger.counts.items())) or "none"
        self.stdout.write(f"bridge stopped: {bridge.ledger.consumed} ticks, {counts}")
        if bridge.halted:
            raise CommandError(str(ConsumptionHalt(bridge=name, why=bridge.halted, since_ns=0)))


def _topics_and_epoch(servers: str, access: Options, stop: threading.Event) -> int | None:
    """Make sure of the topics and draw an epoch; waits for Kafka and PostgreSQL.

    A bridge that ended instead would be given up by its supervisor during a long outage. Returns
    None when told to stop meanwhile.
    """
    said = ""
    while True:
        try:
            ensure_topics(servers, options=access, rights=TOPIC_RIGHTS["bridge"])
            return next_epoch()
        except (BrokerUnreachable, OperationalError) as error:
            why = " ".join(str(error).split())
            if why != said:
                log.warning("waiting: %s", why)
                said = why
        if stop.wait(START_AGAIN_S):
            return None


def _limit(options: dict[str, Any]) -> InvalidRecordLimit:
    if options["accept_bad"]:
        return NoLimit()
    return InvalidRecordLimit(
        max_consecutive=options["bad_in_a_row"], max_ratio=options["bad_share"]
    )


def _times(options: dict[str, Any]) -> TimeLimits:
    ahead, age = options["max_ahead_days"], options["max_age_days"]
    if ahead < 0 or (age is not None and age < 0):
        raise CommandError("--max-ahead-days and --max-age-days: 0 or more days")
    return TimeLimits(dt.timedelta(days=ahead), None if age is None else dt.timedelta(days=age))


def _max_move(options: dict[str, Any]) -> float | None:
    most = options["max_move"]
    if not 0 <= most < 1:
        raise CommandError("--max-move: a decimal rate from 0 (take any move) to 1")
    return most or None


def _wait_while_halted(bridge: Bridge, heartbeat: Heartbeat, stop: threading.Event) -> None:
    """Read nothing while consumption is halted: a supervisor may have restarted this bridge."""
    heartbeat.beat(bridge)
    while heartbeat.halt is not None and not stop.is_set():
        if not bridge.halted:
            log.error("waiting: %s", heartbeat.halt)
        bridge.halt(heartbeat.halt.why)
        stop.wait(HALT_CHECK_S)
        heartbeat.beat(bridge)
    bridge.resume()


def _retry_until_done(work: Callable[[], object], stop: threading.Event) -> bool:
    """Repeat until Redis answers; False when told to stop before."""
    while True:
        try:
            work()
            return True
        except RedisError as error:
            log.warning("waiting: %s", error)
            if stop.wait(HALT_CHECK_S):
                return False


def _collect_garbage_often() -> None:
    """Collect garbage often and little at a time from here on: a tick waits meanwhile.

    ``manage.py`` has made collections rare for the start, and one of 50,000 objects takes up to a
    tenth of a second. What is loaded by now never becomes garbage: no collection looks at it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def _quarantine(trade_id: str, currency: str, frame: int, reason: str) -> None:
    try:
        trade_repository.quarantine(trade_id, currency, frame, reason)
    finally:
        connection.close()  # the bridge does not need the database while it runs


def _round(bridge: Bridge, instance: str) -> bool:
    """Run one round; returns False after an error of Kafka that may be temporary.

    Raises:
        CommandError: A right is missing, or another bridge has this one's instance id: these
            errors are permanent, and a warning in each round would hide them.
    """
    try:
        bridge.step()
    except FencedInstanceIdError:
        raise CommandError(
            f"another bridge has joined the group as --instance {instance} and this one is out: "
            "give each a name of its own"
        ) from None
    except AuthorizationError as error:
        raise CommandError(f"Kafka refuses this account: {error}; {GRANT}") from None
    except KafkaError as error:
        log.warning("kafka: %s", error)
        return False
    return True


def _consumer(
    servers: str, access: Options, options: dict[str, Any], rebalance: Rebalance
) -> KafkaConsumer:
    """A consumer of raw bytes: a deserializer that raises would block it for ever."""
    consumer = start_client(
        KafkaConsumer,
        bootstrap_servers=servers.split(","),
        group_id=options["group"],
        group_instance_id=options["instance"] or None,
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
        **access,
    )
    consumer.subscribe([YIELD_CURVE_TICKS, FX_TICKS], listener=rebalance)
    return consumer


def _dead_letter_producer(servers: str, access: Options) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=servers.split(","),
        max_block_ms=500,
        delivery_timeout_ms=5000,
        request_timeout_ms=3000,
        allow_auto_create_topics=False,
        socket_options=KEEP_ALIVE,
        **access,
    )
