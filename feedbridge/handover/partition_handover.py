"""A new assignment in; the place to read on from, numbers and markets to go on with, out.

What is polled is held until this is done: a tick must not be judged on an empty board, nor
its frame get a number below the former owner's.
"""

from __future__ import annotations

import logging
from typing import Any

from kafka import TopicPartition

from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.dispatch import Dispatcher
from feedbridge.bridge.fx_rates import WaitingRates
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import Board, market_of
from feedbridge.handover.rebalance import Assignment
from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from pricing.markets.conventions import CURRENCIES

log = logging.getLogger(__name__)
COMMITTED_MS = 2000


class PartitionHandover:
    """Follows the group's assignments. ``due`` is True until the newest is taken over.

    ``gap`` counts records that Kafka had deleted before anybody read them.
    """

    def __init__(
        self,
        consumer: Any,
        dispatcher: Dispatcher,
        board: Board,
        ledger: Ledger,
        lanes: dict[str, CurrencyState],
        rates: WaitingRates,
    ) -> None:
        """Nothing is assigned."""
        self.consumer, self.dispatcher = consumer, dispatcher
        self.board, self.ledger, self.lanes, self.rates = board, ledger, lanes, rates
        self.due = False
        self.gap = 0
        self._gained: set[tuple[str, int]] = set()
        self.held: list[Any] = []
        self._let_go_at: dict[tuple[str, int], int] = {}

    def take_held(self) -> list[Any]:
        """Records that were polled and not judged; they are the caller's now."""
        held, self.held = self.held, []
        return held

    def follow(self, change: Assignment) -> None:
        """Let go what went; what came is taken over when servers answer."""
        if change.lost:
            self._let_go(change.lost)
        self._gained = (self._gained - change.lost) | change.gained
        if change.gained:
            self.due = True

    def _let_go(self, lost: set[tuple[str, int]]) -> None:
        """What is open there will be read again, by another bridge or by this one."""
        for record in self.held:
            self._let_go_at.setdefault((record.topic, record.partition), record.offset)
        for partition in lost:
            first = self.ledger.resume_at(partition)
            if first is not None:
                self._let_go_at[partition] = first
        self._let_go_at = {p: o for p, o in self._let_go_at.items() if p in lost}
        self.ledger.revoke(lost)
        self._drop_held(lost)
        self.rates.let_go(lost)
        for name, lane in self.lanes.items():
            if lane.partition in lost or lane.guessed:
                self.board.forget(name)
                self.lanes[name] = CurrencyState()

    def _drop_held(self, partitions: set[tuple[str, int]]) -> None:
        self.held = [r for r in self.held if (r.topic, r.partition) not in partitions]

    def take_over(self) -> None:
        """Before the first tick of an assignment: its place, its numbers and its markets.

        Raises:
            redis.RedisError, DatabaseError, KafkaError: A server is away; try again.
        """
        if not self.due:
            return
        self._count_deleted()
        self._read_again()
        pointers = self.dispatcher.frames.pointers(CURRENCIES)
        self.dispatcher.numbers.renew(max(pointers.values()))
        self._restore_markets()
        self.due = False

    def _count_deleted(self) -> None:
        """Kafka's retention may have passed what the group has committed: say so."""
        for place in sorted(self._gained):
            partition = TopicPartition(*place)
            if partition in self.consumer.assignment():
                committed = self.consumer.committed(partition, timeout_ms=COMMITTED_MS)
                first = self.consumer.beginning_offsets([partition])[partition]
                if committed is not None and first > committed:
                    self.gap += first - committed
                    log.error(
                        "%d records of %s %d were deleted in Kafka before they were read "
                        "(offsets %d to %d): lengthen its retention",
                        *(first - committed, *place, committed, first - 1),
                    )
            self._gained.discard(place)

    def _read_again(self) -> None:
        """Go back to what is committed where this bridge had let ticks go.

        A partition that comes back in the same rebalance keeps its place in the client, which
        is behind the ticks that were open, and behind those whose end was not committed yet:
        they would never be read again, or never be committed.
        """
        for place, first in list(self._let_go_at.items()):
            partition = TopicPartition(*place)
            if partition in self.consumer.assignment():
                committed = self.consumer.committed(partition, timeout_ms=COMMITTED_MS)
                self.consumer.seek(partition, first if committed is None else committed)
                self._drop_held({place})
            del self._let_go_at[place]

    def _restore_markets(self) -> None:
        """Start from what is published, so that a partial tick finds the rest of its market."""
        alone = self._reads_everything()
        frames = self.dispatcher.frames
        for name, rollup in frames.current_all(CURRENCIES).items():
            lane = self.lanes[name]
            if lane.waiting or lane.open is not None:
                continue
            header = frames.header(name, rollup.frame)
            if header is None:
                continue
            market = market_of(header)
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
