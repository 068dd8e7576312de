"""The app of live risk: what is published, who computes it and who reads it."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """It has no models: published frames are in Redis."""

    name = "risk"
