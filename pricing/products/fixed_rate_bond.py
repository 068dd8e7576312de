"""Terms of positions in fixed-rate and zero-coupon bonds, and their row of the table of products.

Schedules and flows, which need QuantLib, are in ``fixed_rate_bond_flows``.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.headlines import Headline, side_of
from pricing.markets import conventions, vocabulary
from pricing.products.product import Product
from pricing.products.terms import (
    Days,
    FrozenSteps,
    Identifier,
    Isin,
    NameCheck,
    Rate,
    Security,
    SecurityName,
    YieldType,
    check_after,
    check_between,
    check_curves,
    check_dates,
    check_names,
    check_period,
    check_regular,
    check_regular_date,
)

ODD_PERIODS = ("first_coupon_date", "penultimate_coupon_date")
NAMES: dict[str, NameCheck] = {
    "payment_frequency": vocabulary.frequency,
    "day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}


Face = Annotated[float, msgspec.Meta(gt=0, lt=100)]

MOST_DAYS_OF_A_BILL = 366


class CouponStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From this date on (a coupon date) coupons are at this rate."""

    date: dt.date
    coupon_rate: Rate


class FaceStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The face outstanding after the redemption on this date (a coupon date), per 100 issued."""

    date: dt.date
    face: Face


class BondTerms(Security, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position in a fixed-rate or zero-coupon bond.

    ``issue_date`` is the dated date: accrual starts there unless ``dated_date`` says otherwise. A
    bond whose coupon rises has a ``coupon_schedule``, one that is repaid in parts a
    ``face_schedule``; ``face_amount`` is then of the face as issued, and prices are per 100 of the
    face that is outstanding at settlement.

    A ``quoted_yield`` makes the z-spread in place of a ``clean_price``. ``yield_type`` names the
    measure that it is; not given, what the bond's market quotes (``BondConvention.bill_quote``).
    """

    product: ClassVar[str] = "bond"

    issue_date: dt.date
    maturity_date: dt.date
    coupon_rate: Rate
    convention: str | None = None
    currency: str | None = None
    quoted_yield: Rate | None = None
    yield_type: YieldType | None = None
    name: SecurityName | None = None
    isin: Isin | None = None
    issuer: Identifier | None = None
    dated_date: dt.date | None = None
    coupon_schedule: FrozenSteps[CouponStep] | None = None
    face_schedule: FrozenSteps[FaceStep] | None = None
    first_coupon_date: dt.date | None = None
    penultimate_coupon_date: dt.date | None = None
    payment_frequency: str | int | None = None
    day_count: str | None = None
    settlement_days: Days | None = None
    ex_coupon_days: Days | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot, and fill the currency from the convention."""
        row = self._row()
        if self.currency is None:
            if row is None or row.currency is None:
                raise BadInput("currency", None, f"allowed: {', '.join(conventions.CURRENCIES)}")
            msgspec.structs.force_setattr(self, "currency", row.currency)
        if self.currency not in conventions.CURRENCIES:
            allowed = f"allowed: {', '.join(conventions.CURRENCIES)}"
            raise BadInput("currency", self.currency, allowed)
        if row and row.currency and row.currency != self.currency:
            raise BadInput("currency", self.currency, f"{row.name} bonds are in {row.currency}")
        if self.face_amount == 0:
            raise BadInput("face_amount", 0, "use a positive (long) or negative (short) amount")
        self._require_terms(row)
        check_dates(self, ("dated_date",))
        check_period(self, "issue_date", "maturity_date", ODD_PERIODS)
        if self.dated_date is not None:
            for name in (*ODD_PERIODS, "maturity_date"):
                if getattr(self, name) is not None:
                    check_after(name, getattr(self, name), "dated_date", self.dated_date)
        check_names(self, NAMES)
        check_curves(self, ("discount_curve",))
        self._check_coupon_dates(row)
        self._check_quote()

    def _check_quote(self) -> None:
        """Refuse a second quote, and yields of discount paper on other bonds."""
        if self.quoted_yield is None:
            if self.yield_type is not None:
                reason = "leave it empty: it says what quoted_yield is, and that is not given"
                raise BadInput("yield_type", self.yield_type, reason)
            return
        if self.clean_price is not None:
            reason = f"leave one empty: clean_price {self.clean_price:g} is a quote too"
            raise BadInput("quoted_yield", self.quoted_yield, reason)
        if self.yield_type not in (None, "ytm") and not self.is_discount_paper:
            reason = (
                "of bills and other paper without coupons that is issued for a year or less; "
                "this bond: ytm"
            )
            raise BadInput("yield_type", self.yield_type, reason)

    @property
    def own_frequency(self) -> str:
        """Coupon frequency, as stated or of the market."""
        row = self._row()
        given = self.payment_frequency
        return vocabulary.frequency(str(row.payment_frequency if row and given is None else given))

    @property
    def is_discount_paper(self) -> bool:
        """Return whether it pays once, and was issued for a year or less, as bills are."""
        days = (self.maturity_date - self.issue_date).days
        return self.own_frequency == "ZERO" and days <= MOST_DAYS_OF_A_BILL

    @property
    def own_yield_type(self) -> str:
        """The measure that a quoted yield is."""
        row = self._row()
        if self.yield_type is not None:
            return self.yield_type
        return row.bill_quote if row and self.is_discount_paper else "ytm"

    @property
    def quote(self) -> str | None:
        """The market quote that makes the z-spread, in words; None without one."""
        if self.quoted_yield is None:
            return super().quote
        return f"{self.own_yield_type} {self.quoted_yield:g}"

    def _check_coupon_dates(self, row: conventions.BondConvention | None) -> None:
        """Refuse dates that are not coupon dates, counted back from the last regular one."""
        frequency, end_of_month = self.payment_frequency, self.end_of_month
        if row is not None:
            frequency = row.payment_frequency if frequency is None else frequency
            end_of_month = row.end_of_month if end_of_month is None else end_of_month
        months = vocabulary.MONTHS.get(vocabulary.frequency(str(frequency)))
        last = "penultimate_coupon_date" if self.penultimate_coupon_date else "maturity_date"
        reason = f"coupons every {months} months"
        if self.first_coupon_date is not None and months is not None:
            check_regular(self, "first_coupon_date", last, months, bool(end_of_month), reason)
        for name in ("coupon_schedule", "face_schedule"):
            steps = getattr(self, name) or ()
            if steps and months is None:
                raise BadInput(name, f"{len(steps)} steps", "a bond without coupons has none")
            for place, step in enumerate(steps):
                where = f"{name}[{place}].date"
                limits.check_date(where, step.date)
                check_between(where, step.date, self.issue_date, self.maturity_date)
                check_regular_date(
                    self, (where, step.date), last, int(months or 0), bool(end_of_month), reason
                )
            self._check_steps(name, steps)

    def _check_steps(self, name: str, steps: Sequence[CouponStep | FaceStep]) -> None:
        """Refuse steps whose dates do not rise, or whose outstanding face does not fall."""
        for place, (before, step) in enumerate(itertools.pairwise(steps), start=1):
            if step.date <= before.date:
                where = f"{name}[{place}].date"
                raise BadInput(where, step.date.isoformat(), f"must be after {before.date}")
            if isinstance(step, FaceStep) and step.face >= getattr(before, "face", 0.0):
                where = f"{name}[{place}].face"
                raise BadInput(where, step.face, "must be less than before: face is repaid")

    @property
    def headline(self) -> Headline:
        """A position in the bond, by its name, ISIN or convention."""
        return Headline(
            instrument=self.name or self.isin or self.convention or "",
            issuer=self.issuer or "",
            side=side_of(self.face_amount),
            quantity=self.size,
            quantity_of="face",
            rate=self.coupon_rate,
            maturity=self.maturity_date,
        )

    def _row(self) -> conventions.BondConvention | None:
        if self.convention is None:
            return None
        return conventions.pick(conventions.BONDS, "convention", self.convention)

    def _require_terms(self, row: conventions.BondConvention | None) -> None:
        if row is not None:
            return
        for name in ("payment_frequency", "day_count"):
            if getattr(self, name) is None:
                raise BadInput(name, None, "give it, or a convention that fills it")


PRODUCT = Product(
    name=BondTerms.product,
    plural="bonds",
    terms=BondTerms,
    legs=("bond",),
    flows="pricing.products.fixed_rate_bond_flows",
    scaled=("face_amount", "clean_price", "quoted_yield", "yield_type", "z_spread_bp"),
    measures=(
        "clean_per_100",
        "dirty_per_100",
        "accrued_per_100",
        "ytm",
        "discount_yield",
        "money_market_yield",
        "bond_equivalent_yield",
        "modified_duration",
        "convexity",
        "yield_dv01",
        "z_spread_bp",
        "cs01",
        "krd_duration",
    ),
    quotes={"price": "clean_per_100", "market_rate": "ytm"},
    color=0,
    address="bond-positions",
    model="bondposition",
    fails_when_matured=True,
)
