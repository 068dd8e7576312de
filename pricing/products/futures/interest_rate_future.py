"""Terms of positions in interest-rate futures, which settle to 100 less a rate in percent.

Flows, which need QuantLib, are in ``interest_rate_future_flows``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from pricing.errors import BadInput
from pricing.headlines import Headline, side_of
from pricing.markets import conventions
from pricing.products.futures.contract import (
    Contract,
    ContractDates,
    contract_dates,
    deposit_of,
    read_contract,
)
from pricing.products.product import Product
from pricing.products.terms import Bp, Terms, check_curves

PRICE_MIN, PRICE_MAX = 50.0, 120.0
"""Bounds of a price quote: rates from -20 % to 50 %."""

Contracts = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
Volatility = Annotated[float, msgspec.Meta(gt=0, le=1_000)]
MeanReversion = Annotated[float, msgspec.Meta(ge=-1, le=5)]


class InterestRateFutureTerms(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position of contracts of an interest-rate future, traded at one price.

    The position is worth contracts x contract size x (model price - trade price): what the daily
    margin since the trade adds up to at the model price. It is money of today and not discounted.
    The model price is 100 less the forward rate and the convexity, in percent. ``contracts`` is
    negative for a short position.

    The convexity, the rate of the future less the forward rate, is an input: ``convexity_bp``, 0 by
    default, or made by the model of Hull and White of ``volatility_bp``, that of the short rate in
    basis points per square root of a year, and ``mean_reversion`` per year
    (``measures/dated/hull_white.py``). Source: M. P. A. Henrard, 'Interest Rate Modelling in the
    Multi-Curve Framework' (2014), s. 6.
    """

    product: ClassVar[str] = "ir_future"

    contract: str
    contracts: Contracts
    trade_price: float
    convexity_bp: Bp = 0.0
    volatility_bp: Volatility | None = None
    mean_reversion: MeanReversion | None = None
    forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        read_contract(self.contract)
        if self.contracts == 0.0 or self.contracts != int(self.contracts):
            allowed = "a whole number of contracts, not 0; negative is short"
            raise BadInput("contracts", self.contracts, allowed)
        if not PRICE_MIN <= self.trade_price <= PRICE_MAX:
            allowed = (
                f"a price quote, 100 less the rate in percent, {PRICE_MIN:g} to {PRICE_MAX:g}: "
                "a rate of 4.5 % is 95.5"
            )
            raise BadInput("trade_price", self.trade_price, allowed)
        self._check_model()
        check_curves(self, ("forecast_curve",))

    def _check_model(self) -> None:
        """Refuse half a model, and a convexity beside that of a model."""
        if self.volatility_bp is None and self.mean_reversion is not None:
            allowed = "leave it empty: it belongs to volatility_bp, which is not given"
            raise BadInput("mean_reversion", self.mean_reversion, allowed)
        if self.volatility_bp is None:
            return
        if self.mean_reversion is None:
            allowed = (
                "this field is required beside volatility_bp: per year, such as 0.03; 0 is the "
                "model of Ho and Lee"
            )
            raise BadInput("mean_reversion", None, allowed)
        if self.convexity_bp != 0.0:
            allowed = "0, or no volatility_bp: the convexity is either given or made by the model"
            raise BadInput("convexity_bp", self.convexity_bp, allowed)

    @property
    def made(self) -> Contract:
        """The contract that the code names."""
        return read_contract(self.contract)

    @property
    def dates(self) -> ContractDates:
        """Dates of the contract."""
        return contract_dates(self.made)

    @property
    def currency(self) -> str:
        """Currency of the contract."""
        return self.made.row.currency

    @property
    def money(self) -> float:
        """Return what a rate of 100 % is worth, positive for a long position; trade currency."""
        return self.contracts * self.made.row.contract_size * 100.0

    @property
    def traded_rate(self) -> float:
        """The rate of the traded price; decimal per year."""
        return (100.0 - self.trade_price) / 100.0

    @property
    def convexity(self) -> float:
        """The rate of the future less the forward rate; decimal per year."""
        return self.convexity_bp * 1e-4

    @property
    def headline(self) -> Headline:
        """A position in the contract, by its code."""
        return Headline(
            instrument=self.contract,
            side=side_of(self.contracts),
            quantity=abs(self.contracts),
            quantity_of="contracts",
            maturity=self.dates.settlement,
        )

    @property
    def size(self) -> float:
        """The deposits that the contracts are about, without a sign."""
        return abs(self.contracts) * deposit_of(self.made.row)


def known_index(terms: InterestRateFutureTerms) -> conventions.IndexConvention:
    """The index that the contract settles to."""
    return conventions.INDICES[terms.made.row.index]


PRODUCT = Product(
    name=InterestRateFutureTerms.product,
    plural="ir_futures",
    terms=InterestRateFutureTerms,
    legs=("traded_rate", "model_rate"),
    flows="pricing.products.futures.interest_rate_future_flows",
    scaled=("contracts", "trade_price", "convexity_bp"),
    measures=("par_rate",),
    quotes={"price": "par_rate", "market_rate": "par_rate"},
    label="Rate future",
    color=6,
    model="interestratefuture",
)
