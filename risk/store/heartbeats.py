"""Heartbeats of running processes in Redis, read by the dashboard and the API.

risk:bridges     counters of each bridge
risk:workers     the pricing workers, with their numbers of processes
risk:processes   every running process of the project: kind, host, process id, start time
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis

BRIDGES_KEY, WORKERS_KEY, PROCESSES_KEY = "risk:bridges", "risk:workers", "risk:processes"
STALE_S, WORKER_STALE_S, PROCESS_STALE_S = 2.0, 6.0, 6.0
"""Seconds without a heartbeat after which a bridge, a worker and any other process count as down.
Bridges send four heartbeats a second, the others one every two seconds."""

SPEAK_EVERY_S = 2.0
FORGET_AFTER_S = {BRIDGES_KEY: 3600.0, WORKERS_KEY: 60.0, PROCESSES_KEY: 60.0}
"""Seconds after which a heartbeat is deleted; a silent bridge remains visible for an hour."""

HOP_BUCKETS_MS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2500)
HOPS = ("to_bridge", "to_open", "to_worker", "to_priced", "to_published", "tick_to_published")
"""The hops of a tick: sent, received, frame opened, first part started, last part
finished, published; and the total."""


class BridgePulse(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the bridge started; ``states`` are where its ticks ended.

    ``frame_states`` counts frames by how they ended (COMPLETE, PARTIAL, REFUSED, REOPENED);
    ``hops`` holds, by hop, how many published frames fell between one of HOP_BUCKETS_MS and
    the next (each frame in one place; the last place is longer than all), with ``hop_sums_ms``
    their total; ``split`` counts blocks that were priced trade by trade to find one that kills
    its worker; ``halted`` says why the bridge has stopped reading for good (most input was bad);
    ``gap`` counts records that Kafka had deleted before anybody read them; ``refused`` names the
    sources of which nothing was accepted lately. ``details`` counts published details by currency,
    ``details_conflated`` frames that got none because a newer one was there, ``details_abandoned``
    those that were given up.
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
    gap: int = 0
    refused: list[str] = []
    details: dict[str, int] = {}
    details_conflated: int = 0
    details_abandoned: int = 0
    open_details: int = 0

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


class WorkerPulse(msgspec.Struct, frozen=True, kw_only=True):
    """One Celery worker: its name, how many processes price in it, and the queues that it takes."""

    name: str
    sent_ns: int
    processes: int
    queues: list[str] = []

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


class ProcessPulse(msgspec.Struct, frozen=True, kw_only=True):
    """One process that lives; ``kind`` is its name in the Procfile."""

    kind: str
    name: str
    host: str
    pid: int
    started_ns: int
    sent_ns: int

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


class _Sent(msgspec.Struct, frozen=True):
    """Fields of every heartbeat."""

    sent_ns: int


_decode = msgspec.json.Decoder(BridgePulse).decode
_decode_worker = msgspec.json.Decoder(WorkerPulse).decode
_decode_process = msgspec.json.Decoder(ProcessPulse).decode
_decode_sent = msgspec.json.Decoder(_Sent).decode


def read_pulses(client: Any) -> list[BridgePulse]:
    """Return all known bridges, newest heartbeat first; see ``age_s``."""
    found = [_decode(raw) for raw in client.hvals(BRIDGES_KEY)]
    return sorted(found, key=lambda pulse: -pulse.sent_ns)


def alive(client: Any) -> list[BridgePulse]:
    """Return bridges with a heartbeat within STALE_S."""
    return [pulse for pulse in read_pulses(client) if pulse.age_s < STALE_S]


def write_worker(client: Any, name: str, processes: int, queues: Collection[str]) -> None:
    """Write a worker's heartbeat."""
    pulse = WorkerPulse(
        name=name, sent_ns=time.time_ns(), processes=processes, queues=sorted(queues)
    )
    client.hset(WORKERS_KEY, name, msgspec.json.encode(pulse))


def alive_workers(client: Any) -> list[WorkerPulse]:
    """Return pricing workers with a heartbeat within WORKER_STALE_S."""
    return living_workers(client.hvals(WORKERS_KEY))


def living_workers(words: Iterable[bytes]) -> list[WorkerPulse]:
    """Return those heartbeats of workers that were written within WORKER_STALE_S."""
    found = [_decode_worker(raw) for raw in words]
    return [pulse for pulse in found if pulse.age_s < WORKER_STALE_S]


class HeartbeatWriter:
    """Says of this process that it lives."""

    def __init__(self, client: Any, kind: str, name: str = "") -> None:
        """Prepare a writer; without a name the process is called host:pid."""
        host, pid = socket.gethostname(), os.getpid()
        now = time.time_ns()
        self._client = client
        self._pulse = ProcessPulse(
            kind=kind,
            name=name or f"{host}:{pid}",
            host=host,
            pid=pid,
            started_ns=now,
            sent_ns=now,
        )
        self._field = f"{kind}:{host}:{pid}"

    def speak(self) -> None:
        """Write the heartbeat, and delete those of processes that have long been silent.

        Raises:
            RedisError: Redis is down.
        """
        pulse = msgspec.structs.replace(self._pulse, sent_ns=time.time_ns())
        self._client.hset(PROCESSES_KEY, self._field, msgspec.json.encode(pulse))
        for name, after_s in FORGET_AFTER_S.items():
            forget_silent(self._client, name, after_s)

    def leave(self) -> None:
        """Delete the heartbeat, so that a clean shutdown is not reported as a failure."""
        self._client.hdel(PROCESSES_KEY, self._field)


@contextmanager
def speaking(client: Any, kind: str) -> Iterator[None]:
    """Send heartbeats from a thread during a ``with`` block, and ignore failures of Redis."""
    speaker, stop = HeartbeatWriter(client, kind), threading.Event()
    thread = threading.Thread(target=_speak_until, args=(speaker, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=SPEAK_EVERY_S)


def _speak_until(speaker: HeartbeatWriter, stop: threading.Event) -> None:
    while True:
        try:
            speaker.speak()
            if stop.wait(SPEAK_EVERY_S):
                speaker.leave()
                return
        except redis.RedisError:
            if stop.wait(SPEAK_EVERY_S):
                return


def forget_silent(client: Any, key: str, after_s: float) -> None:
    """Delete older heartbeats of a hash; a process that is alive writes its own again."""
    before_ns = time.time_ns() - int(after_s * 1e9)
    found = client.hgetall(key)
    silent = [field for field, raw in found.items() if _decode_sent(raw).sent_ns < before_ns]
    if silent:
        client.hdel(key, *silent)


def alive_processes(client: Any) -> list[ProcessPulse]:
    """Return processes with a heartbeat within PROCESS_STALE_S, by kind and start."""
    found = [_decode_process(raw) for raw in client.hvals(PROCESSES_KEY)]
    living = [pulse for pulse in found if pulse.age_s < PROCESS_STALE_S]
    return sorted(living, key=lambda pulse: (pulse.kind, pulse.started_ns))
