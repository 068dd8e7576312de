"""Values of a row in, Terms out; or a BadInput, said beside the form field it is about.

The same sentences reach the admin, the API and the commands. Knows no table.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import cast

import msgspec
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from stdnum import isin as stdnum_isin
from stdnum.exceptions import ValidationError as NotAnIsin

from pricing.core import conventions
from pricing.core.errors import BadInput
from pricing.core.terms import BondTerms, SwapTerms, decode

SWAP_FIELDS: tuple[str, ...] = SwapTerms.__struct_fields__
POSITION_FIELDS = ("trade_id", "book", "face_amount", "clean_price", "z_spread_bp")
STATIC_FIELDS = tuple(f for f in BondTerms.__struct_fields__ if f not in POSITION_FIELDS)
"""Fields of BondTerms that belong to the bond itself, whoever holds it."""

A_POSITION = {"trade_id": "-", "book": "-", "face_amount": 100.0}
"""Stands in for a position where a bond alone is checked."""

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
CODE_HELP = "letters, digits and . _ : - only, 64 at most"
FIXING_LEAST, FIXING_MOST = -0.2, 1.0
"""Limits of a fixing, a decimal per year: 5.31 sent as percent is caught here."""


def swap_terms(row: Mapping[str, object]) -> SwapTerms:
    """Terms of a swap.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return cast(SwapTerms, decode(_given(row), SwapTerms))


def bond_terms(row: Mapping[str, object]) -> BondTerms:
    """Terms of a position in a bond.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return cast(BondTerms, decode(_given(row), BondTerms))


def _given(row: Mapping[str, object]) -> dict[str, object]:
    """Without the fields that are left to the convention; numbers as the core wants them."""
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in row.items()
        if value is not None and value != ""
    }


def check_isin(isin: str) -> None:
    """Refuse an ISIN that is misspelt.

    Raises:
        BadInput: Length, country or check digit is wrong.
    """
    try:
        stdnum_isin.validate(isin)
    except NotAnIsin as error:
        raise BadInput("isin", isin, f"12 characters with a right check digit: {error}") from None
    if isin != stdnum_isin.compact(isin):
        raise BadInput("isin", isin, f"write it as {stdnum_isin.compact(isin)}")


def check_code(field: str, code: str) -> None:
    """Refuse a code that could not stand in an address.

    Raises:
        BadInput: Empty, too long, or with other characters.
    """
    if not CODE.match(code):
        raise BadInput(field, code, CODE_HELP)


def check_fixing(index: str, date: dt.date, rate: Decimal) -> None:
    """Refuse a fixing that no index could have had.

    Raises:
        BadInput: Unknown index, or a rate out of range.
    """
    conventions.pick(conventions.INDICES, "index", index)
    if not FIXING_LEAST <= rate <= FIXING_MOST:
        limits = f"decimal expected, {FIXING_LEAST} to {FIXING_MOST} (4.25 % is 0.0425)"
        raise BadInput("rate", float(rate), limits)
    if date.weekday() >= 5:
        raise BadInput("date", date.isoformat(), "no index fixes on a weekend")


def swaps_in(currency: str) -> list[str]:
    """Names of the swap conventions of a currency."""
    return [row.name for row in conventions.SWAPS.values() if row.currency == currency]


@contextmanager
def as_form_errors(fields: Collection[str]) -> Iterator[None]:
    """Turn a BadInput into Django's ValidationError on its field, or on the whole row."""
    try:
        yield
    except BadInput as error:
        # A fault inside a list is named like 'notional_schedule[2].date'.
        field = re.split(r"[.\[]", error.field)[0]
        raise ValidationError(
            {field if field in fields else NON_FIELD_ERRORS: str(error)}
        ) from None


def plain(value: object) -> object:
    """A value of Terms as a column holds it: a list of steps becomes JSON, all else stays."""
    return msgspec.to_builtins(value) if isinstance(value, list) else value
