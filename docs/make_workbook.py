"""Make ``docs/excel/live-risk.xlsx``: python -m docs.make_workbook.

A sheet for each query of ``live-risk.pq`` with an Excel table whose header is that of the API, the
addresses on the sheet ``queries``, and sums over the tables on the sheet ``summary``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import django
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.table import Table, TableStyleInfo

FILE = Path(__file__).parent / "excel" / "live-risk.xlsx"
QUERIES: Mapping[str, str] = {
    "Groups": "risk/portfolio/?group_by=currency,desk,book&table=groups",
    "Ladder": "risk/portfolio/?group_by=currency,desk&table=ladder_par",
    "Trades": "risk/trades/?currency=USD&ordering=trade_id",
    "Curves": "curves/?table=nodes",
}
SUMMARY: Sequence[tuple[str, str]] = (
    ("NPV of USD, sum of the groups", '=SUMIFS(Groups[npv_local],Groups[currency],"USD")'),
    ("NPV of USD, sum of the trades", "=SUM(Trades[npv_usd])"),
    ("Trades less groups (equal frames: 0)", "=B3-B2"),
    (
        "DV01 of USD, per bp",
        '=SUMIFS(Groups[dv01_par_local_per_bp],Groups[currency],"USD")',
    ),
    (
        "DV01 of USD, sum of the ladder",
        '=SUMIFS(Ladder[ladder_par_local_per_bp],Ladder[currency],"USD")',
    ),
    ("Trades without a number", '=COUNTIFS(Trades[status],"failed")'),
)


def headers() -> dict[str, list[str]]:
    """The header of each sheet, as the API gives it."""
    from risk.api.answers.tables import CURVES, PORTFOLIO, TRADES

    groups = PORTFOLIO["groups"].chosen(None)
    ladder = PORTFOLIO["ladder_par"].chosen(None)
    return {
        "Groups": [c.header("local") for c in groups if c.name != "type"],
        "Ladder": [c.header("local") for c in ladder if c.name not in ("book", "type")],
        "Trades": [column.header("usd") for column in TRADES["trades"].chosen(None)],
        "Curves": [column.header("local") for column in CURVES["nodes"].chosen(None)],
    }


def workbook() -> Workbook:
    """The template."""
    book = Workbook()
    summary = book.active
    summary.title = "summary"
    summary.append(("Live Risk", "after Data > Refresh All, or live_risk_client.workbook"))
    for line in SUMMARY:
        summary.append(line)
        summary.cell(summary.max_row, 2).number_format = "#,##0.00"
    summary["A1"].font = Font(bold=True)
    summary.column_dimensions["A"].width = 40
    summary.column_dimensions["B"].width = 24
    queries = book.create_sheet("queries")
    queries.append(("sheet", "address"))
    for line in QUERIES.items():
        queries.append(line)
    queries.column_dimensions["B"].width = 70
    for name, header in headers().items():
        sheet = book.create_sheet(name)
        sheet.append(header)
        last = get_column_letter(len(header))
        table = Table(displayName=name, ref=f"A1:{last}2")
        table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
        sheet.add_table(table)
        sheet.freeze_panes = "B2"
    return book


def main() -> None:
    """Write the file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    django.setup()
    FILE.parent.mkdir(exist_ok=True)
    workbook().save(FILE)
    print(FILE)


if __name__ == "__main__":
    main()
