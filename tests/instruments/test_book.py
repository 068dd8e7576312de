"""Rows become terms, all of one moment; a row that cannot is named and holds nothing up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from instruments import trade_repository as module
from instruments.models import Bond, BondPosition, Book, Desk, Fixing, Swap, trade_models
from instruments.trade_repository import current_version, load_fixings, load_trades
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from tests.instruments.conftest import make_bond, make_swap


def test_active_trades_come_sorted_with_desk_and_version(
    swap: Swap, position: BondPosition, book: Book
) -> None:
    make_swap(book, trade_id="A1", status="cancelled").save()
    make_swap(book, trade_id="A2", status="matured").save()
    version, trades, rejected = load_trades()
    assert version == current_version()
    assert [(t.terms.trade_id, t.desk) for t in trades] == [("P1", "RATES"), ("S1", "RATES")]
    assert rejected == []


def test_terms_say_what_the_rows_say(swap: Swap, position: BondPosition) -> None:
    bond_terms, swap_terms = (trade.terms for trade in load_trades().trades)
    assert swap_terms == SwapTerms(
        trade_id="S1",
        book="B1",
        convention="USD-SOFR-OIS",
        pay_receive="pay",
        notional=10_000_000.0,
        effective_date=dt.date(2023, 3, 15),
        termination_date=dt.date(2033, 3, 15),
        fixed_rate=0.035,
    )
    assert bond_terms == BondTerms(
        trade_id="P1",
        book="B1",
        face_amount=5_000_000.0,
        name="Treasury 4.125% 2032",
        isin="US91282CFV81",
        convention="US-TREASURY",
        currency="USD",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=0.04125,
    )


def test_a_bad_row_is_named_and_the_others_are_loaded(swap: Swap, book: Book) -> None:
    Swap.objects.bulk_create([make_swap(book, trade_id="S2", convention="USD-LIBOR-3M")])
    Swap.objects.bulk_create([make_swap(book, trade_id="S3", fixed_day_count="ACT/9")])
    _, trades, rejected = load_trades()
    assert [trade.terms.trade_id for trade in trades] == ["S1"]
    assert [trade_id for trade_id, _ in rejected] == ["S2", "S3"]
    assert rejected[0][1].startswith("convention: 'USD-LIBOR-3M' is not valid; allowed: USD-SOFR")
    assert rejected[1][1].startswith("fixed_day_count: 'ACT/9' is not valid")


def test_an_identifier_that_two_trades_have_is_said(swap: Swap, bond: Bond, book: Book) -> None:
    BondPosition.objects.bulk_create(
        [BondPosition(trade_id="S1", book=book, bond=bond, face_amount=Decimal(1))]
    )
    _, trades, rejected = load_trades()
    assert len(trades) == 1
    assert rejected == [("S1", "trades of two products have this identifier")]


def test_the_number_of_queries_does_not_grow_with_the_book(
    swap: Swap, book: Book, django_assert_num_queries: Any
) -> None:
    Swap.objects.bulk_create([make_swap(book, trade_id=f"T{n}") for n in range(50)])
    others = 5  # savepoint, version, snapshot, desks, release
    with django_assert_num_queries(others + len(trade_models())):
        assert len(load_trades().trades) == 51


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_the_load_is_seen_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk.objects.create(code="D", name="D")
    book = Book.objects.create(code="B1", name="B", desk=desk)
    bond = make_bond(currency="USD")
    bond.save()
    before = current_version()

    def somebody_else_saves() -> None:
        make_swap(book, trade_id="S-LATE").save()
        connection.close()

    read = module.BookVersion.current

    def read_then_edit() -> int:
        number = read()
        thread = Thread(target=somebody_else_saves)
        thread.start()
        thread.join()
        return number

    monkeypatch.setattr(module.BookVersion, "current", read_then_edit)
    version, trades, _ = load_trades()
    assert (version, trades) == (before, [])
    monkeypatch.setattr(module.BookVersion, "current", read)
    version, trades, _ = load_trades()
    assert (version, len(trades)) == (before + 1, 1)


def test_fixings_come_by_index_and_date(db: None) -> None:
    for day, rate in ((2, "0.0540"), (3, "0.0539")):
        Fixing.objects.create(
            index="SOFR", date=dt.date(2024, 1, day), rate=Decimal(rate), source="NY Fed"
        )
    assert load_fixings() == {"SOFR": {dt.date(2024, 1, 2): 0.054, dt.date(2024, 1, 3): 0.0539}}
