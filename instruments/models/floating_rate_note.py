"""Positions in floating-rate notes."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from instruments import validation
from instruments.models.position import SecurityTrade, traded_price_is_per_100
from instruments.models.trade import Status
from pricing.markets import conventions

OR_INDEX = "empty: that of the index"
NONE = "empty: none"


class FloatingRateNote(SecurityTrade):
    """A face amount of a floating-rate note in a book, with the terms of the note."""

    product = "floating_rate_note"
    end_date = "maturity_date"
    currency_from = "floating_index"

    name = models.CharField(max_length=120, blank=True)
    isin = models.CharField("ISIN", max_length=12, blank=True, help_text="optional")
    face_amount = models.DecimalField(
        max_digits=20, decimal_places=2, help_text="in the currency of the index; negative is short"
    )
    floating_index = models.CharField(max_length=32, db_index=True)
    issue_date = models.DateField(help_text="start of accrual")
    maturity_date = models.DateField(db_index=True)
    spread_bp = models.DecimalField(
        "quoted spread (bp)", max_digits=12, decimal_places=6, default=0, help_text="over the index"
    )
    spread_schedule = models.JSONField(
        null=True,
        blank=True,
        help_text='[{"date": "2026-03-16", "spread_bp": 75}, ...]: the spread of the periods that '
        "start on each date or later",
    )
    first_coupon_date = models.DateField(
        null=True, blank=True, help_text="end of a first stub period"
    )
    penultimate_coupon_date = models.DateField(
        null=True, blank=True, help_text="start of a last stub period"
    )
    payment_frequency = models.CharField(
        max_length=16, blank=True, help_text=f"{OR_INDEX}; quarterly on an overnight index"
    )
    day_count = models.CharField(max_length=32, blank=True, help_text=OR_INDEX)
    fixing_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=f"business days from fixing to accrual start; {OR_INDEX}"
    )
    lookback_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text=f"business days from observation to accrual of an overnight index; {NONE}",
    )
    observation_shift = models.BooleanField(
        null=True,
        blank=True,
        help_text="true: the days that fixings count for are earlier too; empty: no",
    )
    lockout_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text=f"last fixings of a period that repeat the one before them; {NONE}",
    )
    payment_lag = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=f"business days from accrual end to payment; {NONE}"
    )
    settlement_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=f"business days from trade to payment; {NONE}"
    )
    ex_coupon_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=f"business days without the coupon; {NONE}"
    )
    calendar = models.CharField(max_length=32, blank=True, help_text=OR_INDEX)
    business_day_convention = models.CharField(
        max_length=32, blank=True, help_text="empty: MODIFIED_FOLLOWING"
    )
    end_of_month = models.BooleanField(null=True, blank=True, help_text="empty: no")
    discount_curve = models.CharField(
        max_length=32, blank=True, help_text="empty: the curve that the index is discounted on"
    )
    forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_INDEX)

    class Meta(SecurityTrade.Meta):
        constraints = (
            models.CheckConstraint(condition=~Q(face_amount=0), name="note_has_a_face_amount"),
            models.CheckConstraint(
                condition=Q(maturity_date__gt=F("issue_date")), name="note_matures_after_issue"
            ),
            models.CheckConstraint(
                condition=Q(clean_price__isnull=True) | Q(clean_price__gt=0, clean_price__lte=1000),
                name="note_clean_price_is_per_100",
            ),
            traded_price_is_per_100("note"),
            models.CheckConstraint(
                condition=Q(spread_bp__gte=-validation.MOST_BP, spread_bp__lte=validation.MOST_BP),
                name="note_spread_is_in_bp",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="note_status_is_known"
            ),
        )

    @property
    def currency(self) -> str:
        """Currency of the index; empty for an index that no longer exists."""
        row = conventions.INDICES.get(self.floating_index)
        return row.currency if row else ""

    def check_contract(self, terms: object) -> None:
        """Refuse a misspelt ISIN."""
        if self.isin:
            validation.check_isin(self.isin)
