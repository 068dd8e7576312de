"""The Celery task of the queue ``scenarios``: make the results of the newest frames."""

from __future__ import annotations

from functools import cache

from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from risk.scenarios.inputs import closes_before, stress_scenarios
from risk.scenarios.maker import ScenarioMaker
from risk.scenarios.store import TASK, ScenarioStore
from risk.store.frames import Frames, connect
from risk.workers.tasks import EXPECTED, make_netter

log = get_task_logger(__name__)
REDIS_S = 10.0
"""Nobody waits for a run: a slow Redis is waited for."""


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
