"""Write a bridge's counts and state to Redis, four times a second.

Readers ignore a heartbeat that is older than STALE_S: a bridge that hangs counts as absent.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import msgspec
import redis
from kafka.errors import KafkaError

from feedbridge.bridge.loop import Bridge
from feedbridge.dead_letters.consumption_halt import HALTED_KEY, ConsumptionHalt, decode_halt
from feedbridge.handover.resets import RESETS_KEY, Resets, decode_resets
from risk.store.heartbeats import BRIDGES_KEY, WORKERS_KEY, BridgePulse, living_workers

EVERY_S = 0.25


class Heartbeat:
    """Writes the heartbeat of one bridge, and reads the orders that operators give to all bridges.

    ``file`` is touched too, for a supervisor that cannot ask Redis: a bridge that waits for
    Redis is healthy, one that hangs is not. ``halt`` is the record of halted consumption,
    ``resets`` are the resets of sources and ``detail_processes`` counts the processes that take
    tasks of the detail, all as they were at the last beat.
    """

    def __init__(
        self, client: redis.Redis, name: str, broker: str, file: Path | None = None
    ) -> None:
        """Beat at the first call."""
        self.client, self.name, self.broker, self.file = client, name, broker, file
        self.halt: ConsumptionHalt | None = None
        self.resets: Resets = {}
        self.detail_processes = 0
        self._next = 0.0

    def beat(self, bridge: Bridge) -> None:
        """Write when it is due; errors of Redis are ignored here, as the loop handles them."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        if self.file is not None:
            self.file.touch()
        pulse = self._pulse(bridge, consumer_lag(bridge.consumer))
        try:
            self.halt = self._tell(pulse)
        except redis.RedisError:
            return

    def _tell(self, pulse: BridgePulse) -> ConsumptionHalt | None:
        with self.client.pipeline(transaction=False) as pipe:
            pipe.hset(BRIDGES_KEY, self.name, msgspec.json.encode(pulse))
            pipe.get(HALTED_KEY)
            pipe.hgetall(RESETS_KEY)
            pipe.hvals(WORKERS_KEY)
            _, halt, resets, workers = pipe.execute()
        self.resets = decode_resets(resets)
        with contextlib.suppress(msgspec.MsgspecError):  # of a release that we cannot read
            living = living_workers(workers)
            self.detail_processes = sum(w.processes for w in living if "detail" in w.queues)
        return decode_halt(halt)

    def _pulse(self, bridge: Bridge, lag: int) -> BridgePulse:
        frames = bridge.lifecycle
        return BridgePulse(
            name=self.name,
            sent_ns=time.time_ns(),
            broker=self.broker,
            consumed=bridge.ledger.consumed,
            in_flight=bridge.ledger.in_flight,
            states=dict(bridge.ledger.counts),
            frames=dict(frames.published),
            open_frames=len(frames.open_frames),
            resent=frames.resent + frames.details.resent,
            lag=lag,
            waiting_for=bridge.waiting_for,
            partitions=len(bridge.consumer.assignment()),
            frame_states=dict(frames.states),
            hops=frames.hops.counts,
            hop_sums_ms=frames.hops.sums_ms,
            split=frames.poison_trades.runs_sent,
            halted=bridge.halted,
            gap=bridge.handover.gap,
            refused=bridge.intake.refused,
            details=dict(frames.details.published),
            details_conflated=frames.details.conflated,
            details_abandoned=frames.details.abandoned,
            open_details=len(frames.details.open_details),
        )


def consumer_lag(consumer: Any) -> int:
    """Records waiting in Kafka, as far as the client knows."""
    return sum(_lag(consumer, partition) for partition in consumer.assignment())


def _lag(consumer: Any, partition: Any) -> int:
    try:
        high: int | None = consumer.highwater(partition)
        if high is None:
            return 0
        read: int | None = consumer.position(partition, timeout_ms=0)
        return max(0, high - (read or 0))
    except (KafkaError, KeyError):
        return 0  # a rebalance took the partition meanwhile
