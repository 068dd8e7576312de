"""What running bridges and workers say of themselves in Redis; screen and API read it."""

from __future__ import annotations

import time
from typing import Any

import msgspec

BRIDGES_KEY, WORKERS_KEY = "risk:bridges", "risk:workers"
STALE_S, WORKER_STALE_S = 2.0, 6.0
"""A bridge speaks four times a second, a worker every two seconds."""

HOP_BUCKETS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2500)
HOPS = ("to_bridge", "to_open", "to_worker", "to_priced", "to_published", "tick_to_published")
"""Where a tick's time goes: sent, received, frame opened, first part started, last part
finished, published; and all of it."""


class BridgePulse(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the bridge started; ``states`` are where its ticks ended.

    ``frame_states`` counts frames by how they ended (COMPLETE, PARTIAL, REFUSED, REOPENED);
    ``hops`` holds, by hop, how many published frames took at most each of HOP_BUCKETS_MS,
    and longer (last place), with ``hop_sums_ms`` their total; ``split`` counts blocks that
    were priced trade by trade to find one that kills its worker; ``halted`` says why the
    bridge has stopped reading for good (most input was bad).
    """

    name: str
    sent_ns: int
    broker: str
    consumed: int
    in_flight: int
    states: dict[str, int]
    frames: dict[str, int]
    open_frames: int
    resent: int
    lag: int
    waiting_for: str
    partitions: int = 0
    frame_states: dict[str, int] = {}
    hops: dict[str, list[int]] = {}
    hop_sums_ms: dict[str, float] = {}
    split: int = 0
    halted: str = ""

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


class WorkerPulse(msgspec.Struct, frozen=True, kw_only=True):
    """One Celery worker: its name, and how many processes price in it."""

    name: str
    sent_ns: int
    processes: int

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


_decode = msgspec.json.Decoder(BridgePulse).decode
_decode_worker = msgspec.json.Decoder(WorkerPulse).decode


def read_pulses(client: Any) -> list[BridgePulse]:
    """All bridges that have ever spoken, newest word first; see ``age_s``."""
    found = [_decode(raw) for raw in client.hvals(BRIDGES_KEY)]
    return sorted(found, key=lambda pulse: -pulse.sent_ns)


def alive(client: Any) -> list[BridgePulse]:
    """Bridges that have spoken within STALE_S."""
    return [pulse for pulse in read_pulses(client) if pulse.age_s < STALE_S]


def write_worker(client: Any, name: str, processes: int) -> None:
    """Say that a worker is there."""
    pulse = WorkerPulse(name=name, sent_ns=time.time_ns(), processes=processes)
    client.hset(WORKERS_KEY, name, msgspec.json.encode(pulse))


def alive_workers(client: Any) -> list[WorkerPulse]:
    """Pricing workers that have spoken within WORKER_STALE_S."""
    found = [_decode_worker(raw) for raw in client.hvals(WORKERS_KEY)]
    return [pulse for pulse in found if pulse.age_s < WORKER_STALE_S]
