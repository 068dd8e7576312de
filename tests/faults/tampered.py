"""The project's Celery app, with a door for tests: a worker that is slow or dies by order.

Orders stand in the Redis hash ``faults:orders``; who prices says so in ``faults:running``.
The product knows nothing of either.

    sleep_s    hold all sums and every block back for so long, in the middle of their task
    die        SIGKILL oneself in the middle of a task, so many times in all
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from risk.store.frames import connect
from risk.store.messages import FrameInputs, PriceJob, SumsJob
from risk.workers import book_netter, session
from riskproject.celery import app
from tests.faults.orders import ORDERS, RUNNING

__all__ = ["app"]

_price, _sums = session.Session.price, book_netter.BookNetter.sums


@cache
def _client() -> Any:
    return connect(os.environ["FAULT_ORDERS_AT"])  # not by way of a proxy that is broken


@contextmanager
def _obeying(job: FrameInputs) -> Iterator[None]:
    who = os.environ["FAULT_WORKER"]
    orders = _client().hgetall(ORDERS)
    if orders:
        _client().hset(RUNNING, who, f"{os.getpid()}:{job.currency}:{job.frame}")
    if b"die" in orders and _client().hincrby(ORDERS, "die", -1) >= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(orders.get(b"sleep_s", 0)))
    try:
        yield
    finally:
        if orders:
            _client().hdel(RUNNING, who)


def _obedient_price(self: session.Session, job: PriceJob) -> Any:
    with _obeying(job):
        return _price(self, job)


def _obedient_sums(self: book_netter.BookNetter, job: SumsJob, *args: Any, **options: Any) -> Any:
    with _obeying(job):
        return _sums(self, job, *args, **options)


session.Session.price = _obedient_price  # type: ignore[method-assign]
book_netter.BookNetter.sums = _obedient_sums  # type: ignore[method-assign]
