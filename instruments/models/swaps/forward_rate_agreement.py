"""Forward rate agreements on IBOR indices."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments.models.bond import OR_CONVENTION, RATE_HELP
from instruments.models.counterparty import Counterparty
from instruments.models.swap import PayReceive
from instruments.models.trade import Status, Trade
from pricing.markets import conventions


class ForwardRateAgreement(Trade):
    """A forward rate agreement, settled on its effective date over the period of its index."""

    product = "fra"
    end_date = "effective_date"
    currency_from = "index"

    index = models.CharField(max_length=32)
    pay_receive = models.CharField(max_length=7, choices=PayReceive)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    notional = models.DecimalField(max_digits=20, decimal_places=2)
    effective_date = models.DateField(db_index=True, help_text="first day of the period")
    fixed_rate = models.DecimalField(max_digits=14, decimal_places=10, help_text=RATE_HELP)
    discount_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)
    forecast_curve = models.CharField(max_length=32, blank=True, help_text=OR_CONVENTION)

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(condition=Q(notional__gt=0), name="fra_notional_is_positive"),
            models.CheckConstraint(
                condition=Q(fixed_rate__gte=-0.2, fixed_rate__lte=1),
                name="fra_fixed_rate_is_a_decimal_rate",
            ),
            models.CheckConstraint(
                condition=Q(pay_receive__in=PayReceive.values), name="fra_pays_or_receives"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="fra_status_is_known"
            ),
        )

    @property
    def currency(self) -> str:
        """Currency of the index; empty for one that no longer exists."""
        row = conventions.INDICES.get(self.index)
        return row.currency if row else ""
