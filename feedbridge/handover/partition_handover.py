"""Take over the partitions that a rebalance assigns: offsets, frame numbers and markets.

Records that are polled meanwhile are buffered: a tick must not be checked against an empty board,
and its frame must not get a number below those of the partition's former owner.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition

from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.detail_lifecycle import DetailLifecycle
from feedbridge.bridge.dispatch import Dispatcher
from feedbridge.bridge.fx_rates import PendingRates
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import Board, market_of
from feedbridge.handover.rebalance import Assignment
from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from pricing.markets.conventions import CURRENCIES

log = logging.getLogger(__name__)
COMMITTED_MS = 2000


@dataclass(kw_only=True)
class PartitionHandover:
    """Follows the group's assignments.

    A hand-over is ``due`` from the assignment, or from ``request``, until ``complete`` has
    succeeded. Only then are records buffered. ``gap`` counts records that Kafka had deleted before
    anybody read them.
    """

    consumer: Any
    dispatcher: Dispatcher
    board: Board
    ledger: Ledger
    currencies: dict[str, CurrencyState]
    rates: PendingRates
    details: DetailLifecycle
    gap: int = field(init=False, default=0)
    _due: bool = field(init=False, default=False)
    _buffered_records: list[Any] = field(init=False, default_factory=list)
    _gained: set[tuple[str, int]] = field(init=False, default_factory=set)
    _released_at: dict[tuple[str, int], int] = field(init=False, default_factory=dict)

    @property
    def due(self) -> bool:
        """Return whether the newest assignment is still to be taken over."""
        return self._due

    @property
    def buffered(self) -> int:
        """How many records are buffered."""
        return len(self._buffered_records)

    def request(self) -> None:
        """Find out numbers and markets again: another bridge may have taken a currency."""
        self._due = True

    def buffer(self, records: list[Any]) -> None:
        """Keep records until the hand-over is complete."""
        self._buffered_records += records

    def take_buffered(self) -> list[Any]:
        """Empty the buffer; returns what was in it, oldest first."""
        records, self._buffered_records = self._buffered_records, []
        return records

    def follow(self, change: Assignment) -> None:
        """Release lost partitions; gained ones are taken over by ``complete``."""
        if change.lost:
            self._release(change.lost)
        self._gained = (self._gained - change.lost) | change.gained
        if change.gained:
            self._due = True

    def _release(self, lost: set[tuple[str, int]]) -> None:
        """Records that have not ended will be read again, by another bridge or by this one."""
        for record in self._buffered_records:
            self._released_at.setdefault((record.topic, record.partition), record.offset)
        for partition in lost:
            first = self.ledger.resume_at(partition)
            if first is not None:
                self._released_at[partition] = first
        self._released_at = {p: o for p, o in self._released_at.items() if p in lost}
        self.ledger.revoke(lost)
        self._drop_buffered(lost)
        self.rates.release(lost)
        for name, state in self.currencies.items():
            if state.partition in lost or state.partition_is_inferred:
                self.board.forget(name)
                state.release()
                self.details.release(name)

    def _drop_buffered(self, partitions: set[tuple[str, int]]) -> None:
        self._buffered_records = [
            r for r in self._buffered_records if (r.topic, r.partition) not in partitions
        ]

    def complete(self) -> None:
        """Set offsets, frame numbers and markets, before the first record of an assignment.

        Raises:
            redis.RedisError, DatabaseError, KafkaError: A server is down; try again.
        """
        if not self._due:
            return
        self._count_deleted()
        self._read_again()
        pointers = self.dispatcher.frames.pointers(CURRENCIES)
        self.dispatcher.numbers.renew(max(pointers.values()))
        self._restore_markets()
        self._due = False

    def _count_deleted(self) -> None:
        """Log how many records Kafka's retention has deleted after the committed offset."""
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
        """Seek to the committed offset in partitions that this bridge had lost and has again.

        A partition that the same rebalance takes and returns keeps its position in the client.
        That position is past the ticks that had not ended, and past those whose end was not
        committed: they would never be read again, or never be committed.
        """
        for place, first in list(self._released_at.items()):
            partition = TopicPartition(*place)
            if partition in self.consumer.assignment():
                committed = self.consumer.committed(partition, timeout_ms=COMMITTED_MS)
                self.consumer.seek(partition, first if committed is None else committed)
                self._drop_buffered({place})
            del self._released_at[place]

    def _restore_markets(self) -> None:
        """Start from what is published, so that a partial tick finds the rest of its market."""
        inferred_partition = self._any_partition_if_sole_reader()
        frames = self.dispatcher.frames
        for name, rollup in frames.current_all(CURRENCIES).items():
            state = self.currencies[name]
            if state.waiting or state.open_frame is not None:
                continue
            header = frames.header(name, rollup.frame)
            if header is None:
                continue
            market = market_of(header)
            self.board.restore(market)
            state.restore(market, rollup.frame, header.book_version, inferred_partition)
            if state.partition is not None and frames.detail_pointer(name) < rollup.frame:
                self.details.follow(header, whole=rollup.status == "COMPLETE")

    def _any_partition_if_sole_reader(self) -> tuple[str, int] | None:
        """A partition of the curve topic if this bridge reads all of them, else None.

        A currency's own partition is known with its first tick. Before that only a bridge that
        reads every partition may price an edited trade: two bridges would overtake one another.
        """
        every = self.consumer.partitions_for_topic(YIELD_CURVE_TICKS) or set()
        mine = {p.partition for p in self.consumer.assignment() if p.topic == YIELD_CURVE_TICKS}
        return (YIELD_CURVE_TICKS, min(mine)) if every and every <= mine else None
