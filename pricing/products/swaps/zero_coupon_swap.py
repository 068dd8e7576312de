"""Terms of zero-coupon swaps, whose two legs compound and pay once, at the end.

Schedules and flows, which need QuantLib, are in ``zero_coupon_swap_flows``.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

from pricing.errors import BadInput
from pricing.headlines import Headline
from pricing.markets import conventions, vocabulary
from pricing.products.product import Product
from pricing.products.swaps.checks import check_index, check_length
from pricing.products.terms import (
    Days,
    NameCheck,
    Positive,
    Rate,
    Terms,
    check_curves,
    check_names,
    check_period,
)

NAMES: dict[str, NameCheck] = {
    "fixed_frequency": vocabulary.frequency,
    "fixed_day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}


class ZeroCouponSwapTerms(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A swap that pays once, when it ends. ``convention`` fills every field that is not given.

    The fixed leg pays N ((1 + r)^T - 1), T being the years from start to end by its day count. With
    ``fixed_frequency`` the rate compounds over such periods: N (product of (1 + r t) - 1). The
    floating leg pays what its index compounds to, less 1; an IBOR index over its own periods.
    ``pay_receive`` is of the fixed leg.
    """

    product: ClassVar[str] = "zero_coupon_swap"

    convention: str
    pay_receive: Literal["pay", "receive"]
    notional: Positive
    effective_date: dt.date
    termination_date: dt.date
    fixed_rate: Rate
    fixed_frequency: str | int | None = None
    fixed_day_count: str | None = None
    floating_index: str | None = None
    payment_lag: Days | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None
    forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        conventions.pick(conventions.SWAPS, "convention", self.convention)
        check_period(self, "effective_date", "termination_date")
        check_names(self, NAMES)
        if self.floating_index is not None:
            check_index("floating_index", self.floating_index, self.currency)
        check_curves(self, ("discount_curve", "forecast_curve"))

    @property
    def currency(self) -> str:
        """Currency of the convention."""
        return conventions.SWAPS[self.convention].currency

    @property
    def headline(self) -> Headline:
        """The swap by its convention."""
        return Headline(
            instrument=self.convention,
            side=self.pay_receive,
            quantity=self.notional,
            quantity_of="notional",
            rate=self.fixed_rate,
            maturity=self.termination_date,
        )

    @property
    def size(self) -> float:
        """The notional."""
        return self.notional

    @property
    def first_regular_date(self) -> None:
        """There is none: periods are counted back from the end."""

    @property
    def last_regular_date(self) -> None:
        """There is none."""


def check_zero_coupon_swap(terms: ZeroCouponSwapTerms) -> None:
    """Refuse a swap that no market could price.

    Raises:
        BadInput: Both its ends fall on one business day, or its fixed rate has no years.
    """
    row = conventions.SWAPS[terms.convention]
    convention = terms.business_day_convention or row.business_day_convention
    check_length(terms, terms.calendar or row.calendar, convention)
    day_count = vocabulary.day_count(terms.fixed_day_count or row.fixed_day_count)
    if day_count == "ACT/ACT ICMA":
        reason = "it counts coupon periods, and a zero-coupon swap has none; such as ACT/360"
        raise BadInput("fixed_day_count", day_count, reason)
    if terms.fixed_frequency is not None and vocabulary.frequency(terms.fixed_frequency) == "ZERO":
        reason = "leave it empty for a rate that compounds by the year, or give a period such as 1Y"
        raise BadInput("fixed_frequency", terms.fixed_frequency, reason)


PRODUCT = Product(
    name=ZeroCouponSwapTerms.product,
    plural="zero_coupon_swaps",
    terms=ZeroCouponSwapTerms,
    legs=("fixed", "floating"),
    flows="pricing.products.swaps.zero_coupon_swap_flows",
    scaled=("pay_receive", "notional"),
    measures=("par_rate",),
    quotes={"market_rate": "par_rate"},
    color=7,
)
