"""The book of any earlier version is read back from its history, as it was compiled then."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction

from feedbridge.replay import fixing_store
from feedbridge.replay.history.fixings import DerivedFixing
from instruments import trade_repository as master
from instruments.book_history import Known
from instruments.models import (
    Bond,
    BondFuture,
    BondPosition,
    Book,
    Deliverable,
    Desk,
    Fixing,
    Quarantine,
    Status,
    Swap,
)
from instruments.models.book_version import BookVersion, bulk_change
from pricing.errors import BadInput
from tests.instruments.conftest import make_swap

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.date(2024, 3, 5)


def now() -> dict[str, Any]:
    """All that pricing reads of the tables."""
    book = master.load_trades()
    return {
        "trades": {trade.terms.trade_id: trade.terms for trade in book.trades},
        "rejected": dict(book.rejected),
        "desks": {trade.terms.book: trade.desk for trade in book.trades},
        "fixings": master.load_fixings(),
        "quarantined": master.quarantined(),
    }


def then(number: int) -> dict[str, Any]:
    """The same, of an earlier version."""
    known = Known.of_version(number, dt.datetime.now(dt.UTC))
    found = dict(known.trades())
    trades = {name: terms for name, terms in found.items() if not isinstance(terms, str)}
    desks = known.desks()
    return {
        "trades": trades,
        "rejected": {name: said for name, said in found.items() if isinstance(said, str)},
        "desks": {terms.book: desks[terms.book] for terms in trades.values()},
        "fixings": known.fixings(["SOFR", "ESTR"]),
        "quarantined": known.quarantined(),
    }


def edits(book: Book, bond: Bond, random_: random.Random) -> list[Any]:
    """Things that users do; each is one change of the book."""
    name = f"S{random_.randrange(4)}"

    def swap() -> None:
        row = Swap.objects.filter(trade_id=name).first() or make_swap(book, trade_id=name)
        row.fixed_rate = Decimal(random_.randrange(100, 900)) / 10_000
        row.status = random_.choice((Status.ACTIVE, Status.ACTIVE, Status.CANCELLED))
        row.save()

    def delete() -> None:
        Swap.objects.filter(trade_id=name).delete()

    def of_the_bond() -> None:
        bond.refresh_from_db()
        bond.coupon_rate = Decimal(random_.randrange(100, 900)) / 10_000
        bond.save()

    def of_the_book() -> None:
        book.refresh_from_db()
        book.code = f"B{random_.randrange(9)}"
        book.save()

    def of_the_desk() -> None:
        desk = Desk.objects.get()
        desk.code = f"D{random_.randrange(9)}"
        desk.save()

    def fixing() -> None:
        date, rate = DAY + dt.timedelta(random_.randrange(3)), random_.randrange(500) / 10_000
        fixing_store.store([DerivedFixing("SOFR", date, rate, "proxy")])

    def corrected() -> None:
        row = Fixing.objects.filter(index="ESTR", date=DAY).first()
        row = row or Fixing(index="ESTR", date=DAY, source="ECB")
        row.rate = Decimal(random_.randrange(500)) / 10_000
        row.save()

    def kept_out() -> None:
        if not master.release(name):
            master.quarantine(name, "USD", 1, "it ends its process")

    def basket() -> None:
        row = Deliverable.objects.filter(contract="ZNH26").first()
        row = row or Deliverable(code="D1", contract="ZNH26", bond=bond)
        row.z_spread_bp = random_.randrange(50)
        row.save()

    def no_basket() -> None:
        Deliverable.objects.all().delete()

    def future() -> None:
        row = BondFuture.objects.filter(trade_id="F1").first()
        row = row or BondFuture(trade_id="F1", book=book, contract="ZNH26", trade_price=110)
        row.contracts = 1 + random_.randrange(9)
        row.save()

    def several() -> None:
        with bulk_change():
            swap()
            of_the_bond()
            corrected()

    return [
        swap,
        delete,
        of_the_bond,
        of_the_book,
        of_the_desk,
        fixing,
        corrected,
        kept_out,
        basket,
        no_basket,
        future,
        several,
    ]


def test_every_version_is_read_back_as_it_was(
    book: Book, bond: Bond, position: BondPosition
) -> None:
    random_ = random.Random(7)
    seen: dict[int, dict[str, Any]] = {}
    for _ in range(80):
        random_.choice(edits(book, bond, random_))()
        seen[BookVersion.current()] = now()
    assert len(seen) > 40
    assert {number: then(number) for number in seen} == seen


def test_a_change_counts_from_the_version_it_led_to_and_not_from_its_time(swap: Swap) -> None:
    """Two transactions overlap: the one that wrote first is committed last."""
    written, goes_on = Event(), Event()

    def slow() -> None:
        try:
            with bulk_change():
                row = Swap.objects.get(trade_id="S1")
                row.fixed_rate = Decimal("0.09")
                row.save()
                written.set()
                goes_on.wait(30)
        finally:
            connections.close_all()

    thread = Thread(target=slow)
    thread.start()
    assert written.wait(30)
    make_swap(swap.book, trade_id="S2").save()
    before = BookVersion.current()
    goes_on.set()
    thread.join()
    assert BookVersion.current() == before + 1
    rates = {n: then(n)["trades"]["S1"].fixed_rate for n in (before, before + 1)}
    assert rates == {before: 0.035, before + 1: 0.09}


def test_a_change_that_is_rolled_back_in_part_is_read_as_what_was_committed(swap: Swap) -> None:
    with bulk_change():
        try:
            with transaction.atomic():
                swap.fixed_rate = Decimal("0.08")
                swap.save()
                raise BadInput("x", 1, "y")
        except BadInput:
            swap.refresh_from_db()
        swap.notional = Decimal(7)
        swap.save()
    terms = then(BookVersion.current())["trades"]["S1"]
    assert (terms.fixed_rate, terms.notional) == (0.035, 7.0)


def test_lines_that_are_older_than_the_stamps_count_by_their_time(swap: Swap) -> None:
    first = Swap.history.latest()
    swap.fixed_rate = Decimal("0.09")
    swap.save()
    with connection.cursor() as cursor:
        for name in ("swap", "book", "desk"):
            lines = f"instruments_historical{name}"
            cursor.execute(f"ALTER TABLE {lines} DISABLE TRIGGER history_stays")
            cursor.execute(f"UPDATE {lines} SET change = NULL")
            cursor.execute(f"ALTER TABLE {lines} ENABLE TRIGGER history_stays")
    old = dict(Known(0, first.history_date).trades())
    assert old["S1"].fixed_rate == 0.035  # type: ignore[union-attr]
    now_ = dict(Known(0, dt.datetime.now(dt.UTC)).trades())
    assert now_["S1"].fixed_rate == 0.09  # type: ignore[union-attr]


def test_a_time_is_the_version_of_that_time(swap: Swap) -> None:
    before, moment = BookVersion.current(), dt.datetime.now(dt.UTC)
    swap.fixed_rate = Decimal("0.09")
    swap.save()
    assert Known.at_time(moment).number == before
    assert Known.at_time(dt.datetime.now(dt.UTC)).number == before + 1
    with pytest.raises(BadInput, match="time zone"):
        Known.at_time(dt.datetime(2024, 3, 5))  # noqa: DTZ001


def test_every_history_is_stamped() -> None:
    """Also one that a later migration makes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c WHERE relkind = 'r'"
            " AND relname LIKE 'instruments\\_historical%' AND NOT EXISTS ("
            "   SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'stamp_line')"
        )
        assert cursor.fetchall() == []


def test_a_quarantine_is_part_of_a_version(swap: Swap) -> None:
    Quarantine.objects.create(trade_id="S1", currency="USD", frame=1, reason="slow")
    assert then(BookVersion.current())["quarantined"] == {"S1": "slow"}
    assert then(BookVersion.current() - 1)["quarantined"] == {}
