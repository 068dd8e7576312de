"""Fill the sheets of a workbook from the API, as Excel's own queries would.

    python -m live_risk_client.workbook live-risk.xlsx            # LIVE_RISK_URL, LIVE_RISK_TOKEN

The sheet ``queries`` names a sheet and an address in each row. What a sheet held is replaced, and
the table on it gets the new size; other sheets, with formulas over those tables, stay as they are.
It needs openpyxl (``pip install "live-risk-client[excel]"``).
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import httpx

from live_risk_client.client import Client
from live_risk_client.connection import check
from live_risk_client.errors import Unreachable

QUERIES = "queries"
HEADER = ("sheet", "address")


def fill(client: Client, path: str | Path, to: str | Path | None = None) -> dict[str, int]:
    """Ask every address of the sheet ``queries``, write the answers, and return rows by sheet.

    Nothing is saved unless all are answered.

    Args:
        client: Of the API.
        path: The workbook.
        to: Where it is saved; default: the same file.

    Raises:
        ApiError: An address is refused.
        ValueError: The workbook has no such sheet, or no queries.
    """
    from openpyxl import load_workbook

    book = load_workbook(path)
    if QUERIES not in book.sheetnames:
        raise ValueError(f"{path}: there is no sheet {QUERIES!r}")
    header, *rows = book[QUERIES].iter_rows(max_col=2, values_only=True)
    if header != HEADER:
        raise ValueError(f"{path}: the first row of {QUERIES!r} must be {' | '.join(HEADER)}")
    asked = [(str(sheet), str(address)) for sheet, address in rows if sheet and address]
    answers = {sheet: table(client, address) for sheet, address in asked}
    for name, lines in answers.items():
        if name not in book.sheetnames:
            book.create_sheet(name)
        _replace(book[name], lines)
    book.save(to or path)
    return {name: len(lines) - 1 for name, lines in answers.items()}


def table(client: Client, address: str) -> list[tuple[Any, ...]]:
    """Header and rows of the first table of an address below ``/api/v1/``.

    Raises:
        ApiError: The address is refused.
        Unreachable: There was no answer.
    """
    from openpyxl import load_workbook

    url = httpx.URL(address).copy_merge_params({"format": "xlsx"})
    try:
        answer = client.http.get(str(url))
    except httpx.HTTPError as error:
        raise Unreachable(f"GET {address}: {error!r}") from error
    check(answer)
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    return list(sheet.iter_rows(values_only=True))


def _replace(sheet: Any, lines: list[tuple[Any, ...]]) -> None:
    from openpyxl.utils import get_column_letter

    sheet.delete_rows(1, sheet.max_row)
    for line in lines:
        sheet.append(line)
    for held in sheet.tables.values():
        # A table has at least one row below its header.
        whole = f"A1:{get_column_letter(len(lines[0]))}{max(2, len(lines))}"
        held.ref = whole
        held.autoFilter.ref = whole
        names = [str(name) for name in lines[0]]
        if [column.name for column in held.tableColumns] != names:
            held.tableColumns = []
            held._initialise_columns()
            for column, name in zip(held.tableColumns, names, strict=True):
                column.name = name


def main() -> None:
    """Fill a workbook by hand or by a scheduler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workbook", help="file with a sheet of queries")
    parser.add_argument("--to", help="save here; default: the same file")
    options = parser.parse_args()
    with Client() as client:
        for name, rows in fill(client, options.workbook, options.to).items():
            print(f"{name}: {rows} rows")


if __name__ == "__main__":
    main()
