"""Validate the values of a trade and build its terms, or raise BadInput naming the form field.

The admin, the API and the commands show the same messages. The module knows no table.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from stdnum import cusip as stdnum_cusip
from stdnum import isin as stdnum_isin
from stdnum import lei as stdnum_lei
from stdnum.exceptions import ValidationError as Misspelt

from pricing import limits
from pricing.errors import BadInput
from pricing.limits import FX_MAX
from pricing.markets import calendars, conventions
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.registry import PRODUCTS
from pricing.products.terms import QUOTE, Terms, decode

POSITION_FIELDS = ("trade_id", "book", "face_amount", *QUOTE, "z_spread_bp")
ISSUER = "issuer"
STATIC_FIELDS = tuple(
    f for f in BondTerms.__struct_fields__ if f not in POSITION_FIELDS and f != ISSUER
)
"""Fields of BondTerms that are columns of the bond; its issuer is a row of another table."""

A_POSITION = {"trade_id": "-", "book": "-", "face_amount": 100.0}
"""Placeholder for a position when only a bond is checked."""

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")
CODE_HELP = "letters, digits and . _ : - only, 64 at most"
ISIN_SHAPE, CUSIP_SHAPE = r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$", r"^[A-Z0-9*@#]{8}[0-9]$"
LEI_SHAPE, COUNTRY_SHAPE = r"^[A-Z0-9]{18}[0-9]{2}$", r"^[A-Z]{2}$"
LEI_HELP = "ISO 17442: 20 characters, the last two are check digits; optional"
COUNTRY_HELP = "ISO 3166: two capital letters such as US; optional"
MOST_DAYS, MOST_BP = 60, 10_000
"""Limits of lags in days and of spreads in basis points; those of Terms."""

TENOR = re.compile(r"([0-9]{1,4})([DWMY])\Z")
DOLLARS_LEAST, DOLLARS_MOST = Decimal("0.0001"), Decimal(int(FX_MAX))


def terms_of(product: str, row: Mapping[str, object]) -> Terms:
    """The terms of a trade from the values of its columns.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return decode(_given(row), PRODUCTS[product].terms)


def _given(row: Mapping[str, object]) -> dict[str, object]:
    """Return the values without those that are left to the convention; numbers become floats."""
    return {
        name: _plain_value(name, value)
        for name, value in row.items()
        if value is not None and value != ""
    }


def _plain_value(name: str, value: object) -> object:
    """A number as terms want it; of rows of another table, what is given."""
    if name == "deliverables" and isinstance(value, list):
        return [_given(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def check_isin(isin: str) -> None:
    """Refuse an ISIN that is misspelt.

    Raises:
        BadInput: Length, country or check digit is wrong. So below.
    """
    _check_number("isin", isin, stdnum_isin, "12 characters with a valid check digit")


def check_cusip(cusip: str) -> None:
    """Refuse a CUSIP that is misspelt."""
    _check_number("cusip", cusip, stdnum_cusip, "9 characters with a valid check digit")


def check_lei(lei: str) -> None:
    """Refuse a legal entity identifier that is misspelt."""
    _check_number("lei", lei, stdnum_lei, "20 characters with valid check digits")


def check_country(country: str) -> None:
    """Refuse a code that does not have two letters."""
    if country and not re.match(COUNTRY_SHAPE, country):
        raise BadInput("country", country, "two capital letters such as US")


def _check_number(field: str, value: str, standard: Any, allowed: str) -> None:
    try:
        standard.validate(value)
    except Misspelt as error:
        raise BadInput(field, value, f"{allowed}: {error}") from None
    if value != standard.compact(value):
        raise BadInput(field, value, f"write it as {standard.compact(value)}")


def isin_with_cusip(isin: str | None, cusip: str) -> str:
    """The ISIN of a bond with a CUSIP: the one given if it holds the CUSIP, else the US one.

    Raises:
        BadInput: The CUSIP is misspelt, or belongs to another ISIN.
    """
    check_cusip(cusip)
    if not isin:
        return str(stdnum_cusip.to_isin(cusip))
    if isin[2:11] != cusip:
        raise BadInput("cusip", cusip, f"the ISIN {isin} holds {isin[2:11]}")
    return isin


def end_after(effective_date: dt.date, tenor: str) -> dt.date:
    """The last day of a swap of that length, unadjusted; months end where they are shorter.

    Raises:
        BadInput: No tenor.
    """
    found = TENOR.match(tenor.upper())
    count = int(found[1]) if found else 0
    if found is None or count < 1:
        raise BadInput("tenor", tenor, "a number and D, W, M or Y, such as 18M or 10Y")
    end = calendars.later(effective_date, count, found[2])
    if end is None or end.year > limits.LAST_DATE.year:
        raise BadInput("tenor", tenor, f"the swap would end after the year {limits.LAST_DATE.year}")
    return end


def check_code(field: str, code: str) -> None:
    """Refuse a code that cannot be part of a URL.

    Raises:
        BadInput: Empty, too long, or with other characters.
    """
    if not CODE.match(code):
        raise BadInput(field, code, CODE_HELP)


def check_fx_rate(currency: str, usd: Decimal) -> None:
    """Refuse an exchange rate that no market could have.

    Raises:
        BadInput: Not a currency with curves, the dollar itself, or a rate out of range.
    """
    others = [name for name in conventions.CURRENCIES if name != "USD"]
    if currency not in others:
        raise BadInput("currency", currency, f"allowed: {', '.join(others)}")
    if not DOLLARS_LEAST <= usd <= DOLLARS_MOST:
        raise BadInput("usd", float(usd), "US dollars for one unit of the currency")


def swaps_in(currency: str) -> list[str]:
    """Names of the swap conventions of a currency."""
    return [row.name for row in conventions.SWAPS.values() if row.currency == currency]


@contextmanager
def as_form_errors(fields: Collection[str]) -> Iterator[None]:
    """Convert a BadInput to Django's ValidationError on its field, or on the whole row."""
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
    return msgspec.to_builtins(value) if isinstance(value, list | tuple) else value
