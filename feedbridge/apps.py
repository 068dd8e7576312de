"""The feed bridge app: ticks in, tasks out; commands only."""

from django.apps import AppConfig


class FeedbridgeConfig(AppConfig):
    """No models."""

    name = "feedbridge"
