"""Read published fixings and exchange rates; the content of a file determines its layout."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pricing.errors import BadInput
from pricing.limits import check_fixing
from pricing.markets.conventions import CURRENCIES
from risk.history.layouts.table import csv_lines, date_of, rate_of, refuse_weekends, text_of

ISO = ("%Y-%m-%d",)
MISSING_FX = frozenset(("", "N/A", "NA", "-", "."))


class PublishedFixing(NamedTuple):
    """A fixing: decimal per year on the fixing date."""

    name: str
    date: dt.date
    rate: float


class PublishedFx(NamedTuple):
    """US dollars for one unit of a currency."""

    currency: str
    date: dt.date
    usd: float


@dataclass(frozen=True, kw_only=True)
class FixingsFile:
    """What a file holds. ``warnings`` are sentences on what was left out."""

    publisher: str
    fixings: Sequence[PublishedFixing] = ()
    fx: Sequence[PublishedFx] = ()
    sha256: str = ""
    warnings: tuple[str, ...] = ()


class Series(NamedTuple):
    """A series of a publisher: its index and the date format of its file."""

    publisher: str
    index_name: str
    dates: tuple[str, ...] = ISO


SERIES: dict[str, Series] = {
    # Bank of England, Interactive Statistical Database, CSV with series codes as columns
    "IUDSOIA": Series("Bank of England", "SONIA", ("%d %b %Y", "%d/%b/%Y", *ISO)),
    # Bank of Canada, Valet API, CSV
    "AVG.INTWO": Series("Bank of Canada", "CORRA"),
    # Reserve Bank of Australia, table F1, CSV
    "FIRMMCRID": Series("Reserve Bank of Australia", "AONIA", ("%d-%b-%Y", *ISO)),
    # Bank of Japan, Time-Series Data Search, CSV
    "FM01'STRDCLUCON": Series("Bank of Japan", "TONA", ("%Y/%m/%d", *ISO)),
    # Deutsche Bundesbank, time series database, CSV
    "BBIG1.D.D0.EUR.MMKT.EURIBOR.M03.BID._Z": Series("Deutsche Bundesbank", "EURIBOR3M"),
    "BBIG1.D.D0.EUR.MMKT.EURIBOR.M06.BID._Z": Series("Deutsche Bundesbank", "EURIBOR6M"),
    # Federal Reserve Bank of St. Louis, fredgraph.csv
    "SOFR": Series("Federal Reserve, FRED", "SOFR"),
    "ECBESTRVOLWGTTRMDMNRT": Series("Federal Reserve, FRED", "ESTR"),
}
"""Series by the code that heads their column."""

ECB_FIXING = {"EST.B.EU000A2X2A25.WT": "ESTR"}
ECB_FX = re.compile(r"^(?:EXR\.)?D\.(?P<of>[A-Z]{3})\.EUR\.SP00\.A$")
"""Reference rates against the euro: units of the currency for one euro."""

SNB_SERIES = {"SARON": "SARON"}
NY_FED_TYPES = {"SOFR": "SOFR"}
HEADER_LINES = 60
"""Number of lines in which a header is searched for."""


def read_fixings(raw: bytes) -> FixingsFile:
    """Read the fixings of a file; its content determines its layout, not its name.

    Raises:
        BadInput: No known layout, or anything in it that could be misread: a sentence says what.
    """
    if not raw.strip():
        raise BadInput("fixings", "an empty file", "a file of fixings or of exchange rates")
    text = text_of(raw)
    if text.lstrip()[:1] == "<":
        raise BadInput("fixings", text.lstrip()[:40], "a file of rates, and not a web page")
    found = _reader_for(text)(raw, text)
    if not found.fixings and not found.fx:
        raise BadInput("fixings", found.publisher, "the file holds no rate at all")
    for fixing in found.fixings:
        check_fixing(fixing.name, fixing.date, fixing.rate)
    refuse_weekends(rate.date for rate in found.fx)
    _refuse_doubles([(one.name, one.date) for one in found.fixings])
    _refuse_doubles([(one.currency, one.date) for one in found.fx])
    return FixingsFile(
        publisher=found.publisher,
        fixings=found.fixings,
        fx=found.fx,
        sha256=hashlib.sha256(raw).hexdigest(),
        warnings=found.warnings,
    )


def _refuse_doubles(keys: Sequence[tuple[str, dt.date]]) -> None:
    seen: set[tuple[str, dt.date]] = set()
    for key in keys:
        if key in seen:
            raise BadInput(f"{key[0]} {key[1]}", "two rates", "one rate a day")
        seen.add(key)


Reader = Callable[[bytes, str], FixingsFile]


def _reader_for(text: str) -> Reader:
    head = text.split("\n", HEADER_LINES)[:HEADER_LINES]
    names = {cell.strip(' "\r').lower() for cell in re.split(r"[,;]", head[0])}
    if {"effective date", "rate type"} <= names:
        return _read_ny_fed
    if {"key", "time_period", "obs_value"} <= names:
        return _read_ecb
    if {"date", "usd", "jpy"} <= names:
        return _read_ecb_fx
    if any(line.replace('"', "").startswith("Date;D0;") for line in head):
        return _read_snb
    if _header_of(text) is not None:
        return _read_columns
    known = ", ".join(sorted(SERIES))
    raise BadInput(
        "fixings",
        head[0][:60],
        "New York Fed (Effective Date, Rate Type, Rate), ECB csvdata or eurofxref, SNB, or a CSV "
        f"with a column of one of these series: {known}",
    )


# --- Series in columns -----------------------------------------------------------------------


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    for row in reader:
        yield reader.line_num, [cell.strip() for cell in row]


def _header_of(text: str) -> tuple[int, list[str]] | None:
    """The line and the cells of the header: the first line that names a known series."""
    for number, row in _rows(text):
        if any(cell in SERIES for cell in row[1:]):
            return number, row
        if number > HEADER_LINES:
            return None
    return None


def _read_columns(raw: bytes, text: str) -> FixingsFile:
    """Dates in the first column, a column for each series.

    Lines above the header, and lines below it before the first date, say what the series are.
    """
    found = _header_of(text)
    if found is None:
        raise BadInput("fixings", "no header", "a column of a known series")
    line, header = found
    doubled = {cell for cell in header if cell and header.count(cell) > 1}
    if doubled:
        raise BadInput("header", ", ".join(sorted(doubled)), "a column may appear only once")
    columns = {place: SERIES[cell] for place, cell in enumerate(header) if cell in SERIES}
    if header[0].lower() == "observation_date":  # FRED has series of others, with ISO dates
        columns = {
            place: series._replace(publisher="Federal Reserve, FRED", dates=ISO)
            for place, series in columns.items()
        }
    publishers = {series.publisher for series in columns.values()}
    if len(publishers) > 1:
        raise BadInput("header", ", ".join(header), "series of one publisher")
    forms = next(iter(columns.values())).dates
    fixings: list[PublishedFixing] = []
    begun = False
    for number, row in _rows(text):
        if number <= line or not any(row):
            continue
        if not begun and not row[0][:1].isdigit():
            continue  # units, frequency and remarks
        begun = True
        if len(row) != len(header):
            what = "a cell too many" if len(row) > len(header) else "cells are missing, cut off?"
            allowed = f"{len(header)}, as the header has ({what})"
            raise BadInput(f"line {number}", f"{len(row)} cells", allowed)
        day = date_of(row[0], f"line {number} date", forms)
        for place, series in columns.items():
            rate = rate_of(row[place], f"line {number} {header[place]}")
            if rate is not None:
                fixings.append(PublishedFixing(series.index_name, day, rate))
    flags = {f"{cell}_FLAGS" for cell in header}
    unread = [
        cell for cell in header[1:] if cell and cell not in SERIES and cell not in flags
    ]  # a column of flags is no series
    warnings = tuple(f"series {cell} is not read" for cell in unread)
    return FixingsFile(publisher=publishers.pop(), fixings=fixings, warnings=warnings)


# --- Layouts of their own --------------------------------------------------------------------


def _read_ny_fed(raw: bytes, text: str) -> FixingsFile:
    """New York Fed: ``Effective Date`` month/day/year, ``Rate Type``, ``Rate (%)``, and more."""
    header, lines = csv_lines(raw)
    names = [name.lower() for name in header]
    if "rate (%)" not in names:
        raise BadInput("header", ", ".join(header), "a column Rate (%)")
    date, kind, rate = (names.index(n) for n in ("effective date", "rate type", "rate (%)"))
    fixings: list[PublishedFixing] = []
    others: set[str] = set()
    for number, row in lines:
        name = NY_FED_TYPES.get(row[kind].strip())
        if name is None:
            others.add(row[kind].strip() or "without a type")
            continue
        value = rate_of(row[rate], f"line {number} Rate (%)")
        if value is not None:
            day = date_of(row[date], f"line {number} Effective Date", ("%m/%d/%Y", *ISO))
            fixings.append(PublishedFixing(name, day, value))
    warnings = tuple(f"rate type {name} is not read" for name in sorted(others))
    return FixingsFile(publisher="New York Fed", fixings=fixings, warnings=warnings)


def _read_ecb(raw: bytes, text: str) -> FixingsFile:
    """ECB data portal, ``format=csvdata``: one row a date and series."""
    header, lines = csv_lines(raw)
    names = [name.upper() for name in header]
    key, period, value = (names.index(name) for name in ("KEY", "TIME_PERIOD", "OBS_VALUE"))
    fixings: list[PublishedFixing] = []
    euros: dict[dt.date, dict[str, float]] = {}
    others: set[str] = set()
    for number, row in lines:
        series, where = row[key].strip(), f"line {number} OBS_VALUE"
        match = ECB_FX.match(series)
        if series in ECB_FIXING:
            rate = rate_of(row[value], where)
            if rate is not None:
                day = date_of(row[period], f"line {number} TIME_PERIOD", ISO)
                fixings.append(PublishedFixing(ECB_FIXING[series], day, rate))
        elif match:
            number_ = _units(row[value], where)
            if number_ is not None:
                day = date_of(row[period], f"line {number} TIME_PERIOD", ISO)
                euros.setdefault(day, {})[match["of"]] = number_
        else:
            others.add(series)
    warnings = tuple(f"series {name} is not read" for name in sorted(others))
    fx, lost = _in_dollars(euros)
    return FixingsFile(
        publisher="European Central Bank", fixings=fixings, fx=fx, warnings=(*warnings, *lost)
    )


def _read_ecb_fx(raw: bytes, text: str) -> FixingsFile:
    """ECB ``eurofxref``: ``Date,USD,JPY,...``, units of each currency for one euro."""
    # Each line ends with a comma, and so does the header: a column without a name.
    rows = _rows(text)
    _, header = next(rows)
    euros: dict[dt.date, dict[str, float]] = {}
    for number, row in rows:
        if not any(row):
            continue
        if len(row) != len(header):
            raise BadInput(f"line {number}", f"{len(row)} cells", f"{len(header)} cells")
        day = date_of(row[0], f"line {number} Date", (*ISO, "%d %B %Y"))
        for name, cell in zip(header[1:], row[1:], strict=True):
            units = _units(cell, f"line {number} {name}") if name else None
            if units is not None:
                euros.setdefault(day, {})[name] = units
    fx, warnings = _in_dollars(euros)
    return FixingsFile(publisher="European Central Bank", fx=fx, warnings=warnings)


def _read_snb(raw: bytes, text: str) -> FixingsFile:
    """Swiss National Bank, data portal: ``Date;D0;Value`` after some lines on the cube."""
    lines = text.replace("\r", "").split("\n")
    start = next(k for k, line in enumerate(lines) if line.replace('"', "").startswith("Date;D0;"))
    header = [cell.strip(' "') for cell in lines[start].split(";")]
    if "Value" not in header:
        raise BadInput("header", lines[start], "Date;D0;Value")
    value = header.index("Value")
    fixings: list[PublishedFixing] = []
    others: set[str] = set()
    for place, line in enumerate(lines[start + 1 :], start=start + 2):
        if not line.strip():
            continue
        row = [cell.strip(' "') for cell in line.split(";")]
        if len(row) != len(header):
            raise BadInput(f"line {place}", f"{len(row)} cells", f"{len(header)} cells")
        name = SNB_SERIES.get(row[1])
        if name is None:
            others.add(row[1])
            continue
        rate = rate_of(row[value], f"line {place} Value")
        if rate is not None:
            fixings.append(PublishedFixing(name, date_of(row[0], f"line {place} Date", ISO), rate))
    warnings = tuple(f"series {name} is not read" for name in sorted(others))
    return FixingsFile(publisher="Swiss National Bank", fixings=fixings, warnings=warnings)


def _units(text: str, where: str) -> float | None:
    """Units of a currency for one euro; None where none was published."""
    if text.strip().upper() in MISSING_FX:
        return None
    try:
        found = float(text)
    except ValueError:
        raise BadInput(where, text, "units for one euro, or N/A") from None
    if not 0.0 < found < 1e6:
        raise BadInput(where, text, "units for one euro, above 0")
    return found


def _in_dollars(
    euros: dict[dt.date, dict[str, float]],
) -> tuple[list[PublishedFx], tuple[str, ...]]:
    """US dollars per unit of each currency that has conventions, through the euro."""
    found: list[PublishedFx] = []
    lost: list[dt.date] = []
    for day in sorted(euros):
        units = {"EUR": 1.0, **euros[day]}
        dollars = units.get("USD")
        if dollars is None:
            lost.append(day)
            continue
        found += [
            PublishedFx(name, day, round(dollars / units[name], 8))
            for name in CURRENCIES
            if name in units and name != "USD"
        ]
    if not lost:
        return found, ()
    return found, (f"{len(lost)} days without a rate of USD are left out, the first {lost[0]}",)
