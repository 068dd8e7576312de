"""Read and check a market file and a book file, and name what is wrong in them.

The formats are described in docs/file-formats.md; their JSON schemas are made from these classes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pricing import limits
from pricing.curves.price_quotes import with_prices
from pricing.curves.quotes import (
    INTERPOLATIONS,
    CurveOptions,
    CurveQuotes,
    check_numbers,
    check_quotes,
)
from pricing.errors import BadInput, Failure, shortened
from pricing.json_objects import doubled_key
from pricing.markets import conventions
from pricing.markets.rows import Interpolation
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Terms, decode, value_at

Rate = Annotated[float, msgspec.Meta(ge=limits.RATE_MIN, le=limits.RATE_MAX)]

MAX_REASON = 1_000
"""Longest reason in characters: names in a file may be as long as the file."""

FIRST_DATE, LAST_DATE = dt.date(1980, 1, 1), dt.date(2100, 12, 31)
"""First and last valuation date: calendars, and a curve of sixty years after it, must fit into
QuantLib's dates, which end in 2199."""


class MarketOfCurrency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quotes and fixings of one currency; decimals. The quotes present define the pillars.

    ``prices`` are clean prices of bonds per 100 of face, and prices of futures; ``read_market``
    turns them into rates of ``curves``.
    """

    currency: str
    curves: CurveQuotes = {}
    fixings: dict[str, dict[dt.date, Rate]] = {}
    prices: CurveQuotes = {}


class MarketFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that values depend on except the trades."""

    valuation_date: dt.date
    markets: list[MarketOfCurrency]
    ibor_coupons: Literal["at_par", "indexed"] = "at_par"
    interpolation: dict[str, Interpolation] = {}
    source: str = ""


BookFile = msgspec.defstruct(
    "BookFile",
    [
        *((product.plural, list[dict[str, Any]], []) for product in PRODUCTS.values()),
        ("source", str, ""),
    ],
    namespace={
        "__doc__": "Trades; each is checked on its own, so that a bad one never stops the rest."
    },
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)
"""A list of trades for each product."""


class Book(msgspec.Struct, frozen=True):
    """Trades that are well-formed, and those that are not."""

    trades: list[Terms]
    failed: list[Failure]


class BadFile(Exception):
    """A file that cannot be used at all."""

    def __init__(self, path: str, reason: str) -> None:
        reason = shortened(reason, MAX_REASON)
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_market(path: Path) -> MarketFile:
    """A market file.

    Raises:
        BadFile: Not readable, not JSON, or a field, curve, tenor or rate is wrong.
    """
    market: MarketFile = _read(path, MarketFile)
    if not FIRST_DATE <= market.valuation_date <= LAST_DATE:
        allowed = f"a date from {FIRST_DATE} to {LAST_DATE}"
        fault = BadInput("valuation_date", market.valuation_date.isoformat(), allowed)
        raise BadFile(str(path), str(fault))
    seen: set[str] = set()
    entries: list[MarketOfCurrency] = []
    for entry in market.markets:
        if entry.currency in seen:
            raise BadFile(str(path), f"markets: {entry.currency!r} appears twice")
        seen.add(entry.currency)
        entries.append(_checked(path, entry, market.valuation_date))
    for curve in market.interpolation:
        if curve not in conventions.CURVES:
            known = ", ".join(conventions.CURVES)
            raise BadFile(str(path), f"interpolation: no curve {curve!r}; curves: {known}")
        try:
            CurveOptions(interpolation=market.interpolation).of(conventions.CURVES[curve])
        except BadInput as error:
            raise BadFile(str(path), str(error)) from None
    return msgspec.structs.replace(market, markets=entries)


def _checked(path: Path, entry: MarketOfCurrency, date: dt.date) -> MarketOfCurrency:
    """The entry, its prices as rates."""
    try:
        if not entry.curves and not entry.prices:
            raise BadInput("curves", {}, "give the quotes of at least one curve")
        for curve, quotes in (*entry.curves.items(), *entry.prices.items()):
            if not quotes:
                raise BadInput(curve, {}, "give at least one quote")
        if entry.prices:
            curves = with_prices(entry.currency, entry.curves, entry.prices, date)
            entry = msgspec.structs.replace(entry, curves=curves, prices={})
        check_quotes(entry.currency, entry.curves)
    except BadInput as error:
        raise BadFile(str(path), f"{entry.currency}: {error}") from None
    fault = _fixing_fault(entry.currency, entry.fixings)
    if fault is not None:
        raise BadFile(str(path), f"{entry.currency}: {fault}")
    return entry


def read_book(path: Path) -> Book:
    """A book file.

    Raises:
        BadFile: Not readable, not JSON, or not lists of trades.
    """
    content = _read(path, BookFile)
    trades: list[Terms] = []
    failed: list[Failure] = []
    seen: set[str] = set()
    for label, kind, row in _rows(content):
        try:
            terms = decode(row, kind)
            if terms.trade_id in seen:
                reason = "each trade id may appear only once in a book"
                raise BadInput("trade_id", terms.trade_id, reason)
        except BadInput as error:
            failed.append(Failure(trade_id=label, code=error.code, message=str(error)))
            continue
        seen.add(terms.trade_id)
        trades.append(terms)
    return Book(trades, failed)


def _rows(content: msgspec.Struct) -> Iterator[tuple[str, type[Terms], dict[str, Any]]]:
    """Each trade with a label for messages: its id, or its place in its list."""
    for product in PRODUCTS.values():
        for number, row in enumerate(getattr(content, product.plural)):
            label = row.get("trade_id") or f"{product.plural}[{number}]"
            yield shortened(str(label)), product.terms, row


def _read(path: Path, kind: Any) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadFile(str(path), error.strerror or str(error)) from None
    twice = doubled_key(raw)
    if twice is not None:
        raise BadFile(str(path), f"{twice!r} appears twice in one object")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFile(str(path), _reason(raw, kind, error)) from None


def _reason(raw: bytes, kind: Any, error: Exception) -> str:
    """Why a file is not of a kind; `error` is what the decoder says."""
    try:
        if isinstance(error, msgspec.ValidationError):
            content = msgspec.json.decode(raw)
            fault = _market_fault(content) if kind is MarketFile else None
            return fault or _readable(str(error), content)
        if not isinstance(error, RecursionError):
            return f"not JSON: {_where(raw) or error}"
    except RecursionError:
        pass
    return "lists or objects lie too deep in each other"


def _readable(text: str, content: object) -> str:
    """The path at the front, where a person looks first, and what stands there."""
    reason, _, path = text.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    if unknown:
        return f"no such field: {unknown[1]}"
    missing = re.search(r"required field `([^`]+)`", reason)
    if missing:
        return f"{path + '.' if path else ''}{missing[1]}: this field is required"
    if not path:
        return f"an object of fields is expected: {reason}"
    allowed = ALLOWED.get(path, reason[:1].lower() + reason[1:])
    return str(BadInput(path, value_at(content, path), allowed))


INTERPOLATION_NAMES = ", ".join(INTERPOLATIONS)
ALLOWED = {
    "valuation_date": "use a date such as 2025-02-10",
    "ibor_coupons": "allowed: at_par, indexed",
    "interpolation": 'an object by curve, such as {"USD-SOFR": "natural_log_cubic"}; allowed: '
    + INTERPOLATION_NAMES,
}


def _market_fault(content: object) -> str | None:
    """Return what the types refuse in a market, named by curve and tenor or by index and date."""
    if not isinstance(content, dict):
        return None
    markets, chosen = content.get("markets"), content.get("interpolation")
    for place, entry in enumerate(markets if isinstance(markets, list) else ()):
        if not isinstance(entry, dict):
            continue
        currency = entry.get("currency")
        try:
            check_numbers(entry.get("curves"))
            check_numbers(entry.get("prices"))
        except BadInput as error:
            return f"{currency or f'markets[{place}]'}: {error}"
        fault = _fixing_fault(currency, entry.get("fixings"))
        if fault is not None:
            return f"{currency or f'markets[{place}]'}: {fault}"
    for curve, name in chosen.items() if isinstance(chosen, dict) else ():
        if name not in INTERPOLATIONS:
            allowed = f"allowed: {INTERPOLATION_NAMES}"
            return str(BadInput(f"interpolation of {curve}", name, allowed))
    return None


def _fixing_fault(currency: object, fixings: object) -> str | None:
    """The first fixing of a market that its index could not have had, with index and date."""
    place = "fixings"
    try:
        for index, rates in fixings.items() if isinstance(fixings, dict) else ():
            place = "fixings"
            limits.check_index(index, str(currency))
            if not isinstance(rates, dict):
                raise BadInput(index, rates, 'rates by date are expected: {"2025-02-10": 0.0425}')
            for day, rate in rates.items():
                place = f"fixings of {index} on {day}"
                _check_fixing(index, day, rate)
    except BadInput as error:
        return f"{place}: {error}"
    return None


def _check_fixing(index: str, day: dt.date | str, rate: object) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise BadInput("rate", rate, "a number is expected, such as 0.0425")
    if isinstance(day, str):
        try:
            day = msgspec.convert(day, dt.date)
        except msgspec.ValidationError:
            raise BadInput("date", day, "use a date such as 2025-02-10") from None
    limits.check_fixing(index, day, rate)


def _where(raw: bytes) -> str:
    try:
        json.loads(raw)
    except ValueError as error:
        return str(error)
    return "numbers must be finite and not in quotes"
