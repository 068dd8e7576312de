"""Tables of curve history. Rows are only ever added; a correction supersedes a row."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

LABELS = ("official", "proxy", "synthetic")
"""Origins of a rate, best first: a rate replaces rates of a later label."""


class CurveFile(models.Model):
    """One load of closing quotes: source, time, and who approved an unusual file."""

    publisher = models.CharField(max_length=64)
    name = models.CharField(max_length=200, help_text="name of the file")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the file's bytes")
    label = models.CharField(max_length=9, choices=[(label, label) for label in LABELS])
    retrieved_at = models.DateTimeField(help_text="when it was downloaded from the publisher")
    loaded_at = models.DateTimeField(db_default=Now(), help_text="since then its quotes are known")
    loaded_by: Any = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    forced_reason = models.CharField(
        max_length=400, blank=True, help_text="why it was taken in spite of a warning"
    )

    class Meta:
        ordering = ("-loaded_at", "-pk")

    def __str__(self) -> str:
        return f"{self.publisher} {self.name}"


class CurveQuote(models.Model):
    """One quote of one curve at the close of one day.

    A quote without ``superseded_by`` is the one that counts today. A superseded one was known from
    its file's ``loaded_at`` until that of ``superseded_by``.
    """

    date = models.DateField()
    curve = models.CharField(max_length=32)
    quote_id = models.CharField(
        max_length=32, help_text="the tenor, such as 10Y, or another id of a quote"
    )
    rate = models.DecimalField(max_digits=12, decimal_places=10, help_text="decimal per year")
    quote_kind = models.CharField(max_length=16, help_text="as the curve's conventions name it")
    file = models.ForeignKey(CurveFile, on_delete=models.PROTECT, related_name="quotes")
    superseded_by = models.ForeignKey(
        CurveFile, null=True, on_delete=models.PROTECT, related_name="superseded", db_index=False
    )

    class Meta:
        ordering = ("curve", "date", "quote_id")
        indexes = (models.Index(fields=("curve", "date"), name="quotes_of_curve_by_date"),)
        constraints = (
            models.UniqueConstraint(
                fields=("curve", "date", "quote_id"),
                condition=Q(superseded_by=None),
                name="one_current_quote_per_tenor_and_day",
            ),
            models.CheckConstraint(
                condition=Q(rate__gte="-0.05", rate__lte="0.5"), name="quote_is_a_decimal_rate"
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.curve} {self.quote_id}"
