"""Restart a worker that takes no tasks although tasks are waiting in its queue.

Celery 5.7 on Redis can look alive and do nothing: after a half-restored connection, with a hung
pool, or with a spinning event loop. The worker then ends itself, and its supervisor restarts it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from celery.platforms import EX_FAILURE
from celery.signals import task_received, worker_ready
from celery.utils.log import get_task_logger
from django.conf import settings

from risk.store.frames import connect
from risk.workers.heartbeat import pricing_queues
from risk.workers.stop import end_now

log = get_task_logger(__name__)
LOOK_EVERY_S, DEAF_S = 1.0, 15.0
"""Seconds between two checks, and seconds without a task after which a worker counts as stuck: an
isolation run may take 12 s."""


class StarvationDetector:
    """Knows when a task was last heard, and since when one has been waiting unheard."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unheard_since: float | None = None

    def heard(self) -> None:
        """Record that a worker took a task."""
        self._unheard_since = None

    def is_deaf(self, waiting: int) -> bool:
        """Return True once tasks have waited for DEAF_S and none was taken."""
        if not waiting:
            self._unheard_since = None
        elif self._unheard_since is None:
            self._unheard_since = self._clock()
        since = self._unheard_since
        return since is not None and self._clock() - since > DEAF_S


_ear = StarvationDetector()


@task_received.connect
def _hear(**_: Any) -> None:
    _ear.heard()


@worker_ready.connect
def _listen(sender: Any, **_: Any) -> None:
    worker = sender.controller
    if pricing_queues(worker):
        threading.Thread(target=_watch, args=(worker,), name="deafness", daemon=True).start()


def _watch(worker: Any) -> None:
    client: Any = connect(settings.REDIS_URL)
    while True:
        time.sleep(LOOK_EVERY_S)
        try:
            waiting = sum(int(client.llen(name)) for name in pricing_queues(worker))
        except (redis.RedisError, OSError):
            waiting = 0  # without Redis there is nothing to hear
        if _ear.is_deaf(waiting):
            log.critical(
                "%s took no task for %g s while %d wait: it ends, to be started again",
                *(worker.hostname, DEAF_S, waiting),
            )
            end_now(worker, EX_FAILURE)  # a worker in this state ignores SIGTERM
