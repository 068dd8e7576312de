"""What the terms of all products share: the base class, types of fields, checks, and decoding.

Rates are decimals per year, spreads in basis points (``_bp``), prices per 100 of face, amounts in
the trade's currency. The terms of each product are in its own module, which ``registry`` lists.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, TypeVar, get_args

import msgspec

from pricing import limits
from pricing.errors import BadInput
from pricing.headlines import Headline
from pricing.markets import conventions

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Rate = Annotated[float, msgspec.Meta(ge=limits.RATE_MIN, le=limits.RATE_MAX)]
Bp = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e15)]
Days = Annotated[int, msgspec.Meta(ge=0, le=60)]
Price = Annotated[float, msgspec.Meta(ge=limits.PRICE_MIN, le=limits.PRICE_MAX)]
SecurityName = Annotated[str, msgspec.Meta(max_length=120)]
Isin = Annotated[str, msgspec.Meta(max_length=12)]


MAX_STEPS = 1_200
"""Steps of a schedule: one a month for a hundred years."""

Step = TypeVar("Step")
Steps = Annotated[list[Step], msgspec.Meta(max_length=MAX_STEPS)]
FrozenSteps = Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_STEPS)]

NameCheck = Callable[[str, str], str]

YieldType = Literal["ytm", "discount_yield", "money_market_yield", "bond_equivalent_yield"]
"""What a quoted yield may be: the measure that reproduces it."""

YIELD_TYPES: tuple[str, ...] = get_args(YieldType)
QUOTE = ("clean_price", "quoted_yield", "yield_type")
"""Fields of a position in a bond that make its z-spread."""

NOT_PRICED = {
    "lockout_days": "a lockout repeats one fixing at the end of a period, which is not priced; "
    "leave the field out",
    "compound_spread": "a spread that compounds with the fixings is not priced; leave the field "
    "out, and spread_bp is added to what they compound to",
}
"""Fields that no product has, which others may send, and why."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade as its contract states it, without a schedule and without a market.

    The class of each product adds its fields, and sets ``product`` to its name in ``registry``.
    ``refused`` are the names of fields that a product does not have because it does not price what
    they say, each with a sentence.
    """

    product: ClassVar[str]
    refused: ClassVar[dict[str, str]] = NOT_PRICED

    trade_id: Identifier
    book: Identifier

    @property
    def currency(self) -> str | None:
        """Currency of all payments."""
        raise NotImplementedError

    @property
    def size(self) -> float:
        """Notional or face amount without a sign, in the trade's currency."""
        raise NotImplementedError

    @property
    def headline(self) -> Headline:
        """Return what a list of trades says of it."""
        raise NotImplementedError


class Quoted(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of trades of which a quote makes one number, on the first market that has its curve.

    ``solves`` is the field of that number. It is held while the curves move.
    """

    solves: ClassVar[str]

    @property
    def quote(self) -> str | None:
        """The market quote, in words; None without one."""
        raise NotImplementedError

    @property
    def waits_for_market(self) -> bool:
        """True with a quote whose number has not been solved on a market yet."""
        return self.quote is not None and getattr(self, self.solves) is None


class Security(Quoted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of positions in securities, which are quoted by price; a short one has negative face.

    A ``clean_price`` (per 100) makes the z-spread; ``z_spread_bp`` states it.
    """

    solves: ClassVar[str] = "z_spread_bp"

    face_amount: Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
    clean_price: Price | None = None
    z_spread_bp: Bp | None = None

    @property
    def size(self) -> float:
        """The face amount without its sign."""
        return abs(self.face_amount)

    @property
    def quote(self) -> str | None:
        """The market quote that makes the z-spread, in words; None without one."""
        return None if self.clean_price is None else f"clean price {self.clean_price:g}"


AnyTerms = TypeVar("AnyTerms", bound=Terms)


def check_dates(terms: Terms, fields: tuple[str, ...]) -> None:
    """Refuse dates outside the years that calendars cover.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    for field in fields:
        date = getattr(terms, field)
        if date is not None:
            limits.check_date(field, date)


def check_in_order(terms: Terms, earlier: str, later: str) -> None:
    """Refuse two given dates that are the wrong way round.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    first, last = getattr(terms, earlier), getattr(terms, later)
    if first is not None and last is not None and last < first:
        raise BadInput(later, last.isoformat(), f"must not be before {earlier} {first.isoformat()}")


ODD_LAST = {
    "maturity_date": "; give penultimate_coupon_date where the last period is odd",
    "termination_date": "; give last_regular_date where the last period is odd",
}


def check_regular(
    terms: Terms, first: str, last: str, months: int, end_of_month: bool, reason: str
) -> None:
    """Refuse a date ``first`` that is not a whole number of periods before the date ``last``."""
    check_regular_date(terms, (first, getattr(terms, first)), last, months, end_of_month, reason)


def check_regular_date(
    terms: Terms,
    named: tuple[str, dt.date],
    last: str,
    months: int,
    end_of_month: bool,
    reason: str,
) -> None:
    """Refuse a named date that is not a field, such as that of a step; see ``check_regular``."""
    (first, date), end = named, getattr(terms, last)
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


def check_period(terms: Terms, start: str, end: str, odd: tuple[str, str] | None = None) -> None:
    """Refuse a first and a last day that are the wrong way round, and ends of odd periods outside.

    Args:
        terms: What the dates are fields of.
        start: Field of the first day.
        end: Field of the last day.
        odd: Fields of the end of an odd first and the start of an odd last period, which may be
            empty.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    check_dates(terms, (start, end, *(odd or ())))
    first, last = getattr(terms, start), getattr(terms, end)
    check_after(end, last, start, first)
    if odd is not None:
        for name in odd:
            check_between(name, getattr(terms, name), first, last)
        check_in_order(terms, *odd)


def check_names(terms: Terms, checks: dict[str, NameCheck]) -> None:
    """Refuse names that are not in the vocabulary.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    for field, check in checks.items():
        value = getattr(terms, field)
        if value is not None:
            check(value, field)


def check_curves(terms: Terms, fields: tuple[str, ...]) -> None:
    """Refuse curves that are not curves of the currency of the trade.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    for field in fields:
        value = getattr(terms, field)
        if value is None:
            continue
        row = conventions.CURVES.get(value)
        if row is None or row.currency != terms.currency:
            known = [c.name for c in conventions.CURVES.values() if c.currency == terms.currency]
            raise BadInput(field, value, f"curves of {terms.currency}: {', '.join(known)}")


def check_after(name: str, value: dt.date, other: str, limit: dt.date) -> None:
    """Refuse a date that is not after another one.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    if value <= limit:
        raise BadInput(name, value.isoformat(), f"must be after {other} {limit.isoformat()}")


def check_between(name: str, value: dt.date | None, start: dt.date, end: dt.date) -> None:
    """Refuse a given date that is not between two others.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    if value is not None and not start < value < end:
        raise BadInput(
            name,
            value.isoformat(),
            f"must be between {start.isoformat()} and {end.isoformat()}",
        )


def decode(data: object, kind: type[AnyTerms]) -> AnyTerms:
    """Convert a decoded JSON object into the terms of a product.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), data, kind) from None


ALLOWED = {
    "pay_receive": "use 'pay' or 'receive'",
    "yield_type": f"use {' or '.join(YIELD_TYPES)}",
    "clean_price": f"a price per 100 of face, {limits.PRICE_MIN:g} to {limits.PRICE_MAX:g} (99 %"
    " of face is 99); below that give z_spread_bp instead",
}
RATES = ("coupon_rate", "fixed_rate", "quoted_yield")
A_DATE = "use a date such as 2025-02-10"
BOUND = re.compile(r"Expected `\w+` (<|<=|>|>=) ([-\d.e+]+)")
LONGEST = re.compile(r"Expected `array` of length <= (\d+)")
BOUNDS = {"<": "less than", "<=": "at most", ">": "greater than", ">=": "at least"}


def _explained(message: str, data: object, kind: type[Terms]) -> BadInput:
    """Msgspec says 'Expected `float`, got `str` - at `$.notional`': name field and value."""
    reason, _, path = message.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    if "required field" in reason or "unknown field" in reason:
        name = reason.split("`")[1]
        whole = f"{field}.{name}" if field else name
        if "required" in reason:
            return BadInput(whole, None, "this field is required")
        return BadInput(whole, value_at(data, whole), kind.refused.get(name, "no such field"))
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
    longest = LONGEST.fullmatch(reason)
    if longest is not None and isinstance(value, list):
        return BadInput(field, f"{len(value):,} steps", f"at most {int(longest[1]):,} steps")
    return BadInput(field or "trade", value, reason[:1].lower() + reason[1:])


def value_at(data: object, path: str) -> object:
    """Return the value at a path such as ``notional_schedule[0].date``."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
    return data
