"""The app of live risk: what is published, who computes it and who reads it."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """Published frames are in Redis; its table keeps the closes of frames."""

    name = "risk"
