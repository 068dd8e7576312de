"""Celery tasks of scenarios: all of the newest frames, one that is not stored, and one trade's."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from pricing.scenarios.definition import from_rows
from risk.scenarios.inputs import closes_before, stress_scenarios
from risk.scenarios.maker import ScenarioMaker
from risk.scenarios.one_trade import stress_of_trade
from risk.scenarios.store import NOT_STORED, TASK, ScenarioStore
from risk.store.frames import Frames, connect
from risk.store.previews import SHOCK_TASK, STRESS_TASK, ShockQuestion, TradeQuestion
from risk.workers.session import EXPECTED
from risk.workers.tasks import answer_with, make_netter, shared_session

log = get_task_logger(__name__)
REDIS_S = 10.0
"""Seconds to wait for a slow Redis; no caller waits for a run of scenarios."""

NO_FRAME = {"code": "NO_FRAME", "message": "no frame has been published yet"}


@cache
def _store() -> ScenarioStore:
    return ScenarioStore(connect(settings.REDIS_URL, timeout_s=REDIS_S))


@cache
def _maker() -> ScenarioMaker:
    return ScenarioMaker(
        Frames(connect(settings.REDIS_URL, timeout_s=REDIS_S)),
        make_netter(),
        stress_scenarios,
        closes_before,
        every_s=settings.SCENARIOS_EVERY_S,
        count=settings.VAR_SCENARIOS,
        kind=settings.VAR_MOVES,
    )


@shared_task(name=TASK, max_retries=0)
def refresh() -> str:
    """Make and publish the results of all currencies: PUBLISHED, OLD, NOTHING or FAILED."""
    try:
        frame = _maker().run()
    except EXPECTED as error:
        log.warning("scenarios: %s", error)
        return "FAILED"
    if frame is None:
        return "NOTHING"
    return "PUBLISHED" if _store().publish(frame) else "OLD"


@shared_task(name=SHOCK_TASK, max_retries=0)
def price_shock(payload: dict[str, Any]) -> str:
    """Revalue the newest frames in a scenario that is not stored, while its asker waits."""
    question = msgspec.convert(payload, ShockQuestion)
    return answer_with(question.answer_key, lambda: _priced(question))


def _priced(question: ShockQuestion) -> dict[str, Any]:
    frame = _maker().price(from_rows(enumerate(question.rows, start=1), NOT_STORED))
    return {"failure": NO_FRAME} if frame is None else {"frame": msgspec.to_builtins(frame)}


@shared_task(name=STRESS_TASK, max_retries=0)
def stress_trade(payload: dict[str, Any]) -> str:
    """Revalue one trade in the stress scenarios, and put the answer where its asker waits."""
    question = msgspec.convert(payload, TradeQuestion)
    return answer_with(
        question.answer_key,
        lambda: stress_of_trade(question, shared_session(), stress_scenarios()),
    )
