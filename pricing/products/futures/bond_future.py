"""Terms of positions in bond futures, which are settled by delivery of one of several bonds.

Flows, which need QuantLib, are in ``bond_future_flows``.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.headlines import Headline, side_of
from pricing.products.fixed_rate_bond import BondTerms, CouponStep
from pricing.products.futures.bond_contract import (
    BondContract,
    BondContractDates,
    bond_contract_dates,
    conversion_factor,
    read_bond_contract,
)
from pricing.products.futures.interest_rate_future import Contracts
from pricing.products.product import Product
from pricing.products.terms import Bp, Quoted, Rate

MOST_DELIVERABLES = 100
MAX_OPTION_VALUE = 100.0
Factor = Annotated[float, msgspec.Meta(gt=0, le=10)]


class Deliverable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bond that may be delivered: its fields as ``BondTerms`` has them, and what it is worth.

    Attributes:
        conversion_factor: Clean price per 1 of face at the notional yield; None: by the formula of
            the exchange, for a bond with regular coupons.
        z_spread_bp: Continuous spread of the bond over its curve.
        repo_spread_bp: Continuous spread over the same curve at which the bond is financed until
            delivery: less than 0 for a bond that is special in repo.
    """

    issue_date: dt.date
    maturity_date: dt.date
    coupon_rate: Rate
    convention: str | None = None
    currency: str | None = None
    name: str | None = None
    isin: str | None = None
    dated_date: dt.date | None = None
    coupon_schedule: tuple[CouponStep, ...] | None = None
    first_coupon_date: dt.date | None = None
    penultimate_coupon_date: dt.date | None = None
    payment_frequency: str | int | None = None
    day_count: str | None = None
    settlement_days: int | None = None
    ex_coupon_days: int | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None
    conversion_factor: Factor | None = None
    z_spread_bp: Bp = 0.0
    repo_spread_bp: Bp = 0.0

    @property
    def label(self) -> str:
        """ISIN or name of the bond, or its coupon and maturity."""
        return self.isin or self.name or f"{self.coupon_rate:.4%} {self.maturity_date}"

    @property
    def bond(self) -> BondTerms:
        """The terms of 100 of face; raises BadInput."""
        own = {name: getattr(self, name) for name in OF_THE_BOND}
        return BondTerms(
            trade_id="-", book="-", face_amount=100.0, z_spread_bp=self.z_spread_bp, **own
        )


OF_THE_BOND = tuple(
    name for name in Deliverable.__struct_fields__ if name in BondTerms.__struct_fields__
    and name != "z_spread_bp"
)  # fmt: skip
"""Fields of a deliverable that are those of the bond itself."""


class BondFutureTerms(Quoted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position of contracts of a bond future, traded at one price.

    The position is worth contracts x point value x (model price - trade price): what the daily
    margin since the trade adds up to at the model price. It is money of today and not discounted.
    The model price is the least, over the deliverable bonds, of the forward clean price at the last
    day of delivery over the conversion factor, less ``option_value``. ``contracts`` is negative for
    a short position.

    ``option_value`` is what the choice of bond and day by the seller is worth beyond that, per 100
    of face of the future. It is an input, 0 by default: no volatility is modelled. A
    ``market_price`` makes it, on the first market after it was entered: what the least forward
    price over its factor is above the market's, less than 0 where it is below. It is held while the
    curves move. Source: G. Burghardt and T. Belton, 'The Treasury Bond Basis', 3rd ed. (2005),
    ch. 1-3.
    """

    product: ClassVar[str] = "bond_future"
    solves: ClassVar[str] = "option_value"

    contract: str
    contracts: Contracts
    trade_price: float
    deliverables: tuple[Deliverable, ...]
    market_price: float | None = None
    option_value: float | None = None

    def __post_init__(self) -> None:
        """Check what types cannot, and fill the conversion factors."""
        made = read_bond_contract(self.contract)
        if self.contracts == 0.0 or self.contracts != int(self.contracts):
            allowed = "a whole number of contracts, not 0; negative is short"
            raise BadInput("contracts", self.contracts, allowed)
        for field in ("trade_price", "market_price"):
            price = getattr(self, field)
            if price is not None and not limits.PRICE_MIN <= price <= limits.PRICE_MAX:
                allowed = f"a price per 100 of face, {limits.PRICE_MIN:g} to {limits.PRICE_MAX:g}"
                raise BadInput(field, price, allowed)
        if abs(self.worth_of_options) > MAX_OPTION_VALUE:
            allowed = f"points of price, -{MAX_OPTION_VALUE:g} to {MAX_OPTION_VALUE:g}"
            raise BadInput("option_value", self.option_value, allowed)
        count = len(self.deliverables)
        if not 1 <= count <= MOST_DELIVERABLES:
            allowed = f"the bonds that may be delivered into {self.contract}: 1 to"
            raise BadInput("deliverables", f"{count} bonds", f"{allowed} {MOST_DELIVERABLES}")
        isins = [bond.isin for bond in self.deliverables if bond.isin]
        for place, bond in enumerate(self.deliverables):
            try:
                factor = self._checked(made, bond)
            except BadInput as error:
                field = f"deliverables[{place}].{error.field}"
                raise BadInput(field, error.value, error.allowed) from None
            if bond.isin and isins.count(bond.isin) > 1:
                field = f"deliverables[{place}].isin"
                raise BadInput(field, bond.isin, "each bond may appear only once")
            msgspec.structs.force_setattr(bond, "conversion_factor", factor)

    def _checked(self, made: BondContract, deliverable: Deliverable) -> float:
        """The conversion factor of a bond that may be delivered; raises BadInput."""
        bond, delivery = deliverable.bond, bond_contract_dates(made).delivery
        if bond.currency != made.row.currency:
            raise BadInput("currency", bond.currency, f"{self.contract} is in {made.row.currency}")
        if bond.maturity_date <= delivery:
            allowed = f"must be after the delivery of {self.contract} on {delivery}"
            raise BadInput("maturity_date", bond.maturity_date.isoformat(), allowed)
        if deliverable.conversion_factor is not None:
            return deliverable.conversion_factor
        return conversion_factor(made, coupon=bond.coupon_rate, maturity=bond.maturity_date)

    @property
    def quote(self) -> str | None:
        """The market price, which makes the option value, in words; None without one."""
        return None if self.market_price is None else f"market price {self.market_price:g}"

    @property
    def worth_of_options(self) -> float:
        """The option value; 0 where none is stated or made yet."""
        return self.option_value or 0.0

    @property
    def made(self) -> BondContract:
        """The contract that the code names."""
        return read_bond_contract(self.contract)

    @property
    def dates(self) -> BondContractDates:
        """Dates of the contract."""
        return bond_contract_dates(self.made)

    @property
    def currency(self) -> str:
        """Currency of the contract."""
        return self.made.row.currency

    @property
    def point_money(self) -> float:
        """Return what 1.00 of price is worth, positive for a long position; trade currency."""
        return self.contracts * self.made.row.point_value

    @property
    def headline(self) -> Headline:
        """A position in the contract, by its code."""
        return Headline(
            instrument=self.contract,
            side=side_of(self.contracts),
            quantity=abs(self.contracts),
            quantity_of="contracts",
            maturity=self.dates.delivery,
        )

    @property
    def size(self) -> float:
        """The face amount of the contracts, without a sign."""
        return abs(self.contracts) * self.made.row.contract_size


PRODUCT = Product(
    name=BondFutureTerms.product,
    plural="bond_futures",
    terms=BondFutureTerms,
    legs=("traded_price", "model_price"),
    flows="pricing.products.futures.bond_future_flows",
    scaled=("contracts", "trade_price", "market_price", "option_value"),
    measures=("future_price", "conversion_factor", "gross_basis", "net_basis", "implied_repo"),
    quotes={"price": "future_price"},
    color=2,
)
