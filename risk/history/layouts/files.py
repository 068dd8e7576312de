"""Recognise the layout of a file of curves by its content, and read its closing quotes."""

from __future__ import annotations

import datetime as dt
import hashlib
from itertools import groupby
from typing import cast, get_args

from pricing.curves import quote_ids
from pricing.curves.quotes import QUOTE_MAX, QUOTE_MIN, Label, check_tenors
from pricing.errors import BadInput, shortened
from pricing.limits import decimal_rate
from pricing.markets import conventions
from risk.history.layouts import curves, workbooks
from risk.history.layouts.table import (
    CurveQuotesFile,
    Quote,
    RateTable,
    check_size,
    csv_lines,
    date_of,
    government_quotes,
    refuse_weekends,
    text_of,
)

LONG_COLUMNS = ("date", "curve", "quote", "rate", "label")
"""Columns of this project's own layout; ``publisher`` may be added."""

OWN = "own file"
PUBLISHER_CHARACTERS = 64


def read_curves(raw: bytes, sheet: str | None = None) -> CurveQuotesFile:
    """Read the closing quotes of a file; its content determines its layout, not its name.

    Args:
        raw: The bytes of the file.
        sheet: Sheet of a workbook, where more than one could be meant.

    Raises:
        BadInput: No known layout, or anything in it that could be misread: a sentence says what.
    """
    check_size(len(raw))
    if not raw.strip():
        raise BadInput("history", "an empty file", "a file of rates")
    if workbooks.is_archive(raw):
        return _official(workbooks.read_archive(raw, sheet), "workbook")
    if sheet is not None:
        raise BadInput("--sheet", sheet, "a workbook: this file has no sheets")
    if _is_long(raw):
        return read_long_csv(raw)
    return _official(curves.parse(raw, force=True), "file")


def _official(table: RateTable, what: str) -> CurveQuotesFile:
    return CurveQuotesFile(
        layout=f"{table.publisher} {what}",
        publisher=table.publisher,
        label="official",
        quotes=government_quotes(table),
        sha256=table.sha256,
        warnings=table.warnings,
    )


def _is_long(raw: bytes) -> bool:
    head = raw[:4000].decode("utf-8-sig", errors="replace").lstrip("\ufeff \t\r\n")
    names = [name.strip(' "').lower() for name in head.partition("\n")[0].split(",")]
    return {"curve", "quote"} <= set(names)


def read_long_csv(raw: bytes) -> CurveQuotesFile:
    """One line per quote: ``date,curve,quote,rate,label`` and, optionally, ``publisher``.

    Dates are ISO, a quote is a tenor such as 10Y, a rate is a decimal per year, and label and
    publisher are the same on every line.

    Raises:
        BadInput: With line, value and what is allowed.
    """
    text_of(raw)
    header, lines = csv_lines(raw)
    names = [name.lower() for name in header]
    unknown = [name for name in names if name not in (*LONG_COLUMNS, "publisher")]
    missing = [name for name in LONG_COLUMNS if name not in names]
    if unknown or missing:
        allowed = f"columns {', '.join(LONG_COLUMNS)} and, if wanted, publisher"
        raise BadInput("header", ", ".join(header), allowed)
    found: dict[tuple[dt.date, str, str], Quote] = {}
    same: dict[str, str] = {}
    for number, cells in lines:
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        quote = _long_quote(row, f"line {number}")
        if found.setdefault((quote.date, quote.curve, quote.quote_id), quote) is not quote:
            raise BadInput(f"line {number}", quote.quote_id, "a quote stands once a date and curve")
        for name in ("label", "publisher"):
            value = row.get(name) or OWN
            if same.setdefault(name, value) != value:
                said = f"{shortened(same[name])}, as on the first line"
                raise BadInput(f"line {number} {name}", value, said)
    if not found:
        raise BadInput("history", OWN, "the file holds no rate at all")
    label = same["label"]
    if label not in get_args(Label):
        raise BadInput("label", label, f"one of {', '.join(get_args(Label))}")
    if len(same["publisher"]) > PUBLISHER_CHARACTERS:
        allowed = f"at most {PUBLISHER_CHARACTERS} characters"
        raise BadInput("publisher", same["publisher"], allowed)
    refuse_weekends(quote.date for quote in found.values())
    for (_, curve), tenors in groupby(sorted(found), key=lambda place: place[:2]):
        check_tenors(curve, [tenor for _, _, tenor in tenors])
    return CurveQuotesFile(
        layout="own long layout",
        publisher=same["publisher"],
        label=cast(Label, label),
        quotes=list(found.values()),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _long_quote(row: dict[str, str], where: str) -> Quote:
    curve = conventions.pick(conventions.CURVES, f"{where} curve", row["curve"])
    quote_ids.check(curve, row["quote"])
    try:
        rate = float(row["rate"])
    except ValueError:
        allowed = "a decimal per year; leave out the line of a quote that was not published"
        raise BadInput(f"{where} rate", row["rate"], allowed) from None
    if not QUOTE_MIN <= rate <= QUOTE_MAX:
        raise BadInput(f"{where} rate", row["rate"], decimal_rate(rate, QUOTE_MIN, QUOTE_MAX))
    day = date_of(row["date"], f"{where} date", ("%Y-%m-%d",))
    return Quote(day, row["curve"], row["quote"], rate)
