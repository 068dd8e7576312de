"""Zero-coupon swaps: two legs that compound and pay once."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from instruments import validation
from instruments.models.bond import OR_CONVENTION, RATE_HELP
from instruments.models.counterparty import Counterparty
from instruments.models.swap import PayReceive
from instruments.models.trade import Status, Trade
from pricing.markets import conventions
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms, check_zero_coupon_swap


class ZeroCouponSwap(Trade):
    """A zero-coupon swap. What is empty comes from its convention."""

    product = "zero_coupon_swap"
    end_date = "termination_date"
    currency_from = "convention"

    convention = models.CharField(max_length=32, db_index=True)
    pay_receive = models.CharField(max_length=7, choices=PayReceive)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    notional = models.DecimalField(max_digits=20, decimal_places=2)
    effective_date = models.DateField()
    termination_date = models.DateField(db_index=True)
    fixed_rate = models.DecimalField(max_digits=14, decimal_places=10, help_text=RATE_HELP)
    fixed_frequency = models.CharField(
        max_length=16, blank=True, help_text="periods over which the rate compounds; empty: by year"
    )
    fixed_day_count = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    floating_index = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    payment_lag = models.PositiveSmallIntegerField(null=True, blank=True, help_text=OR_CONVENTION)
    calendar = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    business_day_convention = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    end_of_month = models.BooleanField(null=True, blank=True, help_text=OR_CONVENTION)
    discount_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(
                condition=Q(notional__gt=0), name="zero_coupon_swap_notional_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(termination_date__gt=F("effective_date")),
                name="zero_coupon_swap_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(fixed_rate__gte=-0.2, fixed_rate__lte=1),
                name="zero_coupon_swap_fixed_rate_is_a_decimal_rate",
            ),
            models.CheckConstraint(
                condition=Q(pay_receive__in=PayReceive.values),
                name="zero_coupon_swap_pays_or_receives",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="zero_coupon_swap_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(payment_lag__isnull=True) | Q(payment_lag__lte=validation.MOST_DAYS),
                name="zero_coupon_swap_pays_within_days",
            ),
        )

    @property
    def currency(self) -> str:
        """Currency of the convention; empty for a convention that no longer exists."""
        row = conventions.SWAPS.get(self.convention)
        return row.currency if row else ""

    def check_contract(self, terms: ZeroCouponSwapTerms) -> None:
        """Refuse legs that no market could price."""
        check_zero_coupon_swap(terms)
