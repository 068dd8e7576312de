"""Kafka in, frames out: the bridge's loop, one thread.

Each round polls raw bytes, judges them, opens at most one frame a currency, looks after the
open ones, and commits what has ended. A burst is conflated: while a frame of a currency is
open, newer ticks only move its market, and one frame then stands for all of them.

A bridge never waits inside a round. When Redis or the task queue is away it pauses its
partitions and goes on polling, so that the group does not lose it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import kombu.exceptions
import redis
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError

from feedbridge import decode
from feedbridge.board import Board, Market, Verdict
from feedbridge.deadletter import DeadLetter, DeadLetters
from feedbridge.dispatch import Accepted, Dispatcher, NoBook, OpenFrame
from feedbridge.ledger import Ledger, Place
from feedbridge.topics import FX_TICKS, YIELD_CURVE_TICKS
from feedbridge.watchdog import Watchdog
from pricing.core.conventions import CURRENCIES
from pricing.core.messages import FxTick
from pricing.finish import publish_parts
from pricing.fx import write_fx

log = logging.getLogger(__name__)

AWAY = (redis.RedisError, kombu.exceptions.OperationalError, OSError)
"""A server that frames need does not answer: wait for it."""

IDLE_POLL_MS, BUSY_POLL_MS = 50, 3
"""How long a round may wait for ticks: short while a frame is open and may be done."""

COMMIT_EVERY_S, RETRY_EVERY_S, BOOK_EVERY_S = 0.2, 0.5, 0.1
MAX_RECORDS = 2000


class Assignment(NamedTuple):
    """Partitions that came and went since the last round."""

    gained: set[tuple[str, int]]
    lost: set[tuple[str, int]]


class Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers what changed. Calling the consumer from here would raise."""

    def __init__(self) -> None:
        """Nothing has changed."""
        self._gained: set[tuple[str, int]] = set()
        self._lost: set[tuple[str, int]] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Another bridge takes these."""
        self._lost |= {(p.topic, p.partition) for p in revoked}

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The group has thrown this bridge out."""
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are this bridge's now."""
        self._gained |= {(p.topic, p.partition) for p in assigned}

    def take(self) -> Assignment:
        """What changed since the last call."""
        change = Assignment(self._gained, self._lost)
        self._gained, self._lost = set(), set()
        return change


@dataclass
class Lane:
    """One currency in the bridge: what waits, and the frame that is open."""

    waiting: list[Accepted] = field(default_factory=list)
    open: OpenFrame | None = None
    published: Market | None = None
    book_version: str = ""
    book_at: float = 0.0
    partition: tuple[str, int] | None = None


class Bridge:
    """The loop; ``step`` is one round."""

    def __init__(
        self,
        consumer: Any,
        dispatcher: Dispatcher,
        letters: DeadLetters,
        watchdog: Watchdog,
        rebalance: Rebalance,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Start with an empty board; the first assignment fills it from published frames."""
        self.consumer, self.dispatcher, self.letters = consumer, dispatcher, letters
        self.watchdog, self.rebalance = watchdog, rebalance
        self.clock, self.wall_ns = clock, wall_ns
        self.frames = dispatcher.frames
        self.board, self.ledger = Board(), Ledger()
        self.lanes = {name: Lane() for name in CURRENCIES}
        self.frames_published: Counter[str] = Counter()
        self.resent = 0
        self.away: str | None = None
        self._retry_at = self._commit_at = 0.0
        self._fx_last: tuple[str, int, int] = ("", -1, -1)

    # --- One round ---------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, judge, dispatch, look after, commit."""
        busy = any(lane.open for lane in self.lanes.values())
        wait_ms = BUSY_POLL_MS if busy else IDLE_POLL_MS
        batches = self.consumer.poll(timeout_ms=wait_ms, max_records=MAX_RECORDS)
        self._follow_assignment()
        for batch in batches.values():
            for record in batch:
                self._take(record)
        for letter in self.letters.arrived():
            self.ledger.end(letter.place, "dead_lettered")
        self._advance()
        self._commit()

    def _advance(self) -> None:
        """Everything that needs Redis or the task queue."""
        if self.away and self.clock() < self._retry_at:
            return
        try:
            self._close_published()
            self._look_after()
            self._open_frames()
            self._back()
        except AWAY as error:
            self._wait(error)

    def _wait(self, error: Exception) -> None:
        self._retry_at = self.clock() + RETRY_EVERY_S
        if self.away is None:
            log.warning("waiting: %s", error)
            self.consumer.pause(*self.consumer.assignment())
        self.away = str(error) or type(error).__name__

    def _back(self) -> None:
        if self.away is not None:
            log.warning("going on: servers answer again")
            self.consumer.resume(*self.consumer.assignment())
            self.away = None

    # --- Ticks -------------------------------------------------------------------------------

    def _take(self, record: Any) -> None:
        place = Place(record.topic, record.partition, record.offset)
        self.ledger.begin(place)
        try:
            if record.topic == FX_TICKS:
                self._take_fx(place, decode.fx_tick(record.value))
            else:
                self._take_market(place, record)
        except decode.BadTick as error:
            log.warning("dead letter %s: %s", place, error)
            self.letters.bury(DeadLetter(place, record.key, record.value, error.code, error.reason))

    def _take_fx(self, place: Place, tick: FxTick) -> None:
        if tick.source == self._fx_last[0] and (tick.epoch, tick.seq) <= self._fx_last[1:]:
            self.ledger.end(place, "stale")
            return
        try:
            write_fx(self.frames.client, tick)
        except redis.RedisError as error:
            self._wait(error)  # the next rates come in a moment; these are passed over
            self.ledger.end(place, "conflated")
            return
        self._fx_last = (tick.source, tick.epoch, tick.seq)
        self.ledger.end(place, "published")

    def _take_market(self, place: Place, record: Any) -> None:
        tick = decode.market_tick(record.value, record.key)
        verdict = self.board.judge(tick)
        if verdict is Verdict.CONFLICT:
            reason = f"seq {tick.seq} of {tick.source} came before with other quotes"
            self.letters.bury(DeadLetter(place, record.key, record.value, "CONFLICT", reason))
            return
        if verdict is not Verdict.ACCEPTED:
            self.ledger.end(place, verdict.value)
            return
        self.board.take(tick)
        lane = self.lanes[tick.currency]
        lane.partition = (place.topic, place.partition)
        received = self.wall_ns()
        lane.waiting.append(Accepted(place, record.key, record.value, tick.sent_ns, received))

    # --- Frames ------------------------------------------------------------------------------

    def _close_published(self) -> None:
        """Frames that the workers have published, or cannot price, leave their lanes."""
        waiting = {n: lane.open.number for n, lane in self.lanes.items() if lane.open}
        if not waiting:
            return
        for name, state in self.frames.states(waiting).items():
            frame = self.lanes[name].open
            if frame is None:
                continue
            if state.pointer >= frame.number:
                self._published(name, frame)
            elif state.error is not None:
                self._refused(name, frame, state.error.code, state.error.message)

    def _published(self, name: str, frame: OpenFrame) -> None:
        lane = self.lanes[name]
        self.watchdog.published(frame, self.clock())
        self.frames_published[name] += 1
        lane.open, lane.published = None, frame.market
        lane.book_version = frame.header.book_version
        for tick in frame.ticks[:-1]:
            self.ledger.end(tick.place, "conflated")
        for tick in frame.ticks[-1:]:
            self.ledger.end(tick.place, "published")

    def _refused(self, name: str, frame: OpenFrame, code: str, message: str) -> None:
        """The newest tick made a market without curves: bury it, stand on the one before."""
        log.warning("frame %s %s refused: %s", name, frame.number, message)
        lane = self.lanes[name]
        lane.open = None
        for tick in frame.ticks[:-1]:
            self.ledger.end(tick.place, "conflated")
        for tick in frame.ticks[-1:]:
            self.letters.bury(tick.letter(code, message))
        if lane.waiting:
            return  # newer quotes are on the board already; they may well be good
        if lane.published is not None:
            self.board.restore(lane.published)

    def _look_after(self) -> None:
        """Send again what is missing; publish what there is when it takes too long."""
        now = self.clock()
        for name, lane in self.lanes.items():
            frame = lane.open
            if frame is None:
                continue
            due = self.watchdog.overdue(frame, now)
            if not due:
                continue
            present = self.frames.blocks_present(name, frame.number, frame.header.blocks)
            if all(present) or (any(present) and self.watchdog.given_up(frame, now)):
                self._publish_what_is_there(name, frame)
                continue
            for block in due:
                if not present[block]:
                    self.resent += 1
                    self.dispatcher.send_block(frame, block)

    def _publish_what_is_there(self, name: str, frame: OpenFrame) -> None:
        manifest = self.dispatcher.books.manifest(name, frame.header.book_version)
        if manifest is not None:
            code = publish_parts(self.frames, frame.header, manifest)
            log.warning("frame %s %s published by the watchdog: %s", name, frame.number, code)

    def _open_frames(self) -> None:
        for name, lane in self.lanes.items():
            if lane.open is not None:
                continue
            if lane.waiting or self._book_moved(name, lane):
                self._open(name, lane)

    def _book_moved(self, name: str, lane: Lane) -> bool:
        """An edited trade is priced at once, on the quotes that stand."""
        if lane.published is None or lane.partition is None or self.clock() < lane.book_at:
            return False
        lane.book_at = self.clock() + BOOK_EVERY_S
        book = self.dispatcher.books.newest(name)
        return book is not None and book.version != lane.book_version

    def _open(self, name: str, lane: Lane) -> None:
        try:
            frame = self.dispatcher.open(self.board.markets[name], lane.waiting)
        except NoBook:
            return  # ticks wait; the compile task will make one
        lane.open, lane.waiting = frame, []

    # --- Kafka -------------------------------------------------------------------------------

    def _follow_assignment(self) -> None:
        change = self.rebalance.take()
        if change.lost:
            self.ledger.revoke(change.lost)
            for name, lane in self.lanes.items():
                if lane.partition in change.lost:
                    self.board.forget(name)
                    self.lanes[name] = Lane()
        if change.gained:
            self._restore_markets()

    def _restore_markets(self) -> None:
        """Start from what is published, so that a partial tick finds the rest of its market."""
        try:
            current = self.frames.current_all(CURRENCIES)
        except redis.RedisError as error:
            self._wait(error)
            return
        for name, rollup in current.items():
            lane = self.lanes[name]
            if lane.waiting or lane.open is not None:
                continue
            header = self.frames.header(name, rollup.frame)
            if header is None:
                continue
            market = Market(
                currency=name,
                curves=header.curves,
                labels=header.labels,
                as_of=header.as_of,
                source=header.source,
                epoch=header.epoch,
                seq=header.seq,
            )
            self.board.restore(market)
            lane.published, lane.book_version = market, header.book_version

    def _commit(self) -> None:
        if self.clock() < self._commit_at:
            return
        self._commit_at = self.clock() + COMMIT_EVERY_S
        ready = self.ledger.take_committable()
        if ready:
            offsets = _offsets(ready)
            try:
                self.consumer.commit_async(offsets, callback=self._committed)
            except (CommitFailedError, KafkaError) as error:
                log.warning("commit failed: %s", error)
                self.ledger.give_back(ready)

    def _committed(self, offsets: dict[TopicPartition, Any], result: Any) -> None:
        """Kafka's answer; a failed commit is offered again, and costs only duplicates."""
        if isinstance(result, Exception):
            log.warning("commit failed: %s", result)
            self.ledger.give_back({(p.topic, p.partition): o.offset for p, o in offsets.items()})

    def close(self) -> None:
        """Finish open frames for a moment, commit what has ended, leave the group."""
        end = self.clock() + 1.0
        while any(lane.open for lane in self.lanes.values()) and self.clock() < end:
            self.consumer.pause(*self.consumer.assignment())
            self.step()
        ready = self.ledger.take_committable()
        try:
            if ready:
                self.consumer.commit(_offsets(ready), timeout_ms=1000)
        except (CommitFailedError, KafkaError) as error:
            log.warning("last commit failed: %s", error)
        self.letters.close()
        self.consumer.close(autocommit=False)


def _offsets(ready: dict[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
        for (topic, partition), offset in ready.items()
    }


__all__ = ["YIELD_CURVE_TICKS", "Bridge", "Rebalance"]
