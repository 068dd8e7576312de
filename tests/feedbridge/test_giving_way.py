"""Sums of a market with many new instruments wait with the detail, so that no currency waits."""

from __future__ import annotations

import redis

from feedbridge.bridge.frame_lifecycle import MANY_INSTRUMENTS, SLOW_FRAMES
from feedbridge.bridge.task_queue import PricingQueue
from riskproject.celery import app
from tests.feedbridge.rig import Rig
from tests.risk.made import store, swap

CURVES = ("USD-SOFR", "USD-GOVT")


def quotes(first: int) -> dict[str, dict[str, float]]:
    """As many new instruments as make sums give way, and one."""
    each = MANY_INSTRUMENTS // 2 + 1
    return {name: {f"{first + 2 * n}M": 0.04 for n in range(each)} for name in CURVES}


def test_sums_with_many_new_instruments_give_way_for_some_frames(rig: Rig) -> None:
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    usual = {"USD-SOFR": {"1Y": 0.04, "2Y": 0.04}}
    markets = [usual, usual, quotes(13), *[quotes(13)] * SLOW_FRAMES, usual]
    for number, curves in enumerate(markets, 1):
        rig.send(rig.tick(number, curves=curves, whole=True))
        rig.run(lambda number=number: bridge.lifecycle.published["USD"] == number)
    assert rig.queue.gave_way == [False, False, *[True] * SLOW_FRAMES, False, False]


def test_sums_that_give_way_wait_in_the_queue_of_the_detail(redis_url: str) -> None:
    broker = redis.Redis.from_url(app.conf.broker_url)
    waiting = {name: broker.llen(name) for name in ("sums", "detail")}
    queue = PricingQueue(app)
    try:
        for give_way in (False, True, True):
            queue.send_sums({"nothing": "of it is priced"}, give_way)
        assert broker.llen("sums") - waiting["sums"] == 1
        assert broker.llen("detail") - waiting["detail"] == 2
    finally:
        queue.close()
        for name in waiting:
            broker.delete(name)
