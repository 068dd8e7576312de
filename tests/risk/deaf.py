"""The project's Celery app for a worker that is up and takes no task any more."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_ready

from risk.workers import starvation
from riskproject.celery import app

__all__ = ["app"]

starvation.LOOK_EVERY_S, starvation.DEAF_S = 0.1, 1.0


@worker_ready.connect
def _stop_consuming(sender: Any, **_: Any) -> None:
    sender.task_consumer.cancel()
