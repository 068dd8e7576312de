"""Trade terms as the contract says them; no schedule, no market. Decoded once, at the door.

Rates are decimals per year, spreads in basis points (``_bp``), prices per 100 of face,
money in the trade's currency.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Rate = Annotated[float, msgspec.Meta(ge=limits.RATE_MIN, le=limits.RATE_MAX)]
Price = Annotated[float, msgspec.Meta(ge=limits.PRICE_MIN, le=limits.PRICE_MAX)]
Bp = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e15)]
Notional = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
Days = Annotated[int, msgspec.Meta(ge=0, le=60)]


class NotionalStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From this date on (an accrual start) the notional is this."""

    date: dt.date
    notional: Notional


class SwapTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixed-floating swap. ``convention`` fills every field that is not given.

    ``pay_receive`` is of the fixed leg: a receiver swap receives fixed.
    ``notional_schedule`` is a list of steps, or one notional per fixed period.
    """

    trade_id: Identifier
    book: Identifier
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
    notional_schedule: list[NotionalStep | Notional] | None = None
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
        _check_dates(self, SWAP_DATES)
        for place, step in enumerate(self.notional_schedule or ()):
            if isinstance(step, NotionalStep):
                limits.check_date(f"notional_schedule[{place}].date", step.date)
        _after("termination_date", self.termination_date, "effective_date", self.effective_date)
        for name in ("first_regular_date", "last_regular_date"):
            _between(name, getattr(self, name), self.effective_date, self.termination_date)
        _in_order(self, "first_regular_date", "last_regular_date")
        _check_names(self, SWAP_NAMES)
        _check_index(self.floating_index, self.currency)
        _check_curves(self, ("discount_curve", "forecast_curve"))
        self._check_first_regular_date()

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
                _check_regular(self, "first_regular_date", last, months, end_of_month, reason)

    def _frequencies(self, row: conventions.SwapConvention) -> dict[str, str | int]:
        fixed = row.fixed_frequency if self.fixed_frequency is None else self.fixed_frequency
        return {"fixed_frequency": fixed, "float_frequency": self.own_float_frequency}

    @property
    def own_float_frequency(self) -> str | int:
        """As stated; else an IBOR index brings its period, an overnight one keeps the row's."""
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
    def product(self) -> str:
        """The type bucket of roll-ups."""
        return "swap"


class BondTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position in a fixed-rate or zero-coupon bond; a short one has a negative face amount.

    ``issue_date`` is the dated date: accrual starts there unless ``dated_date`` says
    otherwise. A ``clean_price`` (per 100) makes the z-spread; ``z_spread_bp`` states it.
    """

    trade_id: Identifier
    book: Identifier
    face_amount: Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
    issue_date: dt.date
    maturity_date: dt.date
    coupon_rate: Rate
    convention: str | None = None
    currency: str | None = None
    name: str | None = None
    isin: str | None = None
    dated_date: dt.date | None = None
    first_coupon_date: dt.date | None = None
    penultimate_coupon_date: dt.date | None = None
    payment_frequency: str | int | None = None
    day_count: str | None = None
    settlement_days: Days | None = None
    ex_coupon_days: Days | None = None
    calendar: str | None = None
    business_day_convention: str | None = None
    end_of_month: bool | None = None
    clean_price: Price | None = None
    z_spread_bp: Bp | None = None
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
        _check_dates(self, BOND_DATES)
        _after("maturity_date", self.maturity_date, "issue_date", self.issue_date)
        for name in ("first_coupon_date", "penultimate_coupon_date"):
            _between(name, getattr(self, name), self.issue_date, self.maturity_date)
        _in_order(self, "first_coupon_date", "penultimate_coupon_date")
        if self.dated_date is not None:
            for name in ("first_coupon_date", "penultimate_coupon_date", "maturity_date"):
                if getattr(self, name) is not None:
                    _after(name, getattr(self, name), "dated_date", self.dated_date)
        _check_names(self, BOND_NAMES)
        _check_curves(self, ("discount_curve",))
        self._check_first_coupon(row)

    def _check_first_coupon(self, row: conventions.BondConvention | None) -> None:
        """Coupons are counted back from the last regular one; the first must be one of them."""
        frequency, end_of_month = self.payment_frequency, self.end_of_month
        if row is not None:
            frequency = row.payment_frequency if frequency is None else frequency
            end_of_month = row.end_of_month if end_of_month is None else end_of_month
        months = vocabulary.MONTHS.get(vocabulary.frequency(str(frequency)))
        if self.first_coupon_date is None or months is None:
            return
        last = "penultimate_coupon_date" if self.penultimate_coupon_date else "maturity_date"
        reason = f"coupons every {months} months"
        _check_regular(self, "first_coupon_date", last, months, bool(end_of_month), reason)

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

    @property
    def product(self) -> str:
        """The type bucket of roll-ups."""
        return "bond"


Terms = SwapTerms | BondTerms

NameCheck = Callable[[str, str], str]
SWAP_NAMES: dict[str, NameCheck] = {
    "fixed_frequency": vocabulary.frequency,
    "float_frequency": vocabulary.frequency,
    "fixed_day_count": vocabulary.day_count,
    "float_day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}
BOND_NAMES: dict[str, NameCheck] = {
    "payment_frequency": vocabulary.frequency,
    "day_count": vocabulary.day_count,
    "calendar": vocabulary.calendar,
    "business_day_convention": vocabulary.roll,
}


SWAP_DATES = ("effective_date", "termination_date", "first_regular_date", "last_regular_date")
BOND_DATES = (
    *("issue_date", "maturity_date", "dated_date"),
    *("first_coupon_date", "penultimate_coupon_date"),
)


def _check_dates(terms: Terms, fields: tuple[str, ...]) -> None:
    for field in fields:
        date = getattr(terms, field)
        if date is not None:
            limits.check_date(field, date)


def _in_order(terms: Terms, earlier: str, later: str) -> None:
    first, last = getattr(terms, earlier), getattr(terms, later)
    if first is not None and last is not None and last < first:
        raise BadInput(later, last.isoformat(), f"must not be before {earlier} {first.isoformat()}")


ODD_LAST = {
    "maturity_date": "; give penultimate_coupon_date where the last period is odd",
    "termination_date": "; give last_regular_date where the last period is odd",
}


def _check_regular(
    terms: Terms, first: str, last: str, months: int, end_of_month: bool, reason: str
) -> None:
    """Refuse a date ``first`` that lies no number of whole periods before the date ``last``."""
    date, end = getattr(terms, first), getattr(terms, last)
    allowed = _coupons_around(date, end, months, end_of_month)
    if date in allowed:
        return
    near = " and ".join(day.isoformat() for day in allowed)
    hint = ODD_LAST.get(last, "")
    raise BadInput(first, date.isoformat(), f"{reason} back from {last} {end} fall on {near}{hint}")


def _coupons_around(
    date: dt.date, last: dt.date, months: int, end_of_month: bool
) -> tuple[dt.date, ...]:
    """The dates in whole periods before ``last`` that are nearest to a date."""
    day = 31 if end_of_month and last.day == _month_length(last.year, last.month) else last.day
    apart = (last.year - date.year) * 12 + last.month - date.month
    near = apart // months
    dates = [_months_before(last, months * (near + step), day) for step in (1, 0, -1)]
    before = [one for one in dates if one <= date][-1:]
    after = [one for one in dates if one >= date][:1]
    return tuple(dict.fromkeys(before + after))


def _months_before(date: dt.date, months: int, day: int) -> dt.date:
    year, month = divmod(date.year * 12 + date.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day, _month_length(year, month + 1)))


def _month_length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _check_names(terms: Terms, checks: dict[str, NameCheck]) -> None:
    for field, check in checks.items():
        value = getattr(terms, field)
        if value is not None:
            check(value, field)


def _check_index(name: str | None, currency: str) -> None:
    if name is None:
        return
    row = conventions.INDICES.get(name)
    if row is None or row.currency != currency:
        known = [i.name for i in conventions.INDICES.values() if i.currency == currency]
        raise BadInput("floating_index", name, f"indices of {currency}: {', '.join(known)}")


def _check_curves(terms: Terms, fields: tuple[str, ...]) -> None:
    for field in fields:
        value = getattr(terms, field)
        if value is None:
            continue
        row = conventions.CURVES.get(value)
        if row is None or row.currency != terms.currency:
            known = [c.name for c in conventions.CURVES.values() if c.currency == terms.currency]
            raise BadInput(field, value, f"curves of {terms.currency}: {', '.join(known)}")


def _after(name: str, value: dt.date, other: str, limit: dt.date) -> None:
    if value <= limit:
        raise BadInput(name, value.isoformat(), f"must be after {other} {limit.isoformat()}")


def _between(name: str, value: dt.date | None, start: dt.date, end: dt.date) -> None:
    if value is not None and not start < value < end:
        raise BadInput(
            name,
            value.isoformat(),
            f"must lie between {start.isoformat()} and {end.isoformat()}",
        )


def decode(data: object, kind: type[SwapTerms] | type[BondTerms]) -> Terms:
    """Terms from a decoded JSON object.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), data) from None


ALLOWED = {
    "pay_receive": "use 'pay' or 'receive' (of the fixed leg)",
    "clean_price": f"a price per 100 of face, {limits.PRICE_MIN:g} to {limits.PRICE_MAX:g} (99 %"
    " of face is 99); below that give z_spread_bp instead",
}
RATES = ("coupon_rate", "fixed_rate")
A_DATE = "use a date such as 2025-02-10"
BOUND = re.compile(r"Expected `\w+` (<|<=|>|>=) ([-\d.e+]+)")
BOUNDS = {"<": "less than", "<=": "at most", ">": "greater than", ">=": "at least"}


def _explained(message: str, data: object) -> BadInput:
    """Msgspec says 'Expected `float`, got `str` - at `$.notional`': name field and value."""
    reason, _, path = message.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    if "required field" in reason or "unknown field" in reason:
        name = reason.split("`")[1]
        whole = f"{field}.{name}" if field else name
        if "required" in reason:
            return BadInput(whole, None, "this field is required")
        return BadInput(whole, value_at(data, whole), "no such field")
    value = value_at(data, field)
    if field in ALLOWED:
        return BadInput(field, value, ALLOWED[field])
    if field in RATES:
        allowed = limits.decimal_rate(value, limits.RATE_MIN, limits.RATE_MAX)
        return BadInput(field, value, allowed)
    if "RFC3339" in reason:
        return BadInput(field, value, A_DATE)
    bound = BOUND.fullmatch(reason)
    if bound is not None:
        return BadInput(field, value, f"must be {BOUNDS[bound[1]]} {float(bound[2]):,.15g}")
    return BadInput(field or "trade", value, reason[:1].lower() + reason[1:])


def value_at(data: object, path: str) -> object:
    """What stands at a path such as ``notional_schedule[0].date``."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
    return data
