"""Terms of basis swaps, which exchange two floating legs of one currency.

Schedules and flows, which need QuantLib, are in ``basis_swap_flows``.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

from pricing.errors import BadInput
from pricing.headlines import Headline
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import SwapConvention
from pricing.products.product import Product
from pricing.products.swaps.checks import check_index, check_length, standard_swap
from pricing.products.terms import (
    Bp,
    Days,
    NameCheck,
    Positive,
    Terms,
    check_curves,
    check_names,
    check_period,
    check_regular,
)

ODD_PERIODS = ("first_regular_date", "last_regular_date")
NAMES: dict[str, NameCheck] = {
    "first_frequency": vocabulary.frequency,
    "second_frequency": vocabulary.frequency,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}
OVERNIGHT_FREQUENCY = "3M"
"""Payment frequency of a swap of two overnight legs, where none is given: a house choice."""


class BasisSwapTerms(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two floating legs of one currency, each as the standard swap against its index.

    ``pay_receive`` is of the first leg; the second goes the other way. Fields that are not given
    come from the convention of the standard swap against the index of a leg. An overnight leg pays
    at the frequency of an IBOR leg on the other side.
    """

    product: ClassVar[str] = "basis_swap"

    first_index: str
    second_index: str
    pay_receive: Literal["pay", "receive"]
    notional: Positive
    effective_date: dt.date
    termination_date: dt.date
    first_spread_bp: Bp = 0.0
    second_spread_bp: Bp = 0.0
    first_regular_date: dt.date | None = None
    last_regular_date: dt.date | None = None
    first_frequency: str | int | None = None
    second_frequency: str | int | None = None
    payment_lag: Days | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None
    first_forecast_curve: str | None = None
    second_forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        check_index("first_index", self.first_index, None)
        check_index("second_index", self.second_index, self.currency)
        if self.first_index == self.second_index:
            raise BadInput("second_index", self.second_index, "another index than the first leg's")
        check_period(self, "effective_date", "termination_date", ODD_PERIODS)
        check_names(self, NAMES)
        check_curves(self, ("discount_curve", "first_forecast_curve", "second_forecast_curve"))
        self._check_first_regular_date()

    def _check_first_regular_date(self) -> None:
        """Periods of both legs are counted back; a first period must end on one of their dates."""
        if self.first_regular_date is None:
            return
        last = "last_regular_date" if self.last_regular_date else "termination_date"
        fields = ("first_frequency", "second_frequency")
        for field, frequency in zip(fields, self.frequencies, strict=True):
            months = vocabulary.MONTHS.get(frequency)
            if months is not None:
                reason = f"by {field}, periods of {months} months"
                end_of_month = self.rows[0].end_of_month
                end_of_month = end_of_month if self.end_of_month is None else self.end_of_month
                check_regular(self, "first_regular_date", last, months, end_of_month, reason)

    @property
    def rows(self) -> tuple[SwapConvention, SwapConvention]:
        """The standard swaps against the two indices."""
        return standard_swap(self.first_index), standard_swap(self.second_index)

    @property
    def frequencies(self) -> tuple[str, str]:
        """Frequencies of both legs: as stated, else of the index or of the other leg."""
        stated = (self.first_frequency, self.second_frequency)
        indices = [conventions.INDICES[name] for name in (self.first_index, self.second_index)]
        tenors = [row.tenor for row in indices if row.kind == "ibor"]
        other = tenors[0] if tenors else OVERNIGHT_FREQUENCY
        first, second = (
            vocabulary.frequency(
                (row.tenor if row.kind == "ibor" else other) if given is None else given
            )
            for given, row in zip(stated, indices, strict=True)
        )
        return first, second

    @property
    def currency(self) -> str:
        """Currency of the first index, and of the second."""
        return conventions.INDICES[self.first_index].currency

    @property
    def headline(self) -> Headline:
        """The swap by its two indices; side and spread are of the first leg."""
        return Headline(
            instrument=f"{self.first_index} / {self.second_index}",
            side=self.pay_receive,
            quantity=self.notional,
            quantity_of="notional",
            spread_bp=self.first_spread_bp,
            maturity=self.termination_date,
        )

    @property
    def size(self) -> float:
        """The notional."""
        return self.notional


def check_basis_swap(terms: BasisSwapTerms) -> None:
    """Refuse a swap that no market could price.

    Raises:
        BadInput: Both its ends fall on one business day of a leg.
    """
    for row in terms.rows:
        convention = terms.business_day_convention or row.business_day_convention
        check_length(terms, terms.calendar or row.calendar, convention)


PRODUCT = Product(
    name=BasisSwapTerms.product,
    plural="basis_swaps",
    terms=BasisSwapTerms,
    legs=("first", "second"),
    flows="pricing.products.swaps.basis_swap_flows",
    scaled=("pay_receive", "notional", "first_spread_bp", "second_spread_bp"),
    measures=("par_rate",),
    color=1,
)
