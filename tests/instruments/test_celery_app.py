"""The Celery app: two queues that do not mix, JSON only, and the guard against a dead channel."""

from __future__ import annotations

import json

import kombu.transport.redis as redis_transport
import pytest
import redis
from celery.exceptions import QueueNotFound
from django.conf import settings

from risk.api.explains import trades as explain_trades
from risk.explain import by_trade
from risk.store import follow_up, previews
from riskproject.celery import app


class DeadChannel:
    """A channel whose connection has been closed."""

    connection = None


def test_a_channel_without_a_connection_fails_as_a_lost_connection() -> None:
    with pytest.raises(ConnectionError):
        redis_transport.Channel._connparams(DeadChannel())


def test_what_a_caller_waits_for_is_not_run_again_and_has_the_time_that_is_waited() -> None:
    """The usual limit of two seconds would kill the previewer with all that it has loaded."""
    asked = [name for name in vars(previews) if name.endswith("_TASK")]
    assert len(asked) > 5
    for name in asked:
        limits = settings.CELERY_TASK_ANNOTATIONS[getattr(previews, name)]
        assert limits["acks_late"] is False
        assert limits["time_limit"] > 5
        assert settings.CELERY_TASK_ROUTES[getattr(previews, name)]["queue"] != "celery"
    of_group = settings.CELERY_TASK_ANNOTATIONS[previews.EXPLAIN_GROUP_TASK]
    assert of_group["time_limit"] > explain_trades.ANSWER_S > by_trade.BUDGET_S


QUEUES = ("sums", "detail", "compile", "preview")


def test_a_task_goes_to_its_own_queue_and_to_no_other() -> None:
    store = redis.Redis.from_url(settings.REDIS_URL)
    before = {queue: store.llen(queue) for queue in QUEUES}
    app.send_task("risk.workers.tasks.compile_book")
    app.send_task("risk.workers.tasks.price_sums", args=[{}])
    app.send_task("risk.workers.tasks.price_detail", args=[{}])
    app.send_task("risk.workers.tasks.preview_trade", args=[{}])
    after = {queue: store.llen(queue) for queue in QUEUES}
    assert {queue: after[queue] - before[queue] for queue in after} == dict.fromkeys(QUEUES, 1)
    for queue, task in (
        ("compile", "compile_book"),
        ("sums", "price_sums"),
        ("detail", "price_detail"),
        ("preview", "preview_trade"),
    ):
        message = json.loads(store.lpop(queue))
        assert message["headers"]["task"] == f"risk.workers.tasks.{task}"
        assert message["content-type"] == "application/json"


def test_a_mistyped_queue_is_an_error() -> None:
    with pytest.raises(QueueNotFound):
        app.send_task("risk.workers.tasks.compile_book", queue="compil")


def test_settings_arrive_in_the_app() -> None:
    assert app.conf.broker_url == settings.REDIS_URL
    redelivered_s = app.conf.broker_transport_options["visibility_timeout"]
    assert redelivered_s > app.conf.task_time_limit
    assert redelivered_s > follow_up.countdown_s(1e6), "a task that waits would be delivered twice"
    assert app.conf.result_backend is None
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.worker_prefetch_multiplier == 1
    assert not app.conf.task_annotations["risk.workers.tasks.compile_book"]["acks_late"]
