"""The app of market history."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """Tables of curve closes and the files that they were loaded from."""

    name = "risk.history"
    label = "market_history"
    default_auto_field = "django.db.models.BigAutoField"
