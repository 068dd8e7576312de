"""Positions in interest-rate futures."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.trade import Status, Trade
from pricing.errors import BadInput
from pricing.products.futures.contract import Contract, contract_dates, read_contract

MAX_VOLATILITY_BP = 1_000
"""Largest volatility in basis points, as in the terms."""


class InterestRateFuture(Trade):
    """A number of contracts of an interest-rate future; less than zero is short."""

    product = "ir_future"
    currency_from = "contract"

    contract = models.CharField(
        max_length=16,
        db_index=True,
        help_text="future, letter of the month and two digits of the year: SR3H25",
    )
    contracts = models.DecimalField(
        max_digits=12, decimal_places=0, help_text="a whole number; negative is short"
    )
    trade_price = models.DecimalField(
        max_digits=12, decimal_places=8, help_text="price quote, 100 less the rate in percent"
    )
    convexity_bp = models.DecimalField(
        "convexity (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="rate of the future less the forward rate; 0: none, or by volatility_bp",
    )
    volatility_bp = models.DecimalField(
        "volatility (bp)",
        max_digits=10,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="of the short rate of Hull and White, per square root of a year: makes the "
        "convexity in place of convexity_bp; empty: none",
    )
    mean_reversion = models.DecimalField(
        max_digits=10,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="of the short rate, per year, beside volatility_bp; 0: none",
    )
    forecast_curve = models.CharField(
        max_length=32, blank=True, help_text="empty: the curve of the contract's index"
    )

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(condition=~Q(contracts=0), name="ir_future_has_contracts"),
            models.CheckConstraint(
                condition=Q(trade_price__gte=50, trade_price__lte=120),
                name="ir_future_trade_price_is_a_quote",
            ),
            models.CheckConstraint(
                condition=Q(
                    convexity_bp__gte=-validation.MOST_BP, convexity_bp__lte=validation.MOST_BP
                ),
                name="ir_future_convexity_is_in_bp",
            ),
            models.CheckConstraint(
                condition=Q(volatility_bp__isnull=True, mean_reversion__isnull=True)
                | Q(
                    volatility_bp__gt=0,
                    volatility_bp__lte=MAX_VOLATILITY_BP,
                    mean_reversion__gte=-1,
                    mean_reversion__lte=5,
                    convexity_bp=0,
                ),
                name="ir_future_model_is_whole",
                violation_error_message="volatility_bp: above 0 and at most 1,000, with a "
                "mean_reversion of -1 to 5, and a convexity_bp of 0; or leave both empty",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="ir_future_status_is_known"
            ),
        )

    @classmethod
    def ended_before(cls, day: dt.date) -> Q:
        """Positions in contracts that were settled before a day."""
        codes = cls._base_manager.values_list("contract", flat=True).distinct()
        over = [code for code in codes if (m := _read(code)) and contract_dates(m).settlement < day]
        return Q(contract__in=over)

    @property
    def currency(self) -> str:
        """Currency of the contract; empty for one that no longer exists."""
        made = _read(self.contract)
        return made.row.currency if made else ""

    @property
    def tick_value(self) -> Decimal | None:
        """Money for one tick of one contract, in the currency of the contract."""
        made = _read(self.contract)
        return (
            Decimal(repr(made.row.contract_size)) * Decimal(repr(made.row.tick)) if made else None
        )

    @property
    def last_trading_date(self) -> dt.date | None:
        """Last trading day of the contract."""
        made = _read(self.contract)
        return contract_dates(made).last_trading if made else None

    @property
    def settlement_date(self) -> dt.date | None:
        """The day of final settlement, from which the position has no value."""
        made = _read(self.contract)
        return contract_dates(made).settlement if made else None


def _read(code: str) -> Contract | None:
    try:
        return read_contract(code)
    except BadInput:
        return None
