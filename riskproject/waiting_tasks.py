"""How many tasks wait in each Celery queue, and since when: the signal by which workers are scaled.

A task says in its headers when it was sent. Celery keeps the tasks of a queue in a Redis list of
its name; the oldest is at its end. A task that a worker has taken is no longer in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from celery.signals import before_task_publish

SENT_NS = "risk_sent_ns"
"""Header: the sender's wall clock, ns since 1970."""


class Waiting(msgspec.Struct, frozen=True):
    """The tasks of one queue that no worker has taken.

    ``oldest_s`` is the age of the oldest by this host's clock, never negative: 0 while nothing
    waits, None when its sender did not say (an older release).
    """

    queue: str
    tasks: int
    oldest_s: float | None


class _Headers(msgspec.Struct, frozen=True):
    risk_sent_ns: int | None = None


class _Message(msgspec.Struct, frozen=True):
    """The only part of kombu's message that is read."""

    headers: _Headers = _Headers()


_decode = msgspec.json.Decoder(_Message).decode


def _note_time(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers[SENT_NS] = time.time_ns()


def install() -> None:
    """Have every task of this process say when it was sent."""
    before_task_publish.connect(_note_time)


def read_waiting(client: Any, queues: Sequence[str], now_ns: int) -> list[Waiting]:
    """Return what waits in each queue, in one round trip.

    Args:
        client: Of Redis.
        queues: Names.
        now_ns: The present time, ns since 1970.

    Raises:
        RedisError: Redis is down.
    """
    with client.pipeline(transaction=False) as pipe:
        for name in queues:
            pipe.llen(name)
            pipe.lindex(name, -1)
        found = pipe.execute()
    return [
        Waiting(name, int(found[2 * place]), _age_s(found[2 * place + 1], now_ns))
        for place, name in enumerate(queues)
    ]


def _age_s(oldest: bytes | None, now_ns: int) -> float | None:
    if oldest is None:
        return 0.0
    try:
        sent_ns = _decode(oldest).headers.risk_sent_ns
    except msgspec.MsgspecError:  # not a task: the worker that takes it will say so
        return None
    return None if sent_ns is None else max(0.0, (now_ns - sent_ns) / 1e9)
