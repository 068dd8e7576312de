"""A market file and a book file in; checked, typed content out, with what is wrong named.

The formats stand in docs/file-formats.md; their JSON schemas are made from these classes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pricing.core import conventions, messages
from pricing.core.errors import BadInput
from pricing.core.messages import CurveQuotes, Failure
from pricing.core.terms import BondTerms, SwapTerms, Terms, decode

Rate = Annotated[float, msgspec.Meta(ge=-0.2, le=1.0)]


FIRST_DATE, LAST_DATE = dt.date(1980, 1, 1), dt.date(2100, 12, 31)
"""Calendars and a curve of sixty years must fit into QuantLib's dates, which end in 2199."""


class MarketOfCurrency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quotes and fixings of one currency; decimals. The quotes present define the pillars."""

    currency: str
    curves: CurveQuotes
    fixings: dict[str, dict[dt.date, Rate]] = {}


class MarketFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that values depend on besides the trades."""

    valuation_date: dt.date
    markets: list[MarketOfCurrency]
    ibor_coupons: Literal["at_par", "indexed"] = "at_par"
    interpolation: dict[str, Literal["log_linear", "natural_log_cubic"]] = {}
    source: str = ""


class BookFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trades; each is checked on its own, so that a bad one never stops the rest."""

    swaps: list[dict[str, Any]] = []
    bonds: list[dict[str, Any]] = []
    source: str = ""


class Book(msgspec.Struct, frozen=True):
    """Trades that are well-formed, and those that are not."""

    trades: list[Terms]
    failed: list[Failure]


class BadFile(Exception):
    """A file that cannot be used at all."""

    def __init__(self, path: str, reason: str) -> None:
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
        allowed = f"use a date from {FIRST_DATE} to {LAST_DATE}"
        raise BadFile(str(path), f"valuation_date: {market.valuation_date}: {allowed}")
    seen: set[str] = set()
    for entry in market.markets:
        if entry.currency in seen:
            raise BadFile(str(path), f"markets: {entry.currency!r} stands twice")
        seen.add(entry.currency)
        _check(path, entry)
    for curve in market.interpolation:
        if curve not in conventions.CURVES:
            known = ", ".join(conventions.CURVES)
            raise BadFile(str(path), f"interpolation: no curve {curve!r}; curves: {known}")
    return market


def _check(path: Path, entry: MarketOfCurrency) -> None:
    try:
        if not entry.curves:
            raise BadInput("curves", {}, "give the quotes of at least one curve")
        for curve, quotes in entry.curves.items():
            if not quotes:
                raise BadInput(curve, {}, "give at least one quote")
        messages.check_quotes(entry.currency, entry.curves)
        for name in entry.fixings:
            conventions.pick(conventions.INDICES, "fixings", name)
    except BadInput as error:
        raise BadFile(str(path), f"{entry.currency}: {error}") from None


def read_book(path: Path) -> Book:
    """A book file.

    Raises:
        BadFile: Not readable, not JSON, or not lists of trades.
    """
    content: BookFile = _read(path, BookFile)
    trades: list[Terms] = []
    failed: list[Failure] = []
    seen: set[str] = set()
    for label, kind, row in _rows(content):
        try:
            terms = decode(row, kind)
            if terms.trade_id in seen:
                raise BadInput("trade_id", terms.trade_id, "each trade id may stand once in a book")
        except BadInput as error:
            failed.append(Failure(trade_id=label, code=error.code, message=str(error)))
            continue
        seen.add(terms.trade_id)
        trades.append(terms)
    return Book(trades, failed)


Kind = type[SwapTerms] | type[BondTerms]


def _rows(content: BookFile) -> Iterator[tuple[str, Kind, dict[str, Any]]]:
    """Each trade with a label for messages: its id, or where it stands."""
    for number, row in enumerate(content.swaps):
        yield str(row.get("trade_id") or f"swaps[{number}]"), SwapTerms, row
    for number, row in enumerate(content.bonds):
        yield str(row.get("trade_id") or f"bonds[{number}]"), BondTerms, row


def _read(path: Path, kind: Any) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadFile(str(path), error.strerror or str(error)) from None
    twice = messages.doubled_key(raw)
    if twice is not None:
        raise BadFile(str(path), f"{twice!r} stands twice in one object")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise BadFile(str(path), _readable(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFile(str(path), f"not JSON: {_where(raw) or error}") from None


def _readable(text: str) -> str:
    """The path at the front, where a person looks first."""
    reason, _, path = text.partition(" - at `$.")
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    if unknown:
        return f"no such field: {unknown[1]}"
    return f"{path.rstrip('`')}: {reason}" if path else reason


def _where(raw: bytes) -> str:
    try:
        json.loads(raw)
    except ValueError as error:
        return str(error)
    return "numbers must be finite and not in quotes"
