"""Write the tables of a report as CSV, as an XLSX workbook, or as an HTML page.

The page has its styles in itself and asks for nothing outside, so it can be mailed and printed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from risk.models import LIVE
from risk.reports.results import DayResults
from risk.reports.tables import (
    LIMIT_COLUMNS,
    MAKERS,
    TOTAL,
    Asked,
    Cell,
    Column,
    Table,
    tables_of,
)
from riskproject.web.tables.formats import FORMATS, of_rows

NUMBER_FORMATS = {"money": "#,##0", "count": "#,##0", "percent": "0.0%", "rate": "0.000000"}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "xlsx": FORMATS["xlsx"].media_type,
}
ON_THE_PAGE = ("risk", "pnl", "var", "limits", "breaches", "tail_days", "frames")
"""Tables shown on the page; the ladder by quote is only in the files."""

MISSING = "\N{EN DASH}"


class Document(NamedTuple):
    """A file."""

    name: str
    content_type: str
    content: bytes


def document(results: DayResults, asked: Asked, form: str, table: str = "risk") -> Document:
    """The report in one of the forms of ``CONTENT_TYPES``.

    Args:
        results: The results of a day.
        asked: Whose report it is.
        form: csv, html or xlsx.
        table: Which table, of a CSV.

    Raises:
        ValueError: A close has no exchange rate to the reporting currency.
    """
    market = "" if results.market == LIVE else f"{results.market}-"
    name = f"report-{market}{results.date}"
    if form == "csv":
        content, name = as_csv(MAKERS[table](results, asked)), f"{name}-{table}"
    else:
        make: Callable[..., bytes] = {"html": as_html, "xlsx": as_xlsx}[form]
        content = make(results, tables_of(results, asked), asked)
    return Document(f"{name}.{form}", CONTENT_TYPES[form], content)


def as_csv(table: Table) -> bytes:
    """One table with the names of its columns; a missing number is empty."""
    names = [column.name for column in table.columns]
    return FORMATS["csv"].write([of_rows(table.name, names, table.rows)])


def as_xlsx(results: DayResults, tables: Sequence[Table], asked: Asked) -> bytes:
    """A workbook with a sheet a table; numbers are numbers, whatever they are shown as."""
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.name)
        sheet.freeze_panes = "A2"
        for place, column in enumerate(table.columns, start=1):
            sheet.column_dimensions[get_column_letter(place)].width = _width(column, table)
        sheet.append([_heading(sheet, column, table) for column in table.columns])
        for row in table.rows:
            cells = zip(table.columns, row, strict=True)
            sheet.append([_cell(sheet, column, cell, row[0] == TOTAL) for column, cell in cells])
        for note in table.notes:
            sheet.append([_text(sheet, note, Font(italic=True))])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _width(column: Column, table: Table) -> int:
    return 18 if column.form != "text" else 24 if column.name == table.columns[0].name else 20


def _heading(sheet: Any, column: Column, table: Table) -> Any:
    unit = f" ({table.unit})" if table.unit and column.form == "money" else ""
    cell = _text(sheet, f"{column.title}{unit}", Font(bold=True))
    cell.fill = PatternFill("solid", start_color="E8ECF1")
    return cell


def _text(sheet: Any, text: str, font: Any) -> Any:
    cell = WriteOnlyCell(sheet, text)
    cell.font = font
    return cell


def _cell(sheet: Any, column: Column, value: Cell, total: bool) -> Any:
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        cell.data_type = "s"  # a name that begins with = is no formula
    cell.number_format = NUMBER_FORMATS.get(column.form, "General")
    if total:
        cell.font = Font(bold=True)
    return cell


# --- The page --------------------------------------------------------------------------------


def as_html(results: DayResults, tables: Sequence[Table], asked: Asked) -> bytes:
    """The page."""
    by_name = {table.name: table for table in tables}
    context: Mapping[str, Any] = {
        "results": results,
        "asked": asked,
        "desks": None if asked.desks is None else ", ".join(sorted(asked.desks)) or "none",
        "headlines": _headlines(by_name, asked),
        "tables": [_on_page(by_name[name]) for name in ON_THE_PAGE],
        "labels": sorted({label for r in results.rollups for label in r.labels.values()}),
    }
    return render_to_string("risk/report.html", dict(context)).encode()


def _headlines(tables: Mapping[str, Table], asked: Asked) -> list[dict[str, str]]:
    """The few numbers that a manager reads first."""

    def total(table: str, column: str) -> str:
        found = tables[table]
        place = [one.name for one in found.columns].index(column)
        row = next((row for row in found.rows if row[0] == TOTAL), None)
        return _shown(found.columns[place], None if row is None else row[place])

    place = [column.name for column in LIMIT_COLUMNS].index("state")
    states = [row[place] for row in tables["limits"].rows]
    return [
        {"title": f"P&L, {asked.reporting}", "value": total("pnl", "total")},
        {"title": f"DV01, {asked.reporting} per bp", "value": total("risk", "dv01_par")},
        {"title": f"VaR 99 %, {asked.reporting}", "value": total("var", "var_99")},
        {
            "title": "Limits in breach, in warning, unknown",
            "value": " / ".join(str(states.count(n)) for n in ("breach", "warning", "unknown")),
        },
    ]


def _on_page(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "unit": table.unit,
        "columns": [
            {"title": column.title, "number": column.form in NUMBER_FORMATS}
            for column in table.columns
        ],
        "rows": [
            {
                "total": row[0] == TOTAL,
                "cells": [
                    {
                        "text": _shown(column, cell),
                        "number": column.form in NUMBER_FORMATS,
                        "state": cell if column.form == "state" else "",
                        "negative": isinstance(cell, int | float) and cell < 0,
                    }
                    for column, cell in zip(table.columns, row, strict=True)
                ],
            }
            for row in table.rows
        ],
        "notes": table.notes,
    }


def _shown(column: Column, cell: Cell) -> str:
    if cell is None:
        return MISSING if column.form in NUMBER_FORMATS else ""
    if isinstance(cell, str):
        return cell
    if column.form == "percent":
        return f"{cell:,.1%}"
    if column.form == "rate":
        return f"{cell:.6f}"
    places = 2 if column.form == "money" and abs(cell) < 100 and cell != round(cell) else 0
    return f"{round(cell, places) + 0.0:,.{places}f}"  # + 0.0: no minus before a zero
