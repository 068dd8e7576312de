"""The project's Celery app, with a door for tests: a worker that is slow or dies by order.

Orders stand in the Redis hash ``faults:orders``; who prices says so in ``faults:running``.
The product knows nothing of either.

    sleep_s    hold every block back for so long, in the middle of its task
    die        SIGKILL oneself in the middle of a task, so many times in all
"""

from __future__ import annotations

import os
import signal
import time
from functools import cache
from typing import Any

from risk.store.frames import connect
from risk.store.messages import PriceJob
from risk.workers import session
from riskproject.celery import app
from tests.faults.orders import ORDERS, RUNNING

__all__ = ["app"]

_price = session.Session.price


@cache
def _client() -> Any:
    return connect(os.environ["FAULT_ORDERS_AT"])  # not by way of a proxy that is broken


def _obeying(self: session.Session, job: PriceJob, *args: Any, **options: Any) -> Any:
    who = os.environ["FAULT_WORKER"]
    orders = _client().hgetall(ORDERS)
    if orders:
        _client().hset(RUNNING, who, f"{os.getpid()}:{job.currency}:{job.frame}")
    if b"die" in orders and _client().hincrby(ORDERS, "die", -1) >= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(orders.get(b"sleep_s", 0)))
    try:
        return _price(self, job, *args, **options)
    finally:
        if orders:
            _client().hdel(RUNNING, who)


session.Session.price = _obeying  # type: ignore[method-assign]
