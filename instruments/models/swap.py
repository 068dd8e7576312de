"""Fixed-floating interest-rate swaps."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from instruments import validation
from instruments.models.bond import OR_CONVENTION, RATE_HELP
from instruments.models.counterparty import Counterparty
from instruments.models.trade import Status, Trade
from pricing import limits
from pricing.markets import conventions
from pricing.products.fixed_floating_swap import SwapTerms, check_swap


class PayReceive(models.TextChoices):
    """Direction of the fixed leg: a receiver swap receives fixed."""

    PAY = "pay", "pay fixed"
    RECEIVE = "receive", "receive fixed"


class OvernightMethod(models.TextChoices):
    """What becomes of the fixings of an overnight leg."""

    COMPOUNDED = "compounded", "compounded"
    AVERAGED = "averaged", "averaged"


class CompoundingMethod(models.TextChoices):
    """How the spread of a leg compounds."""

    SPREAD_EXCLUSIVE = "spread_exclusive", "spread exclusive"
    STRAIGHT = "straight", "straight"
    FLAT = "flat", "flat"


class Swap(Trade):
    """A fixed-floating swap. What is empty comes from its convention."""

    product = "swap"
    end_date = "termination_date"
    currency_from = "convention"

    convention = models.CharField(max_length=32, db_index=True)
    pay_receive = models.CharField(max_length=7, choices=PayReceive)
    trade_date = models.DateField(null=True, blank=True)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="swaps"
    )
    clearing_house = models.CharField(max_length=32, blank=True, help_text="empty: not cleared")
    notional = models.DecimalField(max_digits=20, decimal_places=2)
    effective_date = models.DateField()
    termination_date = models.DateField(db_index=True)
    fixed_rate = models.DecimalField(max_digits=14, decimal_places=10, help_text=RATE_HELP)
    spread_bp = models.DecimalField(
        "spread (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="on the floating leg",
    )
    payment_lag = models.PositiveSmallIntegerField(null=True, blank=True, help_text=OR_CONVENTION)
    first_regular_date = models.DateField(null=True, blank=True, help_text="end of a first stub")
    last_regular_date = models.DateField(null=True, blank=True, help_text="start of a last stub")
    notional_schedule = models.JSONField(
        null=True,
        blank=True,
        help_text='[{"date": "2026-03-16", "notional": 5000000}, ...], or one number per '
        "fixed period",
    )
    fixed_rate_schedule = models.JSONField(
        null=True,
        blank=True,
        help_text='[{"date": "2026-03-16", "rate": 0.035}, ...], or one number per fixed period',
    )
    overnight_method = models.CharField(
        max_length=10, blank=True, choices=OvernightMethod, help_text="empty: compounded"
    )
    lookback_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="business days by which fixings are earlier; empty: none"
    )
    observation_shift = models.BooleanField(
        null=True,
        blank=True,
        help_text="true: the days that fixings count for are earlier too; empty: no",
    )
    lockout_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="last fixings of a period that repeat the one before them; empty: none",
    )
    compounding_method = models.CharField(
        max_length=16,
        blank=True,
        choices=CompoundingMethod,
        help_text="straight: the spread compounds with the fixings; flat: it compounds by the "
        "fixings alone; empty: it is added. An IBOR leg with a method compounds its fixings to "
        "each payment of a longer float_frequency",
    )
    roll_day = models.CharField(
        max_length=3, blank=True, help_text="day of the month of unadjusted dates, or IMM"
    )
    stub_index = models.CharField(
        max_length=32, blank=True, help_text="odd periods are interpolated with this index"
    )
    fixed_frequency = models.CharField(max_length=16, blank=True, help_text=OR_CONVENTION)
    fixed_day_count = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    float_frequency = models.CharField(max_length=16, blank=True, help_text=OR_CONVENTION)
    float_day_count = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    floating_index = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    calendar = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    business_day_convention = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    end_of_month = models.BooleanField(null=True, blank=True, help_text=OR_CONVENTION)
    discount_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(condition=Q(notional__gt=0), name="swap_notional_is_positive"),
            models.CheckConstraint(
                condition=Q(termination_date__gt=F("effective_date")),
                name="swap_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(fixed_rate__gte=-0.2, fixed_rate__lte=1),
                name="swap_fixed_rate_is_a_decimal_rate",
            ),
            models.CheckConstraint(
                condition=Q(pay_receive__in=PayReceive.values), name="swap_pays_or_receives"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="swap_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(spread_bp__gte=-validation.MOST_BP, spread_bp__lte=validation.MOST_BP),
                name="swap_spread_is_in_bp",
            ),
            models.CheckConstraint(
                condition=Q(payment_lag__isnull=True) | Q(payment_lag__lte=validation.MOST_DAYS),
                name="swap_pays_within_days",
            ),
        )

    @property
    def currency(self) -> str:
        """Currency of the convention; empty for a convention that no longer exists."""
        row = conventions.SWAPS.get(self.convention)
        return row.currency if row else ""

    def check_contract(self, terms: SwapTerms) -> None:
        """Refuse a trade date out of range, and legs that no market could price."""
        if self.trade_date is not None:
            limits.check_date("trade_date", self.trade_date)
        check_swap(terms)
