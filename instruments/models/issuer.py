"""Issuers of bonds."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.coded import LegalEntity


class Issuer(LegalEntity):
    """The issuer of bonds."""

    country = models.CharField(max_length=2, blank=True, help_text=validation.COUNTRY_HELP)

    class Meta(LegalEntity.Meta):
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="issuer_has_a_code"),
            models.CheckConstraint(
                condition=Q(lei__isnull=True) | Q(lei__regex=validation.LEI_SHAPE),
                name="issuer_lei_has_its_shape",
            ),
            models.CheckConstraint(
                condition=Q(country="") | Q(country__regex=validation.COUNTRY_SHAPE),
                name="issuer_country_has_two_letters",
            ),
        )

    def clean(self) -> None:
        """Refuse a country that is no code."""
        super().clean()
        with validation.as_form_errors(("country",)):
            validation.check_country(self.country)
