"""A bridge on real Kafka and Redis; a queue that records jobs, and a pretend worker on it."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import kombu.exceptions
import msgspec
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from feedbridge.bridge.detail_lifecycle import DetailLifecycle
from feedbridge.bridge.dispatch import Dispatcher, FrameNumbers
from feedbridge.bridge.loop import Bridge
from feedbridge.bridge.poison_trades import PoisonTradeDetector
from feedbridge.bridge.watchdog import Patience, Watchdog
from feedbridge.dead_letters.producer import DeadLetterProducer
from feedbridge.handover.rebalance import Rebalance
from feedbridge.kafka.end_offsets import ends_of
from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ
from risk.store.compiled_book import Books
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import BOOK_GONE, Frames, connect
from risk.store.messages import FxTick, MarketTick, SumsJob
from risk.store.publication import SumsDiffer, publish_detail, publish_parts
from risk.store.run_registry import RunRegistry
from tests.feedbridge import past
from tests.risk.made import as_of, columns, part, totals

WAIT_S = 30.0
BAD_RATE = 0.4999
"""The pretend worker finds no curve when a market has this rate."""

_epochs = itertools.count(1)


def new_epoch(above: int = 0) -> int:
    """As PostgreSQL gives them: nobody else has it, and it is above another."""
    return next(e for e in _epochs if e > above)


class Queue:
    """Takes jobs as Celery does; ``down`` fails like a broker that is away."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.fails_at: set[int] = set()
        self.calls = 0
        self.gave_way: list[bool] = []

    def send_sums(self, payload: dict[str, Any], give_way: bool = False) -> None:
        self.calls += 1
        if self.calls in self.fails_at:
            raise kombu.exceptions.OperationalError("broker away")
        self.jobs.append(payload)
        self.gave_way.append(give_way)

    send_detail = send_sums


class Rig:
    """Everything around bridges: topics of one test, a queue and a worker."""

    def __init__(self, client: redis.Redis, servers: str, url: str) -> None:
        self.client, self.servers, self.url = client, servers, url
        self.frames, self.books = Frames(client), CompiledBooks(client)
        self.group = f"g{uuid.uuid4().hex[:8]}"
        self.producer = KafkaProducer(bootstrap_servers=servers)
        self.queue: Any = Queue()
        self.detail_queue: Any = Queue()
        self.parts = 1
        self.asked = 0
        self.isolation_runs: list[dict[str, Any]] = []
        self.send_isolation_run: Callable[[dict[str, Any]], None] = self.isolation_runs.append
        self.kept_out: list[str] = []
        self.bridges: list[Bridge] = []
        self.worked, self.detail_worked, self.pretends = 0, 0, True
        self.idle_blocks: set[int] = set()
        self.idle_detail: set[int] = set()
        self.detail_works, self.detail_share = True, 1.0
        self.detail_publishes = True
        past.leave_out(self.servers, self.group)

    def bridge(self, url: str | None = None, patience: Patience = Patience(0.3, 1.0)) -> Bridge:
        rebalance = Rebalance()
        consumer = KafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=500,
            fetch_max_wait_ms=50,
        )
        consumer.subscribe([YIELD_CURVE_TICKS, FX_TICKS], listener=rebalance)
        client = connect(url or self.url, timeout_s=0.5)
        numbers = FrameNumbers(new_epoch(), new_epoch)
        dispatcher = Dispatcher(
            Frames(client),
            Books(client),
            lambda payload, give_way: self.queue.send_sums(payload, give_way),
            lambda payload: self.detail_queue.send_detail(payload),
            numbers,
            parts_of=lambda trades: self.parts,
        )
        dead_letters = DeadLetterProducer(lambda: KafkaProducer(bootstrap_servers=self.servers))
        poison_trades = PoisonTradeDetector(
            RunRegistry(client), self.send_isolation_run, self.keep_out
        )
        made = Bridge(
            consumer=consumer,
            dispatcher=dispatcher,
            dead_letters=dead_letters,
            watchdog=Watchdog(patience),
            rebalance=rebalance,
            poison_trades=poison_trades,
            details=DetailLifecycle(
                dispatcher=dispatcher,
                poison_trades=poison_trades,
                watchdog=Watchdog(patience),
            ),
            ask_to_compile=self._ask,
        )
        self.bridges.append(made)
        return made

    def keep_out(self, trade_id: str, *_: Any) -> None:
        self.kept_out.append(trade_id)

    def _ask(self) -> None:
        self.asked += 1

    def tick(self, seq: int, rate: float = 0.04, **changes: Any) -> MarketTick:
        usual: dict[str, Any] = {
            "currency": "USD",
            "as_of": as_of() + dt.timedelta(seconds=seq),
            "source": "feed",
            "seq": seq,
            "curves": {"USD-SOFR": {"1Y": rate}},
        }
        return MarketTick(**{**usual, **changes})

    def send(self, *ticks: MarketTick | bytes) -> None:
        futures = []
        for each in ticks:
            key = each.currency.encode() if isinstance(each, MarketTick) else b"USD"
            value = msgspec.json.encode(each) if isinstance(each, MarketTick) else each
            futures.append(self.producer.send(YIELD_CURVE_TICKS, key=key, value=value))
        for future in futures:
            future.get(timeout=10)

    def send_fx(self, seq: int, usd: float = 1.1) -> None:
        tick = FxTick(as_of=as_of(), source="feed", seq=seq, usd={"EUR": usd}, label="official")
        self.producer.send(FX_TICKS, key=b"FX", value=msgspec.json.encode(tick)).get(timeout=10)

    def work(self) -> None:
        """What the workers would do with all jobs that are queued."""
        while self.pretends and self.worked < len(self.queue.jobs):
            job = self.queue.jobs[self.worked]
            self.worked += 1
            self._price_sums(job)
        if self.detail_works:
            self.work_detail()

    def work_detail(self, tasks: int = 1_000_000) -> None:
        """What the workers of detail would do with some jobs that are queued."""
        while self.pretends and tasks and self.detail_worked < len(self.detail_queue.jobs):
            job = self.detail_queue.jobs[self.detail_worked]
            self.detail_worked, tasks = self.detail_worked + 1, tasks - 1
            for block in job["work"]:
                self._price_block(job, block)

    def _price_sums(self, job: dict[str, Any]) -> None:
        name, number, made = job["currency"], job["frame"], job["part"]
        blocks = msgspec.convert(job, SumsJob).included()
        if self.idle_blocks & set(blocks):
            return
        head = self.books.head(name, job["book_version"])
        if head is None:
            self.frames.fail(name, number, BOOK_GONE, "gone")
            return
        if BAD_RATE in job["curves"].get("USD-SOFR", {}).values():
            self.frames.fail(name, number, "BOOTSTRAP", "USD-SOFR does not bootstrap")
            return
        sums = part(made, excluded=job["excluded"])
        if self.frames.put(name, number, sums).present == job["parts"]:
            header = self.frames.header(name, number)
            assert header is not None
            publish_parts(self.frames, header, head, self.books)

    def _price_block(self, job: dict[str, Any], block: int) -> None:
        name, number = job["currency"], job["frame"]
        if block in self.idle_blocks | self.idle_detail:
            return
        rollup = self.frames.rollup(name, number)
        if rollup is None:
            return
        share = self.detail_share / job["needed"]
        made = totals(block, *rollup.cells, share=share)
        put = self.frames.put_detail(name, number, made, columns(block))
        if put.present >= job["needed"] and self.detail_publishes:
            with contextlib.suppress(SumsDiffer):
                publish_detail(self.frames, rollup)

    def run(
        self,
        until: Callable[[], Any],
        *bridges: Bridge,
        works: bool = True,
        seconds: float = WAIT_S,
    ) -> None:
        """Rounds of the bridges (all, if none is named), with the worker in between."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"not within {seconds} s"
            for bridge in bridges or self.bridges:
                bridge.step()
            if works:
                self.work()

    def rounds(self, bridge: Bridge, seconds: float = 0.6, *, works: bool = True) -> None:
        end = time.monotonic() + seconds
        self.run(lambda: time.monotonic() > end, bridge, works=works)

    def ready(self, bridge: Bridge) -> Bridge:
        """It has its partitions and knows where to read on."""

        def assigned() -> bool:
            parts = bridge.consumer.assignment()
            return bool(parts) and all(
                bridge.consumer.position(p, timeout_ms=1000) is not None for p in parts
            )

        self.run(assigned, bridge)
        return bridge

    def committed(self) -> Counter[str]:
        """Committed offsets summed by topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers, group_id=self.group)
        total: Counter[str] = Counter()
        for topic in (YIELD_CURVE_TICKS, FX_TICKS):
            for number in consumer.partitions_for_topic(topic) or ():
                total[topic] += consumer.committed(TopicPartition(topic, number)) or 0
        consumer.close()
        return total

    def ends(self) -> int:
        consumer = KafkaConsumer(bootstrap_servers=self.servers)
        numbers = consumer.partitions_for_topic(YIELD_CURVE_TICKS)
        ends = ends_of(consumer, [TopicPartition(YIELD_CURVE_TICKS, n) for n in numbers])
        consumer.close()
        return sum(ends.values())

    def letters(self) -> list[tuple[bytes, dict[str, bytes]]]:
        consumer = KafkaConsumer(
            YIELD_CURVE_TICKS_DLQ,
            bootstrap_servers=self.servers,
            auto_offset_reset="earliest",
            consumer_timeout_ms=1000,
        )
        found = [(r.value, dict(r.headers)) for r in consumer]
        consumer.close()
        return found

    def seq(self) -> int:
        """Of the market that is shown."""
        header = self.frames.header("USD", self.frames.pointer("USD"))
        return header.seq if header else 0

    def close(self) -> None:
        for bridge in self.bridges:
            bridge.dead_letters.close()
            bridge.consumer.close(autocommit=False)
        self.producer.close()


def counted(bridge: Bridge) -> dict[str, int]:
    assert bridge.ledger.in_flight == bridge.ledger.consumed - sum(bridge.ledger.counts.values())
    return dict(bridge.ledger.counts)


def at_rest(bridge: Bridge, consumed: int) -> Callable[[], bool]:
    return lambda: bridge.ledger.consumed == consumed and bridge.ledger.in_flight == 0
