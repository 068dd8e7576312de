"""Counterparties of swaps."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.coded import LegalEntity


class Counterparty(LegalEntity):
    """The counterparty of swaps."""

    class Meta(LegalEntity.Meta):
        verbose_name_plural = "counterparties"
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="counterparty_has_a_code"),
            models.CheckConstraint(
                condition=Q(lei__isnull=True) | Q(lei__regex=validation.LEI_SHAPE),
                name="counterparty_lei_has_its_shape",
            ),
        )
