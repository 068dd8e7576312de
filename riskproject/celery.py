"""Settings in, the one Celery app out; tasks are found in the ``tasks.py`` of each app."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from celery import Celery
from celery.platforms import EX_FAILURE
from celery.signals import setup_logging
from celery.worker import WorkController
from django.conf import settings

from riskproject import kombu_guards
from riskproject.logs import configure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

kombu_guards.install()

STOP_S = 10.0
_stop = WorkController.stop


def _stop_for_sure(
    self: WorkController, in_sighandler: bool = False, exitcode: int | None = None
) -> None:
    # celery 5.7: after an "Unrecoverable error" a worker waits for the end of its pool, for ever
    # if a child hangs or was killed while it wrote. It looks alive and takes no task: end it, so
    # that its supervisor starts another.
    if exitcode == EX_FAILURE:
        end = threading.Timer(STOP_S, os._exit, (EX_FAILURE,))
        end.daemon = True
        end.start()
    _stop(self, in_sighandler, exitcode)


WorkController.stop = _stop_for_sure

app = Celery("riskproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
if settings.TASKS_ARE_SIGNED:
    app.setup_security(allowed_serializers=["json"])  # JSON inside; what is around it is checked


def _log_as_all_others(loglevel: int | None = None, **_: Any) -> None:
    """Celery's own set-up would write past our formatter; of it the level alone is taken."""
    configure(settings.LOGGING)
    if loglevel:
        logging.getLogger().setLevel(loglevel)


setup_logging.connect(_log_as_all_others)
