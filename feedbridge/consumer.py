"""Kafka in, frames out: the bridge's loop, one thread.

Each round polls raw bytes, judges them, opens at most one frame a currency, looks after the
open ones, and commits what has ended. A burst is conflated: while a frame of a currency is
open, newer ticks only move its market, and one frame then stands for all of them.

A bridge never waits inside a round. When Redis or the task queue is away it pauses its
partitions and goes on polling, so that the group does not lose it. After a rebalance it holds
its ticks until it knows what is published and has numbers above the former owner's.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import kombu.exceptions
import msgspec
import redis
from django.db import Error as DatabaseError
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from feedbridge import decode
from feedbridge.board import Board, Market, Verdict
from feedbridge.deadletter import DeadLetter, DeadLetters
from feedbridge.dispatch import Accepted, Dispatcher, NoBook, OpenFrame, Overtaken, laid
from feedbridge.ledger import Ledger, Place
from feedbridge.topics import FX_TICKS, YIELD_CURVE_TICKS
from feedbridge.watchdog import Watchdog
from pricing.core.conventions import CURRENCIES
from pricing.core.messages import FxTick
from pricing.finish import publish_parts
from pricing.frames import BOOK_GONE
from pricing.fx import write_fx

log = logging.getLogger(__name__)

AWAY = (
    *(redis.RedisError, kombu.exceptions.OperationalError, DatabaseError, OSError),
    msgspec.MsgspecError,  # what stands in Redis is of another release
    Overtaken,
)
"""A server that frames need does not answer, or another bridge is faster: wait."""

IDLE_POLL_MS, BUSY_POLL_MS = 50, 3
"""How long a round may wait for ticks: short while a frame is open and may be done."""

JOIN_POLL_MS = 1000
"""While partitions are dealt out. kafka-python 3.0.12 does not end a rejoin over short polls:
with 3 ms none was done in 9 s here (Kafka 4.4), with 20 ms all were, if the machine was idle."""

COMMIT_EVERY_S, RETRY_EVERY_S, BOOK_EVERY_S = 0.2, 0.5, 0.1
MAX_RECORDS = 2000
COMMITTED_MS = 2000
COMPILE_EVERY_S, PARTIAL_AGAIN_S = 30.0, 5.0
CONFLICT = "CONFLICT"
MAX_WAITING = 20_000
"""Ticks kept while no frame can be opened; then they wait in Kafka."""


class Assignment(NamedTuple):
    """Partitions that came and went since the last round."""

    gained: set[tuple[str, int]]
    lost: set[tuple[str, int]]


class Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers what changed. Calling the consumer from here would raise."""

    def __init__(self) -> None:
        """Nothing has changed; nothing is dealt out yet."""
        self.pending = True
        self._gained: set[tuple[str, int]] = set()
        self._lost: set[tuple[str, int]] = set()
        self._lock = threading.Lock()  # the client may call from its own thread

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Another bridge takes these."""
        self.pending = True
        with self._lock:
            self._lost |= {(p.topic, p.partition) for p in revoked}

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """The group has thrown this bridge out."""
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are this bridge's now."""
        with self._lock:
            self._gained |= {(p.topic, p.partition) for p in assigned}
        self.pending = False

    def take(self) -> Assignment:
        """What changed since the last call."""
        with self._lock:
            change = Assignment(self._gained, self._lost)
            self._gained, self._lost = set(), set()
        return change


@dataclass
class Lane:
    """One currency in the bridge: what waits, and the frame that is open.

    The board's market is always the published one with the ticks of the open frame and the
    waiting ones laid over it. ``at_most`` bounds the next frame's ticks while a bad one is
    sought; ``number`` is the last published frame's.
    """

    waiting: list[Accepted] = field(default_factory=list)
    open: OpenFrame | None = None
    published: Market | None = None
    number: int = 0
    at_most: int | None = None
    not_before: float = 0.0
    book_version: str = ""
    book_at: float = 0.0
    partition: tuple[str, int] | None = None
    guessed: bool = False


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
        ask_to_compile: Callable[[], None] = lambda: None,
    ) -> None:
        """Start with an empty board; the first assignment fills it from published frames."""
        self.ask_to_compile = ask_to_compile
        self.consumer, self.dispatcher, self.letters = consumer, dispatcher, letters
        self.watchdog, self.rebalance = watchdog, rebalance
        self.clock, self.wall_ns = clock, wall_ns
        self.frames = dispatcher.frames
        self.board, self.ledger = Board(), Ledger()
        self.lanes = {name: Lane() for name in CURRENCIES}
        self.frames_published: Counter[str] = Counter()
        self.resent = 0
        self.away: str | None = None
        self._retry_at = self._commit_at = self._compile_at = 0.0
        self._fx_last: tuple[str, int, int] = ("", -1, -1)
        self._fx_waiting: tuple[Place, FxTick] | None = None
        self._held: list[Any] = []
        self._let_go_at: dict[tuple[str, int], int] = {}
        self._new_assignment = self._paused = self._closing = False

    # --- One round ---------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, judge, dispatch, look after, commit."""
        batches = self.consumer.poll(timeout_ms=self._patience_ms(), max_records=MAX_RECORDS)
        self._follow_assignment()
        self._held += [record for batch in batches.values() for record in batch]
        if self._new_assignment:
            self._reach_out(self._take_over)
        if not self._new_assignment:
            self._take_held()
            self._reach_out(
                *(self._write_fx, self._close_published, self._look_after, self._open_frames)
            )
        self._end_letters()
        self._pause_or_resume()
        self._commit()

    def _patience_ms(self) -> int:
        if self.rebalance.pending:
            return JOIN_POLL_MS
        busy = any(lane.open for lane in self.lanes.values())
        return BUSY_POLL_MS if busy else IDLE_POLL_MS

    def _reach_out(self, *works: Callable[[], None]) -> None:
        """Do what needs Redis, the task queue or the database; wait when one is away."""
        if self.away and self.clock() < self._retry_at:
            return
        try:
            for work in works:
                work()
        except AWAY as error:
            self._wait(error)
            return
        if self.away is not None:
            log.warning("going on: servers answer again")
            self.away = None

    def _wait(self, error: Exception) -> None:
        self._retry_at = self.clock() + RETRY_EVERY_S
        if self.away is None:
            log.warning("waiting: %s", error)
        self.away = str(error) or type(error).__name__
        # Who is overtaken may have lost its partitions and not know it: find out first.
        self._new_assignment |= isinstance(error, Overtaken)

    def _pause_or_resume(self) -> None:
        """Read no more ticks while nothing can be done with them; a rebalance unpauses."""
        waiting = len(self._held) + sum(len(lane.waiting) for lane in self.lanes.values())
        pause = bool(self.away) or self._closing or waiting > MAX_WAITING
        if not pause and not self._paused:
            return
        change = self.consumer.pause if pause else self.consumer.resume
        for partition in self.consumer.assignment():
            with contextlib.suppress(KeyError):  # revoked between the two words
                change(partition)
        self._paused = pause

    # --- Ticks -------------------------------------------------------------------------------

    def _take_held(self) -> None:
        held, self._held = self._held, []
        for record in held:
            self._take(record)

    def _end_letters(self) -> None:
        for letter in self.letters.arrived():
            conflict = letter.code == CONFLICT
            self.ledger.end(letter.place, "conflict" if conflict else "dead_lettered")

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
        mark = (tick.source, tick.epoch, tick.seq)
        if tick.source == self._fx_last[0] and mark <= self._fx_last:
            self.ledger.end(place, "duplicate" if mark == self._fx_last else "stale")
            return
        if self._fx_waiting is not None:
            self.ledger.end(self._fx_waiting[0], "conflated")
        self._fx_last, self._fx_waiting = mark, (place, tick)

    def _write_fx(self) -> None:
        """The newest rates; they are kept until Redis has them."""
        if self._fx_waiting is not None:
            place, tick = self._fx_waiting
            write_fx(self.frames.client, tick)
            self._fx_waiting = None
            self.ledger.end(place, "published")

    def _take_market(self, place: Place, record: Any) -> None:
        tick = decode.market_tick(record.value, record.key)
        verdict = self.board.judge(tick)
        if verdict is Verdict.CONFLICT:
            reason = f"seq {tick.seq} of {tick.source} came before with other quotes"
            self.letters.bury(DeadLetter(place, record.key, record.value, CONFLICT, reason))
            return
        if verdict is not Verdict.ACCEPTED:
            self.ledger.end(place, verdict.value)
            return
        anew, received = self.board.take(tick), self.wall_ns()
        lane = self.lanes[tick.currency]
        lane.partition, lane.guessed = place[:2], False
        lane.waiting.append(Accepted(place, record.key, record.value, tick, received, anew))

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
            if state.pointer == frame.number:
                self._published(name, frame)
            elif state.pointer > frame.number:
                self._reopen(name, frame, "another bridge has published a higher one")
            elif state.error is not None and state.error.code == BOOK_GONE:
                self._reopen(name, frame, state.error.message)
                self._ask_for_book()
            elif state.error is not None:
                self._refused(name, frame, state.error.code, state.error.message)

    def _published(self, name: str, frame: OpenFrame) -> None:
        lane = self.lanes[name]
        self.watchdog.published(frame, self.clock())
        self.frames_published[name] += 1
        lane.open, lane.published, lane.number = None, frame.market, frame.number
        lane.book_version, lane.at_most = frame.header.book_version, None
        if frame.partial and frame.ticks:
            # Once more on the same quotes: in a quiet market nothing else would complete it.
            lane.book_version, lane.book_at = "", self.clock() + PARTIAL_AGAIN_S
        for tick in frame.ticks[:-1]:
            self.ledger.end(tick.place, "conflated")
        for tick in frame.ticks[-1:]:
            self.ledger.end(tick.place, "published")

    def _refused(self, name: str, frame: OpenFrame, code: str, message: str) -> None:
        """A tick made a market that has no curves: find it, bury it, go on without it.

        Of several ticks in the frame any may be the bad one. Halves are tried until it
        stands alone, so that no good tick is buried or lost with it:

            [1 2 3 4] refused -> [1 2] published -> [3 4] refused -> [3] refused, buried -> [4]
        """
        log.warning("frame %s %s refused: %s", name, frame.number, message)
        lane = self.lanes[name]
        lane.open, lane.at_most = None, None
        lane.book_version = frame.header.book_version  # the same book would fare no better
        if len(frame.ticks) > 1:
            lane.waiting[:0] = frame.ticks
            lane.at_most = len(frame.ticks) // 2
            return
        for tick in frame.ticks:
            self.letters.bury(tick.letter(code, message))
        self.board.replace(name, laid(lane.published, lane.waiting))

    def _reopen(self, name: str, frame: OpenFrame, reason: str) -> None:
        """The frame will never be published, which is no tick's fault: open another."""
        log.warning("frame %s %s is opened anew: %s", name, frame.number, reason)
        lane = self.lanes[name]
        lane.open, lane.not_before = None, self.clock() + RETRY_EVERY_S
        lane.waiting[:0] = frame.ticks

    def _ask_for_book(self) -> None:
        """Trades may be compiled by nobody: the request can be lost, or Redis its data."""
        if self.clock() >= self._compile_at:
            self._compile_at = self.clock() + COMPILE_EVERY_S
            self.ask_to_compile()

    def _look_after(self) -> None:
        """Send again what is missing; publish what there is when it takes too long."""
        now = self.clock()
        for name, lane in self.lanes.items():
            frame = lane.open
            if frame is None:
                continue
            due, given_up = self.watchdog.overdue(frame, now), self.watchdog.given_up(frame, now)
            if not due and not given_up:
                continue
            present = self.frames.blocks_present(name, frame.number, frame.header.blocks)
            if all(present) or (any(present) and given_up):
                self._publish_what_is_there(name, frame, partial=not all(present))
                continue
            missing = [block for block in due if not present[block]]
            if missing:
                self.dispatcher.send_again(frame, missing)
                self.resent += len(missing)

    def _publish_what_is_there(self, name: str, frame: OpenFrame, *, partial: bool) -> None:
        manifest = self.dispatcher.books.manifest(name, frame.header.book_version)
        if manifest is None:
            self._reopen(name, frame, f"book {frame.header.book_version} is gone")
            return
        code = publish_parts(self.frames, frame.header, manifest)
        log.warning("frame %s %s published by the watchdog: %s", name, frame.number, code)
        frame.partial = partial and code == "PUBLISHED"

    def _open_frames(self) -> None:
        for name, lane in self.lanes.items():
            if lane.open is not None or self._closing or self.clock() < lane.not_before:
                continue
            if lane.waiting or self._book_moved(name, lane):
                self._open(name, lane)

    def _book_moved(self, name: str, lane: Lane) -> bool:
        """An edited trade is priced at once, on the quotes that stand; so is a lost frame."""
        if lane.published is None or lane.partition is None or self.clock() < lane.book_at:
            return False
        lane.book_at = self.clock() + BOOK_EVERY_S
        book = self.dispatcher.books.newest(name)
        if book is None:
            self._ask_for_book()
            return False
        return book.version != lane.book_version or self.frames.pointer(name) < lane.number

    def _open(self, name: str, lane: Lane) -> None:
        ticks = lane.waiting[: lane.at_most]
        whole = len(ticks) == len(lane.waiting)
        market = self.board.markets.get(name) if whole else laid(lane.published, ticks)
        if market is None:
            return
        try:
            lane.open = self.dispatcher.open(market, ticks)
        except NoBook:
            self._ask_for_book()  # ticks wait for it
            return
        del lane.waiting[: len(ticks)]

    # --- Kafka -------------------------------------------------------------------------------

    def _follow_assignment(self) -> None:
        change = self.rebalance.take()
        if change.lost:
            self._let_go(change.lost)
        if change.gained:
            self._new_assignment = True

    def _let_go(self, lost: set[tuple[str, int]]) -> None:
        """What is open there will be read again, by another bridge or by this one."""
        for record in self._held:
            self._let_go_at.setdefault((record.topic, record.partition), record.offset)
        for partition in lost:
            first = self.ledger.first_open(partition)
            if first is not None:
                self._let_go_at[partition] = first
        self._let_go_at = {p: o for p, o in self._let_go_at.items() if p in lost}
        self.ledger.revoke(lost)
        self._drop_held(lost)
        if self._fx_waiting is not None and self._fx_waiting[0][:2] in lost:
            self._fx_waiting, self._fx_last = None, ("", -1, -1)
        for name, lane in self.lanes.items():
            if lane.partition in lost or lane.guessed:
                self.board.forget(name)
                self.lanes[name] = Lane()

    def _drop_held(self, partitions: set[tuple[str, int]]) -> None:
        self._held = [r for r in self._held if (r.topic, r.partition) not in partitions]

    def _read_again(self) -> None:
        """Go back to what is committed where this bridge had let ticks go.

        A partition that comes back in the same rebalance keeps its place in the client, which
        is behind the ticks that were open: they would never be read again.
        """
        for place, first in list(self._let_go_at.items()):
            partition = TopicPartition(*place)
            if partition in self.consumer.assignment():
                committed = self.consumer.committed(partition, timeout_ms=COMMITTED_MS)
                self.consumer.seek(partition, first if committed is None else committed)
                self._drop_held({place})
            del self._let_go_at[place]

    def _take_over(self) -> None:
        """Before the first tick of an assignment: its place, its numbers and its markets."""
        self._read_again()
        pointers = self.frames.pointers(CURRENCIES)
        self.dispatcher.numbers.renew(max(pointers.values()))
        self._restore_markets()
        self._new_assignment = False

    def _restore_markets(self) -> None:
        """Start from what is published, so that a partial tick finds the rest of its market."""
        alone = self._reads_everything()
        for name, rollup in self.frames.current_all(CURRENCIES).items():
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
            lane.published, lane.number = market, rollup.frame
            lane.book_version = header.book_version
            if lane.partition is None and alone is not None:
                lane.partition, lane.guessed = alone, True

    def _reads_everything(self) -> tuple[str, int] | None:
        """Some partition of the ticks when no other bridge can have any, else None.

        A currency's own is known with its first tick. Before that only a bridge that reads
        them all may price an edited trade: two would overtake one another.
        """
        every = self.consumer.partitions_for_topic(YIELD_CURVE_TICKS) or set()
        mine = {p.partition for p in self.consumer.assignment() if p.topic == YIELD_CURVE_TICKS}
        return (YIELD_CURVE_TICKS, min(mine)) if every and every <= mine else None

    def _commit(self) -> None:
        if self.clock() < self._commit_at:
            return
        self._commit_at = self.clock() + COMMIT_EVERY_S
        ready = self.ledger.take_committable()
        if ready:
            offsets = _offsets(ready)
            try:
                self.consumer.commit_async(offsets, callback=self._committed)
            except KafkaError as error:
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
        self._closing = True
        try:
            while any(lane.open for lane in self.lanes.values()) and self.clock() < end:
                self.step()
            self.letters.close()
            self._end_letters()
            ready = self.ledger.take_committable()
            if ready:
                self.consumer.commit(_offsets(ready), timeout_ms=1000)
        except KafkaError as error:
            log.warning("last commit failed: %s", error)
        self.consumer.close(autocommit=False)


def _offsets(ready: dict[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
        for (topic, partition), offset in ready.items()
    }


__all__ = ["YIELD_CURVE_TICKS", "Bridge", "Rebalance"]
