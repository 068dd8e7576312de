"""Write a Celery worker's heartbeat to Redis and to its heartbeat file.

The worker's main process writes both every two seconds. A pool that hangs shows in missing frames,
a main process that hangs in missing heartbeats.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import redis
from celery.signals import heartbeat_sent, worker_init, worker_ready, worker_shutdown
from celery.utils.log import get_task_logger
from django.conf import settings

from risk.store.frames import connect
from risk.store.heartbeats import HeartbeatWriter, write_worker

log = get_task_logger(__name__)
PRICING_QUEUES = ("sums", "detail")
KINDS = {
    "sums": "sums",
    "detail": "detail",
    "compile": "compiler",
    "preview": "previewer",
    "scenarios": "scenarios",
}
"""Kind of a worker by queue; the first of these queues that it consumes counts."""

HEARTBEAT_FILE = "WORKER_HEARTBEAT_FILE"
"""Environment variable with a file to touch, for a supervisor that cannot ask Redis."""

WAIT_S = 0.3
"""Seconds to wait for Redis, during which the worker takes no task."""

_workers: list[Any] = []
"""The Celery worker of this process, once it has started."""


@cache
def _client() -> redis.Redis:
    return connect(settings.REDIS_URL, timeout_s=WAIT_S)


@cache
def _speaker(kind: str, name: str) -> HeartbeatWriter:
    return HeartbeatWriter(_client(), kind, name)


def pricing_queues(worker: Any) -> list[str]:
    """Return the queues of pricing tasks that the worker consumes."""
    return [name for name in PRICING_QUEUES if name in worker.app.amqp.queues.consume_from]


def _speaker_of(worker: Any) -> HeartbeatWriter:
    queues = worker.app.amqp.queues.consume_from
    kind = next((name for queue, name in KINDS.items() if queue in queues), "detail")
    return _speaker(kind, worker.hostname)


@worker_init.connect
def _meet(sender: Any, **_: Any) -> None:
    _workers.append(sender)


@worker_ready.connect
@heartbeat_sent.connect
def _say_alive(**_: Any) -> None:
    file = os.environ.get(HEARTBEAT_FILE, "")
    if file:
        Path(file).touch()
    for worker in _workers:
        try:
            _speaker_of(worker).speak()
            queues = pricing_queues(worker)
            if queues:
                write_worker(_client(), worker.hostname, worker.concurrency, queues)
        except redis.RedisError as error:
            log.warning("no heartbeat: %s", error)


@worker_shutdown.connect
def _say_goodbye(**_: Any) -> None:
    with contextlib.suppress(redis.RedisError):
        for worker in _workers:
            _speaker_of(worker).leave()
