"""Basis swaps: two floating legs of one currency."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from instruments import validation
from instruments.models.bond import OR_CONVENTION
from instruments.models.counterparty import Counterparty
from instruments.models.trade import Status, Trade
from pricing.markets import conventions
from pricing.products.swaps.basis_swap import BasisSwapTerms, check_basis_swap


class PayReceiveFirst(models.TextChoices):
    """Direction of the first leg; the second goes the other way."""

    PAY = "pay", "pay the first leg"
    RECEIVE = "receive", "receive the first leg"


class BasisSwap(Trade):
    """A basis swap. What is empty comes from the standard swap against the index of a leg."""

    product = "basis_swap"
    end_date = "termination_date"
    currency_from = "first_index"

    first_index = models.CharField(max_length=32)
    second_index = models.CharField(max_length=32)
    pay_receive = models.CharField(max_length=7, choices=PayReceiveFirst)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    notional = models.DecimalField(max_digits=20, decimal_places=2)
    effective_date = models.DateField()
    termination_date = models.DateField(db_index=True)
    first_spread_bp = models.DecimalField(
        "spread of the first leg (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="on the first leg",
    )
    second_spread_bp = models.DecimalField(
        "spread of the second leg (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="on the second leg",
    )
    first_regular_date = models.DateField(null=True, blank=True, help_text="end of a first stub")
    last_regular_date = models.DateField(null=True, blank=True, help_text="start of a last stub")
    first_frequency = models.CharField(max_length=16, blank=True, help_text=OR_CONVENTION)
    second_frequency = models.CharField(max_length=16, blank=True, help_text=OR_CONVENTION)
    payment_lag = models.PositiveSmallIntegerField(null=True, blank=True, help_text=OR_CONVENTION)
    calendar = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    business_day_convention = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    end_of_month = models.BooleanField(null=True, blank=True, help_text=OR_CONVENTION)
    discount_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    first_forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    second_forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(
                condition=Q(notional__gt=0), name="basis_swap_notional_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(termination_date__gt=F("effective_date")),
                name="basis_swap_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(pay_receive__in=PayReceiveFirst.values),
                name="basis_swap_pays_or_receives",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="basis_swap_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    first_spread_bp__gte=-validation.MOST_BP,
                    first_spread_bp__lte=validation.MOST_BP,
                    second_spread_bp__gte=-validation.MOST_BP,
                    second_spread_bp__lte=validation.MOST_BP,
                ),
                name="basis_swap_spreads_are_in_bp",
            ),
            models.CheckConstraint(
                condition=Q(payment_lag__isnull=True) | Q(payment_lag__lte=validation.MOST_DAYS),
                name="basis_swap_pays_within_days",
            ),
        )

    @property
    def currency(self) -> str:
        """Currency of the first index; empty for one that no longer exists."""
        row = conventions.INDICES.get(self.first_index)
        return row.currency if row else ""

    def check_contract(self, terms: BasisSwapTerms) -> None:
        """Refuse legs that no market could price."""
        check_basis_swap(terms)
