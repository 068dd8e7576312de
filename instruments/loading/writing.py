"""Write rows of a table as a CSV or XLSX file that `read_table` can read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from openpyxl import Workbook

from instruments.loading.columns import Column
from instruments.loading.table_spec import VERSION, TableSpec
from riskproject.web.tables.formats import escaped

FORMATS = ("csv", "xlsx")
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
EXACT_DIGITS = 15
"""Significant digits of a number in a spreadsheet."""

Line = Sequence[object]


def export(kind: TableSpec, rows: Iterable[Any], format_name: str) -> bytes:
    """Every row with every column."""
    columns = [*kind.stored, VERSION]
    lines = ([_cell(column, row, format_name) for column in columns] for row in rows)
    return _file([column.name for column in columns], lines, format_name)


def template(kind: TableSpec, format_name: str) -> bytes:
    """A header with the columns that most rows need, and one row as an example."""
    return _file(list(kind.example), [list(kind.example.values())], format_name)


def _cell(column: Column, row: Any, format_name: str) -> object:
    if column is VERSION:
        return row.version
    text = column.text(row)
    if column.is_text:
        return escaped(text)
    value = getattr(row, column.name)
    if (
        format_name == "xlsx"
        and isinstance(value, Decimal)
        and len(text.strip("-0.")) <= EXACT_DIGITS
    ):
        return float(value)
    return text


def _file(header: Line, lines: Iterable[Line], format_name: str) -> bytes:
    return _xlsx(header, lines) if format_name == "xlsx" else _csv(header, lines)


def _csv(header: Line, lines: Iterable[Line]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue().encode()


def _xlsx(header: Line, lines: Iterable[Line]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    sheet.append(list(header))
    for line in lines:
        sheet.append([None if cell == "" else cell for cell in line])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
