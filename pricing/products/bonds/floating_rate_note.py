"""Terms of positions in floating-rate notes, and their row of the table of products.

Schedules and flows, which need QuantLib, are in ``floating_rate_note_flows``.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.headlines import Headline, side_of
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.product import Product
from pricing.products.terms import (
    Bp,
    Days,
    Isin,
    NameCheck,
    Security,
    SecurityName,
    Steps,
    check_curves,
    check_names,
    check_period,
    check_regular,
)

ODD_PERIODS = ("first_coupon_date", "penultimate_coupon_date")
NAMES: dict[str, NameCheck] = {
    "payment_frequency": vocabulary.frequency,
    "day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}
OVERNIGHT_FREQUENCY = "3M"
"""Period between the coupons of a note on an overnight index that states none."""

_OPTION = "coupons with a {} are options and are not priced; leave the field out"


class SpreadStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quoted spread that applies from this date on, the start of an accrual period."""

    date: dt.date
    spread_bp: Bp


class FloatingRateNoteTerms(Security, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position in a note that pays an IBOR fixing, or a compounded overnight rate, plus a spread.

    What is not given follows the index: its tenor, day count and fixing days; a note on an
    overnight index pays every three months. Periods are adjusted. With ``lookback_days`` the
    fixings of a compounded rate are of so many business days of its index earlier; with
    ``observation_shift`` they count for the days that they are for there, without for those of the
    coupon's own period. The last ``lockout_days`` fixings repeat the one before them (ISDA 2021
    Definitions, section 7: lookback, observation period shift, lockout).
    """

    product: ClassVar[str] = "floating_rate_note"
    refused: ClassVar[dict[str, str]] = {
        "compound_spread": "a spread that compounds with the fixings of a note is not priced; "
        "leave the field out, and spread_bp is added to what they compound to",
        "cap_rate": _OPTION.format("cap"),
        "floor_rate": _OPTION.format("floor"),
    }

    floating_index: str
    issue_date: dt.date
    maturity_date: dt.date
    spread_bp: Bp = 0.0
    spread_schedule: Steps[SpreadStep] | None = None
    name: SecurityName | None = None
    isin: Isin | None = None
    first_coupon_date: dt.date | None = None
    penultimate_coupon_date: dt.date | None = None
    payment_frequency: str | int | None = None
    day_count: str | None = None
    fixing_days: Days | None = None
    lookback_days: Days | None = None
    observation_shift: bool | None = None
    lockout_days: Days | None = None
    payment_lag: Days | None = None
    settlement_days: Days | None = None
    ex_coupon_days: Days | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None
    forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        index = conventions.pick(conventions.INDICES, "floating_index", self.floating_index)
        if self.face_amount == 0:
            raise BadInput("face_amount", 0, "use a positive (long) or negative (short) amount")
        check_period(self, "issue_date", "maturity_date", ODD_PERIODS)
        for place, step in enumerate(self.spread_schedule or ()):
            limits.check_date(f"spread_schedule[{place}].date", step.date)
        check_names(self, NAMES)
        check_curves(self, ("discount_curve", "forecast_curve"))
        self._check_frequency()
        self._check_of_kind(index)

    def _check_frequency(self) -> None:
        """Coupons are counted back from the last regular one; the first must be one of them."""
        months = vocabulary.MONTHS.get(self.own_frequency)
        if months is None:
            allowed = ", ".join(vocabulary.PERIODIC_FREQUENCIES)
            raise BadInput("payment_frequency", self.payment_frequency, f"allowed: {allowed}")
        if self.first_coupon_date is not None:
            last = "penultimate_coupon_date" if self.penultimate_coupon_date else "maturity_date"
            reason = f"coupons every {months} months"
            check_regular(self, "first_coupon_date", last, months, bool(self.end_of_month), reason)

    def _check_of_kind(self, index: IndexConvention) -> None:
        """Refuse fields that a coupon on an index of this kind does not have."""
        for field in ("lookback_days", "observation_shift", "lockout_days"):
            value = getattr(self, field)
            if index.kind == "ibor" and value:
                raise BadInput(
                    field,
                    value,
                    f"coupons on {index.name} fix once: only overnight rates are observed daily",
                )
        if index.kind == "overnight" and self.fixing_days is not None:
            reason = f"{index.name} is compounded daily: give lookback_days instead"
            raise BadInput("fixing_days", self.fixing_days, reason)

    @property
    def own_frequency(self) -> str:
        """Return the stated frequency; otherwise the index's own, quarterly if overnight."""
        if self.payment_frequency is not None:
            return vocabulary.frequency(str(self.payment_frequency))
        index = conventions.INDICES[self.floating_index]
        return OVERNIGHT_FREQUENCY if index.kind == "overnight" else index.tenor

    @property
    def headline(self) -> Headline:
        """A position in the note, by its name, ISIN or index."""
        return Headline(
            instrument=self.name or self.isin or self.floating_index,
            side=side_of(self.face_amount),
            quantity=self.size,
            quantity_of="face",
            spread_bp=self.spread_bp,
            maturity=self.maturity_date,
        )

    @property
    def currency(self) -> str:
        """Currency of the index."""
        return conventions.INDICES[self.floating_index].currency


def shape_of_spreads(terms: FloatingRateNoteTerms) -> tuple[SpreadStep, ...]:
    """The steps of the quoted spread."""
    return tuple(terms.spread_schedule or ())


PRODUCT = Product(
    name=FloatingRateNoteTerms.product,
    plural="floating_rate_notes",
    terms=FloatingRateNoteTerms,
    legs=("note",),
    flows="pricing.products.bonds.floating_rate_note_flows",
    scaled=("face_amount", "clean_price", "z_spread_bp", "name", "isin", "spread_schedule"),
    shape=shape_of_spreads,
    measures=(
        "clean_per_100",
        "dirty_per_100",
        "accrued_per_100",
        "discount_margin_bp",
        "z_spread_bp",
        "cs01",
        "krd_duration",
    ),
    quotes={"price": "clean_per_100"},
    label="Floater",
    color=5,
    fails_when_matured=True,
)
