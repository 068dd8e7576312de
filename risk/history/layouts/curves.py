"""Read files in official publishers' layouts as tables of decimal rates by date."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree  # nosec B405

from pricing.errors import BadInput
from risk.history.layouts.table import (
    Cell,
    RateTable,
    Rows,
    check_size,
    csv_lines,
    date_of,
    rates_by_day,
    refuse_day_first,
    refuse_decimals,
    refuse_jumps,
    refuse_weekends,
    text_of,
    warnings_on,
)

TREASURY_LABEL = re.compile(r"^([\d.]+)\s*(Mo|Month|Yr|Year)s?$", re.IGNORECASE)
XML_TAG = re.compile(r"^BC_([\d_]+)(MONTH|YEAR)$")
FRED_COLUMN = re.compile(r"^DGS([\d.]+)(MO)?$", re.IGNORECASE)
ECB_KEY = re.compile(
    r"^(?:YC\.)?B\.U2\.EUR\.4F\.(?P<issuers>G_N_[AC])\.SV_C_YM\.SR_(?:(?P<y>\d+)Y)?(?:(?P<m>\d+)M)?$"
)
"""A spot rate of the euro area yield curve: AAA issuers (G_N_A) or all issuers (G_N_C)."""
KEY_IN_LABEL = re.compile(r"\(([A-Z0-9_.]+)\)\s*$")
GSW_COLUMN = re.compile(r"^SVENPY(\d\d)$")
GSW_OTHER = re.compile(r"^(SVENP?Y|SVENF|SVEN1F|BETA|TAU)\d+$")

COLUMNS, SERIES = ("column", "columns"), ("series", "series")
"""Singular and plural used in warnings."""

ATOM_PROPERTIES = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}properties"
GSW_TENORS = frozenset(("1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y"))
"""Tenors read from the fitted curve: those of the Treasury's own yields."""

REAL_YIELD_TENORS = frozenset(("5Y", "7Y", "10Y", "20Y", "30Y"))
"""Columns of the Treasury's "Par Real Yield Curve Rates" (TIPS), which it heads "5 YR" to "30 YR".
The nominal file has its name, and always has shorter tenors."""


def load(path: Path, *, retrieved: dt.date | None = None, force: bool = False) -> RateTable:
    """Read the rates of a file; its first bytes determine its layout.

    Args:
        path: A file as downloaded from the US Treasury (CSV or XML), FRED or the ECB.
        retrieved: The day it was downloaded.
        force: Accept a one-day move above 150 bp.

    Raises:
        BadInput: No known layout, a broken cell, no rates at all, or a move above 150 bp.
        OSError: The file cannot be read.
    """
    check_size(path.stat().st_size)
    return replace(parse(path.read_bytes(), force=force), source=path.name, retrieved=retrieved)


def parse(raw: bytes, *, force: bool = False) -> RateTable:
    """The rates in the bytes of a file; see ``load``."""
    head = raw[:4000].decode("utf-8-sig", errors="replace").lstrip("\ufeff \t\r\n")
    try:
        table = _reader_for(head)(raw)
    except csv.Error as error:
        raise BadInput("history", str(error), "lines of comma-separated values") from None
    if not table.rows:
        raise BadInput("history", table.publisher, "the file holds no rate at all")
    refuse_weekends(table.rows)
    if not force:
        refuse_jumps(table.rows)
    return replace(table, sha256=hashlib.sha256(raw).hexdigest())


def read_treasury_csv(raw: bytes) -> RateTable:
    """US Treasury daily par yields: ``Date,"1 Mo",...,"30 Yr"`` in percent, newest first.

    The Treasury's own archive of 1990 to 2021 writes the same header in small letters.
    """
    return _treasury(*_wide(raw, ("date",), _treasury_tenor))


def read_fred_csv(raw: bytes) -> RateTable:
    """FRED ``fredgraph.csv`` with DGS columns: the same par yields; ``.`` is a missing one."""
    table = _treasury(*_wide(raw, ("observation_date", "date"), _fred_tenor))
    return replace(table, publisher="Federal Reserve, FRED")


def read_treasury_xml(raw: bytes) -> RateTable:
    """US Treasury Atom feed: one entry a day, in no order, nulls by ``m:null``."""
    cells: list[Cell] = []
    unknown: set[str] = set()
    for entry in _xml_root(raw).iter(ATOM_PROPERTIES):
        fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in entry}
        day = date_of(fields.get("NEW_DATE", "")[:10], "NEW_DATE")
        for tag, text in fields.items():
            tenor = _xml_tenor(tag)
            if tenor is not None:
                cells.append((day, tenor, text))
            elif tag.startswith("BC_") and tag != "BC_30YEARDISPLAY":  # 0 where 30Y is null
                unknown.add(tag)
    tenors = {tenor for _, tenor, _ in cells}
    warnings = warnings_on(COLUMNS, sorted(unknown), "is not known")
    return _treasury(rates_by_day(cells), tenors, warnings)


def read_ecb_csv(raw: bytes) -> RateTable:
    """ECB data portal, ``format=csvdata``: one row a date and tenor; AAA spot rates are read."""
    columns = ("KEY", "TIME_PERIOD", "OBS_VALUE")
    header, lines = csv_lines(raw)
    missing = [name for name in columns if name not in header]
    if missing:
        raise BadInput("history", ", ".join(missing), "a column of that name is needed")
    key, period, value = (header.index(name) for name in columns)
    return _ecb((line[key], line[period], line[value]) for _, line in lines)


def read_ecb_website_csv(raw: bytes) -> RateTable:
    """ECB data portal, download of a page: one line a date, one column a series.

    A column's title ends with the key of its series in brackets.
    """
    header, lines = csv_lines(raw)
    keys = {place: match[1] for place, name in enumerate(header) if (match := _key_of(name))}
    day = next(place for place, name in enumerate(header) if name.upper() == "DATE")
    return _ecb((key, line[day], line[place]) for _, line in lines for place, key in keys.items())


def read_gsw_csv(raw: bytes) -> RateTable:
    """Federal Reserve ``feds200628.csv``: par yields of the curve fitted to off-the-run Treasuries.

    Guerkaynak, Sack and Wright (2006), FEDS 2006-28. The columns SVENPY are par yields, coupon
    equivalent. Lines before the header say what the file is.
    """
    lines = text_of(raw).split("\n")
    skip = next(k for k, line in enumerate(lines) if _is_gsw_header(line))
    table = _treasury(*_wide(raw, ("date",), _gsw_tenor, skip=skip, silent=GSW_OTHER))
    return replace(table, publisher="Federal Reserve, GSW fitted curve")


def _ecb(observations: Iterable[tuple[str, str, str]]) -> RateTable:
    cells: list[Cell] = []
    other: set[str] = set()
    for key, period, value in observations:
        tenor = _ecb_tenor(key)
        if tenor is None:
            other.add(key)
        else:
            cells.append((date_of(period, "TIME_PERIOD"), tenor, value))
    return RateTable(
        publisher="European Central Bank",
        currency="EUR",
        quotes="zero",
        compounding="continuous",
        rows=rates_by_day(cells),
        tenors=frozenset(tenor for _, tenor, _ in cells),
        warnings=warnings_on(SERIES, sorted(other), "is not a spot rate of AAA issuers"),
    )


# --- Layouts ---------------------------------------------------------------------------------


Reader = Callable[[bytes], RateTable]


def _reader_for(head: str) -> Reader:
    if head.lower().startswith(("<!doctype html", "<html")):
        allowed = "a file of rates; a page that a site sends instead of one says why it was refused"
        raise BadInput("history", "an HTML page", allowed)
    if head.startswith("<"):
        return read_treasury_xml
    lines = head.splitlines()
    header = lines[0].strip() if lines else ""
    names = [name.strip(' "').lower() for name in header.split(",")]
    for fits, reader in LAYOUTS:
        if fits(names):
            return reader
    if any(_is_gsw_header(line) for line in lines):
        return read_gsw_csv
    for part, allowed in NOT_TAKEN:
        if part in header.lower():
            raise BadInput("history", header[:60], allowed)
    raise BadInput("history", header[:60], f"layouts that are read: {KNOWN}")


KNOWN = "US Treasury CSV or XML, FRED DGS columns, Federal Reserve GSW, ECB csvdata or website CSV"
LAYOUTS: tuple[tuple[Callable[[list[str]], bool], Reader], ...] = (
    (lambda names: "obs_value" in names, read_ecb_csv),
    (lambda names: any("(yc.b." in name for name in names), read_ecb_website_csv),
    (lambda names: any(name.startswith("dgs") for name in names), read_fred_csv),
    (lambda names: any(name.startswith("svenpy") for name in names), read_gsw_csv),
    (lambda names: names[0] == "date" and "time period" not in names, read_treasury_csv),
)
"""Layouts by the lower-case names in their header; the first match is used."""

NOT_TAKEN = (
    ("dfii", "nominal yields (DGS columns); DFII are real yields (TIPS)"),
    (";", "cells separated by commas and decimal points"),
)
"""Parts of headers that are refused, with what is allowed instead."""


def _key_of(name: str) -> re.Match[str] | None:
    return KEY_IN_LABEL.search(name)


def _is_gsw_header(line: str) -> bool:
    return line.startswith("Date,") and "SVENPY" in line


def _treasury(rows: Rows, tenors: Collection[str], warnings: tuple[str, ...]) -> RateTable:
    return RateTable(
        publisher="US Treasury",
        currency="USD",
        quotes="par_yield",
        compounding="semi-annual",
        rows=rows,
        tenors=frozenset(tenors),
        warnings=warnings,
    )


def _wide(
    raw: bytes,
    dates: tuple[str, ...],
    tenor_of: Callable[[str], str | None],
    *,
    skip: int = 0,
    silent: re.Pattern[str] | None = None,
) -> tuple[Rows, Collection[str], tuple[str, ...]]:
    """Read a file with one line a date and one column a tenor, in percent.

    Args:
        raw: The file.
        dates: Names that the column of dates may have, in small letters.
        tenor_of: The tenor of a column's name; None for one that is not known.
        skip: Lines before the header.
        silent: Names of columns that are left out without a warning.

    Returns:
        Rates by date, the tenors of the file, and sentences on columns that are not known.
    """
    header, lines = csv_lines(raw, skip)
    places = [place for place, name in enumerate(header) if name.lower() in dates]
    if len(places) != 1:
        raise BadInput("header", ", ".join(header), f"one column named {' or '.join(dates)}")
    tenors = {place: tenor_of(name) for place, name in enumerate(header) if place not in places}
    known = {place: tenor for place, tenor in tenors.items() if tenor is not None}
    doubled = [tenor for tenor, count in Counter(known.values()).items() if count > 1]
    if doubled:
        raise BadInput("header", ", ".join(doubled), "a tenor may appear only once")
    _refuse_real_yields([header[place] for place in known], set(known.values()))
    named = [
        (
            f"line {number}",
            line[places[0]],
            [(tenor, line[place]) for place, tenor in known.items()],
        )
        for number, line in lines
    ]
    filled = [row for row in named if any(text.strip() for _, text in row[2])]
    refuse_day_first([date for _, date, _ in filled])
    cells = [
        (day, tenor, text)
        for where, date, rates in filled
        for day in (date_of(date, where),)
        for tenor, text in rates
    ]
    table = rates_by_day(cells)
    refuse_decimals(cells, table)
    others = [header[place] or "without a name" for place in tenors if place not in known]
    unknown = [name for name in others if silent is None or not silent.match(name)]
    return table, known.values(), warnings_on(COLUMNS, unknown, "is not known")


# --- What looks right and is not -------------------------------------------------------------


def _refuse_real_yields(labels: list[str], tenors: set[str]) -> None:
    if tenors == REAL_YIELD_TENORS or any(label.endswith("YR") for label in labels):
        allowed = "nominal par yields; these are the columns of the Treasury's real yields (TIPS)"
        raise BadInput("header", ", ".join(labels), allowed)


def _treasury_tenor(label: str) -> str | None:
    match = TREASURY_LABEL.match(label.strip())
    return None if match is None else _tenor(match[1], match[2])


def _xml_tenor(tag: str) -> str | None:
    match = XML_TAG.match(tag)
    return None if match is None else _tenor(match[1].replace("_", "."), match[2])


def _fred_tenor(column: str) -> str | None:
    match = FRED_COLUMN.match(column.strip())
    return None if match is None else _tenor(match[1], match[2] or "Y")


def _gsw_tenor(column: str) -> str | None:
    match = GSW_COLUMN.match(column)
    tenor = f"{int(match[1])}Y" if match else ""
    return tenor if tenor in GSW_TENORS else None


def _ecb_tenor(key: str) -> str | None:
    match = ECB_KEY.match(key.strip())
    if match is None or match["issuers"] != "G_N_A" or not (match["y"] or match["m"]):
        return None
    years, months = int(match["y"] or 0), int(match["m"] or 0)
    return f"{years}Y" if months == 0 else f"{12 * years + months}M"


def _tenor(number: str, unit: str) -> str | None:
    if number == "1.5" and unit[0] in "Mm":
        return "6W"  # the label "1.5 Month" means the six-week bill
    return f"{number}{unit[0].upper()}" if number.isdigit() else None


def _xml_root(raw: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise BadInput("history", "XML with a document type", "the Treasury's feed has none")
    try:
        return ElementTree.fromstring(raw)  # nosec B314  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        raise BadInput("history", str(error), "well-formed XML") from None
