"""Bonds: static data, stored once for all positions."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from instruments import validation
from instruments.models.issuer import Issuer
from instruments.models.row import PricedRow

OR_CONVENTION = "empty: the convention's value"
RATE_HELP = "decimal per year: 4.25 % is 0.0425"


class Bond(PricedRow):
    """A fixed-rate or zero-coupon bond. What is empty comes from its convention."""

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    isin = models.CharField(
        "ISIN", max_length=12, unique=True, null=True, blank=True, help_text="optional"
    )
    cusip = models.CharField(
        "CUSIP",
        max_length=9,
        unique=True,
        null=True,
        blank=True,
        help_text="optional; the ISIN of a US bond is derived from it",
    )
    name = models.CharField(max_length=120)
    issuer = models.ForeignKey(
        Issuer, on_delete=models.PROTECT, null=True, blank=True, related_name="bonds"
    )
    is_sample = models.BooleanField(
        "invented", default=False, help_text="made up for the sample book: no such bond exists"
    )
    convention = models.CharField(
        max_length=32, blank=True, help_text="supplies fields that are empty; without it, "
        "currency, frequency and day count are required"
    )  # fmt: skip
    currency = models.CharField(max_length=3, blank=True, help_text=OR_CONVENTION)
    issue_date = models.DateField(help_text="start of accrual, unless a dated date is given")
    dated_date = models.DateField(null=True, blank=True)
    maturity_date = models.DateField(db_index=True)
    coupon_rate = models.DecimalField(max_digits=14, decimal_places=10, help_text=RATE_HELP)
    coupon_schedule = models.JSONField(
        null=True,
        blank=True,
        help_text='[{"date": "2027-06-15", "coupon_rate": 0.0475}, ...]: the rate from each coupon '
        "date on, of a bond whose coupon rises",
    )
    face_schedule = models.JSONField(
        null=True,
        blank=True,
        help_text='[{"date": "2027-06-15", "face": 75}, ...]: the face outstanding after each '
        "redemption, per 100 issued",
    )
    first_coupon_date = models.DateField(
        null=True, blank=True, help_text="end of a first stub period"
    )
    penultimate_coupon_date = models.DateField(
        null=True, blank=True, help_text="start of a last stub period"
    )
    payment_frequency = models.CharField(max_length=16, blank=True, help_text=OR_CONVENTION)
    day_count = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    settlement_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=OR_CONVENTION
    )
    ex_coupon_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=OR_CONVENTION
    )
    calendar = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    business_day_convention = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    end_of_month = models.BooleanField(null=True, blank=True, help_text=OR_CONVENTION)
    discount_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="bond_has_a_code"),
            models.CheckConstraint(condition=~Q(currency=""), name="bond_has_a_currency"),
            models.CheckConstraint(
                condition=Q(maturity_date__gt=F("issue_date")), name="bond_matures_after_issue"
            ),
            models.CheckConstraint(
                condition=Q(coupon_rate__gte=-0.2, coupon_rate__lte=1),
                name="bond_coupon_is_a_decimal_rate",
            ),
            models.CheckConstraint(
                condition=Q(first_coupon_date__isnull=True)
                | Q(
                    first_coupon_date__gt=F("issue_date"), first_coupon_date__lt=F("maturity_date")
                ),
                name="bond_first_coupon_lies_in_its_life",
            ),
            models.CheckConstraint(
                condition=Q(isin__isnull=True) | Q(isin__regex=validation.ISIN_SHAPE),
                name="bond_isin_has_its_shape",
            ),
            models.CheckConstraint(
                condition=Q(cusip__isnull=True) | Q(cusip__regex=validation.CUSIP_SHAPE),
                name="bond_cusip_has_its_shape",
            ),
            models.CheckConstraint(
                condition=Q(settlement_days__isnull=True)
                | Q(settlement_days__lte=validation.MOST_DAYS),
                name="bond_settles_within_days",
            ),
            models.CheckConstraint(
                condition=Q(ex_coupon_days__isnull=True)
                | Q(ex_coupon_days__lte=validation.MOST_DAYS),
                name="bond_is_ex_coupon_within_days",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} ({self.name})"

    def clean(self) -> None:
        """Refuse what cannot become Terms; take the currency from the convention."""
        super().clean()
        self.isin, self.cusip = self.isin or None, self.cusip or None
        if None in (self.issue_date, self.maturity_date, self.coupon_rate):
            return  # the form already says that they are missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            validation.check_code("code", self.code)
            if self.cusip:
                self.isin = validation.isin_with_cusip(self.isin, self.cusip)
            if self.isin:
                validation.check_isin(self.isin)
            self.currency = (
                validation.terms_of("bond", {**validation.A_POSITION, **self.static()}).currency
                or ""
            )

    def static(self) -> dict[str, Any]:
        """The fields of BondTerms that the bond itself gives."""
        return {name: getattr(self, name) for name in validation.STATIC_FIELDS}
