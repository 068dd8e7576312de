"""Any history of edits ends in the book that a compiler makes of the database at once."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress
from decimal import Decimal

import pytest

from instruments import trade_repository as master
from instruments.models import (
    Bond,
    BondPosition,
    Book,
    Desk,
    Fixing,
    Status,
    Swap,
    book_version,
    trade_models,
)
from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from risk.compiler.book_compiler import Compiler
from risk.store import compiled_book
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, key
from tests.risk.made import bond

pytestmark = pytest.mark.django_db(transaction=True)

CONVENTIONS = ("USD-SOFR-OIS", "USD-SOFR-OIS", "EUR-ESTR-OIS", "EUR-EURIBOR-6M")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of four trades, so that some dozens of them cross several numbers of blocks."""
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)
    monkeypatch.setattr(compiled_book, "TRADES_PER_BLOCK", 4)


def compiler(client):
    return Compiler(CompiledBooks(client), Frames(client), CurveOptions(), 2)


def contents(client):
    """All that the newest books are made of, without their numbers."""
    books = CompiledBooks(client)
    found = {}
    for currency in CURRENCIES:
        head = books.head(currency, books.newest(currency).version)
        manifest = books.manifest(currency, head.version)
        blobs = [client.get(key(currency, "block", name)) for name in head.block_names]
        found[currency] = (head.content, head.valid_until, manifest.trade_ids, blobs)
        assert manifest.desk_of_book == head.desk_of_book
    return found


class Desktop:
    """Edits of the security master, each of them a random one."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        desks = [Desk.objects.create(code=f"D{n}", name="D") for n in range(2)]
        self.books = [
            Book.objects.create(code=f"B{n}", name="B", desk=desks[n % 2]) for n in (0, 1, 2)
        ]
        row = master.bond_row(bond(), "T1", is_sample=False)
        row.save()
        self.bonds = [row]

    def swap(self, **changes):
        self.count += 1
        start = dt.date(2020, 1, 1) + dt.timedelta(days=self.random.randrange(1500))
        usual = {
            "trade_id": f"S{self.count}",
            "book": self.random.choice(self.books),
            "convention": self.random.choice(CONVENTIONS),
            "pay_receive": self.random.choice(("pay", "receive")),
            "notional": Decimal(self.random.randrange(1, 10**7)),
            "effective_date": start,
            "termination_date": start + dt.timedelta(days=self.random.randrange(400, 4000)),
            "fixed_rate": Decimal("0.03"),
        }
        return Swap(**{**usual, **changes})

    def any_of(self, model):
        return self.random.choice([*model.objects.all()] or [None])

    def add(self):
        self.swap().save()

    def add_many(self):
        Swap.objects.bulk_create([self.swap() for _ in range(9)])

    def add_position(self):
        self.count += 1
        price = self.random.choice((None, Decimal("98")))
        BondPosition.objects.create(
            trade_id=f"P{self.count}",
            book=self.random.choice(self.books),
            bond=self.random.choice(self.bonds),
            face_amount=Decimal(10**6),
            clean_price=price,
        )

    def change(self):
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            notional=Decimal(self.random.randrange(1, 10**7))
        )

    def other_currency(self):
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            convention=self.random.choice(CONVENTIONS)
        )

    def rename(self):
        self.count += 1
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            trade_id=f"R{self.count}"
        )

    def same_name(self):
        """A position takes the identifier of a swap, past the models' checks."""
        swap = self.any_of(Swap)
        if swap and not BondPosition.objects.filter(trade_id=swap.trade_id).exists():
            row = BondPosition(
                trade_id=swap.trade_id, book=swap.book, bond=self.bonds[0], face_amount=1
            )
            BondPosition.objects.bulk_create([row])

    def spoil(self):
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            convention=self.random.choice(("NO-SUCH", "USD-SOFR-OIS"))
        )

    def refuse(self):
        """A schedule of notionals that does not fit: it is a trade that does not compile."""
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            notional_schedule=self.random.choice(([1.0], None))
        )

    def cancel(self):
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).update(
            status=self.random.choice(Status.values)
        )

    def delete(self):
        Swap.objects.filter(pk=getattr(self.any_of(Swap), "pk", None)).delete()

    def delete_many(self):
        Swap.objects.filter(trade_id__endswith=str(self.random.randrange(10))).delete()

    def coupon(self):
        Bond.objects.update(coupon_rate=Decimal(self.random.randrange(1, 9)) / 100)

    def rename_book(self):
        self.count += 1
        Book.objects.filter(pk=self.random.choice(self.books).pk).update(code=f"N{self.count}")

    def move_book(self):
        Book.objects.filter(pk=self.random.choice(self.books).pk).update(desk=self.any_of(Desk))

    def rename_desk(self):
        self.count += 1
        Desk.objects.filter(pk=self.any_of(Desk).pk).update(code=f"E{self.count}")

    def fixing(self):
        self.count += 1
        Fixing.objects.create(
            index=self.random.choice(("SOFR", "ESTR")),
            date=dt.date(2020, 1, 1) + dt.timedelta(days=self.count),
            rate=Decimal("0.05"),
        )

    def quarantine(self):
        swap = self.any_of(Swap)
        if swap and not master.release(swap.trade_id):
            master.quarantine(swap.trade_id, "USD", 1, "it ended its process")

    EDITS = (
        *(add, add, add_many, add_many, add_position, change, change, other_currency, rename),
        *(same_name, spoil, refuse, cancel, delete, delete_many, coupon, rename_book, move_book),
        *(rename_desk, fixing, quarantine),
    )

    def edit(self):
        self.random.choice(self.EDITS)(self)


@pytest.mark.parametrize("seed", range(6))
def test_a_history_of_edits_ends_in_the_book_of_a_fresh_compilation(redis_client, seed):
    desktop, follower = Desktop(seed), compiler(redis_client)
    for step in range(40):
        for _ in range(desktop.random.randrange(1, 4)):
            desktop.edit()
        if desktop.random.random() < 0.1:
            follower = compiler(redis_client)  # as after a restart
        if desktop.random.random() < 0.1:
            lost = desktop.random.choice(redis_client.keys("risk:{USD}:*"))
            redis_client.delete(lost)
        follower.run()
        if step % 4 == 3:
            mine = contents(redis_client)
            redis_client.flushdb()
            compiler(redis_client).run()
            assert contents(redis_client) == mine
            redis_client.flushdb()
            follower.run()
            assert contents(redis_client) == mine


def test_a_run_that_fails_anywhere_is_made_good_by_the_next(redis_client, monkeypatch):
    desktop, follower = Desktop(1), compiler(redis_client)
    desktop.add_many()
    follower.run()
    real = type(redis_client).execute_command
    for calls in range(0, 60, 3):
        desktop.change()
        desktop.add()
        left = [calls]

        def failing(self, *args, **options):
            left[0] -= 1  # noqa: B023
            if left[0] < 0:  # noqa: B023
                raise ConnectionError
            return real(self, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(type(redis_client), "execute_command", failing)
            with suppress(ConnectionError):
                follower.run()
        follower.run()
        mine = contents(redis_client)
        redis_client.flushdb()
        compiler(redis_client).run()
        assert contents(redis_client) == mine


def test_a_block_that_is_lost_while_it_is_edited_is_compiled_again(redis_client, monkeypatch):
    desktop, follower = Desktop(2), compiler(redis_client)
    desktop.add_many()
    follower.run()
    desktop.add()
    real = follower.books.put_block

    lost = []

    def lose_all(currency, made):
        if not lost:
            redis_client.flushdb()
            lost.append(made)
        real(currency, made)

    monkeypatch.setattr(follower.books, "put_block", lose_all)
    follower.run()
    assert lost
    mine = contents(redis_client)
    redis_client.flushdb()
    compiler(redis_client).run()
    assert contents(redis_client) == mine


def test_an_edit_reads_and_writes_what_it_changes(redis_client, django_assert_max_num_queries):
    """One block of one currency and one query a table of trades, whatever the size of the book."""
    desktop, follower = Desktop(3), compiler(redis_client)
    Swap.objects.bulk_create([desktop.swap(convention="USD-SOFR-OIS") for _ in range(100)])
    follower.run()
    before = follower.books.head("USD", follower.books.newest("USD").version)
    Swap.objects.filter(trade_id="S7").update(notional=5)
    with django_assert_max_num_queries(10 + len(trade_models())) as queries:
        follower.run()
    assert not [q for q in queries if "instruments_swap" in q["sql"] and "S7" not in q["sql"]]
    after = follower.books.head("USD", follower.books.newest("USD").version)
    assert before.blocks == after.blocks == 32
    changed = [a for a, b in zip(after.block_names, before.block_names, strict=True) if a != b]
    assert len(changed) == 1


def test_a_load_into_a_small_book_reads_and_writes_each_trade_a_few_times(
    redis_client, monkeypatch
):
    """Work grows with the load, not with its square: blocks are dealt before they are filled."""
    desktop, follower = Desktop(4), compiler(redis_client)
    Swap.objects.bulk_create([desktop.swap(convention="USD-SOFR-OIS") for _ in range(3)])
    follower.run()
    Swap.objects.bulk_create([desktop.swap(convention="USD-SOFR-OIS") for _ in range(200)])
    trades = {"read": 0, "written": 0}
    read, write = CompiledBooks.compiled_block, CompiledBooks.put_block

    def counted_read(self, currency, name):
        found = read(self, currency, name)
        trades["read"] += len(found.block)
        return found

    def counted_write(self, currency, made):
        trades["written"] += made.ref.size
        write(self, currency, made)

    monkeypatch.setattr(CompiledBooks, "compiled_block", counted_read)
    monkeypatch.setattr(CompiledBooks, "put_block", counted_write)
    follower.run()
    assert follower.books.newest("USD").blocks == 64
    assert trades["read"] <= 2 * 203
    assert trades["written"] <= 2 * 203
    mine = contents(redis_client)
    redis_client.flushdb()
    compiler(redis_client).run()
    assert contents(redis_client) == mine
