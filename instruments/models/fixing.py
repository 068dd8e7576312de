"""Published fixings of interest-rate indices, one per index and day."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.row import PricedRow
from pricing import limits


class Fixing(PricedRow):
    """One published fixing; the source of a proxy says that it is one."""

    index = models.CharField(max_length=16)
    date = models.DateField(help_text="the fixing date, not the day of publication")
    rate = models.DecimalField(max_digits=14, decimal_places=10, help_text="decimal per year")
    source = models.CharField(max_length=64, help_text="publisher, or how a proxy was derived")

    class Meta:
        ordering = ("index", "-date")
        constraints = (
            models.UniqueConstraint(fields=("index", "date"), name="one_fixing_per_index_and_date"),
            models.CheckConstraint(
                condition=Q(rate__gte=-0.2, rate__lte=1), name="fixing_is_a_decimal_rate"
            ),
        )

    def __str__(self) -> str:
        return f"{self.index} {self.date}"

    def clean(self) -> None:
        """Refuse an unknown index and a rate in percent."""
        super().clean()
        if self.date is None or self.rate is None:
            return  # the form already says that they are missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            limits.check_fixing(self.index, self.date, float(self.rate))
