"""A Celery app of another release: it listens to our queue and knows none of our tasks."""

from __future__ import annotations

from celery import Celery

app = Celery("older")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(include=(), imports=())
