"""The app of operations: health checks, metrics and access to the servers."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
