"""The bridge's loop: one thread takes a record from Kafka to its published frame.

``Bridge.step`` is one round. A record passes these steps; ``step`` calls them in this order, and a
record usually needs several rounds:

    1. poll      ``Bridge._poll`` reads raw records from Kafka.
    2. hand-over ``PartitionHandover`` buffers them while a new assignment is not taken over yet.
    3. validate  ``Intake.take`` enters the record in the ``Ledger``, decodes and checks it. A bad
                 record goes to the dead-letter topic, an FX rate to ``PendingRates``; a curve tick
                 moves its currency's market on the ``Board``.
    4. wait      ``CurrencyState.accept`` lets the tick wait for a frame. While a frame of its
                 currency is open, newer ticks wait too; one frame then stands for all of them.
    5. open      ``FrameLifecycle.open_new_frames`` has the ``Dispatcher`` open a frame in Redis and
                 send the tasks of its sums (``CurrencyState.open``).
    6. price     A worker adds up the frame; ``FrameLifecycle.supervise_open_frames`` sends a
                 missing part again. The worker that makes the last part publishes the sums.
    7. close     ``FrameLifecycle.close_finished`` sees that the sums are published
                 (``CurrencyState.publish_frame``) and ends the frame's ticks in the ``Ledger``.
    8. detail    ``DetailLifecycle`` has the frame's numbers by trade made, block by block, unless
                 those of an earlier frame are still under way.
    9. commit    ``Commits`` commits the offsets up to the first record that has not ended.

A round never waits for a server. When Redis or the task queue is down, the bridge pauses its
partitions and goes on polling, so that the consumer group does not expel it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import kombu.exceptions
import msgspec
import redis
from django.db import Error as DatabaseError
from kafka.errors import KafkaError

from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.decode import TimeLimits
from feedbridge.bridge.detail_lifecycle import DetailLifecycle
from feedbridge.bridge.dispatch import Dispatcher, Overtaken
from feedbridge.bridge.frame_lifecycle import FrameLifecycle
from feedbridge.bridge.intake import Intake
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import MAX_MOVE, Board
from feedbridge.bridge.poison_trades import PoisonTradeDetector
from feedbridge.bridge.watchdog import Watchdog
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetterProducer
from feedbridge.handover.commits import Commits
from feedbridge.handover.partition_handover import PartitionHandover
from feedbridge.handover.rebalance import Rebalance
from feedbridge.handover.resets import Resets
from pricing.markets.conventions import CURRENCIES

log = logging.getLogger(__name__)

OUTAGE_ERRORS = (
    *(redis.RedisError, kombu.exceptions.OperationalError, DatabaseError, OSError),
    msgspec.MsgspecError,  # another release has written what is in Redis
    Overtaken,
)
"""Errors after which a frame is opened later: a server does not answer, or another bridge has the
currency."""

IDLE_POLL_MS, DETAIL_POLL_MS, FRAME_POLL_MS = 20, 10, 3
"""Longest wait of a poll for records when the bridge is idle, while a detail is made, and while the
sums of an open frame may be published at any moment or there is more to do for a detail. A record
ends the wait, except for one in a hundred: kafka-python 3.0.12 does not see a record that arrives
between a poll's look at what has come and its next request, and waits to the end of the poll."""

ROUND_S = 0.003
"""Minimum loop interval; does not delay the first tick after an idle period."""

JOIN_POLL_MS = 1000
"""Longest wait of a poll during a rebalance. kafka-python 3.0.12 does not complete a rejoin over
short polls: with 3 ms none completed within 9 s (Kafka 4.4), with 20 ms all did on an idle machine.
On a busy one even 100 ms were too short: a member joined twice, and the group waited 6 s for it."""

RETRY_EVERY_S = 0.5
MAX_RECORDS = 2000
MAX_WAITING = 20_000
"""Ticks kept while no frame can be opened; further ones wait in Kafka."""


class Bridge:
    """Consume ticks and publish frames; ``step`` is one round of the loop.

    ``currencies`` holds the state of each currency, ``outage`` the error of the server that is
    away (None when all answer), ``halted`` why reading has stopped ("" while it goes on).
    """

    def __init__(
        self,
        *,
        consumer: Any,
        dispatcher: Dispatcher,
        dead_letters: DeadLetterProducer,
        watchdog: Watchdog,
        rebalance: Rebalance,
        poison_trades: PoisonTradeDetector,
        details: DetailLifecycle,
        ask_to_compile: Callable[[], None] = lambda: None,
        invalid_record_limit: InvalidRecordLimit | None = None,
        time_limits: TimeLimits = TimeLimits(),
        max_move: float | None = MAX_MOVE,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Start with an empty board; the first assignment fills it from published frames.

        Args:
            consumer: A KafkaConsumer of raw bytes, subscribed with ``rebalance`` as its listener.
            dispatcher: Opens frames and sends their blocks.
            dead_letters: Where bad records go.
            watchdog: Decides when parts are sent again and when a frame is given up.
            rebalance: Collects the changes of the group's assignment.
            poison_trades: Finds trades that crash workers.
            details: Has the detail of published frames made.
            ask_to_compile: Requests a compilation of all books.
            invalid_record_limit: Decides when to stop reading a bad feed.
            time_limits: How far the ``as_of`` of a tick may be from the clock.
            max_move: How far a quote may move at once, as a decimal rate; None for any distance.
            clock: Monotonic clock, seconds.
            wall_ns: Wall clock, ns since 1970.
        """
        self.consumer, self.dispatcher, self.dead_letters = consumer, dispatcher, dead_letters
        self.rebalance, self.clock = rebalance, clock
        self.board, self.ledger = Board(max_move=max_move), Ledger()
        self.currencies = {name: CurrencyState(name) for name in CURRENCIES}
        self.invalid_record_limit = invalid_record_limit or InvalidRecordLimit()
        self.intake = Intake(
            board=self.board,
            ledger=self.ledger,
            currencies=self.currencies,
            dead_letters=dead_letters,
            invalid_record_limit=self.invalid_record_limit,
            time_limits=time_limits,
            wall_ns=wall_ns,
        )
        self.handover = PartitionHandover(
            consumer=consumer,
            dispatcher=dispatcher,
            board=self.board,
            ledger=self.ledger,
            currencies=self.currencies,
            rates=self.intake.rates,
            details=details,
        )
        self.lifecycle = FrameLifecycle(
            currencies=self.currencies,
            board=self.board,
            ledger=self.ledger,
            dispatcher=dispatcher,
            dead_letters=dead_letters,
            watchdog=watchdog,
            poison_trades=poison_trades,
            details=details,
            invalid_record_limit=self.invalid_record_limit,
            ask_to_compile=ask_to_compile,
            clock=clock,
        )
        self.commits = Commits(consumer, self.ledger, clock)
        self.outage: str | None = None
        self._halted = ""
        self._retry_at = self._round_at = 0.0
        self._paused = self._closing = False

    def step(self) -> None:
        """Run one round: the steps of the module's docstring, in their order.

        Raises:
            KafkaError: From the client; the next round may succeed.
        """
        self._pace()
        records = self._poll()
        self.handover.follow(self.rebalance.take())
        if self.handover.due:
            records = self._take_over(records)
        if not self.handover.due:
            self._validate(records)
            self._call_servers(
                self._write_rates,
                self.lifecycle.close_finished,
                self.lifecycle.supervise_open_frames,
                self._open_new_frames,
            )
        self.intake.end_dead_lettered()
        self._pause_or_resume()
        self.commits.commit()

    def _pace(self) -> None:
        """Keep the minimum interval: in a burst each poll returns at once, with one tick."""
        time.sleep(max(0.0, self._round_at - self.clock()))
        self._round_at = self.clock() + ROUND_S

    def _poll(self) -> list[Any]:
        batches = self.consumer.poll(timeout_ms=self._poll_ms(), max_records=MAX_RECORDS)
        return [record for batch in batches.values() for record in batch]

    def _poll_ms(self) -> int:
        if self.rebalance.pending:
            return JOIN_POLL_MS
        if self.lifecycle.open_frames or self.lifecycle.details.has_work:
            return FRAME_POLL_MS
        return DETAIL_POLL_MS if self.lifecycle.details.open_details else IDLE_POLL_MS

    def _take_over(self, records: list[Any]) -> list[Any]:
        """Buffer records until the hand-over is complete; then return all that were buffered."""
        self.handover.buffer(records)
        self._call_servers(self.handover.complete)
        return [] if self.handover.due else self.handover.take_buffered()

    def _validate(self, records: list[Any]) -> None:
        """Take records up to the one that exceeds the limit of invalid ones.

        The others are never entered in the ledger: the next reader continues from the committed
        offset and finds them.
        """
        for record in records:
            if self._halted:
                return
            self.intake.take(record)
            self.halt(self.invalid_record_limit.exceeded())

    def _write_rates(self) -> None:
        self.intake.rates.write(self.dispatcher.frames.client)

    def _open_new_frames(self) -> None:
        if not self._closing:
            self.lifecycle.open_new_frames()

    def _call_servers(self, *works: Callable[[], None]) -> None:
        """Do what needs Redis, the task queue or the database; try later while one is down."""
        if self.outage and self.clock() < self._retry_at:
            return
        if self.outage:
            self.lifecycle.restart_timeouts()
        try:
            for work in works:
                work()
        except OUTAGE_ERRORS as error:
            self._note_outage(error)
            return
        if self.outage is not None:
            log.warning("going on: servers answer again")
            self.outage = None

    def _note_outage(self, error: Exception) -> None:
        self._retry_at = self.clock() + RETRY_EVERY_S
        if self.outage is None:
            log.warning("waiting: %s", error)
        self.outage = str(error) or type(error).__name__
        if isinstance(error, Overtaken):
            # This bridge may have lost its partitions without knowing it yet.
            self.handover.request()

    def _pause_or_resume(self) -> None:
        """Pause reading while ticks cannot be processed. A rebalance resumes partitions itself."""
        waiting = sum(len(state.waiting) for state in self.currencies.values())
        full = waiting + self.handover.buffered > MAX_WAITING
        pause = bool(self.outage or self._halted) or self._closing or full
        if not pause and not self._paused:
            return
        change = self.consumer.pause if pause else self.consumer.resume
        for partition in self.consumer.assignment():
            with contextlib.suppress(KeyError):  # revoked between the two calls
                change(partition)
        self._paused = pause

    # --- For the command that runs the bridge ------------------------------------------------

    @property
    def halted(self) -> str:
        """Why reading has stopped; "" while it goes on."""
        return self._halted

    def halt(self, why: str) -> None:
        """Stop reading, unless ``why`` is ""; open frames go on. The first reason stays."""
        self._halted = self._halted or why

    def resume(self) -> None:
        """Read on after ``halt``."""
        self._halted = ""

    @property
    def waiting_for(self) -> str:
        """Sentence on what the bridge needs before it can continue; "" when nothing is missing."""
        return self.outage or self.lifecycle.waiting_for

    def reset_sources(self, resets: Resets) -> None:
        """Forget the sequence numbers of sources that an operator has reset."""
        self.board.resets = resets
        self.intake.rates.reset(resets)

    def close(self) -> None:
        """Finish open frames for up to 1 s, commit what has ended, leave the group."""
        end = self.clock() + 1.0
        self._closing = True
        try:
            while self._unfinished() and self.clock() < end:
                self.step()
            self.dead_letters.close()
            self.intake.end_dead_lettered()
            self.commits.commit_last()
        except KafkaError as error:
            log.warning("last commit failed: %s", error)
        self.consumer.close(autocommit=False)

    def _unfinished(self) -> bool:
        return bool(self.lifecycle.open_frames) or self.dead_letters.waiting > 0
