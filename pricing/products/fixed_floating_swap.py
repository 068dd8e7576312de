"""Terms of fixed-floating swaps, and their row of the table of products.

Schedules and flows, which need QuantLib, are in ``fixed_floating_swap_flows``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.headlines import Headline
from pricing.markets import conventions, vocabulary
from pricing.products.product import Product
from pricing.products.swaps.checks import check_imm, check_index, check_length, on_roll_day
from pricing.products.terms import (
    Bp,
    Days,
    NameCheck,
    Positive,
    Rate,
    Steps,
    Terms,
    check_curves,
    check_names,
    check_period,
    check_regular,
)

CompoundingMethod = Literal["spread_exclusive", "straight", "flat"]
Notional = Annotated[float, msgspec.Meta(ge=0, le=1e15)]

OVERNIGHT_FIELDS = ("overnight_method", "lookback_days", "observation_shift", "lockout_days")
ODD_PERIODS = ("first_regular_date", "last_regular_date")
NAMES: dict[str, NameCheck] = {
    "fixed_frequency": vocabulary.frequency,
    "float_frequency": vocabulary.frequency,
    "fixed_day_count": vocabulary.day_count,
    "float_day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}


class NotionalStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The notional that applies from this date on, which is the start of an accrual period."""

    date: dt.date
    notional: Notional


class RateStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fixed rate that applies from this date on, which is the start of an accrual period."""

    date: dt.date
    rate: Rate


class SwapTerms(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixed-floating swap. ``convention`` fills every field that is not given.

    ``pay_receive`` is of the fixed leg: a receiver swap receives fixed.
    ``notional_schedule`` is a list of steps, or one notional per fixed period, and
    ``fixed_rate_schedule`` the same of rates.

    An overnight leg compounds its fixings, or averages them (``overnight_method``). With
    ``lookback_days`` each fixing is of so many business days of its index earlier. With
    ``observation_shift`` it counts for the days that it is for there, without for those of the
    leg's own period. The last ``lockout_days`` fixings of a period repeat the one before them.
    Source: ISDA, 2021 Interest Rate Derivatives Definitions, section 7 (methods of compounding and
    of averaging overnight rates; lookback, observation period shift, lockout).

    By ``compounding_method`` a spread is added to what has compounded (``spread_exclusive``, also
    where nothing is given), compounds with the fixings (``straight``), or is compounded by the
    fixings alone (``flat``). An IBOR leg with a method and a ``float_frequency`` that is longer
    than the tenor of its index compounds its fixings to each payment. Source: ISDA, 2006
    Definitions, section 6.3; FpML 5, ``compoundingMethodEnum``.

    ``roll_day`` is the day of the month of unadjusted dates, or IMM; the ends are dates that it is
    adjusted to. An odd floating period is interpolated by its days between ``stub_index`` and the
    index of the leg. Source: ISDA, 2006 Definitions, section 8.3 ("Linear Interpolation").
    """

    product: ClassVar[str] = "swap"
    refused: ClassVar[dict[str, str]] = {
        "compound_spread": "give compounding_method 'straight' for a spread that compounds with "
        "the fixings, or 'flat'",
    }

    convention: str
    pay_receive: Literal["pay", "receive"]
    notional: Positive
    effective_date: dt.date
    termination_date: dt.date
    fixed_rate: Rate
    spread_bp: Bp = 0.0
    payment_lag: Days | None = None
    first_regular_date: dt.date | None = None
    last_regular_date: dt.date | None = None
    notional_schedule: Steps[NotionalStep | Notional] | None = None
    fixed_rate_schedule: Steps[RateStep | Rate] | None = None
    overnight_method: Literal["compounded", "averaged"] | None = None
    lookback_days: Days | None = None
    observation_shift: bool | None = None
    lockout_days: Days | None = None
    compounding_method: CompoundingMethod | None = None
    roll_day: str | int | None = None
    stub_index: str | None = None
    fixed_frequency: str | int | None = None
    fixed_day_count: str | None = None
    float_frequency: str | int | None = None
    float_day_count: str | None = None
    floating_index: str | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    discount_curve: str | None = None
    forecast_curve: str | None = None

    def __post_init__(self) -> None:
        """Check what types cannot."""
        conventions.pick(conventions.SWAPS, "convention", self.convention)
        check_period(self, "effective_date", "termination_date", ODD_PERIODS)
        for field in ("notional_schedule", "fixed_rate_schedule"):
            for place, step in enumerate(getattr(self, field) or ()):
                if isinstance(step, NotionalStep | RateStep):
                    limits.check_date(f"{field}[{place}].date", step.date)
        check_names(self, NAMES)
        if self.floating_index is not None:
            check_index("floating_index", self.floating_index, self.currency)
        check_curves(self, ("discount_curve", "forecast_curve"))
        self._check_first_regular_date()
        self._check_overnight()
        self._check_compounding()
        self._check_roll_day()
        self._check_stub_index()

    def _check_first_regular_date(self) -> None:
        """Periods of both legs are counted back; a first period must end on one of their dates.

        Else that leg would have a second odd period, after the first.
        """
        if self.first_regular_date is None:
            return
        row = conventions.SWAPS[self.convention]
        end_of_month = row.end_of_month if self.end_of_month is None else self.end_of_month
        last = "last_regular_date" if self.last_regular_date else "termination_date"
        for field, frequency in self._frequencies(row).items():
            months = vocabulary.MONTHS.get(vocabulary.frequency(str(frequency), field))
            if months is not None:
                reason = f"by {field}, periods of {months} months"
                check_regular(self, "first_regular_date", last, months, end_of_month, reason)

    def _check_overnight(self) -> None:
        """Refuse what an IBOR leg does not have, and what is not priced."""
        row = conventions.SWAPS[self.convention]
        index = conventions.INDICES[self.floating_index or row.index]
        for field in OVERNIGHT_FIELDS:
            value = getattr(self, field)
            if value is not None and index.kind != "overnight":
                reason = (
                    f"leave it empty: {index.name} fixes once a period, it is no overnight index"
                )
                raise BadInput(field, value, reason)

    def _check_compounding(self) -> None:
        """Refuse a method where nothing compounds, or where it is not priced."""
        method, index = self.compounding_method, self._own_index
        if method is None:
            return
        if self.overnight_method == "averaged":
            reason = "leave it empty: an average does not compound"
            raise BadInput("compounding_method", method, reason)
        if index.kind == "overnight":
            if method == "flat" and self.lookback_days and not self.observation_shift:
                reason = (
                    "a flat spread on fixings of a lookback that count for days that are not their "
                    "own is not priced; allowed: straight, spread_exclusive, or lookback_days with "
                    "observation_shift"
                )
                raise BadInput("compounding_method", method, reason)
            return
        if self.stub_index is not None:
            reason = "leave one empty: a stub that is interpolated does not compound"
            raise BadInput("compounding_method", method, reason)
        self._check_compounding_ibor(method, index)

    def _check_compounding_ibor(self, method: str, index: conventions.IndexConvention) -> None:
        frequency, months = vocabulary.frequency(str(self.own_float_frequency)), vocabulary.MONTHS
        longer = frequency == "ZERO" or (
            months.get(frequency, 0) > months[index.tenor]
            and months[frequency] % months[index.tenor] == 0
        )
        if not longer:
            reason = (
                f"leave it empty, or give a float_frequency of several periods of {index.name}: "
                f"payments every {frequency} have one fixing of {index.tenor} each"
            )
            raise BadInput("compounding_method", method, reason)
        row = conventions.SWAPS[self.convention]
        day_count = vocabulary.day_count(self.float_day_count or row.float_day_count)
        if day_count == "ACT/ACT ICMA":
            reason = "it counts coupon periods, and those that compound are none; such as ACT/360"
            raise BadInput("float_day_count", day_count, reason)

    @property
    def _own_index(self) -> conventions.IndexConvention:
        """Index of the floating leg."""
        name = self.floating_index or conventions.SWAPS[self.convention].index
        return conventions.INDICES[name]

    @property
    def compounds_spread(self) -> bool:
        """Return whether the spread is in the template of the flows, because it compounds."""
        return self.compounding_method in ("straight", "flat") or self.compounds_ibor

    @property
    def compounds_ibor(self) -> bool:
        """Return whether several IBOR fixings compound to one payment."""
        return self.compounding_method is not None and self._own_index.kind == "ibor"

    def _check_roll_day(self) -> None:
        if self.roll_day is None:
            return
        day = vocabulary.roll_day(self.roll_day)
        for field in ("first_regular_date", "last_regular_date"):
            value = getattr(self, field)
            if value is not None:
                reason = "leave it out where roll_day is given: the regular dates follow from that"
                raise BadInput(field, value.isoformat(), reason)
        if day == vocabulary.IMM:
            check_imm(self)
        elif self.unadjusted_end is None:
            end = self.termination_date.isoformat()
            reason = f"no day {day} of a month is adjusted to termination_date {end}"
            raise BadInput("roll_day", self.roll_day, reason)

    @property
    def unadjusted_end(self) -> dt.date | None:
        """The termination date, on the roll day; None where there is no such date."""
        return self._on_roll_day(self.termination_date)

    @property
    def unadjusted_start(self) -> dt.date:
        """The effective date, on the roll day where that is adjusted to it."""
        return self._on_roll_day(self.effective_date) or self.effective_date

    def _on_roll_day(self, date: dt.date) -> dt.date | None:
        day = None if self.roll_day is None else vocabulary.roll_day(self.roll_day)
        if not isinstance(day, int):
            return date
        row = conventions.SWAPS[self.convention]
        convention = self.business_day_convention or row.business_day_convention
        return on_roll_day(date, day, self.calendar or row.calendar, convention)

    def _check_stub_index(self) -> None:
        if self.stub_index is None:
            return
        check_index("stub_index", self.stub_index, self.currency)
        own = conventions.INDICES[self.floating_index or conventions.SWAPS[self.convention].index]
        kinds = {own.kind, conventions.INDICES[self.stub_index].kind}
        if kinds != {"ibor"} or own.name == self.stub_index:
            reason = f"another IBOR index than the leg's own, which is {own.name}"
            raise BadInput("stub_index", self.stub_index, reason)

    def _frequencies(self, row: conventions.SwapConvention) -> dict[str, str | int]:
        fixed = row.fixed_frequency if self.fixed_frequency is None else self.fixed_frequency
        return {"fixed_frequency": fixed, "float_frequency": self.own_float_frequency}

    @property
    def own_float_frequency(self) -> str | int:
        """Return the stated frequency; otherwise an IBOR index's own, or the row's if overnight."""
        row = conventions.SWAPS[self.convention]
        if self.float_frequency is not None:
            return self.float_frequency
        index = conventions.INDICES[self.floating_index or row.index]
        return index.tenor if index.kind == "ibor" else row.float_frequency

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
            spread_bp=self.spread_bp,
            maturity=self.termination_date,
        )

    @property
    def size(self) -> float:
        """The notional before any step of its schedule."""
        return self.notional


def paying_fixed_frequency(terms: SwapTerms) -> str:
    """The frequency of the fixed leg.

    Raises:
        BadInput: It pays once at the end: such a swap compounds its rate and is another product.
    """
    row = conventions.SWAPS[terms.convention]
    value = row.fixed_frequency if terms.fixed_frequency is None else terms.fixed_frequency
    found = vocabulary.frequency(value, "fixed_frequency")
    if found not in vocabulary.PERIODIC_FREQUENCIES:
        allowed = ", ".join(vocabulary.PERIODIC_FREQUENCIES)
        reason = f"one payment compounds: use product zero_coupon_swap; allowed here: {allowed}"
        raise BadInput("fixed_frequency", value, reason)
    return found


def check_swap(terms: SwapTerms) -> None:
    """Refuse a swap that no market could price.

    A swap from the last Friday of a month to the Saturday, for example, ends when it begins.

    Raises:
        BadInput: Its legs are not modelled, or both its ends fall on one business day.
    """
    paying_fixed_frequency(terms)
    row = conventions.SWAPS[terms.convention]
    calendar = terms.calendar or row.calendar
    check_length(terms, calendar, terms.business_day_convention or row.business_day_convention)


def shape_of_schedule(terms: SwapTerms) -> tuple[Hashable, ...]:
    """Return the dates of a schedule of notionals; None for a step without one or no schedule.

    They decide which step a period is on; the notionals only scale. The first rate of a schedule of
    rates is ``fixed_rate``, which scales where there is none; so does a spread that does not
    compound.
    """
    steps = terms.notional_schedule
    dates = tuple(getattr(step, "date", None) for step in steps) if steps else None
    rates = terms.fixed_rate_schedule
    spread = terms.spread_bp if terms.compounds_spread else None
    return dates, (terms.fixed_rate, *rates) if rates else None, spread


PRODUCT = Product(
    name=SwapTerms.product,
    plural="swaps",
    terms=SwapTerms,
    legs=("fixed", "floating"),
    flows="pricing.products.fixed_floating_swap_flows",
    scaled=(
        *("pay_receive", "notional", "fixed_rate", "spread_bp"),
        *("notional_schedule", "fixed_rate_schedule"),
    ),
    shape=shape_of_schedule,
    measures=("par_rate",),
    quotes={"market_rate": "par_rate"},
    color=3,
)
