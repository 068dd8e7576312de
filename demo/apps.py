"""The app of the demo: a sample book, sample fixings and the command that shows them live."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """It has no models."""

    name = "demo"
