"""Bonds that may be delivered into bond futures, with conversion factors and spreads."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import JSONObject

from instruments import validation
from instruments.models.bond import Bond
from instruments.models.row import PricedRow
from pricing.errors import BadInput
from pricing.products.futures.bond_contract import read_bond_contract
from pricing.products.futures.bond_future import OF_THE_BOND

OWN = ("conversion_factor", "z_spread_bp", "repo_spread_bp")


class Deliverable(PricedRow):
    """One bond of the basket of one contract; all positions in the contract read it."""

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    contract = models.CharField(
        max_length=16,
        db_index=True,
        help_text="bond future, letter of the month and two digits of the year: FGBLM26",
    )
    bond = models.ForeignKey(Bond, on_delete=models.PROTECT, related_name="deliverable_into")
    conversion_factor = models.DecimalField(
        max_digits=12,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="as the exchange publishes it; empty: by the exchange's own formula, for a bond "
        "with regular coupons",
    )
    z_spread_bp = models.DecimalField(
        "z-spread (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="of the bond over its curve",
    )
    repo_spread_bp = models.DecimalField(
        "repo spread (bp)",
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text="over the same curve, at which the bond is financed until delivery; less than 0 "
        "for a bond that is special",
    )

    class Meta:
        ordering = ("contract", "code")
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="deliverable_has_a_code"),
            models.CheckConstraint(
                condition=Q(conversion_factor__isnull=True)
                | Q(conversion_factor__gt=0, conversion_factor__lte=10),
                name="deliverable_factor_is_a_price_of_one",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(
                        **{
                            f"{name}__gte": -validation.MOST_BP,
                            f"{name}__lte": validation.MOST_BP,
                        }
                    ),
                    name=f"deliverable_{name}_is_in_bp",
                )
                for name in ("z_spread_bp", "repo_spread_bp")
            ),
            models.UniqueConstraint(
                fields=("contract", "bond"),
                name="a_bond_is_deliverable_once",
                violation_error_message="bond: it is in the basket of this contract already",
            ),
        )

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse what could not be priced."""
        super().clean()
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            validation.check_code("code", self.code)
            read_bond_contract(self.contract)
            if self.bond_id is None or None in (self.z_spread_bp, self.repo_spread_bp):
                return  # the form already says that they are missing
            bond = {name: getattr(self.bond, name) for name in OF_THE_BOND}
            own = {name: getattr(self, name) for name in OWN}
            try:
                validation.terms_of(
                    "bond_future", {**A_FUTURE, "contract": self.contract,
                                    "deliverables": [bond | own]}
                )  # fmt: skip
            except BadInput as error:
                raise _of_the_bond(error) from None

    @classmethod
    def basket(cls, contract: str | models.OuterRef) -> models.QuerySet[Any]:
        """The bonds of a contract as terms have them, one JSON object a bond, by code."""
        bond = {name: f"bond__{name}" for name in OF_THE_BOND}
        own = {name: name for name in OWN}
        rows = cls._base_manager.filter(contract=contract).order_by("code")
        return rows.values_list(JSONObject(**bond, **own), flat=True)


A_FUTURE = {"trade_id": "-", "book": "-", "contracts": 1.0, "trade_price": 100.0}
"""Placeholder for a position when only a bond is checked."""

PLACE = "deliverables[0]."


def _of_the_bond(error: BadInput) -> BadInput:
    """Return the error on the field of the row that the user can change."""
    field = error.field.removeprefix(PLACE)
    if field in OWN:
        return BadInput(field, error.value, error.allowed)
    if not error.field.startswith(PLACE):
        return error
    return BadInput("bond", f"{field} {error.value}", error.allowed)
