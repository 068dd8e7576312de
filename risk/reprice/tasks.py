"""Celery tasks that price stored closes again while a caller waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from risk.reprice.corrections import STEPS
from risk.reprice.market_now import MarketNow
from risk.reprice.repricer import NothingStored, as_json, close_of, reprice
from risk.store.frames import Frames, connect
from risk.store.previews import (
    MARKET_TASK,
    REPRICE_TASK,
    MarketQuestion,
    RepriceQuestion,
    put_answer,
)
from risk.workers.session import EXPECTED

log = get_task_logger(__name__)
NOTHING_STORED = "NOTHING_STORED"


@shared_task(name=REPRICE_TASK, max_retries=0)
def reprice_close(payload: dict[str, Any]) -> str:
    """Reprice a close, and put the answer where its asker waits."""
    question = msgspec.convert(payload, RepriceQuestion)
    return _put(question, lambda: _answer(question))


@shared_task(name=MARKET_TASK, max_retries=0)
def ask_market(payload: dict[str, Any]) -> str:
    """Answer for trades or the explain of a replay's current closes."""
    question = msgspec.convert(payload, MarketQuestion)
    return _put(question, lambda: _market().answer(question, _frames()))


@cache
def _market() -> MarketNow:
    return MarketNow(_options())


@cache
def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL))


def _options() -> CurveOptions:
    return CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)


def _put(question: RepriceQuestion | MarketQuestion, make: Callable[[], dict[str, Any]]) -> str:
    """Put an answer where its asker waits, or why there is none."""
    try:
        answer = make()
    except NothingStored as error:
        answer = _failure(NOTHING_STORED, str(error))
    except PricingError as error:
        answer = _failure(error.code, str(error))
    except EXPECTED as error:
        log.exception("no answer to %s", question)
        answer = _failure("CRASHED", str(error) or type(error).__name__)
    client = connect(settings.REDIS_URL)
    try:
        put_answer(client, question.answer_key, answer)
    finally:
        client.close()
    return "FAILED" if "failure" in answer else "ANSWERED"


def _answer(question: RepriceQuestion) -> dict[str, Any]:
    as_of: dt.date | dt.datetime = question.as_of_time or question.as_of
    found = reprice(
        close_of(question.currency, as_of, question.market),
        _options(),
        known_at=question.known_at,
        correct=question.correct or STEPS,
    )
    return as_json(found, None if question.desks is None else frozenset(question.desks))


def _failure(code: str, message: str) -> dict[str, Any]:
    return {"failure": {"code": code, "message": message}}
