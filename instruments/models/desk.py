"""Desks and their books: where a trade's risk is added up."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from instruments import rules
from instruments.models.row import PricedRow


class Coded(PricedRow):
    """Something with a code for addresses and files, and a name for screens."""

    code = models.CharField(max_length=64, unique=True, help_text=rules.CODE_HELP)
    name = models.CharField(max_length=120)

    class Meta:
        abstract = True
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a code that cannot stand in an address."""
        super().clean()
        with rules.as_form_errors(("code",)):
            rules.check_code("code", self.code)


class Desk(Coded):
    """A trading desk. Its traders may change what stands in its books."""

    traders = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="desks")

    class Meta(Coded.Meta):
        constraints = (
            models.CheckConstraint(condition=~models.Q(code=""), name="desk_has_a_code"),
        )


class Book(Coded):
    """A book of one desk."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="books")

    class Meta(Coded.Meta):
        constraints = (
            models.CheckConstraint(condition=~models.Q(code=""), name="book_has_a_code"),
        )
