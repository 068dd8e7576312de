"""The Django app of the feed bridge."""

from django.apps import AppConfig


class FeedbridgeConfig(AppConfig):
    """The application, whose only table counts the starts of bridges."""

    name = "feedbridge"
