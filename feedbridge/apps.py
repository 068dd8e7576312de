"""The Django app of the feed bridge."""

from django.apps import AppConfig


class FeedbridgeConfig(AppConfig):
    """Its one table counts the bridge's starts."""

    name = "feedbridge"
