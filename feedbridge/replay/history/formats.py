"""Read files in official publishers' layouts as tables of decimal rates by date."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal
from xml.etree import ElementTree  # nosec B405

from pricing.curves.quotes import tenor_days
from pricing.errors import BadInput

MAX_MOVE_BP = 150.0
"""Largest accepted move in a day; an all-zero holiday row once looked like a move of 224 bp."""

TREASURY_LABEL = re.compile(r"^([\d.]+)\s*(Mo|Month|Yr|Year)s?$", re.IGNORECASE)
XML_TAG = re.compile(r"^BC_([\d_]+)(MONTH|YEAR)$")
FRED_COLUMN = re.compile(r"^DGS([\d.]+)(MO)?$", re.IGNORECASE)
ECB_SPOT = re.compile(r"^SR_(?:(\d+)Y)?(?:(\d+)M)?$")

ATOM_PROPERTIES = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}properties"
MISSING = frozenset({"", ".", "NA", "N/A", "ND", "NAN", "-999.99"})
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y")
DECIMALS = 8
"""Decimal places of a rate. Removes float32 noise of the XML feed (1.7300000190734863)."""

GAP = dt.timedelta(days=7)
"""Longest gap in days between two rates whose difference counts as a daily move."""

REAL_YIELD_TENORS = frozenset(("5Y", "7Y", "10Y", "20Y", "30Y"))
"""Columns of the Treasury's "Par Real Yield Curve Rates" (TIPS), which it heads "5 YR" to "30 YR".
The nominal file has its name, and always has shorter tenors."""

MIN_PERCENT = 0.25
"""A file whose largest rate is below this holds decimals when it has tenors from 7Y on or more than
two decimal places: the lowest 7Y par yield that the Treasury published is 0.36 (2020-08-04)."""
LONG_DAYS = 7 * 365

SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4})")

Quotes = Mapping[str, float]
Rows = Mapping[dt.date, Quotes]


@dataclass(frozen=True, kw_only=True)
class RateTable:
    """One publisher's curve by date.

    ``rows``: decimal rates by tenor, sorted by date; a tenor not published is absent.
    ``quotes`` says what the rates are, ``compounding`` how to read them; ``sha256`` is of the
    file's bytes; ``warnings`` are sentences on what was left out.
    """

    publisher: str
    currency: str
    quotes: Literal["par_yield", "zero"]
    compounding: Literal["semi-annual", "continuous"]
    rows: Rows
    source: str = ""
    sha256: str = ""
    retrieved: dt.date | None = None
    warnings: tuple[str, ...] = ()


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
    _refuse_weekends(table.rows)
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
        day = _date(fields.get("NEW_DATE", "")[:10], "NEW_DATE")
        for tag, text in fields.items():
            tenor = _xml_tenor(tag)
            if tenor is not None:
                cells.append((day, tenor, text))
            elif tag.startswith("BC_") and tag != "BC_30YEARDISPLAY":  # 0 where 30Y is null
                unknown.add(tag)
    return _treasury(_table(cells), tuple(f"column {tag} is not known" for tag in sorted(unknown)))


def read_ecb_csv(raw: bytes) -> RateTable:
    """ECB data portal, ``format=csvdata``: one row a date and tenor; spot rates are read."""
    cells: list[Cell] = []
    other: set[str] = set()
    columns = ("KEY", "TIME_PERIOD", "OBS_VALUE")
    header, lines = _csv(raw)
    missing = [name for name in columns if name not in header]
    if missing:
        raise BadInput("history", ", ".join(missing), "a column of that name is needed")
    for _, line in lines:
        row = dict(zip(header, line, strict=True))
        kind = row["KEY"].rpartition(".")[2]
        tenor = _ecb_tenor(kind)
        if tenor is None:
            other.add(kind)
        else:
            cells.append((_date(row["TIME_PERIOD"], "TIME_PERIOD"), tenor, row["OBS_VALUE"]))
    return RateTable(
        publisher="European Central Bank",
        currency="EUR",
        quotes="zero",
        compounding="continuous",
        rows=_table(cells),
        warnings=tuple(f"series {kind} is not a spot rate" for kind in sorted(other)),
    )


def refuse_jumps(rows: Rows) -> None:
    """Refuse a move of one tenor above 150 bp between two days of the table.

    Raises:
        BadInput: Names the date, tenor and move.
    """
    last: dict[str, tuple[dt.date, float]] = {}
    for day, quotes in rows.items():
        for tenor, rate in quotes.items():
            before, earlier = last.get(tenor, (day, rate))
            last[tenor] = (day, rate)
            move_bp = (rate - earlier) * 1e4
            if abs(move_bp) > MAX_MOVE_BP and day - before <= GAP:
                allowed = f"a move above {MAX_MOVE_BP:.0f} bp in a day needs force"
                raise BadInput(f"{day} {tenor}", f"{move_bp:+.0f} bp", allowed)


# --- Cells -----------------------------------------------------------------------------------

Cell = tuple[dt.date, str, str]
"""Date, tenor, and the percentage as text."""


def _table(cells: Iterable[Cell]) -> Rows:
    days: dict[dt.date, dict[str, float]] = {}
    for day, tenor, text in cells:
        rate = _rate(text, f"{day} {tenor}")
        if rate is None:
            continue
        if days.setdefault(day, {}).setdefault(tenor, rate) != rate:
            raise BadInput(f"{day} {tenor}", text, "the file gives this date and tenor twice")
    # One 0.00 is a rate (1M in May 2021); a whole row of them is a holiday filled with zeros.
    return {day: _by_length(days[day]) for day in sorted(days) if any(days[day].values())}


Lines = Iterator[tuple[int, list[str]]]
"""Line number of the file, and the cells of that line."""


def _csv(raw: bytes) -> tuple[list[str], Lines]:
    """Return the header of a CSV file and an iterator over its other lines; blank ones are skipped.

    Raises:
        BadInput: Not UTF-8, a column that stands twice, or a line with more or fewer cells than
            the header has (raised while iterating).
    """
    try:
        text = raw.decode("utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput("history", str(error), "text in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    rows = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
    _, first = next(rows, (0, []))
    header = [name.strip() for name in first]
    doubled = [name for name, count in Counter(header).items() if name and count > 1]
    if doubled:
        raise BadInput("header", ", ".join(doubled), "a column may stand once")
    return header, _whole_lines(rows, len(header))


def _whole_lines(rows: Lines, width: int) -> Lines:
    for number, row in rows:
        if len(row) != width:
            what = "a cell too many" if len(row) > width else "cells are missing, is it cut off?"
            allowed = f"as many cells as the header has, {width} ({what})"
            raise BadInput(f"line {number}", f"{len(row)} cells", allowed)
        yield number, row


def _by_length(quotes: Quotes) -> Quotes:
    return dict(sorted(quotes.items(), key=lambda item: tenor_days(item[0])))


def _rate(text: str, where: str) -> float | None:
    text = text.strip()
    if text.upper() in MISSING:
        return None
    try:
        percent = float(text)
    except ValueError:
        raise BadInput(where, text, "a percentage, or blank when not published") from None
    if not -5.0 <= percent <= 50.0:
        raise BadInput(where, text, "a percentage from -5 to 50")
    return round(percent / 100, DECIMALS)


def _date(text: str, where: str) -> dt.date:
    for form in DATE_FORMATS:
        try:
            return dt.datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a calendar date
        except ValueError:
            continue
    raise BadInput(where, text, "a date such as 2024-01-31 or 01/31/2024")


# --- Layouts ---------------------------------------------------------------------------------


def _reader_for(head: str) -> Callable[[bytes], RateTable]:
    if head.lower().startswith(("<!doctype html", "<html")):
        allowed = "a file of rates; a page that a site sends instead of one says why it was refused"
        raise BadInput("history", "an HTML page", allowed)
    if head.startswith("<"):
        return read_treasury_xml
    header = head.splitlines()[0].strip() if head else ""
    names = [name.strip(' "').lower() for name in header.split(",")]
    if "obs_value" in names:
        return read_ecb_csv
    if any(name.startswith("dgs") for name in names):
        return read_fred_csv
    if names[0] == "date" and "time period" not in names:
        return read_treasury_csv
    known = "US Treasury CSV or XML, FRED DGS columns or ECB csvdata"
    raise BadInput("history", header[:60], f"layouts that are read: {known}")


def _treasury(rows: Rows, warnings: tuple[str, ...]) -> RateTable:
    return RateTable(
        publisher="US Treasury",
        currency="USD",
        quotes="par_yield",
        compounding="semi-annual",
        rows=rows,
        warnings=warnings,
    )


def _wide(
    raw: bytes, dates: tuple[str, ...], tenor_of: Callable[[str], str | None]
) -> tuple[Rows, tuple[str, ...]]:
    """Read a file with one line a date and one column a tenor, in percent."""
    header, lines = _csv(raw)
    places = [place for place, name in enumerate(header) if name.lower() in dates]
    if len(places) != 1:
        raise BadInput("header", ", ".join(header), f"one column named {' or '.join(dates)}")
    tenors = {place: tenor_of(name) for place, name in enumerate(header) if place not in places}
    known = {place: tenor for place, tenor in tenors.items() if tenor is not None}
    doubled = [tenor for tenor, count in Counter(known.values()).items() if count > 1]
    if doubled:
        raise BadInput("header", ", ".join(doubled), "a tenor may stand once")
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
    _refuse_day_first([date for _, date, _ in filled])
    cells = [
        (day, tenor, text)
        for where, date, rates in filled
        for day in (_date(date, where),)
        for tenor, text in rates
    ]
    table = _table(cells)
    _refuse_decimals(cells, table)
    unknown = (header[place] or "without a name" for place in tenors if place not in known)
    return table, tuple(f"column {name} is not known" for name in unknown)


# --- What looks right and is not -------------------------------------------------------------


def _refuse_weekends(rows: Rows) -> None:
    """Refuse a table with rates of a Saturday or Sunday: no publisher has one."""
    for day in rows:
        if day.weekday() >= 5:
            allowed = "Monday to Friday: no curve is published on a weekend"
            raise BadInput("date", f"{day} ({day:%A})", allowed)


def _refuse_real_yields(labels: list[str], tenors: set[str]) -> None:
    if tenors == REAL_YIELD_TENORS or any(label.endswith("YR") for label in labels):
        allowed = "nominal par yields; these are the columns of the Treasury's real yields (TIPS)"
        raise BadInput("header", ", ".join(labels), allowed)


def _refuse_day_first(dates: list[str]) -> None:
    """Refuse dates written day/month/year, also where every day is a possible month."""
    found = [match for text in dates if (match := SLASHED.fullmatch(text.strip()))]
    allowed = "month/day/year, as the Treasury writes dates; these look like day/month/year"
    for match in found:
        if int(match[1]) > 12 >= int(match[2]):
            raise BadInput("date", match[0], allowed)
    as_written = _typical_gap_days([(m[3], m[1], m[2]) for m in found])
    swapped = _typical_gap_days([(m[3], m[2], m[1]) for m in found])
    if as_written is not None and swapped is not None and as_written > 20 > 7 >= swapped:
        raise BadInput("date", found[0][0], allowed)


def _typical_gap_days(dates: list[tuple[str, str, str]]) -> float | None:
    """Return the median distance of neighbours, in days; None when there are not two dates."""
    try:
        days = sorted({dt.date(int(y), int(m), int(d)) for y, m, d in dates})
    except ValueError:
        return None
    return median((b - a).days for a, b in pairwise(days)) if len(days) > 1 else None


def _refuse_decimals(cells: list[Cell], rows: Rows) -> None:
    rates = [rate for quotes in rows.values() for rate in quotes.values()]
    if not rates or max(rates) * 100 >= MIN_PERCENT or min(rates) < 0:
        return
    long = any(tenor_days(tenor) >= LONG_DAYS for quotes in rows.values() for tenor in quotes)
    fine = any(len(text.strip().rpartition(".")[2].rstrip("0")) > 2 for _, _, text in cells)
    if long or fine:
        day, tenor, text = next(cell for cell in cells if cell[2].strip().upper() not in MISSING)
        raise BadInput(f"{day} {tenor}", text, "a percentage (4.25 for 4.25 %), not a decimal")


def _treasury_tenor(label: str) -> str | None:
    match = TREASURY_LABEL.match(label.strip())
    return None if match is None else _tenor(match[1], match[2])


def _xml_tenor(tag: str) -> str | None:
    match = XML_TAG.match(tag)
    return None if match is None else _tenor(match[1].replace("_", "."), match[2])


def _fred_tenor(column: str) -> str | None:
    match = FRED_COLUMN.match(column.strip())
    return None if match is None else _tenor(match[1], match[2] or "Y")


def _ecb_tenor(series: str) -> str | None:
    match = ECB_SPOT.match(series)
    if match is None or not (match[1] or match[2]):
        return None
    years, months = int(match[1] or 0), int(match[2] or 0)
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
