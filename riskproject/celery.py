"""Settings in, the one Celery app out; tasks are found in the ``tasks.py`` of each app."""

from __future__ import annotations

import logging
import os
from typing import Any

import kombu.transport.redis as redis_transport
from celery import Celery
from celery.signals import setup_logging
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

app = Celery("riskproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def _log_as_all_others(loglevel: int | None = None, **_: Any) -> None:
    """Celery's own set-up would write past our formatter; of it the level alone is taken."""
    configure(settings.LOGGING)
    if loglevel:
        logging.getLogger().setLevel(loglevel)


setup_logging.connect(_log_as_all_others)
