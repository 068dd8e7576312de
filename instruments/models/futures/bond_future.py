"""Positions in bond futures."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import OuterRef, Q, QuerySet

from instruments import validation
from instruments.models.bond import Bond
from instruments.models.futures.deliverable import Deliverable
from instruments.models.trade import QuotedTrade, Status, Trade, Written
from pricing.errors import BadInput
from pricing.products.futures.bond_contract import (
    BondContract,
    bond_contract_dates,
    read_bond_contract,
)

MAX_OPTION_VALUE = 100
"""Largest value of the delivery options in points of price, as in the terms."""

BASKET = "basket"
"""The annotation with the bonds of a contract."""


class BondFuture(QuotedTrade):
    """A number of contracts of a bond future; less than zero is short.

    The bonds that may be delivered are rows of ``Deliverable``, the same for all positions.
    """

    product = "bond_future"
    currency_from = "contract"
    quotes = ("market_price",)
    solves = "option_value"

    contract = models.CharField(
        max_length=16,
        db_index=True,
        help_text="bond future, letter of the month and two digits of the year: FGBLM26",
    )
    contracts = models.DecimalField(
        max_digits=12, decimal_places=0, help_text="a whole number; negative is short"
    )
    trade_price = models.DecimalField(
        max_digits=14, decimal_places=8, help_text="clean price per 100 of face, as quoted"
    )
    market_price = models.DecimalField(
        max_digits=14,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="clean price of the future per 100 of face; determines the option value",
    )
    option_value = models.DecimalField(
        max_digits=12,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="per 100 of face: what the seller's choice of bond and day takes off the price; "
        "empty: none, or if a market price is given: solved from it once",
    )

    class Meta(Trade.Meta):
        constraints = (
            models.CheckConstraint(condition=~Q(contracts=0), name="bond_future_has_contracts"),
            models.CheckConstraint(
                condition=Q(trade_price__gt=0, trade_price__lte=1000),
                name="bond_future_trade_price_is_per_100",
            ),
            models.CheckConstraint(
                condition=Q(market_price__isnull=True)
                | Q(market_price__gt=0, market_price__lte=1000),
                name="bond_future_market_price_is_per_100",
            ),
            models.CheckConstraint(
                condition=Q(option_value__isnull=True)
                | Q(option_value__gte=-MAX_OPTION_VALUE, option_value__lte=MAX_OPTION_VALUE),
                name="bond_future_option_value_is_in_points",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="bond_future_status_is_known"
            ),
        )

    @classmethod
    @cache
    def terms_columns(cls) -> dict[str, str]:
        """The bonds are an annotation of ``with_terms``."""
        return super().terms_columns() | {"deliverables": BASKET}

    @classmethod
    def with_terms(cls, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows, each with the bonds of its contract."""
        basket = ArraySubquery(Deliverable.basket(OuterRef("contract")))
        found: QuerySet[Any] = rows.annotate(**{BASKET: basket})
        return found

    @classmethod
    def changed_with(cls, written: Written) -> Q:
        """Positions in contracts of which a bond, or the place of a bond, was written."""
        bonds = [int(key) for key in written.of(Bond)]
        contracts = Deliverable._base_manager.filter(bond__in=bonds).values("contract")
        return (
            super().changed_with(written)
            | Q(contract__in=written.of(Deliverable))
            | Q(contract__in=contracts)
        )

    def check_terms(self) -> None:
        """Refuse a contract of which no bond is known by the name of its own column."""
        known = Deliverable._base_manager.filter(contract=self.contract)
        if _read(self.contract) and not self.is_over and not known.exists():
            allowed = (
                f"the bonds that may be delivered into {self.contract} are not known: "
                "load its rows of deliverables before"
            )
            with validation.as_form_errors(("contract",)):
                raise BadInput("contract", self.contract, allowed)
        super().check_terms()

    def basket_values(self) -> list[Any]:
        """The bonds of the contract, as terms have them."""
        return list(Deliverable.basket(self.contract))

    def terms_values(self) -> dict[str, object]:
        """The values of the fields of the terms; the bonds are read from their table."""
        columns = super().terms_columns()
        own = {name: self._at(path) for name, path in columns.items() if name != "deliverables"}
        return own | {"deliverables": self.basket_values()}

    @classmethod
    def ended_before(cls, day: dt.date) -> Q:
        """Positions in contracts that were delivered before a day."""
        codes = cls._base_manager.values_list("contract", flat=True).distinct()
        made = {code: _read(code) for code in codes}
        over = [c for c, m in made.items() if m and bond_contract_dates(m).delivery < day]
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
        return Decimal(repr(made.row.tick_value)) if made else None

    @property
    def last_trading_date(self) -> dt.date | None:
        """Last trading day of the contract."""
        made = _read(self.contract)
        return bond_contract_dates(made).last_trading if made else None

    @property
    def delivery_date(self) -> dt.date | None:
        """The last day of delivery: from that day on the position is worth nothing."""
        made = _read(self.contract)
        return bond_contract_dates(made).delivery if made else None


def _read(code: str) -> BondContract | None:
    try:
        return read_bond_contract(code)
    except BadInput:
        return None
