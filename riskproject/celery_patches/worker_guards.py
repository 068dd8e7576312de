"""Replace dead pool processes of a Celery worker quickly, and end the worker when it must end.

Each patch states what celery 5.7 does without it. Remove a patch when Celery itself behaves so.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.platforms import EX_FAILURE
from celery.worker import WorkController

STOP_S, LOOK_AT_POOL_S = 10.0, 0.5
_stop = WorkController.stop


def _stop_for_sure(
    self: WorkController, in_sighandler: bool = False, exitcode: int | None = None
) -> None:
    # After an "Unrecoverable error" a worker waits for the end of its pool, for ever if a child
    # hangs or was killed while it wrote. It looks alive and takes no task: end it, so that its
    # supervisor starts another.
    if exitcode == EX_FAILURE:
        end = threading.Timer(STOP_S, os._exit, (EX_FAILURE,))
        end.daemon = True
        end.start()
    _stop(self, in_sighandler, exitcode)


def _timers(self: Any) -> dict[Callable[[], None], float]:
    # A process that ends while its worker connects to Redis again is not noticed when it ends but
    # when the pool is checked: every 5 s, and nothing is priced until then.
    return {self.maintain_pool: LOOK_AT_POOL_S}


def install() -> None:
    """Let all workers from now on be guarded."""
    WorkController.stop = _stop_for_sure
    AsynPool.timers = property(_timers)
