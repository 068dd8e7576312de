"""Positions in securities: their base, and positions in bonds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.bond import Bond
from instruments.models.trade import QuotedTrade, Status, Trade
from pricing import limits


def traded_price_is_per_100(table: str) -> models.CheckConstraint:
    """The constraint of a table on its column ``traded_price``."""
    return models.CheckConstraint(
        condition=Q(traded_price__isnull=True) | Q(traded_price__gt=0, traded_price__lte=1000),
        name=f"{table}_traded_price_is_per_100",
        violation_error_message="traded_price: above 0 and at most 1,000, per 100 of face",
    )


class YieldKind(models.TextChoices):
    """What a quoted yield is: the measures of the same names."""

    YTM = "ytm", "yield of the market"
    DISCOUNT_YIELD = "discount_yield", "discount rate"
    MONEY_MARKET_YIELD = "money_market_yield", "money market yield"
    BOND_EQUIVALENT_YIELD = "bond_equivalent_yield", "bond equivalent yield"


class SecurityTrade(QuotedTrade):
    """Base of positions in securities, which are quoted by price; less than zero is short."""

    quotes: ClassVar[tuple[str, ...]] = ("clean_price",)
    solves = "z_spread_bp"

    clean_price = models.DecimalField(
        max_digits=14,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="per 100 of face; determines the z-spread",
    )
    z_spread_bp = models.DecimalField(
        "z-spread (bp)",
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="over the bond's curve; empty if a clean price is given: solved from it once",
    )

    traded_price = models.DecimalField(
        max_digits=14,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="per 100 of face with accrued interest: what the position was bought or sold "
        "at; for the explain of P&L",
    )

    class Meta(QuotedTrade.Meta):
        abstract = True

    @classmethod
    def price_paid(cls, values: Mapping[str, Any]) -> Decimal | None:
        """The traded price of the face, and the upfront fee."""
        fee, price = super().price_paid(values), values["traded_price"]
        if price is None:
            return fee
        return Decimal(values["face_amount"] * price / 100 + (fee or 0))

    def doubts(self) -> dict[str, str]:
        """Sentences by field on values that are allowed and may be mistakes."""
        doubt = limits.price_doubt(float(self.clean_price)) if self.clean_price else None
        return {"clean_price": doubt} if doubt else {}


class BondPosition(SecurityTrade):
    """A face amount of a bond in a book; a negative one is short."""

    product = "bond"
    end_date = "bond__maturity_date"
    currency_from = "bond__currency"
    quotes = ("clean_price", "quoted_yield")
    quote_types = ("yield_type",)

    bond = models.ForeignKey(Bond, on_delete=models.PROTECT, related_name="positions")
    face_amount = models.DecimalField(
        max_digits=20, decimal_places=2, help_text="in the bond's currency; negative is short"
    )
    quoted_yield = models.DecimalField(
        max_digits=14,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="decimal per year, in place of a clean price: a yield, or a discount rate; "
        "determines the z-spread",
    )
    yield_type = models.CharField(
        max_length=21,
        blank=True,
        choices=YieldKind,
        help_text="what the quoted yield is; empty: what the market quotes, which is the discount "
        "rate for US Treasury bills",
    )

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(condition=~Q(face_amount=0), name="position_has_a_face_amount"),
            models.CheckConstraint(
                condition=Q(clean_price__isnull=True) | Q(clean_price__gt=0, clean_price__lte=1000),
                name="position_clean_price_is_per_100",
            ),
            models.CheckConstraint(
                condition=Q(quoted_yield__isnull=True)
                | Q(quoted_yield__gte=-0.2, quoted_yield__lte=1, clean_price__isnull=True),
                name="position_has_one_quote",
                violation_error_message="quoted_yield: a decimal rate, -0.2 to 1, where no "
                "clean_price is given",
            ),
            models.CheckConstraint(
                condition=Q(yield_type="")
                | Q(yield_type__in=YieldKind.values, quoted_yield__isnull=False),
                name="position_yield_type_is_of_a_yield",
                violation_error_message="yield_type: what quoted_yield is, where that is given",
            ),
            traded_price_is_per_100("position"),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="position_status_is_known"
            ),
        )

    @classmethod
    @cache
    def terms_columns(cls) -> dict[str, str]:
        """The bond's own fields are columns of the bond."""
        of_the_bond = {name: f"bond__{name}" for name in validation.STATIC_FIELDS}
        issuer = {validation.ISSUER: "bond__issuer__code"}
        return super().terms_columns() | of_the_bond | issuer
