"""Desks and their books, by which risk is aggregated."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from instruments.models.coded import PricedCode


class Desk(PricedCode):
    """A trading desk. Its traders may change the trades in its books."""

    traders = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="desks")

    _history_m2m_fields = ("traders",)

    class Meta(PricedCode.Meta):
        permissions = (("view_all_desks", "Can see all desks, their books, trades and risk"),)
        constraints = (
            models.CheckConstraint(condition=~models.Q(code=""), name="desk_has_a_code"),
        )


class Book(PricedCode):
    """A book of one desk."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="books")

    class Meta(PricedCode.Meta):
        constraints = (
            models.CheckConstraint(condition=~models.Q(code=""), name="book_has_a_code"),
        )
