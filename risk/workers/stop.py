"""End a Celery worker within ``STOP_S`` seconds of SIGTERM, whatever its tasks are doing.

Celery's own warm shutdown waits for running tasks, and a compilation may take minutes. Interrupted
work is repeated: the bridge's watchdog resends blocks, and a compilation is requested again here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any

from celery import current_app
from celery.platforms import EX_OK
from celery.signals import worker_init, worker_shutting_down
from celery.utils.log import get_task_logger
from celery.worker import state

log = get_task_logger(__name__)
STOP_S = 2.5
"""Seconds to finish work, less than the 4 s after which `devstack.processes.keep` kills a process;
pricing a block takes less."""

ASKED_AGAIN = ("risk.workers.tasks.compile_book",)
"""Tasks that a stopping worker sends again, because no other process does."""

_workers: list[Any] = []
"""The Celery worker of this process, once it has started."""


@worker_init.connect
def _meet(sender: Any, **_: Any) -> None:
    _workers.append(sender)


@worker_shutting_down.connect
def _end_in_time(**_: Any) -> None:
    timer = threading.Timer(STOP_S, _cut_off)
    timer.daemon = True
    timer.start()


def _cut_off() -> None:
    running = sorted(request.name for request in list(state.active_requests))
    log.warning("%s were still running %g s after the signal to stop", running or "threads", STOP_S)
    sender = threading.Thread(target=_ask_again, args=(running,), daemon=True)
    sender.start()
    sender.join(timeout=1.0)  # Redis may be down
    for worker in _workers:
        end_now(worker, EX_OK)
    os._exit(EX_OK)


def _ask_again(running: list[str]) -> None:
    for name in set(running) & set(ASKED_AGAIN):
        current_app.send_task(name)


def end_now(worker: Any, status: int) -> None:
    """Kill the worker's processes and end this one, without waiting for anything."""
    processes = getattr(getattr(worker.pool, "_pool", None), "_pool", ())
    for process in list(processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    os._exit(status)
