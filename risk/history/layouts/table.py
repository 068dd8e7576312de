"""Read and check the cells of published files: CSV lines, dates and percentages."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from pricing.curves.quotes import Label, tenor_days
from pricing.errors import BadInput, shortened
from pricing.markets import conventions

MAX_MOVE_BP = 150.0
"""Largest accepted move in a day: the US Treasury's par yields moved by 106 bp at most from one day
to the next since 1990 (1 month, 2023-05-04). An all-zero holiday row once looked like 224 bp."""

GAP = dt.timedelta(days=7)
"""Longest gap in days between two rates whose difference counts as a daily move."""

MAX_BYTES = 100 * 2**20
"""Largest size of a file; the longest that is published, of fitted curves since 1961, has 8 MB."""

NAMES_SHOWN = 8
"""Number of unknown columns or series that get a sentence each."""

MISSING = frozenset({"", ".", "NA", "N/A", "ND", "NAN", "-999.99"})
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y")
DECIMALS = 8
"""Decimal places of a rate. Removes float32 noise of the XML feed (1.7300000190734863)."""

MIN_PERCENT = 0.25
"""A file whose largest rate is below this holds decimals when it has tenors from 7Y on or more than
two decimal places: the lowest 7Y par yield that the Treasury published is 0.36 (2020-08-04)."""
LONG_DAYS = 7 * 365

SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4})")

Quotes = Mapping[str, float]
Rows = Mapping[dt.date, Quotes]
Cell = tuple[dt.date, str, str]
"""Date, tenor, and the percentage as text."""

Lines = Iterator[tuple[int, list[str]]]
"""Line number of the file, and the cells of that line."""


class Quote(NamedTuple):
    """A quote of a file: ``rate`` is a decimal per year, None where the file has a blank."""

    date: dt.date
    curve: str
    quote_id: str
    rate: float | None


@dataclass(frozen=True, kw_only=True)
class RateTable:
    """One publisher's curve by date.

    ``rows``: decimal rates by tenor, sorted by date; a tenor not published is absent. ``tenors``
    are those that the file has a column or a series of. ``quotes`` says what the rates are,
    ``compounding`` how to read them; ``sha256`` is of the file's bytes; ``warnings`` are sentences
    on what was left out.
    """

    publisher: str
    currency: str
    quotes: Literal["par_yield", "zero"]
    compounding: Literal["semi-annual", "continuous"]
    rows: Rows
    tenors: frozenset[str] = frozenset()
    source: str = ""
    sha256: str = ""
    retrieved: dt.date | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CurveQuotesFile:
    """What a file of any layout holds: closing quotes of one or more curves.

    ``layout`` and ``publisher`` are names for people; ``label`` says what the rates are.
    """

    layout: str
    publisher: str
    label: Label
    quotes: Sequence[Quote]
    sha256: str
    warnings: tuple[str, ...] = ()


def government_quotes(table: RateTable) -> list[Quote]:
    """The rates of a table as quotes of its currency's government curve.

    A tenor that the file has, and not on a day, is a quote without a rate on that day.

    Raises:
        BadInput: The curve is quoted otherwise: zero rates are not par yields.
    """
    curve = conventions.CURRENCY_ROWS[table.currency].bond_discount_curve
    kind = conventions.CURVES[curve].quotes
    if kind != table.quotes:
        said = f"{curve} is quoted as {kind}: rates of another kind are not taken for its quotes"
        raise BadInput("quotes", table.quotes, said)
    tenors = sorted(table.tenors, key=tenor_days)
    return [
        Quote(day, curve, tenor, quotes.get(tenor))
        for day, quotes in table.rows.items()
        for tenor in (*tenors, *(t for t in quotes if t not in table.tenors))
    ]


def warnings_on(what: tuple[str, str], names: Sequence[str], said: str) -> tuple[str, ...]:
    """Return sentences on unknown names: the first ones, then the number of others.

    Args:
        what: What they are names of: one, and many.
        names: In the order of the file.
        said: The rest of each sentence.
    """
    one, many = what
    first = tuple(f"{one} {shortened(name)} {said}" for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return (*first, f"each of {more:,} more {many} {said}") if more > 0 else first


def check_size(size: int) -> None:
    """Refuse a file larger than ``MAX_BYTES``.

    Args:
        size: In bytes.

    Raises:
        BadInput: Above ``MAX_BYTES``.
    """
    if size > MAX_BYTES:
        raise BadInput("file", f"{size:,} bytes", f"at most {MAX_BYTES // 2**20} MB: split it")


# --- Lines -----------------------------------------------------------------------------------


def text_of(raw: bytes) -> str:
    """The text of a file without byte order marks.

    Raises:
        BadInput: Not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput("history", str(error), "text in UTF-8") from None


def csv_lines(raw: bytes, skip: int = 0) -> tuple[list[str], Lines]:
    """Return the header of a CSV file and an iterator over its other lines; blank ones are skipped.

    Args:
        raw: The file.
        skip: Lines before the header.

    Raises:
        BadInput: Not UTF-8, a column that appears twice, or a line with more or fewer cells than
            the header has (raised while iterating).
    """
    text = text_of(raw).split("\n", skip)[-1]
    reader = csv.reader(io.StringIO(text, newline=""))
    rows = ((reader.line_num + skip, row) for row in reader if any(cell.strip() for cell in row))
    _, first = next(rows, (0, []))
    header = [name.strip() for name in first]
    doubled = [name for name, count in Counter(header).items() if name and count > 1]
    if doubled:
        raise BadInput("header", ", ".join(doubled), "a column may appear only once")
    return header, _whole_lines(rows, len(header))


def _whole_lines(rows: Lines, width: int) -> Lines:
    for number, row in rows:
        if len(row) != width:
            what = "a cell too many" if len(row) > width else "cells are missing, is it cut off?"
            allowed = f"as many cells as the header has, {width} ({what})"
            raise BadInput(f"line {number}", f"{len(row)} cells", allowed)
        yield number, row


# --- Cells -----------------------------------------------------------------------------------


def rates_by_day(cells: Iterable[Cell]) -> Rows:
    """Rates by date and tenor; blanks are left out, and days with nothing but zeros.

    Raises:
        BadInput: A cell that is no percentage, or two rates of one date and tenor.
    """
    days: dict[dt.date, dict[str, float]] = {}
    for day, tenor, text in cells:
        rate = rate_of(text, f"{day} {tenor}")
        if rate is None:
            continue
        if days.setdefault(day, {}).setdefault(tenor, rate) != rate:
            raise BadInput(f"{day} {tenor}", text, "the file gives this date and tenor twice")
    # One 0.00 is a rate (1M in May 2021); a whole row of them is a holiday filled with zeros.
    return {day: _by_length(days[day]) for day in sorted(days) if any(days[day].values())}


def _by_length(quotes: Quotes) -> Quotes:
    return dict(sorted(quotes.items(), key=lambda item: tenor_days(item[0])))


def rate_of(text: str, where: str) -> float | None:
    """A percentage as a decimal rate; None where none was published.

    Raises:
        BadInput: Not a number, or not from -5 to 50.
    """
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


def date_of(text: str, where: str, formats: Sequence[str] = DATE_FORMATS) -> dt.date:
    """A calendar date.

    Raises:
        BadInput: In none of the formats.
    """
    for form in formats:
        try:
            return dt.datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a calendar date
        except ValueError:
            continue
    shown = " or ".join(f"{dt.date(2024, 1, 31):{form}}" for form in formats[:2])
    raise BadInput(where, text, f"a date such as {shown}")


# --- What looks right and is not -------------------------------------------------------------


def refuse_weekends(days: Iterable[dt.date]) -> None:
    """Refuse rates of a Saturday or Sunday: no publisher has one.

    Raises:
        BadInput: Names the day.
    """
    for day in days:
        if day.weekday() >= 5:
            allowed = "Monday to Friday: no curve is published on a weekend"
            raise BadInput("date", f"{day} ({day:%A})", allowed)


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


def refuse_day_first(dates: Sequence[str]) -> None:
    """Refuse dates written day/month/year, also where every day is a possible month.

    Raises:
        BadInput: Names the first date.
    """
    found = [match for text in dates if (match := SLASHED.fullmatch(text.strip()))]
    allowed = "month/day/year, as the Treasury writes dates; these look like day/month/year"
    for match in found:
        if int(match[1]) > 12 >= int(match[2]):
            raise BadInput("date", match[0], allowed)
    as_written = _days([(m[3], m[1], m[2]) for m in found])
    swapped = _days([(m[3], m[2], m[1]) for m in found])
    if len(as_written) < 2 or len(swapped) < 2:
        return
    far, near = _typical_gap_days(as_written), _typical_gap_days(swapped)
    if far > 20 > 7 >= near or (_has_weekend(as_written) and not _has_weekend(swapped)):
        raise BadInput("date", found[0][0], allowed)


def _days(dates: list[tuple[str, str, str]]) -> list[dt.date]:
    """The different days in order; none when one of them is no date."""
    try:
        return sorted({dt.date(int(y), int(m), int(d)) for y, m, d in dates})
    except ValueError:
        return []


def _typical_gap_days(days: Sequence[dt.date]) -> float:
    """The median distance of neighbours in days."""
    return median((b - a).days for a, b in pairwise(days))


def _has_weekend(days: Sequence[dt.date]) -> bool:
    return any(day.weekday() >= 5 for day in days)


def refuse_decimals(cells: Sequence[Cell], rows: Rows) -> None:
    """Refuse a file of decimals where percentages are published.

    Raises:
        BadInput: Names the first rate.
    """
    rates = [rate for quotes in rows.values() for rate in quotes.values()]
    if not rates or max(rates) * 100 >= MIN_PERCENT or min(rates) < 0:
        return
    long = any(tenor_days(tenor) >= LONG_DAYS for quotes in rows.values() for tenor in quotes)
    fine = any(len(text.strip().rpartition(".")[2].rstrip("0")) > 2 for _, _, text in cells)
    if long or fine:
        day, tenor, text = next(cell for cell in cells if cell[2].strip().upper() not in MISSING)
        raise BadInput(f"{day} {tenor}", text, "a percentage (4.25 for 4.25 %), not a decimal")
