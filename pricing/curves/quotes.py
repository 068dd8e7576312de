"""The quotes of a market: their order by curve and tenor, their shape, and a name for the shape."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from pricing import limits
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention

QUOTE_MIN, QUOTE_MAX = -0.05, 0.5
"""A rate outside is refused: 4.25 sent as percent is caught here."""


TENOR = re.compile(r"([1-9][0-9]{0,3})([DWMY])")


DAYS_PER_UNIT = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


BASE_UNITS = {"D": (1, "D"), "W": (7, "D"), "M": (1, "M"), "Y": (12, "M")}


MAX_TENOR_DAYS = 60.01 * 365.25


Label = Literal["official", "proxy", "synthetic"]


CurveQuotes = dict[str, dict[str, float]]
"""Rates as decimals per year by curve and tenor."""


@lru_cache(maxsize=1024)
def tenor_days(tenor: str) -> float:
    """Approximate length of a tenor in days, for sorting and limits only.

    Raises:
        BadInput: Not a tenor such as 1D, 2W, 18M or 30Y, or longer than 60 years.
    """
    match = TENOR.fullmatch(tenor)
    if match is None:
        raise BadInput("tenor", tenor, "use a number and D, W, M or Y, such as 6M or 10Y")
    days = int(match[1]) * DAYS_PER_UNIT[match[2]]
    if days > MAX_TENOR_DAYS:
        raise BadInput("tenor", tenor, "at most 60Y")
    return days


@lru_cache(maxsize=1024)
def tenor_length(tenor: str) -> tuple[int, str]:
    """Days or months of a tenor, with their unit: two spellings of one tenor have the same.

    Raises:
        BadInput: As ``tenor_days``.
    """
    tenor_days(tenor)
    count, unit = int(tenor[:-1]), tenor[-1]
    factor, base = BASE_UNITS[unit]
    return count * factor, base


def check_quotes(currency: str, curves: CurveQuotes) -> None:
    """Refuse what cannot be quotes of that currency.

    Raises:
        BadInput: Unknown currency, curve of another currency, bad or doubled tenor, rate out of
            range.
    """
    if currency not in conventions.CURRENCIES:
        raise BadInput("currency", currency, f"allowed: {', '.join(conventions.CURRENCIES)}")
    for curve, quotes in curves.items():
        row = conventions.CURVES.get(curve)
        if row is None or row.currency != currency:
            known = [c.name for c in conventions.CURVES.values() if c.currency == currency]
            raise BadInput("curve", curve, f"curves of {currency}: {', '.join(known)}")
        for tenor, rate in quotes.items():
            _check_tenor(curve, tenor)
            if not QUOTE_MIN <= rate <= QUOTE_MAX:
                allowed = limits.decimal_rate(rate, QUOTE_MIN, QUOTE_MAX)
                raise BadInput(f"{curve} {tenor}", rate, allowed)
        check_tenors(curve, quotes)


def _check_tenor(curve: str, tenor: str) -> None:
    try:
        tenor_days(tenor)
    except BadInput as error:
        raise BadInput("tenor", tenor, f"{error.allowed} (quotes of {curve})") from None


def check_tenors(curve: str, tenors: Iterable[str]) -> None:
    """Refuse two spellings of one tenor in a curve: they are two quotes of one instrument.

    Tenors of days and of months can end on one day too, which depends on the date:
    ``CurveSet`` refuses those.

    Raises:
        BadInput: Such as 12M beside 1Y, or 7D beside 1W.
    """
    seen: dict[tuple[int, str], str] = {}
    for tenor in tenors:
        other = seen.setdefault(tenor_length(tenor), tenor)
        if other != tenor:
            reason = f"{curve} has {other} too, which is the same tenor: give one of them"
            raise BadInput("tenor", tenor, reason)


def check_numbers(curves: object) -> None:
    """Refuse quotes that are no numbers, in decoded JSON that the types have refused.

    Raises:
        BadInput: With curve, tenor and what stands there.
    """
    for curve, quotes in curves.items() if isinstance(curves, dict) else ():
        if not isinstance(quotes, dict):
            raise BadInput(curve, quotes, 'rates by tenor are expected, such as {"1Y": 0.0425}')
        for tenor, rate in quotes.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float):
                reason = "a number is expected; leave out what has no quote"
                raise BadInput(f"{curve} {tenor}", rate, reason)


INTERPOLATIONS = ("log_linear", "natural_log_cubic")

Shape = tuple[tuple[str, tuple[str, ...]], ...]
"""Tenors by curve: what a set of curves depends on besides the date and the rates."""


class QuoteId(NamedTuple):
    """One quote: its curve and tenor."""

    curve: str
    tenor: str


@dataclass(frozen=True)
class CurveOptions:
    """Choices that the owner of a system makes once; hashed into the curve version.

    Attributes:
        indexed: IBOR coupons on the index's own period; else at par.
        interpolation: Curve name to one of INTERPOLATIONS, over its row.
    """

    indexed: bool = False
    interpolation: Mapping[str, str] = field(default_factory=dict)

    def of(self, row: CurveConvention) -> str:
        """Interpolation of a curve.

        Raises:
            BadInput: Not an interpolation there is.
        """
        name = self.interpolation.get(row.name, row.interpolation)
        if name not in INTERPOLATIONS:
            allowed = f"allowed: {', '.join(INTERPOLATIONS)}"
            raise BadInput(f"interpolation of {row.name}", name, allowed)
        return name


def curve_order(curves: Mapping[str, object]) -> tuple[str, ...]:
    """The order of conventions: a curve stands after the one it is discounted on."""
    return tuple(name for name in conventions.CURVES if name in curves)


def tenor_order(tenors: Mapping[str, object]) -> tuple[str, ...]:
    """Tenors from short to long."""
    return tuple(sorted(tenors, key=tenor_days))


def shape_of(curves: CurveQuotes) -> Shape:
    """Which tenors each curve has, in order; a curve without quotes is none."""
    return tuple((name, tenor_order(curves[name])) for name in curve_order(curves) if curves[name])


def curve_version(
    curves: CurveQuotes, today: dt.date, options: CurveOptions = CurveOptions()
) -> str:
    """A name that changes when quotes, date, or any convention behind the curves does."""
    digest = hashlib.sha256(f"{today.isoformat()};indexed={options.indexed}".encode())
    for name, tenors in shape_of(curves):
        digest.update(_rules(name, options).encode())
        digest.update(";".join(f"{t}={curves[name][t]!r}" for t in tenors).encode())
    return digest.hexdigest()[:16]


def _rules(name: str, options: CurveOptions) -> str:
    row = conventions.CURVES[name]
    parts = [conventions.canonical(row), options.of(row)]
    if row.index is not None:
        parts.append(conventions.canonical(conventions.INDICES[row.index]))
    if row.swap_convention is not None:
        parts.append(conventions.canonical(conventions.SWAPS[row.swap_convention]))
    return "|".join(parts)
