"""The app of market history."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """Its tables hold the closes of curves and the files that they came from."""

    name = "risk.history"
    label = "market_history"
    default_auto_field = "django.db.models.BigAutoField"
