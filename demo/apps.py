"""The app of the demo: a sample book, sample fixings and the command that shows them live."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The application of the demo's commands; it has no models."""

    name = "demo"
