"""Terms of forward rate agreements on IBOR indices, settled at the start of the period.

Flows, which need QuantLib, are in ``forward_rate_agreement_flows``.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

from pricing.errors import BadInput
from pricing.headlines import Headline
from pricing.markets import calendars, conventions
from pricing.products.product import Product
from pricing.products.swaps.checks import check_index
from pricing.products.terms import Positive, Rate, Terms, check_curves, check_dates


class FraTerms(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The difference of a fixed rate and one fixing, over the period of the index.

    It is paid at ``effective_date``, the first day of the period, discounted at the fixing:
    N t (K - L) / (1 + L t) to who receives fixed. ``pay_receive`` is of the fixed rate: the buyer
    pays it. Source: ISDA, 2006 Definitions, section 8.4(b) ("FRA Discounting").
    """

    product: ClassVar[str] = "fra"

    index: str
    pay_receive: Literal["pay", "receive"]
    notional: Positive
    effective_date: dt.date
    fixed_rate: Rate
    discount_curve: str | None = None
    forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        check_index("index", self.index, None)
        row = conventions.INDICES[self.index]
        if row.kind != "ibor":
            known = [i.name for i in conventions.INDICES.values() if i.kind == "ibor"]
            reason = f"an overnight index has no period to agree on; indices: {', '.join(known)}"
            raise BadInput("index", self.index, reason)
        check_dates(self, ("effective_date",))
        if not calendars.is_business_day(row.calendar, self.effective_date):
            reason = f"a period of {row.name} starts on a business day of {row.calendar}"
            raise BadInput("effective_date", self.effective_date.isoformat(), reason)
        check_curves(self, ("discount_curve", "forecast_curve"))

    @property
    def currency(self) -> str:
        """Currency of the index."""
        return conventions.INDICES[self.index].currency

    @property
    def headline(self) -> Headline:
        """The agreement by its index; it ends when it is settled."""
        return Headline(
            instrument=self.index,
            side=self.pay_receive,
            quantity=self.notional,
            quantity_of="notional",
            rate=self.fixed_rate,
            maturity=self.effective_date,
        )

    @property
    def size(self) -> float:
        """The notional."""
        return self.notional


PRODUCT = Product(
    name=FraTerms.product,
    plural="fras",
    terms=FraTerms,
    legs=("settlement",),
    flows="pricing.products.swaps.forward_rate_agreement_flows",
    scaled=("pay_receive", "notional"),
    measures=("par_rate",),
    quotes={"market_rate": "par_rate"},
    label="FRA",
    color=4,
    model="forwardrateagreement",
)
