"""Write tables as CSV, workbooks, lines of JSON, Arrow or Parquet.

No text is run by a spreadsheet: one that begins like a formula gets an apostrophe before it, which
the loader of files takes off again. Numbers are written with all their digits, in a workbook
with 16. pyarrow is loaded by the first table that needs it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
from openpyxl import Workbook

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a text that spreadsheets run as a formula."""

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that the XML of a workbook cannot hold."""

EXACT_DIGITS = 15
"""Significant digits of a decimal in a spreadsheet."""

MOST_ROWS, MOST_SHEET_ROWS = 200_000, 20_000
"""Largest number of rows of an answer, and of a workbook, which takes about 40 times as long to
write."""

Line = Sequence[Any]


@dataclass(frozen=True)
class Columns:
    """A table by column; each column is an array or a list, all of one length."""

    name: str
    values: Mapping[str, Any]

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return list(self.values)

    def __len__(self) -> int:
        return min((len(column) for column in self.values.values()), default=0)

    def lines(self) -> Iterable[Line]:
        """The rows, each in the order of the header."""
        return zip(*(_plain(column) for column in self.values.values()), strict=True)


def of_rows(name: str, header: Sequence[str], rows: Iterable[Line]) -> Columns:
    """A table of rows."""
    columns: list[list[Any]] = [[] for _ in header]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return Columns(name, dict(zip(header, columns, strict=True)))


@dataclass(frozen=True)
class TableFormat:
    """A way to write tables.

    Attributes:
        name: The word of ``format=``, and the ending of files.
        media_type: Of the answer.
        write: Makes the bytes; only a workbook takes more than one table.
        most_rows: Of one table.
    """

    name: str
    media_type: str
    write: Callable[[Sequence[Columns]], bytes]
    most_rows: int = MOST_ROWS
    holds_several: bool = False


def escaped(text: str) -> str:
    """Text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_bytes(tables: Sequence[Columns]) -> bytes:
    """UTF-8, comma, CRLF; nothing is an empty cell, and a yes is ``true``."""
    (table,) = tables
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.header)
    writer.writerows([_csv_cell(value) for value in line] for line in table.lines())
    return out.getvalue().encode()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.date):  # of which a time is one too
        return value.isoformat()
    return value


def xlsx_bytes(tables: Sequence[Columns]) -> bytes:
    """A workbook with a sheet for each table; times are UTC."""
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.name)
        sheet.append(table.header)
        for line in table.lines():
            sheet.append([_xlsx_cell(value) for value in line])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _xlsx_cell(value: Any) -> Any:
    if isinstance(value, str):
        return CONTROL.sub("\ufffd", escaped(value)) or None
    if isinstance(value, Decimal):
        return float(value) if len(f"{value:f}".strip("-0.")) <= EXACT_DIGITS else f"{value:f}"
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


def ndjson_bytes(tables: Sequence[Columns]) -> bytes:
    """A line of JSON for each row."""
    (table,) = tables
    header = table.header
    lines = (
        json.dumps(dict(zip(header, line, strict=True)), default=_json_value, ensure_ascii=False)
        for line in table.lines()
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _json_value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value.isoformat()


def arrow_bytes(tables: Sequence[Columns]) -> bytes:
    """A stream of Arrow record batches."""
    import pyarrow as pa

    found = _arrow(tables)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def parquet_bytes(tables: Sequence[Columns]) -> bytes:
    """A Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(_arrow(tables), sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _arrow(tables: Sequence[Columns]) -> Any:
    import pyarrow as pa

    (table,) = tables
    return pa.table({name: _arrow_column(column) for name, column in table.values.items()})


def _arrow_column(column: Any) -> Any:
    """An array of Arrow; a number that is missing is null, whatever kind of array held it."""
    import pyarrow as pa

    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        return pa.array(column, from_pandas=True)
    if isinstance(column, np.ndarray) and column.dtype.kind == "U":
        return pa.array(column.tolist(), type=pa.string()).dictionary_encode()
    if isinstance(column, np.ndarray):
        return pa.array(column)
    found = [float(value) if isinstance(value, Decimal) else value for value in column]
    # Whole numbers beside others would be refused.
    if any(isinstance(value, float) for value in found):
        found = [float(value) if isinstance(value, int) else value for value in found]
    return pa.array(found, from_pandas=True)


def _plain(column: Any) -> Iterable[Any]:
    """The values of a column as Python's own; NaN is nothing."""
    if not isinstance(column, np.ndarray):
        return column  # type: ignore[no-any-return]
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    return column.tolist()  # type: ignore[no-any-return]


FORMATS: Mapping[str, TableFormat] = MappingProxyType(
    {
        found.name: found
        for found in (
            TableFormat("csv", "text/csv", csv_bytes),
            TableFormat(
                "xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                xlsx_bytes,
                most_rows=MOST_SHEET_ROWS,
                holds_several=True,
            ),
            TableFormat("ndjson", "application/x-ndjson", ndjson_bytes),
            TableFormat("arrow", "application/vnd.apache.arrow.stream", arrow_bytes),
            TableFormat("parquet", "application/vnd.apache.parquet", parquet_bytes),
        )
    }
)
"""All formats by name."""
