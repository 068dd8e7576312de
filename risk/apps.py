"""The app of live risk: what is published, who computes it and who reads it."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """The application of published risk, whose tables keep closes and limits."""

    name = "risk"
