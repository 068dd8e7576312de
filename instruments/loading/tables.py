"""Bytes of a CSV or XLSX file in, a header and rows out; or sentences about the file."""

from __future__ import annotations

import csv
import difflib
import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openpyxl

from instruments.loading import cells
from instruments.loading.errors import BadFile
from instruments.loading.kind import Kind

MOST_ROWS = 200_000
MOST_BYTES = 40 * 2**20
MOST_UNPACKED_BYTES = 512 * 2**20
"""Of an XLSX file: a few kilobytes can unpack to gigabytes."""

MOST_CELL_CHARACTERS = 100_000
SENTENCES = 50
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
DELIMITERS = (",", ";", "\t")
HEADER_ROW = 1

Cells = list[object]


@dataclass(frozen=True)
class Table:
    """Rows by column name, each with its number."""

    numbers: Sequence[int]
    rows: Sequence[Mapping[str, object]]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, object]], first_row: int = 1) -> Table:
        """Rows that come from no file."""
        return cls(range(first_row, first_row + len(rows)), rows)


def read_table(content: bytes, kind: Kind) -> Table:
    """The rows of a file; CSV and XLSX are told apart by content, not by name.

    CSV is UTF-8 with or without a byte order mark, separated by comma, semicolon or tab.

    Raises:
        BadFile: With sentences; nothing of the file can be used.
    """
    if not content.strip():
        raise BadFile("The file is empty")
    if len(content) > MOST_BYTES:
        raise BadFile(f"The file is larger than {MOST_BYTES // 2**20} MB: split it")
    if content.startswith(OLD_EXCEL):
        raise BadFile("This is an old Excel file (.xls): save it as .xlsx or as CSV UTF-8")
    lines = _xlsx(content) if content.startswith(ZIP) else _csv(content)
    number, first = next(lines, (0, []))
    header = _header(first, kind)
    return _table(header, number, lines)


def _table(header: list[str], header_row: int, lines: Iterator[tuple[int, Cells]]) -> Table:
    numbers: list[int] = []
    rows: list[dict[str, object]] = []
    wrong: list[str] = []
    for number, line in lines:
        if len(rows) == MOST_ROWS:
            raise BadFile(f"The file has more than {MOST_ROWS:,} rows: split it")
        if len(line) != len(header):
            wrong.append(_ragged(number, line, header, header_row))
            continue
        numbers.append(number)
        rows.append(dict(zip(header, line, strict=True)))
    if wrong:
        more = [f"and {len(wrong) - SENTENCES} more"] if len(wrong) > SENTENCES else []
        raise BadFile(*wrong[:SENTENCES], *more)
    if not rows:
        raise BadFile("The file has a header and no rows")
    return Table(numbers, rows)


def _ragged(number: int, line: Cells, header: list[str], header_row: int) -> str:
    return (
        f"row {number}: has {len(line)} cells, the header in row {header_row} has {len(header)} "
        "(a cell that holds the separator must stand in double quotes)"
    )


# --- Header ----------------------------------------------------------------------------------


def _header(cells_of_row: Cells, kind: Kind) -> list[str]:
    """Names of the columns, in this project's spelling."""
    names = [_spelt(cell) for cell in cells_of_row]
    wrong = [unknown_column(name, kind) for name in names if name not in kind.columns]
    wrong += [f"column {name} stands twice in the header" for name in _doubled(names)]
    missing = [n for n in kind.key if n not in names]
    wrong += [
        f"column {name} is missing: it says which row of {kind.name} is meant" for name in missing
    ]
    if len(wrong) > 1 and not set(names) & set(kind.columns):
        raise BadFile(
            "The first row is not a header of "
            f"{kind.name}: it must name columns, such as {', '.join(kind.example)}"
        )
    if wrong:
        raise BadFile(*wrong)
    return names


def _spelt(cell: object) -> str:
    return "_".join(str(cell if cell is not None else "").strip().lower().split())


def _doubled(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1 and name]


def unknown_column(name: str, kind: Kind) -> str:
    """Sentence for a name that no column has."""
    if not name:
        return "a column has no name in the header"
    close = difflib.get_close_matches(name, kind.columns, n=1)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(kind.columns)}"
    return f"column {cells.shown(name)[1:-1]}: no such column of {kind.name}; {hint}"


# --- CSV -------------------------------------------------------------------------------------


def _csv(content: bytes) -> Iterator[tuple[int, Cells]]:
    text = _decoded(content)
    if "\0" in text:
        raise BadFile("The file holds NUL characters: it is no text; save it as CSV UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    try:
        for number, line in enumerate(reader, start=HEADER_ROW):
            if any(cell.strip() for cell in line):
                yield number, list(line)
    except csv.Error as error:
        raise BadFile(
            f"row {number + 1}: {error} (a double quote inside a cell is written twice)"
        ) from None


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise BadFile(
            f"row {row}: byte 0x{content[error.start]:02x} is not UTF-8: save the file as "
            '"CSV UTF-8"'
        ) from None


def _delimiter(text: str) -> str:
    """The one that the first line has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


# --- XLSX ------------------------------------------------------------------------------------


def _xlsx(content: bytes) -> Iterator[tuple[int, Cells]]:
    book = _workbook(content)
    formulas: list[str] = []
    width = 0
    for number, line in enumerate(book.worksheets[0].iter_rows(), start=HEADER_ROW):
        formulas += [
            f"row {number}: cell {cell.coordinate} is a formula: paste its value instead"
            for cell in line
            if cell.value is not None and cell.data_type == "f"
        ]
        values = [cell.value for cell in line]
        if all(value is None or value == "" for value in values):
            continue
        width = width or _last(values)
        # Empty cells behind the last one are the sheet's width, not the row's.
        yield number, (values + [None] * width)[: max(width, _last(values))]
        if len(formulas) > SENTENCES:
            break
    if formulas:
        raise BadFile(*formulas[:SENTENCES])


def _last(values: list[Any]) -> int:
    return max((i for i, value in enumerate(values, 1) if value not in (None, "")), default=0)


def _workbook(content: bytes) -> Any:
    not_one = "The file is no XLSX workbook, though it is packed like one: save it as .xlsx or CSV"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise BadFile(f"The workbook unpacks to {unpacked // 2**20:,} MB: split it")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False)
    except BadFile:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever broken XML makes it raise
        raise BadFile(f"{not_one} ({type(error).__name__})") from None
    if not book.worksheets:
        raise BadFile("The workbook has no sheet with cells")
    return book
