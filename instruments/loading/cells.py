"""Parse one cell, from file text or JSON, into the value of its column, or raise BadCell."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from instruments.loading.errors import BadCell
from riskproject.web.tables.formats import FORMULA

Parse = Callable[[object], object]

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\Z")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
EXACT = 1e15
"""Numbers from here on are refused as identifiers: spreadsheets keep 15 digits, and the last ones
are lost."""

EXPONENT = re.compile(r"[+-]?[0-9](\.[0-9]+)?[eE][+-][0-9]{2,3}\Z")
"""Pattern of an identifier that a spreadsheet has turned into a number: the CUSIP 912828E63 becomes
9.12828E+68."""

SPREADSHEET_ERRORS = frozenset(
    ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
)
AS_TEXT = "format the column as text in the spreadsheet, and type it again"

SHOWN = 60
YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def is_empty(cell: object) -> bool:
    """Return whether a cell is empty; 0 is not."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def shown(cell: object) -> str:
    """A value in a sentence: quoted, and cut when it is long."""
    text = cell if isinstance(cell, str) else str(cell)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def number(digits: int, places: int) -> Parse:
    """A decimal that fits its column.

    Args:
        digits: Of the whole number.
        places: Of them, behind the point.
    """

    def parse(cell: object) -> Decimal:
        value = _decimal(cell, places)
        if -value.as_tuple().exponent > places:  # type: ignore[operator]
            raise BadCell(f"{shown(cell)} has more than {places} decimal places")
        if abs(value) >= Decimal(10) ** (digits - places):
            raise BadCell(f"{shown(cell)} has more than {digits - places} digits before the point")
        return value

    return parse


def _decimal(cell: object, places: int) -> Decimal:
    if isinstance(cell, bool):
        raise BadCell(f"{shown(cell)} is not a number")
    if isinstance(cell, float):
        # Spreadsheets and JSON hold binary numbers: 0.1 + 0.2 is meant as 0.3.
        if cell != cell or cell in (float("inf"), float("-inf")):
            raise BadCell(f"{shown(cell)} is not a number")
        return _plain(round(Decimal(repr(cell)), places))
    if isinstance(cell, int | Decimal) and Decimal(cell).is_finite():
        return _plain(Decimal(cell))
    text = str(cell).strip()
    if not NUMBER.match(text):
        raise BadCell(f"{shown(cell)} is not a number{_meant(text)}")
    return _plain(Decimal(text))


def _plain(value: Decimal) -> Decimal:
    """Remove zeros at the end: 0.040000 and 0.04 are one number and are shown as one."""
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and 0 < exponent < 28 else value


def _meant(text: str) -> str:
    """Return what a person who wrote 1.000.000,00 or 4.25% is to write instead."""
    bare = re.sub(r"[\s\u00a0\u202f'_]", "", text)
    percent = bare.endswith("%")
    bare = bare.removesuffix("%")
    comma, point = bare.rfind(","), bare.rfind(".")
    if comma > point and ((bare.count(",") == 1 and len(bare) - comma - 1 != 3) or point >= 0):
        bare = bare.replace(".", "").replace(",", ".")  # 1.000,50 and 3,5
    else:
        bare = bare.replace(",", "") if bare.count(".") < 2 else bare.replace(".", "")
    if not NUMBER.match(bare):
        return ""
    return f" (use {Decimal(bare) / 100:f})" if percent else f" (use {bare})"


def whole(most: int) -> Parse:
    """A whole number from 0 to ``most``."""

    def parse(cell: object) -> int:
        value = _decimal(cell, 6)
        if value != value.to_integral_value() or not 0 <= value <= most:
            raise BadCell(f"{shown(cell)} is not a whole number from 0 to {most}")
        return int(value)

    return parse


def date(cell: object) -> dt.date:
    """A day: ISO 8601, or a date cell of a spreadsheet."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    text = str(cell).strip()
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise BadCell(f"{shown(cell)} is not a date (use one such as 2025-02-10)")


def yes_no(cell: object) -> bool:
    value = YES_NO.get(str(cell).strip().lower())
    if value is None:
        raise BadCell(f"{shown(cell)} is not valid; allowed: true, false")
    return value


def text(most: int) -> Parse:
    """Text of at most that many characters, without what a spreadsheet would run."""

    def parse(cell: object) -> str:
        value = _text(cell)
        if CONTROL.search(value):
            raise BadCell(f"{shown(value)} holds a control character")
        if len(value) > most:
            raise BadCell(f"{shown(value)} is too long: {len(value)} characters, {most} allowed")
        return value

    return parse


def _text(cell: object) -> str:
    if isinstance(cell, bool | list | dict):
        raise BadCell(f"{shown(cell)} is not text")
    if isinstance(cell, dt.date):
        raise BadCell(f"{shown(cell)} is a date, not text: {AS_TEXT}")
    if isinstance(cell, float | int) and not abs(cell) < EXACT:
        raise BadCell(f"{shown(cell)} is a number of more than 15 digits, not text: {AS_TEXT}")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # spreadsheets make 42 of an identifier "42"
    value = str(cell).strip()
    if EXPONENT.match(value):
        raise BadCell(f"{shown(value)} is a number in exponent form, not text: {AS_TEXT}")
    if value in SPREADSHEET_ERRORS:
        raise BadCell(f"{shown(value)} is an error of a spreadsheet: give a value, or leave empty")
    if value.startswith("'") and value[1:].startswith(FORMULA):
        return value[1:]
    if value.startswith(FORMULA):
        raise BadCell(
            f"{shown(value)} begins like a formula; if it is meant as text, put an "
            "apostrophe before it"
        )
    return value


def choice(words: Mapping[str, str] | tuple[str, ...]) -> Parse:
    """Parse one of the allowed words, in upper or lower case."""
    by_lower = {word.lower(): word for word in words}

    def parse(cell: object) -> str:
        value = by_lower.get(str(cell).strip().lower())
        if value is None:
            raise BadCell(f"{shown(cell)} is not valid; allowed: {', '.join(words)}")
        return value

    return parse


def json_list(cell: object) -> object:
    """Return a list, given as JSON or as JSON text in a cell."""
    value = cell
    if isinstance(cell, str):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            raise BadCell(f"{shown(cell)} is not JSON, such as [5000000, 4000000]") from None
    if not isinstance(value, list):
        raise BadCell(f"{shown(cell)} is not a list, such as [5000000, 4000000]")
    return value


def as_text(value: object) -> str:
    """Return a value as files and differences show it; an empty value is an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{_plain(value):f}"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return str(value)
