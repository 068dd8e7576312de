"""The check of a what-if's entries costs the same few queries whatever their number."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.models import BondPosition, Book, Swap
from instruments.what_if import CheckedEntry, check_entries, read_entry
from tests.instruments.conftest import make_swap

DATES: Any = {}


def checked(*given: dict[str, object], books_seen: list[str] | None = None) -> list[CheckedEntry]:
    entries = [read_entry(one, DATES, "B1") for one in given]
    return check_entries(entries, books=None, books_seen=books_seen)


def amend(trade_id: str, **columns: object) -> dict[str, object]:
    return {"action": "amend", "trade_id": trade_id, "row": columns}


@pytest.fixture
def swaps(swap: Swap, book: Book) -> list[str]:
    Swap.objects.bulk_create([make_swap(book, trade_id=f"T{n}") for n in range(20)])
    return [f"T{n}" for n in range(20)]


def test_twenty_entries_ask_no_more_queries_than_one(swaps: list[str]) -> None:
    with CaptureQueriesContext(connection) as one:
        checked(amend("T0", notional=5_000_000))
    with CaptureQueriesContext(connection) as twenty:
        found = checked(*(amend(name, notional=5_000_000) for name in swaps))
    assert [(each.problems, each.desk) for each in found] == [([], "RATES")] * 20
    assert len(twenty) == len(one) == 3  # identifiers, rows, desks


def test_a_trade_is_found_in_the_table_of_its_product(position: BondPosition, swap: Swap) -> None:
    found = checked(
        amend(position.trade_id, face_amount=7_000_000), amend(swap.trade_id, notional=1e6)
    )
    assert [(each.entry.kind, each.problems) for each in found] == [
        ("positions", []),
        ("swaps", []),
    ]


def test_an_identifier_is_taken_in_every_table_and_every_desk(
    position: BondPosition, swaps: list[str], book: Book
) -> None:
    hidden = Book.objects.create(code="B2", name="B2", desk=book.desk)
    BondPosition.objects.filter(pk=position.pk).update(book=hidden)
    row = {"fixed_rate": "0.03", "notional": "1000000", "effective_date": "2024-03-20"}
    new = {"action": "new", "kind": "swaps", "row": row | {"trade_id": "P1", "tenor": "5Y"}}
    new["row"] |= {"convention": "USD-SOFR-OIS", "pay_receive": "pay"}  # type: ignore[operator]
    for seen in (None, ["B1"]):
        (found,) = checked(new, books_seen=seen)
        assert "another trade has this identifier" in found.problems[-1].sentence


def test_a_trade_of_a_book_that_the_user_may_not_know_of_is_not_there(swaps: list[str]) -> None:
    (found,) = checked(amend("T0", notional=1), books_seen=[])
    assert "there is no such trade" in found.problems[0].sentence
    (unknown,) = checked(amend("NONE", notional=1), books_seen=[])
    assert found.problems[0].sentence.replace("T0", "NONE") == unknown.problems[0].sentence
