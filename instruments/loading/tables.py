"""Read the header and rows of a CSV, XLSX or FpML file, or raise an error about the file."""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from instruments.loading import cells, fpml, workbook
from instruments.loading.errors import BadFile
from instruments.loading.table_spec import TableSpec
from riskproject.web.disconnects import caller_is_gone

MOST_ROWS = 200_000
MOST_BYTES = 40 * 2**20
SENTENCES = 50
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""Name of the stream that holds a workbook with a password: MS-OFFCRYPTO 2.3.4.4."""

OLD_EXCEL = "This is an old Excel file (.xls): save it as .xlsx or as CSV UTF-8"
ENCRYPTED = "The workbook is protected by a password: save it without one"
MARKUP = (
    "The file is HTML or XML, despite its name: open it in a spreadsheet and save it as "
    ".xlsx or as CSV UTF-8"
)
SEPARATOR = re.compile(r"sep=([,;\t])[ \t]*(?:\r\n|\r|\n)", re.IGNORECASE)
"""A first line that tells Excel the separator; it is not a row."""
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


def read_table(content: bytes, kind: TableSpec, *, sheet: str | None = None) -> Table:
    """Read the rows of a file; its content, not its name, decides between CSV, XLSX and FpML.

    CSV is UTF-8 with or without a byte order mark, separated by comma, semicolon or tab.

    Args:
        content: The bytes of the file.
        kind: The table of the rows.
        sheet: Sheet of a workbook; None for the only visible one with cells.

    Raises:
        BadFile: The file cannot be used; the messages say why.
    """
    if not content.strip():
        raise BadFile("The file is empty")
    if len(content) > MOST_BYTES:
        raise BadFile(f"The file is larger than {MOST_BYTES // 2**20} MB: split it")
    if content.startswith(OLE):
        raise BadFile(ENCRYPTED if ENCRYPTED_PACKAGE in content else OLD_EXCEL)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        if not fpml.is_fpml(content):
            raise BadFile(MARKUP)
        if sheet is not None:
            raise BadFile(f"sheet {cells.shown(sheet)}: FpML has no sheets")
        return Table(*fpml.read(content, kind.name))
    packed = content.startswith(ZIP)
    if sheet is not None and not packed:
        raise BadFile(f"sheet {cells.shown(sheet)}: the file is not a workbook and has no sheets")
    lines = _xlsx(content, sheet) if packed else csv_rows(content)
    number, first = next(lines, (0, []))
    names = first[: _last(first)]
    return _table(_header(names, kind), number, lines, nameless=len(first) - len(names))


def _table(
    header: list[str], header_row: int, lines: Iterator[tuple[int, Cells]], *, nameless: int
) -> Table:
    """Rows with their header; the header ends with ``nameless`` empty cells."""
    numbers: list[int] = []
    rows: list[dict[str, object]] = []
    wrong: list[str] = []
    width = len(header)
    for number, line in lines:
        if len(rows) == MOST_ROWS:
            raise BadFile(f"The file has more than {MOST_ROWS:,} rows: split it")
        cells_of_row = line[: max(width, _last(line))]  # empty cells behind the last name
        if width < len(cells_of_row) <= width + nameless:
            wrong.append(f"row {number}: a column has no name in the header")
            continue
        if len(cells_of_row) != width:
            wrong.append(_ragged(number, cells_of_row, header, header_row))
            continue
        numbers.append(number)
        rows.append(dict(zip(header, cells_of_row, strict=True)))
    if wrong:
        more = [f"and {len(wrong) - SENTENCES} more"] if len(wrong) > SENTENCES else []
        raise BadFile(*wrong[:SENTENCES], *more)
    if not rows:
        raise BadFile("The file has a header and no rows")
    return Table(numbers, rows)


def _ragged(number: int, line: Cells, header: list[str], header_row: int) -> str:
    why = (
        "a cell that contains the separator must be in double quotes"
        if len(line) > len(header)
        else "cells are missing at its end; Excel leaves out empty ones after 16 rows: load the "
        "workbook itself, or move a column that is always filled to the end"
    )
    return (
        f"row {number}: has {len(line)} cells, the header in row {header_row} has {len(header)} "
        f"({why})"
    )


def _last(line: Cells) -> int:
    """The number of the last cell that holds something."""
    return max((i for i, cell in enumerate(line, 1) if not cells.is_empty(cell)), default=0)


# --- Header ----------------------------------------------------------------------------------


def _header(cells_of_row: Cells, kind: TableSpec) -> list[str]:
    """Names of the columns, in this project's spelling."""
    names = [_spelt(cell) for cell in cells_of_row]
    wrong = [unknown_column(name, kind) for name in names if name not in kind.columns]
    wrong += [f"column {name} occurs twice in the header" for name in _doubled(names)]
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


def unknown_column(name: str, kind: TableSpec) -> str:
    """Sentence for a name that no column has."""
    if not name:
        return "a column has no name in the header"
    if name in kind.refused:
        return f"column {name}: {kind.refused[name]}"
    close = difflib.get_close_matches(name, kind.columns, n=1)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(kind.columns)}"
    return f"column {cells.shown(name)[1:-1]}: no such column of {kind.name}; {hint}"


# --- CSV -------------------------------------------------------------------------------------


def csv_rows(content: bytes) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV file that hold something, with their numbers in a spreadsheet.

    The separator is a comma, a semicolon or a tab, whichever the first line has most of.

    Raises:
        BadFile: The file is no text, or a quote is not closed.
    """
    text = _decoded(content)
    if "\0" in text:
        raise BadFile("The file holds NUL characters: it is not text; save it as CSV UTF-8")
    number = 0
    try:
        for number, line in _records(text, strict=True):
            if any(cell.strip() for cell in line):
                yield number, list(line)
    except csv.Error as error:
        raise BadFile(
            f"row {number + 1}: {error} (a double quote inside a cell is written twice)"
        ) from None


def _records(text: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """Number the rows as a spreadsheet does that opens the file."""
    stated = SEPARATOR.match(text)
    delimiter = stated[1] if stated else _delimiter(text)
    body = io.StringIO(text[stated.end() :] if stated else text, newline="")
    first = HEADER_ROW + 1 if stated else HEADER_ROW
    return enumerate(csv.reader(body, delimiter=delimiter, strict=strict), start=first)


def _decoded(content: bytes) -> str:
    try:
        # Some programs write the mark twice; Ctrl-Z ends a text file of MS-DOS.
        return content.decode("utf-8").lstrip("\ufeff").rstrip("\x1a \t\r\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").lstrip("\ufeff")
        row = HEADER_ROW
        with contextlib.suppress(csv.Error):
            row = [number for number, _ in _records(f"{before}?", strict=False)][-1]
        raise BadFile(
            f"row {row}: byte 0x{content[error.start]:02x} is not UTF-8: save the file as "
            '"CSV UTF-8"'
        ) from None


def _delimiter(text: str) -> str:
    """The one that the first line has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


# --- XLSX ------------------------------------------------------------------------------------


def _xlsx(content: bytes, sheet: str | None) -> Iterator[tuple[int, Cells]]:
    """The rows of a sheet, all as wide as its last cell that holds something."""
    width = 0
    try:
        for number, line in workbook.read_sheet(
            content, sheet=sheet, most_rows=MOST_ROWS, is_abandoned=caller_is_gone
        ):
            filled: Cells = list(line)
            width = width or _last(filled)
            yield number, filled + [None] * (width - len(filled))
    except workbook.BadWorkbook as error:
        raise BadFile(*error.args) from None
