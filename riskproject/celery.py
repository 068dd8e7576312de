"""The project's Celery application; its tasks are in ``tasks.py`` of packages of ``risk``."""

from __future__ import annotations

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from riskproject import waiting_tasks
from riskproject.celery_patches import kombu_guards, worker_guards
from riskproject.logs import configure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

kombu_guards.install()
worker_guards.install()
waiting_tasks.install()

app = Celery("riskproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["risk.workers", "risk.scenarios", "risk.what_if", "risk.reprice"])
if settings.TASKS_ARE_SIGNED:
    app.setup_security(allowed_serializers=["json"])  # JSON inside; what is around it is checked


def _log_as_all_others(loglevel: int | None = None, **_: Any) -> None:
    """Use the project's log formatter; only the level comes from Celery's set-up."""
    configure(settings.LOGGING)
    if loglevel:
        logging.getLogger().setLevel(loglevel)


setup_logging.connect(_log_as_all_others)
