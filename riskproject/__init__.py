"""The Django project: settings, addresses, the Celery app."""

from riskproject.celery import app as celery_app

__all__ = ("celery_app",)
