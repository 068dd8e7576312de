"""The base class of tables whose rows have a code, used in URLs, files and references."""

from __future__ import annotations

from django.db import models

from instruments import validation
from instruments.models.row import PricedRow, Row


class Coded(Row):
    """Base of tables with a code for addresses and files, and a name for screens."""

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    name = models.CharField(max_length=120)

    class Meta:
        abstract = True
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a code that cannot be part of a URL."""
        super().clean()
        with validation.as_form_errors(("code",)):
            validation.check_code("code", self.code)


class PricedCode(Coded, PricedRow):
    """Base of tables by whose code numbers are grouped."""

    class Meta(Coded.Meta):
        abstract = True


class LegalEntity(Coded):
    """Base of tables of parties with a legal entity identifier."""

    lei = models.CharField(
        "LEI", max_length=20, unique=True, null=True, blank=True, help_text=validation.LEI_HELP
    )

    class Meta(Coded.Meta):
        abstract = True

    def clean(self) -> None:
        """Refuse a misspelt LEI."""
        super().clean()
        self.lei = self.lei or None
        if self.lei:
            with validation.as_form_errors(("lei",)):
                validation.check_lei(self.lei)
