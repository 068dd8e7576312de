"""The quotes of a market: their order by curve and tenor, their shape, and a name for the shape."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from pricing import limits
from pricing.curves import quote_ids
from pricing.curves.quote_ids import TENOR, tenor_days, tenor_length
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention
from pricing.markets.rows import NOT_FITTED, Interpolation, why_not_beside_fits

__all__ = [
    "TENOR",
    "CurveOptions",
    "CurveQuotes",
    "Label",
    "QuoteId",
    "Shape",
    "check_numbers",
    "check_quotes",
    "check_tenors",
    "curve_order",
    "curve_version",
    "quote_order",
    "shape_of",
    "tenor_days",
    "tenor_length",
    "tenor_order",
]

QUOTE_MIN, QUOTE_MAX = -0.05, 0.5
"""A rate outside is refused: 4.25 sent as percent is caught here."""

BASIS_MAX = 0.05
"""Largest spread of a basis quote, up or down: 5.5 sent in basis points is caught here."""


Label = Literal["official", "proxy", "synthetic"]


CurveQuotes = dict[str, dict[str, float]]
"""Rates as decimals per year by curve and quote: a tenor or another id of ``quote_ids``."""

quote_order = quote_ids.order
"""Sort key of quotes: tenors from short to long, then dated instruments by their last day."""


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
            made = _check_tenor(row, tenor)
            most = BASIS_MAX if isinstance(made, quote_ids.Basis) else QUOTE_MAX
            if not QUOTE_MIN <= rate <= most:
                allowed = _allowed(made, rate)
                raise BadInput(f"{curve} {tenor}", rate, allowed)
        check_tenors(curve, quotes)


def _check_tenor(row: CurveConvention, tenor: str) -> quote_ids.Quoted:
    try:
        return quote_ids.check(row, tenor)
    except BadInput as error:
        raise BadInput("tenor", tenor, f"{error.allowed} (quotes of {row.name})") from None


def _allowed(made: quote_ids.Quoted, rate: float) -> str:
    """What is allowed for a rate out of range; the price of a future is written as a rate."""
    if isinstance(made, quote_ids.Basis):
        spread = rate * 1e-4 if abs(rate) * 1e-4 <= BASIS_MAX else 0.0005
        limits_of = f"a decimal spread from {-BASIS_MAX:g} to {BASIS_MAX:g}"
        return f"{limits_of}: {spread * 1e4:g} bp is {spread:g}"
    if isinstance(made, quote_ids.Bond) and rate > QUOTE_MAX:
        most = f"from {QUOTE_MIN:g} to {QUOTE_MAX:g}"
        return f"a bond is quoted by its yield, a decimal {most}; send a clean price under prices"
    implied = 1.0 - rate / 100.0
    if isinstance(made, quote_ids.Future) and QUOTE_MIN <= implied <= QUOTE_MAX:
        return f"a future is quoted as a decimal rate, 1 - price / 100: {rate:g} is {implied:.6g}"
    return limits.decimal_rate(rate, QUOTE_MIN, QUOTE_MAX)


def check_tenors(curve: str, tenors: Iterable[str]) -> None:
    """Refuse two spellings of one tenor in a curve: they are two quotes of one instrument.

    Tenors of days and of months can end on one day too, which depends on the date:
    ``CurveSet`` refuses those.

    Raises:
        BadInput: Such as 12M beside 1Y, or 7D beside 1W.
    """
    seen: dict[tuple[str, object], str] = {}
    for tenor in tenors:
        other = seen.setdefault(quote_ids.identity(tenor), tenor)
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


INTERPOLATIONS: tuple[str, ...] = get_args(Interpolation)

Shape = tuple[tuple[str, tuple[str, ...]], ...]
"""Tenors by curve: what a set of curves depends on besides the date and the rates."""


class QuoteId(NamedTuple):
    """One quote: its curve and its tenor, or another id of ``quote_ids``."""

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
        """Return the interpolation of a curve.

        Raises:
            BadInput: Not an interpolation there is, or not one of a currency whose curves are
                fitted.
        """
        name = self.interpolation.get(row.name, row.interpolation)
        if name not in INTERPOLATIONS:
            allowed = f"allowed: {', '.join(INTERPOLATIONS)}"
            raise BadInput(f"interpolation of {row.name}", name, allowed)
        if name in NOT_FITTED:
            own = (each for each in conventions.CURVES.values() if each.currency == row.currency)
            reason = why_not_beside_fits(name, own)
            if reason is not None:
                raise BadInput(f"interpolation of {row.name}", name, reason)
        return name


def curve_order(curves: Mapping[str, object]) -> tuple[str, ...]:
    """The order of conventions: a curve stands after the one it is discounted on."""
    return tuple(name for name in conventions.CURVES if name in curves)


def tenor_order(tenors: Mapping[str, object]) -> tuple[str, ...]:
    """Tenors from short to long, then dated instruments by their last day.

    Raises:
        BadInput: What is no id of a quote.
    """
    for tenor in tenors:
        quote_ids.read(tenor)
    return tuple(sorted(tenors, key=lambda tenor: (quote_order(tenor), tenor)))


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
        for bank in _banks(conventions.CURVES[name], tenors):
            digest.update(conventions.canonical(conventions.MEETINGS[bank]).encode())
        for row in _basis_swaps(conventions.CURVES[name], tenors):
            digest.update(conventions.canonical(row).encode())
        for each in map(quote_ids.read, tenors):
            if isinstance(each, quote_ids.Bond):
                bond = conventions.QUOTED_BONDS[each.name]
                digest.update(conventions.canonical(bond).encode())
                market = conventions.BONDS[bond.convention]
                digest.update(conventions.canonical(market).encode())
        digest.update(";".join(f"{t}={curves[name][t]!r}" for t in tenors).encode())
    return digest.hexdigest()[:16]


def _banks(row: CurveConvention, quotes: Iterable[str]) -> list[str]:
    """Tables of meetings that a curve depends on."""
    made = map(quote_ids.read, quotes)
    found = {each.bank for each in made if isinstance(each, quote_ids.MeetingSwap)}
    return sorted(found | ({row.meetings} if row.meetings else set()))


def _basis_swaps(
    row: CurveConvention, quotes: Iterable[str]
) -> list[conventions.BasisSwapConvention]:
    """How the basis swaps are quoted that a curve is made of."""
    others = sorted({index for index in map(quote_ids.spread_against, quotes) if index})
    found = (conventions.basis_swap(str(row.index), index) for index in others)
    return [each for each in found if each is not None]


def _rules(name: str, options: CurveOptions) -> str:
    row = conventions.CURVES[name]
    parts = [conventions.canonical(row), options.of(row)]
    if row.index is not None:
        parts.append(conventions.canonical(conventions.INDICES[row.index]))
    if row.swap_convention is not None:
        parts.append(conventions.canonical(conventions.SWAPS[row.swap_convention]))
    return "|".join(parts)
