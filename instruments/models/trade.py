"""What every trade has: an identifier, a book, a status."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from instruments import validation
from instruments.models.desk import Book
from instruments.models.row import PricedRow
from pricing.errors import BadInput


class Status(models.TextChoices):
    """Only active trades are priced."""

    ACTIVE = "active", "active"
    MATURED = "matured", "matured"
    CANCELLED = "cancelled", "cancelled"


class Trade(PricedRow):
    """Base of positions and swaps."""

    trade_id = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=9, choices=Status, default=Status.ACTIVE, help_text="only active ones are priced"
    )

    class Meta:
        abstract = True
        ordering = ("trade_id",)

    def __str__(self) -> str:
        return self.trade_id

    def clean(self) -> None:
        """Refuse what cannot become Terms; one identifier names one trade, of any product."""
        super().clean()
        self.check_terms()
        for other in Trade.__subclasses__():
            same = other._base_manager.filter(trade_id=self.trade_id)
            if other is not type(self) and same.exists():
                raise ValidationError({"trade_id": taken(self.trade_id)})

    @property
    def is_over(self) -> bool:
        """A stored trade that is not priced: it can be cancelled although its terms are wrong."""
        return self.status != Status.ACTIVE and not self._state.adding

    def check_terms(self) -> None:
        """As `clean`, without asking the database."""
        with validation.as_form_errors(("trade_id",)):
            validation.check_code("trade_id", self.trade_id)


def taken(trade_id: str) -> str:
    """Sentence for an identifier that another trade has, whosoever and of whatever product."""
    return str(BadInput("trade_id", trade_id, "another trade has this identifier"))
