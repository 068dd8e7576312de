"""The feed bridge app: ticks in, tasks out."""

from django.apps import AppConfig


class FeedbridgeConfig(AppConfig):
    """Its one table counts the bridge's starts."""

    name = "feedbridge"
