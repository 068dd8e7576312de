"""Read the Bank of England's yield curve workbooks, alone or in the archive that holds them."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace

from instruments.loading.workbook import BadWorkbook, read_sheet
from instruments.loading.workbook import Cell as SheetCell
from pricing.errors import BadInput
from risk.history.layouts.table import Cell, RateTable, rates_by_day, refuse_weekends

ZIP = b"PK\x03\x04"

SPOT_SHEETS = ("4. spot curve", "4. nominal spot curve")
SHORT_SHEETS = ("3. spot, short end", "3. nominal spot, short end")
"""Names of the sheets with spot rates, today's first; files up to 2004 have the longer ones."""

SPOT_TENORS = (
    *("6M", "1Y", "2Y", "3Y", "4Y", "5Y", "6Y", "7Y", "8Y", "9Y", "10Y"),
    *("12Y", "15Y", "20Y", "25Y", "30Y", "40Y"),
)
SHORT_TENORS = ("3M", "9M")
"""Tenors that are read from the sheets of short maturities."""

MOST_ROWS = 20_000
MOST_MEMBERS, MOST_MEMBER_BYTES = 40, 100 * 2**20


def is_archive(raw: bytes) -> bool:
    """Return whether the bytes are a ZIP archive, which a workbook is too."""
    return raw.startswith(ZIP)


def read_archive(raw: bytes, sheet: str | None = None) -> RateTable:
    """The nominal spot rates of a workbook, or of all workbooks in an archive.

    Args:
        raw: An XLSX file, or a ZIP file with such files.
        sheet: Read this sheet of a workbook alone.

    Raises:
        BadInput: Not such an archive, no sheet of nominal spot rates, or a broken cell.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
        members = archive.infolist()
        if any(member.filename == "xl/workbook.xml" for member in members):
            found = read_workbook(raw, sheet)
        else:
            found = _read_members(archive, members, sheet)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BadInput("history", str(error), "a ZIP archive that is not damaged") from None
    if not found.rows:
        raise BadInput("history", found.publisher, "the file holds no rate at all")
    refuse_weekends(found.rows)
    return replace(found, sha256=hashlib.sha256(raw).hexdigest())


def _read_members(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], sheet: str | None
) -> RateTable:
    books = [member for member in members if member.filename.lower().endswith(".xlsx")]
    nominal = [member for member in books if "nominal" in member.filename.lower()]
    if not nominal or len(members) > MOST_MEMBERS:
        names = ", ".join(member.filename for member in members[:8])
        allowed = (
            "an archive with workbooks of nominal rates (GLC Nominal ...xlsx); OIS spot rates are "
            "not taken: GBP-SONIA is quoted by par swap rates"
        )
        raise BadInput("history", names, allowed)
    tables = []
    for member in nominal:
        if member.file_size > MOST_MEMBER_BYTES:
            allowed = f"workbooks of at most {MOST_MEMBER_BYTES // 2**20} MB"
            raise BadInput("history", member.filename, allowed)
        tables.append(read_workbook(archive.read(member), sheet))
    rows = {day: quotes for table in tables for day, quotes in table.rows.items()}
    left = [member.filename for member in books if member not in nominal]
    return replace(
        tables[0],
        rows=dict(sorted(rows.items())),
        tenors=frozenset().union(*(table.tenors for table in tables)),
        warnings=tuple(f"{name} holds no nominal rates" for name in left),
    )


def read_workbook(raw: bytes, sheet: str | None = None) -> RateTable:
    """The nominal spot rates of a workbook of the Bank of England.

    A sheet has a title in its first rows, a row ``years:`` with maturities, then a row a day.

    Raises:
        BadInput: As ``read_archive``.
    """
    if sheet is not None:
        cells = _cells(_rows_of(raw, (sheet,)), (*SHORT_TENORS, *SPOT_TENORS))
    else:
        cells = _cells(_rows_of(raw, SPOT_SHEETS), SPOT_TENORS)
        cells += _cells(_rows_of(raw, SHORT_SHEETS, needed=False), SHORT_TENORS)
    return RateTable(
        publisher="Bank of England",
        currency="GBP",
        quotes="zero",
        compounding="continuous",
        rows=rates_by_day(cells),
        tenors=frozenset(tenor for _, tenor, _ in cells),
    )


SheetRows = list[tuple[int, list[SheetCell]]]


def _rows_of(raw: bytes, names: Sequence[str], *, needed: bool = True) -> SheetRows:
    """The rows of the first of these sheets that the workbook has."""
    said = ""
    for name in names:
        try:
            return list(read_sheet(raw, sheet=name, most_rows=MOST_ROWS, errors_are_empty=True))
        except BadWorkbook as error:
            said = said or " ".join(str(part) for part in error.args)
            if not said.startswith("There is no sheet"):
                break
    if not needed and said.startswith("There is no sheet"):
        return []
    raise BadInput("sheet", names[0], said)


def _cells(rows: SheetRows, wanted: Sequence[str]) -> list[Cell]:
    if not rows:
        return []
    head = next((k for k, (_, line) in enumerate(rows) if _text(line[0]).startswith("years")), None)
    if head is None:
        raise BadInput("history", "no row years:", "a sheet with a row of maturities in years")
    title = " ".join(_text(cell) for _, line in rows[:head] for cell in line).strip()
    if "nominal" not in title or "spot" not in title:
        allowed = (
            "the sheet of nominal spot rates; real, implied inflation, forward and OIS rates are "
            "not quotes of GBP-GOVT"
        )
        raise BadInput("title", title[:60], allowed)
    tenors = {place: _tenor(cell) for place, cell in enumerate(rows[head][1])}
    places = {place: tenor for place, tenor in tenors.items() if tenor and tenor in wanted}
    found: list[Cell] = []
    for number, line in rows[head + 1 :]:
        day = line[0]
        if day is None:
            continue  # a row of error values below the header
        if not isinstance(day, dt.date):
            raise BadInput(f"row {number}", str(day), "a date in the first column")
        date = day.date() if isinstance(day, dt.datetime) else day
        found += [(date, tenor, _text(line[place])) for place, tenor in places.items()]
    return found


def _text(cell: SheetCell) -> str:
    return "" if cell is None else str(cell).strip().lower()


def _tenor(years: SheetCell) -> str | None:
    """The tenor of a maturity in years, which is rounded to two decimals for months."""
    if not isinstance(years, int | float) or isinstance(years, bool):
        return None
    months = round(years * 12)
    if months < 1 or abs(years * 12 - months) > 0.1:
        return None
    return f"{months // 12}Y" if months % 12 == 0 else f"{months}M"
