"""Ask a worker for work that needs QuantLib while a caller waits: the previewer, or another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis, RedisError
from rest_framework.exceptions import APIException

from risk.store.frames import connect
from risk.store.previews import (
    QUEUE,
    Json,
    Question,
    wait_for_answer,
)
from riskproject.web.problems import RETRY_AFTER_S, DependencyDown
from riskproject.web.slots import NoTurn, Slots, Turns

ANSWER_S = 5.0
"""Seconds that a caller waits; previews of other callers may come first."""


slots = Slots(
    "previews",
    own_hint="wait for a response before sending the next one",
    hint="try again later",
    retry_after_s=1,
)
"""Limits the number of previews, and of trades priced on demand, that are in progress."""

NOT_YOUR_TURN = (
    f"Your earlier question has not been answered within {ANSWER_S:.0f} s: wait for its answer,"
    " then send this one again"
)
turns = Turns()
"""Lets one question of each user be in progress at a time, so that others wait for one at most."""


class PreviewerBusy(APIException):
    """No worker answered in time."""

    status_code = 503
    default_code = "previewer_busy"
    wait = RETRY_AFTER_S
    default_detail = (
        "The preview worker did not answer in time: it is busy, or none is running"
        " (celery -A riskproject worker --queues preview)"
    )


class ScenariosBusy(PreviewerBusy):
    """The process of the scenarios did not answer in time."""

    default_code = "scenarios_busy"
    default_detail = (
        "The scenarios worker did not answer in time: it is busy with a run, or none is running"
        " (celery -A riskproject worker --queues scenarios)"
    )


BUSY: dict[str, type[PreviewerBusy]] = {"scenarios": ScenariosBusy}
"""What is raised when nobody answers, by queue; of others, ``PreviewerBusy``."""


@contextmanager
def slot_of(user: object) -> Iterator[None]:
    """Count one open question of a user, and wait until the user's earlier one is answered.

    Raises:
        TooMany: The user or this web process has as many open as allowed.
        PreviewerBusy: The earlier one was not answered in time; the sentence says so.
    """
    slot = slots.take(user, settings.PREVIEWS_PER_USER, settings.PREVIEWS_PER_PROCESS)
    try:
        with turns.of(user, ANSWER_S):
            yield
    except NoTurn:
        raise PreviewerBusy(NOT_YOUR_TURN) from None
    finally:
        slots.release(slot)


def ask(task: str, question: Question, timeout_s: float = ANSWER_S, queue: str = QUEUE) -> Json:
    """Return a worker's answer: an object with ``failure``, or with what was asked for.

    Args:
        task: Name of the task.
        question: Its argument.
        timeout_s: How long the caller waits.
        queue: Of the workers that are asked; the previewer's unless another is named.

    Raises:
        DependencyDown: Redis does not answer.
        PreviewerBusy: No worker answered in time.
    """
    try:
        current_app.send_task(
            task,
            args=[msgspec.to_builtins(question)],
            queue=queue,
            expires=timeout_s,  # the caller has stopped waiting
        )
        answer = wait_for_answer(_waiting_client(), question.answer_key, timeout_s)
    except (RedisError, OperationalError, OSError) as error:
        raise DependencyDown("redis", type(error).__name__) from None
    if answer is None:
        raise BUSY.get(queue, PreviewerBusy)
    return answer


@cache
def _waiting_client() -> Redis:
    return connect(settings.REDIS_URL, timeout_s=ANSWER_S + 2.0)
