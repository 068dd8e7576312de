"""The Celery tasks of what-if, on the queue ``preview``."""

from __future__ import annotations

from typing import Any

import msgspec
from celery import shared_task

from risk.scenarios.inputs import closes_before
from risk.what_if import hedger, pricer
from risk.what_if.messages import HEDGE_TASK, PRICE_TASK, HedgeQuestion, WhatIfQuestion
from risk.workers.tasks import answer_with, shared_session


@shared_task(name=PRICE_TASK, max_retries=0)
def price_what_if(payload: dict[str, Any]) -> str:
    """Price what is not saved, and put the answer where its asker waits."""
    question = msgspec.convert(payload, WhatIfQuestion)
    return answer_with(
        question.answer_key,
        lambda: msgspec.to_builtins(pricer.price(question, shared_session(), closes_before)),
    )


@shared_task(name=HEDGE_TASK, max_retries=0)
def find_hedge(payload: dict[str, Any]) -> str:
    """Find trades that flatten a ladder, and put the answer where its asker waits."""
    question = msgspec.convert(payload, HedgeQuestion)
    return answer_with(
        question.answer_key,
        lambda: msgspec.to_builtins(hedger.find(question, shared_session())),
    )
