"""Many rows in one call: all or none, unless asked otherwise; each row says what became of it."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from rest_framework.test import APIClient

from instruments.models import Bond, BondPosition, Book, BookVersion, Swap
from tests.instruments.test_api import BOND, SWAP

BULK = "/api/v1/swaps/bulk/"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS = [{**SWAP, "trade_id": f"S{n}"} for n in range(3)]
BAD = {**SWAP, "trade_id": "BAD", "fixed_rate": 3.5}


def statuses(answer: Any) -> list[str]:
    return [row["status"] for row in answer.json()["rows"]]


def test_rows_are_added_changed_and_left_alone_in_one_version(api: APIClient, book: Book) -> None:
    before = BookVersion.current()
    first = api.post(BULK, ROWS)
    assert (first.status_code, statuses(first)) == (200, ["new"] * 3)
    assert BookVersion.current() == before + 1 == first.json()["book_version"]
    again = api.post(BULK, [ROWS[0], {**ROWS[1], "notional": 7}, {**SWAP, "trade_id": "S9"}])
    assert statuses(again) == ["skip", "update", "new"]
    assert again.json()["rows"][1]["changes"] == {"notional": ["10000000", "7"]}
    assert again.json()["counts"] == {"new": 1, "update": 1, "skip": 1, "error": 0}
    assert Swap.objects.get(trade_id="S1").notional == 7


def test_one_bad_row_and_nothing_is_written(api: APIClient, book: Book) -> None:
    answer = api.post(BULK, [*ROWS, BAD])
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "BAD_ROWS"
    assert body["detail"].startswith("1 of 4 rows are wrong, nothing is written: row 4: column")
    assert [row["id"] for row in body["rows"]] == ["BAD"]
    assert "fixed_rate" in body["rows"][0]["row_errors"]
    assert not Swap.objects.exists()


def test_the_good_rows_are_written_when_asked(api: APIClient, book: Book) -> None:
    answer = api.post(f"{BULK}?partial=true", [*ROWS, BAD])
    assert (answer.status_code, statuses(answer)) == (200, ["new"] * 3 + ["error"])
    assert Swap.objects.count() == 3


def test_a_dry_run_says_what_would_happen(api: APIClient, book: Book) -> None:
    answer = api.post(f"{BULK}?dry_run=true", [*ROWS, BAD])
    assert (answer.status_code, statuses(answer)) == (200, ["new"] * 3 + ["error"])
    assert answer.json()["written"] is False
    assert not Swap.objects.exists()


def test_a_csv_file_is_a_body_too(api: APIClient, book: Book) -> None:
    head = ",".join(SWAP)
    lines = "\r\n".join(",".join(map(str, row.values())) for row in ROWS)
    answer = api.generic("POST", BULK, f"\ufeff{head}\r\n{lines}\r\n".encode(), "text/csv")
    assert (answer.status_code, statuses(answer)) == (200, ["new"] * 3)
    assert answer.json()["rows"][0]["row"] == 2  # as a spreadsheet counts


def test_a_workbook_is_a_body_too(api: APIClient, db: None) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(list(BOND))
    book.active.append(list(BOND.values()))
    book.save(file)
    answer = api.generic("POST", "/api/v1/bonds/bulk/", file.getvalue(), XLSX)
    assert (answer.status_code, statuses(answer)) == (200, ["new"])
    assert Bond.objects.get().name == "Treasury"


def test_a_sheet_of_a_workbook_is_chosen_by_name(api: APIClient, db: None) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["notes"])
    sheet = book.create_sheet("Bonds")
    sheet.append(list(BOND))
    sheet.append(list(BOND.values()))
    book.save(file)
    address = "/api/v1/bonds/bulk/"
    refused = api.generic("POST", address, file.getvalue(), XLSX)
    assert refused.status_code == 400
    assert "2 sheets with cells (Sheet, Bonds)" in refused.json()["detail"]
    answer = api.generic("POST", f"{address}?sheet=Bonds", file.getvalue(), XLSX)
    assert (answer.status_code, statuses(answer)) == (200, ["new"])
    assert api.post(f"{address}?sheet=Bonds", [BOND]).status_code == 400


@pytest.mark.parametrize("date", ["0001-01-01", "9999-12-31"])
def test_a_date_that_can_never_price_is_refused(api: APIClient, book: Book, date: str) -> None:
    answer = api.post("/api/v1/swaps/", {**SWAP, "trade_date": date})
    assert answer.status_code == 400
    assert "a date from 1901-01-01 to 2198-12-31" in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"{}", "application/json", 400, "send a JSON array"),
        (b"[1]", "application/json", 400, "send a JSON array"),
        (b"[", "application/json", 400, "line 1 column"),
        (b"", "text/csv", 400, "empty"),
        (b"nota;b\n1;2\n", "text/csv", 400, "not a header of swaps"),
        (b"PK\x03\x04junk", XLSX, 400, ""),
        (b"<swap/>", "text/xml", 415, "Unsupported media type"),
    ],
)
def test_a_body_that_is_no_list_of_rows_is_refused(
    api: APIClient, book: Book, body: bytes, kind: str, status: int, words: str
) -> None:
    answer = api.generic("POST", BULK, body, kind)
    assert answer.status_code == status, answer.content
    assert words in answer.json()["detail"]
    assert answer["content-type"] == "application/problem+json"


def test_a_misspelt_switch_is_refused(api: APIClient, book: Book) -> None:
    for query in ("dryrun=true", "dry_run=yes"):
        assert api.post(f"{BULK}?{query}", ROWS).status_code == 400
    assert not Swap.objects.exists()


def test_a_body_that_is_too_long_is_refused(api: APIClient, book: Book, settings: Any) -> None:
    settings.API_BULK_BYTES = 100
    assert api.post(BULK, ROWS).status_code == 413


def test_a_repeated_call_loads_once(api: APIClient, book: Book) -> None:
    key = {"Idempotency-Key": "load-1"}
    first = api.post(BULK, ROWS, headers=key)
    again = api.post(BULK, ROWS, headers=key)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Swap.objects.get(trade_id="S0").version == 1


def test_the_history_names_who_loaded(api: APIClient, book: Book, admin_user: Any) -> None:
    api.post(BULK, ROWS)
    record = Swap.objects.get(trade_id="S0").history.get()
    assert record.history_user == admin_user
    assert "POST /api/v1/swaps/bulk/" in record.history_change_reason


def test_a_price_that_may_be_a_fraction_is_taken_with_a_warning(
    api: APIClient, position: BondPosition
) -> None:
    rows = [{"trade_id": position.trade_id, "clean_price": 1.01}]
    answer = api.post("/api/v1/bond-positions/bulk/", rows)
    (row,) = answer.json()["rows"]
    assert (answer.status_code, row["status"], row["row_errors"]) == (200, "update", {})
    assert "if 101 % is meant, write 101" in row["row_warnings"]["clean_price"][0]
