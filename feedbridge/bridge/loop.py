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
from feedbridge.bridge.dispatch import Dispatcher, Overtaken
from feedbridge.bridge.frame_lifecycle import Lifecycle
from feedbridge.bridge.intake import Intake
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import MAX_MOVE, Board
from feedbridge.bridge.poison_trades import PoisonTradeDetector
from feedbridge.bridge.watchdog import Watchdog
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetters
from feedbridge.handover.commits import Commits
from feedbridge.handover.partition_handover import PartitionHandover
from feedbridge.handover.rebalance import Rebalance
from feedbridge.handover.resets import Resets
from pricing.markets.conventions import CURRENCIES

log = logging.getLogger(__name__)

AWAY = (
    *(redis.RedisError, kombu.exceptions.OperationalError, DatabaseError, OSError),
    msgspec.MsgspecError,  # what stands in Redis is of another release
    Overtaken,
)
"""A server that frames need does not answer, or another bridge is faster: wait."""

IDLE_POLL_MS, BUSY_POLL_MS = 50, 3
"""How long a round may wait for ticks: short while a frame is open and may be done."""

ROUND_S = 0.003
"""From one round to the next at least; a tick that comes after a quiet while waits for none."""

JOIN_POLL_MS = 1000
"""While partitions are dealt out. kafka-python 3.0.12 does not end a rejoin over short polls:
with 3 ms none was done in 9 s here (Kafka 4.4), with 20 ms all were, if the machine was idle."""

RETRY_EVERY_S = 0.5
MAX_RECORDS = 2000
MAX_WAITING = 20_000
"""Ticks kept while no frame can be opened; then they wait in Kafka."""


class Bridge:
    """The loop; ``step`` is one round."""

    def __init__(
        self,
        consumer: Any,
        dispatcher: Dispatcher,
        letters: DeadLetters,
        watchdog: Watchdog,
        rebalance: Rebalance,
        suspects: PoisonTradeDetector,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        ask_to_compile: Callable[[], None] = lambda: None,
        limit: InvalidRecordLimit | None = None,
        times: TimeLimits = TimeLimits(),
        max_move: float | None = MAX_MOVE,
    ) -> None:
        """Start with an empty board; the first assignment fills it from published frames."""
        self.consumer, self.dispatcher, self.letters = consumer, dispatcher, letters
        self.rebalance, self.clock = rebalance, clock
        self.board, self.ledger = Board(max_move=max_move), Ledger()
        self.lanes = {name: CurrencyState() for name in CURRENCIES}
        board, ledger, lanes = self.board, self.ledger, self.lanes
        self.limit = limit or InvalidRecordLimit()
        self.intake = Intake(board, ledger, lanes, letters, self.limit, wall_ns, times)
        self.takeover = PartitionHandover(
            consumer, dispatcher, board, ledger, lanes, self.intake.rates
        )
        self.lifecycle = Lifecycle(
            *(lanes, board, ledger, dispatcher, letters, watchdog, suspects),
            *(self.limit, ask_to_compile, clock),
        )
        self.commits = Commits(consumer, ledger, clock)
        self.away: str | None = None
        self.halted = ""
        self._retry_at = self._round_at = 0.0
        self._paused = self._closing = False

    def step(self) -> None:
        """One round: poll, judge, dispatch, look after, commit."""
        self._pace()
        batches = self.consumer.poll(timeout_ms=self._patience_ms(), max_records=MAX_RECORDS)
        self.takeover.follow(self.rebalance.take())
        self.takeover.held += [record for batch in batches.values() for record in batch]
        if self.takeover.due:
            self._reach_out(self.takeover.take_over)
        if not self.takeover.due:
            self._judge()
            self._reach_out(
                *(self._write_rates, self.lifecycle.close_published),
                *(self.lifecycle.look_after, self._open_frames),
            )
        self.intake.end_letters()
        self._pause_or_resume()
        self.commits.commit()

    def _pace(self) -> None:
        """In a burst each poll returns at once: rounds of one tick would take a whole core."""
        time.sleep(max(0.0, self._round_at - self.clock()))
        self._round_at = self.clock() + ROUND_S

    def _judge(self) -> None:
        """Take what is held, up to the record at which most of the input is bad.

        What is left was never begun: whoever reads on from the committed offset finds it.
        """
        for record in self.takeover.take_held():
            if not self.halted:
                self.intake.take(record)
                self.halted = self.limit.exceeded()

    def reset_sources(self, resets: Resets) -> None:
        """Forget the numbers that sources had before an operator reset them."""
        self.board.resets = resets
        self.intake.rates.reset(resets)

    def halt(self, why: str) -> None:
        """Read no more; frames that are open go on."""
        self.halted = self.halted or why

    @property
    def waiting_for(self) -> str:
        """What the bridge cannot go on without, as a sentence; "" when all is there."""
        return self.away or self.lifecycle.waiting_for

    def _patience_ms(self) -> int:
        if self.rebalance.pending:
            return JOIN_POLL_MS
        return BUSY_POLL_MS if self.lifecycle.open else IDLE_POLL_MS

    def _reach_out(self, *works: Callable[[], None]) -> None:
        """Do what needs Redis, the task queue or the database; wait when one is away."""
        if self.away and self.clock() < self._retry_at:
            return
        if self.away:
            self.lifecycle.forgive()
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
        self.takeover.due |= isinstance(error, Overtaken)

    def _write_rates(self) -> None:
        self.intake.rates.write(self.dispatcher.frames.client)

    def _open_frames(self) -> None:
        if not self._closing:
            self.lifecycle.open_frames()

    def _pause_or_resume(self) -> None:
        """Read no more ticks while nothing can be done with them; a rebalance unpauses."""
        lanes = self.lanes.values()
        waiting = len(self.takeover.held) + sum(len(lane.waiting) for lane in lanes)
        pause = bool(self.away or self.halted) or self._closing or waiting > MAX_WAITING
        if not pause and not self._paused:
            return
        change = self.consumer.pause if pause else self.consumer.resume
        for partition in self.consumer.assignment():
            with contextlib.suppress(KeyError):  # revoked between the two words
                change(partition)
        self._paused = pause

    def _unfinished(self) -> bool:
        return bool(self.lifecycle.open) or self.letters.waiting > 0

    def close(self) -> None:
        """Finish open frames for a moment, commit what has ended, leave the group."""
        end = self.clock() + 1.0
        self._closing = True
        try:
            while self._unfinished() and self.clock() < end:
                self.step()
            self.letters.close()
            self.intake.end_letters()
            self.commits.commit_last()
        except KafkaError as error:
            log.warning("last commit failed: %s", error)
        self.consumer.close(autocommit=False)
