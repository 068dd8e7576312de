"""The instruments app: desks, books, bonds, positions, swaps and fixings."""

from django.apps import AppConfig


class InstrumentsConfig(AppConfig):
    """Connects signals: deletions, which also come in bulk, and what follows a migration."""

    name = "instruments"

    def ready(self) -> None:
        """Raise the book's version after each deleted row that changes pricing."""
        from django.db.models.signals import post_delete, post_migrate

        from instruments.access import set_roles
        from instruments.book_history import stamp_histories
        from instruments.models.quarantine import Quarantine
        from instruments.models.row import PricedRow, after_delete

        for model in self.get_models():
            if issubclass(model, PricedRow | Quarantine):
                post_delete.connect(after_delete, sender=model)
        post_migrate.connect(set_roles, sender=self)
        post_migrate.connect(stamp_histories, sender=self)
