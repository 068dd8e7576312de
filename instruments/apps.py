"""The instruments app: desks, books, bonds, positions, swaps and fixings."""

from django.apps import AppConfig


class InstrumentsConfig(AppConfig):
    """Connects deletions: unlike saves they also come in bulk and by cascade."""

    name = "instruments"

    def ready(self) -> None:
        """Raise the book's version after each deleted row that changes pricing."""
        from django.db.models.signals import post_delete

        from instruments.models.quarantine import Quarantine
        from instruments.models.row import PricedRow, after_delete

        for model in self.get_models():
            if issubclass(model, PricedRow | Quarantine):
                post_delete.connect(after_delete, sender=model)
