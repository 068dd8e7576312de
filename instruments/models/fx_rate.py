"""Initial exchange rates, used until the feed sends the first ones."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.row import PricedRow
from pricing import limits


class FxRate(PricedRow):
    """US dollars for one unit of a currency, on a date; the newest rate of a currency is used."""

    currency = models.CharField(max_length=3)
    date = models.DateField()
    usd = models.DecimalField(
        "US dollars", max_digits=18, decimal_places=8, help_text="for one unit of the currency"
    )
    source = models.CharField(max_length=64, help_text="publisher, or how the rate was derived")

    class Meta:
        ordering = ("currency", "-date")
        verbose_name = "exchange rate"
        constraints = (
            models.UniqueConstraint(
                fields=("currency", "date"), name="one_fx_rate_per_currency_and_date"
            ),
            models.CheckConstraint(condition=Q(usd__gt=0), name="fx_rate_is_positive"),
            models.CheckConstraint(condition=~Q(currency="USD"), name="a_dollar_is_a_dollar"),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.date}"

    def clean(self) -> None:
        """Refuse a currency without a market and a rate that cannot be one."""
        super().clean()
        if self.date is None or self.usd is None:
            return  # the form already says that they are missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            limits.check_date("date", self.date)
            validation.check_fx_rate(self.currency, self.usd)
