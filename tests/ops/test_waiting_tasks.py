"""What waits in Celery's queues, as a scaler of workers reads it: real tasks in a real Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings

from ops.metrics import queues
from riskproject.waiting_tasks import SENT_NS, Waiting, read_waiting

NAMES = [queue.name for queue in settings.CELERY_TASK_QUEUES]
SUMS = "risk.workers.tasks.price_sums"


@pytest.fixture
def app(store_url: str, store: redis.Redis) -> Any:
    """The project's routes, to the store of the test."""
    made = Celery("test", broker=store_url, set_as_current=False)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.conf.broker_url = store_url
    yield made
    made.close()


def waiting(store: redis.Redis, now_ns: int | None = None) -> dict[str, Waiting]:
    return {one.queue: one for one in read_waiting(store, NAMES, now_ns or time.time_ns())}


def test_an_empty_queue_has_no_tasks_and_no_age(store: redis.Redis) -> None:
    assert waiting(store) == {name: Waiting(name, 0, 0.0) for name in NAMES}


def test_the_oldest_task_gives_the_age_whatever_came_after(app: Celery, store: redis.Redis) -> None:
    begun_ns = time.time_ns()
    app.send_task(SUMS, args=[{"n": 1}])
    first_ns = time.time_ns()
    app.send_task(SUMS, args=[{"n": 2}])
    app.send_task("risk.workers.tasks.price_detail", args=[{"n": 3}])
    later_ns = time.time_ns() + 30 * 10**9
    found = waiting(store, later_ns)
    assert found["sums"].tasks == 2
    assert (later_ns - first_ns) / 1e9 <= found["sums"].oldest_s <= (later_ns - begun_ns) / 1e9
    assert found["detail"].tasks == 1
    assert found["compile"] == Waiting("compile", 0, 0.0)


def test_a_taken_task_waits_no_more(app: Celery, store: redis.Redis) -> None:
    app.send_task(SUMS, args=[{"n": 1}])
    with app.connection() as connection:
        (queue,) = (one for one in settings.CELERY_TASK_QUEUES if one.name == "sums")
        message = queue(connection.default_channel).get()
        assert message.headers[SENT_NS] <= time.time_ns()
        assert waiting(store)["sums"] == Waiting("sums", 0, 0.0)
        message.ack()


def test_a_clock_that_is_behind_the_senders_gives_no_negative_age(
    app: Celery, store: redis.Redis
) -> None:
    app.send_task(SUMS, args=[{"n": 1}])
    assert waiting(store, time.time_ns() - 60 * 10**9)["sums"].oldest_s == 0.0


@pytest.mark.parametrize("text", ["x", "{}", '{"headers": {"lang": "py"}}'])
def test_what_does_not_say_when_it_was_sent_has_no_age(store: redis.Redis, text: str) -> None:
    store.lpush("sums", text)
    assert waiting(store)["sums"] == Waiting("sums", 1, None)
    tasks, age = queues(store, time.time_ns())
    counts = {sample.labels["queue"]: sample.value for sample in tasks.samples}
    assert counts == dict.fromkeys(NAMES, 0) | {"sums": 1}
    assert {sample.labels["queue"] for sample in age.samples} == set(NAMES) - {"sums"}
