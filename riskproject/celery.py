"""Settings in, the one Celery app out; tasks are found in the ``tasks.py`` of each app."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

import kombu.transport.redis as redis_transport
from celery import Celery
from celery.platforms import EX_FAILURE
from celery.signals import setup_logging
from celery.worker import WorkController
from django.conf import settings

from riskproject.logs import configure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

_connection_parameters = redis_transport.Channel._connparams


def _guarded_parameters(
    self: redis_transport.Channel, asynchronous: bool = False
) -> dict[str, Any]:
    # kombu 5.7: Redis going away while an acks_late task runs ends the whole worker with
    # AttributeError ('NoneType' has no 'hostname'), because the channel outlives its
    # connection. A ConnectionError is one that the worker knows how to survive.
    # Remove when kombu does this by itself.
    if self.connection is None or self.connection.client is None:
        raise ConnectionError("channel belongs to a closed broker connection")
    return dict(_connection_parameters(self, asynchronous))  # type: ignore[no-untyped-call]


redis_transport.Channel._connparams = _guarded_parameters  # type: ignore[method-assign]

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
