"""Trades excluded from pricing because they crash the worker that prices them."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from simple_history.models import HistoricalRecords

from instruments.models.book_version import book_changed


class Quarantine(models.Model):
    """One trade that is not priced until this row is deleted."""

    trade_id = models.CharField(max_length=64, unique=True)
    currency = models.CharField(max_length=3)
    frame = models.BigIntegerField(help_text="number of the frame it was caught in")
    reason = models.TextField()
    since = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ("-since",)
        verbose_name_plural = "quarantine"

    def __str__(self) -> str:
        return self.trade_id

    def save(self, **kwargs: Any) -> None:
        """The book changes with the trades that are kept out of it."""
        with transaction.atomic():
            super().save(**kwargs)
            book_changed()
