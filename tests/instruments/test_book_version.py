"""Each change raises the book's version once and asks for one compilation, after the commit."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from kombu.exceptions import OperationalError

from instruments.models import BondPosition, Book, BookVersion, Desk, Swap
from instruments.models.book_version import book_changed, bulk_change
from instruments.trade_repository import current_version
from tests.instruments.conftest import FakeBroker, make_swap

ASKED = ("risk.workers.tasks.compile_book", "compile")


def test_a_book_without_changes_has_version_0(db: None) -> None:
    assert current_version() == 0


def test_saving_raises_the_version_and_asks_for_a_compilation_after_the_commit(
    book: Book, broker: FakeBroker, django_capture_on_commit_callbacks: Any
) -> None:
    before = current_version()
    with django_capture_on_commit_callbacks(execute=True):
        make_swap(book).save()
        assert current_version() == before + 1
        assert broker.sent == []
    assert broker.sent == [ASKED]


def test_deleting_raises_the_version_also_through_a_queryset(swap: Swap) -> None:
    before = current_version()
    swap.delete()
    assert current_version() == before + 1
    make_swap(Book.objects.get()).save()
    Swap.objects.all().delete()
    assert current_version() == before + 3


def test_a_bulk_load_raises_the_version_exactly_once(
    book: Book, broker: FakeBroker, django_capture_on_commit_callbacks: Any
) -> None:
    before = current_version()
    with django_capture_on_commit_callbacks(execute=True), bulk_change():
        for number in range(5):
            make_swap(book, trade_id=f"S{number}").save()
        with bulk_change():
            Swap.objects.bulk_create([make_swap(book, trade_id="S9")])
            book_changed()
        Swap.objects.filter(trade_id="S0").delete()
        assert current_version() == before
    assert current_version() == before + 1
    assert broker.sent == [ASKED]


def test_a_bulk_load_that_changed_nothing_raises_nothing(book: Book) -> None:
    before = current_version()
    with bulk_change():
        Swap.objects.count()
    assert current_version() == before


def test_a_bulk_load_that_fails_leaves_nothing_behind(book: Book) -> None:
    before = current_version()

    def fails_halfway() -> None:
        with bulk_change():
            make_swap(book).save()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_halfway()
    assert (Swap.objects.count(), current_version()) == (0, before)
    make_swap(book).save()
    assert current_version() == before + 1  # and the failed load is not remembered


def test_row_and_version_are_saved_together_or_not_at_all(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError

    monkeypatch.setattr("instruments.models.row.book_changed", fails)
    with pytest.raises(RuntimeError):
        make_swap(book).save()
    assert not Swap.objects.exists()


@pytest.mark.parametrize("error", [OperationalError("Connection refused"), OSError("no route")])
def test_a_broker_that_is_down_costs_one_warning_and_never_the_save(
    book: Book,
    broker: FakeBroker,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    broker.error = error
    with django_capture_on_commit_callbacks(execute=True):
        make_swap(book).save()
    assert Swap.objects.count() == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.django_db(transaction=True)
def test_a_send_that_fails_in_an_unknown_way_does_not_fail_the_save_either(
    broker: FakeBroker,
) -> None:
    broker.error = TypeError("a fault of ours")
    Desk.objects.create(code="D", name="D")
    assert Desk.objects.count() == 1


def test_there_is_only_one_version_row(book: Book) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        BookVersion.objects.create(id=2)


def test_a_changed_bond_changes_the_book(position: BondPosition) -> None:
    before = current_version()
    position.bond.coupon_rate = Decimal("0.05")
    position.bond.save()
    assert current_version() == before + 1
