"""What running bridges and workers say of themselves in Redis; screen and API read it."""

from __future__ import annotations

import time
from typing import Any

import msgspec

BRIDGES_KEY, WORKERS_KEY = "risk:bridges", "risk:workers"
STALE_S, WORKER_STALE_S = 2.0, 6.0
"""A bridge speaks four times a second, a worker every two seconds."""


class BridgePulse(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the bridge started; ``states`` are where its ticks ended."""

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
