"""The pricing app: sessions, tasks and the risk side of the API."""

from django.apps import AppConfig


class PricingConfig(AppConfig):
    """No models."""

    name = "pricing"
