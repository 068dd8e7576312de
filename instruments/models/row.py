"""Base classes of rows that count their versions and keep their history.

Changes of rows that affect pricing also raise the book version.
"""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from simple_history.models import HistoricalRecords

from instruments.models.book_version import book_changed


class StaleRow(Exception):
    """Somebody else saved the row after it was read: read it again, then decide."""

    def __init__(self, row: str, have: int, current: int) -> None:
        super().__init__(row, have, current)
        self.row, self.have, self.current = row, have, current

    def __str__(self) -> str:
        return (
            f"{self.row} is at version {self.current}, your change was made on version "
            f"{self.have}: read it again"
        )


class Row(models.Model):
    """Base of every table of the master: versions, times, and who changed what when."""

    version = models.PositiveIntegerField(default=1, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(inherit=True)

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        """Save the row and its next version together, or nothing.

        Raises:
            StaleRow: ``version`` is not the stored one.
        """
        before = self.version
        fields = kwargs.get("update_fields")
        if fields is not None:
            kwargs["update_fields"] = {*fields, "version", "updated"}
        try:
            with transaction.atomic():
                self._raise_own_version()
                super().save(**kwargs)
                self.changed()
        except BaseException:
            self.version = before
            raise

    @classmethod
    def changed(cls) -> None:
        """Called in the transaction of every change; a plain row changes no price."""

    def stored_version(self) -> int | None:
        """The version in the table; None when the row is not there."""
        rows = type(self)._base_manager.filter(pk=self.pk)
        return rows.values_list("version", flat=True).first()

    def _raise_own_version(self) -> None:
        if self._state.adding:
            return
        rows = type(self)._base_manager.filter(pk=self.pk).select_for_update()
        current = rows.values_list("version", flat=True).first()
        if current is None:
            return  # deleted meanwhile: Django's own save inserts it again
        if current != self.version:
            raise StaleRow(str(self), self.version, current)
        self.version = current + 1


class PricedRow(Row):
    """Base of every table whose rows affect numbers."""

    class Meta:
        abstract = True

    @classmethod
    def changed(cls) -> None:
        """A higher book version, in the same transaction."""
        book_changed()


def after_delete(sender: type[models.Model], **_kwargs: object) -> None:
    """Signal receiver; Django sends it inside the deleting transaction."""
    book_changed()
