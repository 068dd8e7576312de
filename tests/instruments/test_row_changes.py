"""What was written since an earlier reading is read again, whoever wrote it and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from instruments.models import Bond, BondPosition, Book, Desk, Fixing, Swap
from instruments.row_changes import delete_old
from instruments.trade_repository import Reading, reading, terms_of_trades
from tests.instruments.conftest import make_swap

pytestmark = pytest.mark.django_db(transaction=True)


def changed(since: Reading) -> set[str] | None:
    with reading(since.written.snapshot) as now:
        return now.changed_trades()


@pytest.fixture
def other() -> Iterator[Any]:
    """Another connection, in a transaction."""
    with psycopg.connect(**connection.get_connection_params()) as made:
        yield made
        made.rollback()


def test_the_first_reading_counts_everything_as_written(swap: Swap) -> None:
    with reading() as first:
        assert first.changed_trades() is None
    assert changed(first) == set()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE instruments_swap SET notional = 7 WHERE trade_id = 'S1'",
        "DELETE FROM instruments_swap WHERE trade_id = 'S1'",
        "UPDATE instruments_swap SET status = 'cancelled' WHERE trade_id = 'S1'",
    ],
)
def test_a_row_written_by_hand_is_named(swap: Swap, book: Book, sql: str) -> None:
    make_swap(book, trade_id="S2").save()
    with reading() as first:
        pass
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert changed(first) == {"S1"}
    with reading(first.written.snapshot) as second:
        assert second.changed_trades() == {"S1"}
    assert changed(second) == set()


def test_a_renamed_trade_is_named_twice(swap: Swap) -> None:
    with reading() as first:
        pass
    Swap.objects.update(trade_id="S9")
    assert changed(first) == {"S1", "S9"}


def test_a_book_or_a_bond_names_its_trades(
    swap: Swap, position: BondPosition, bond: Bond, book: Book
) -> None:
    with reading() as first:
        pass
    Bond.objects.update(coupon_rate=Decimal("0.01"))
    assert changed(first) == {"P1"}
    with reading(first.written.snapshot) as second:
        pass
    Book.objects.update(code="OTHER")
    assert changed(second) == {"P1", "S1"}
    with reading(second.written.snapshot) as third:
        pass
    Desk.objects.update(code="OTHER")
    with reading(third.written.snapshot) as last:
        assert last.changed_trades() == set()
        assert last.desks() == {"OTHER": "OTHER"}


def test_a_bulk_load_names_all_and_only_its_trades(book: Book) -> None:
    Swap.objects.bulk_create([make_swap(book, trade_id=f"A{n}") for n in range(50)])
    with reading() as first:
        pass
    Swap.objects.bulk_create([make_swap(book, trade_id=f"B{n}") for n in range(50)])
    names = changed(first)
    assert names == {f"B{n}" for n in range(50)}
    with reading() as now:
        assert {name for name, _ in now.trades(names)} == names


def test_a_transaction_that_commits_after_later_ones_is_seen_by_the_next_reading(
    swap: Swap, book: Book, other: Any
) -> None:
    """It began before the first reading, which cannot see it, and ends after the second."""
    make_swap(book, trade_id="S2").save()
    other.execute("UPDATE instruments_swap SET notional = 7 WHERE trade_id = 'S1'")
    with reading() as first:
        pass
    Swap.objects.filter(trade_id="S2").update(notional=8)
    with reading(first.written.snapshot) as second:
        assert second.changed_trades() == {"S2"}
    other.commit()
    assert changed(second) == {"S1"}


def test_what_was_rolled_back_was_not_written(swap: Swap, other: Any) -> None:
    with reading() as first:
        pass
    other.execute("UPDATE instruments_swap SET notional = 7")
    other.rollback()
    assert changed(first) == set()


def test_changes_in_the_readers_own_transaction_are_seen(swap: Swap) -> None:
    with transaction.atomic():
        with reading() as first:
            pass
        Swap.objects.update(notional=9)
        assert changed(first) == {"S1"}


def test_an_emptied_table_or_another_database_makes_everything_written(swap: Swap) -> None:
    with reading() as first:
        pass
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE instruments_swap")
    assert changed(first) is None
    with reading("999999999999:999999999999:") as now:
        assert now.written.everything


def test_a_reader_that_slept_through_the_deletion_of_notes_reads_all(
    swap: Swap, book: Book
) -> None:
    with reading() as before:
        pass
    Swap.objects.update(notional=9)
    with reading() as after:
        pass
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instruments_rowchange SET began = now() - interval '25 hours'")
    delete_old()
    delete_old()
    assert changed(before) is None
    assert changed(after) == set()


def test_fixings_are_named_by_index(db: None) -> None:
    with reading() as first:
        pass
    Fixing.objects.create(index="SOFR", date=dt.date(2024, 1, 2), rate=Decimal("0.05"), source="x")
    with reading(first.written.snapshot) as now:
        assert now.written.of(Fixing) == {"SOFR"}
        assert now.written.any_of(Fixing)
        assert not now.written.any_of(Swap)


def test_terms_are_read_by_name(swap: Swap, position: BondPosition, book: Book) -> None:
    make_swap(book, trade_id="S2", status="cancelled").save()
    assert terms_of_trades(["S1", "S2", "NONE"]).keys() == {"S1"}


def test_a_row_saved_while_another_process_reads_is_seen_whole_or_not_at_all(
    book: Book,
) -> None:
    def somebody_else_saves() -> None:
        make_swap(book, trade_id="S-LATE").save()
        connection.close()

    with reading() as first:
        thread = Thread(target=somebody_else_saves)
        thread.start()
        thread.join()
        assert list(first.trades()) == []
    with reading(first.written.snapshot) as second:
        assert second.changed_trades() == {"S-LATE"}
        assert [name for name, _ in second.trades(["S-LATE"])] == ["S-LATE"]
