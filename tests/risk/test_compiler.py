"""The database's trades become compiled books: only what changed, and what fails is named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from instruments import trade_repository as master
from instruments.models import Bond, BondPosition, Book, Desk, Fixing, Swap, book_version
from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from pricing.products import flows
from risk.compiler import parallel_compile
from risk.compiler.book_compiler import Compiler
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.publication import publish_parts
from tests.risk.made import DATE, QUOTES, header, part


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)


@pytest.fixture
def compiler(db, redis_client):
    return Compiler(CompiledBooks(redis_client), Frames(redis_client), CurveOptions(), 2)


@pytest.fixture
def book(db):
    return Book.objects.create(code="B1", name="One", desk=Desk.objects.create(code="D", name="D"))


@pytest.fixture
def position(book):
    bond = Bond.objects.create(
        code="T",
        name="Treasury",
        convention="US-TREASURY",
        currency="USD",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=Decimal("0.04125"),
        discount_curve="USD-SOFR",
    )
    return BondPosition.objects.create(
        trade_id="P1",
        book=book,
        bond=bond,
        face_amount=Decimal("1000000"),
        clean_price=Decimal("98.5"),
    )


def make_swap(book, name="S1", convention="USD-SOFR-OIS", **changes):
    return Swap.objects.create(
        trade_id=name,
        book=book,
        convention=convention,
        pay_receive="pay",
        notional=Decimal("1000000"),
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2029, 3, 7),
        fixed_rate=Decimal("0.04"),
        **changes,
    )


def manifests(compiler):
    heads = compiler.run()
    return {head.currency: compiler.books.manifest(head.currency, head.version) for head in heads}


def publish(compiler, number, curves=QUOTES["USD"], date=DATE):
    """A frame of the newest book, as a worker and the bridge would make it."""
    made = compiler.books.head("USD", compiler.books.newest("USD").version)
    opened = header(
        number, made.blocks, book_version=made.version, curves=curves, valuation_date=date
    )
    assert compiler.frames.open(opened)
    compiler.frames.put("USD", number, part(0))
    assert publish_parts(compiler.frames, opened, made, compiler.books) == "PUBLISHED"


def test_each_currency_gets_a_book_also_one_without_trades(compiler, book):
    make_swap(book)
    make_swap(book, "S2", "EUR-ESTR-OIS")
    found = manifests(compiler)
    none: dict[str, list[list[str]]] = {name: [[]] for name in CURRENCIES}
    ids = {name: m.trade_ids for name, m in found.items()}
    assert ids == none | {"USD": [["S1"]], "EUR": [["S2"]]}
    desks = {name: m.desk_of_book for name, m in found.items()}
    assert desks == {name: {} for name in CURRENCIES} | {"USD": {"B1": "D"}, "EUR": {"B1": "D"}}
    assert compiler.books.served() == ("USD", "EUR")


def count_compilations(monkeypatch, compiled):
    real = flows.scaling_of

    def counting(terms):
        compiled.append(terms.trade_id)
        return real(terms)

    monkeypatch.setattr(flows, "scaling_of", counting)


def test_a_compiler_that_starts_anew_takes_what_the_one_before_has_made(
    compiler, book, monkeypatch
):
    make_swap(book)
    changed = make_swap(book, "S2")
    compiler.run()
    before = manifests(compiler)["USD"]
    changed.notional = Decimal("2000000")
    changed.save()
    compiled = []
    count_compilations(monkeypatch, compiled)
    Compiler(compiler.books, compiler.frames, CurveOptions(), 2).run()
    assert compiled == ["S2"]
    after = manifests(compiler)["USD"]
    assert after.trade_ids == before.trade_ids
    assert after.version != before.version


def test_trades_compiled_by_a_release_with_other_code_are_compiled_again(
    compiler, book, monkeypatch
):
    make_swap(book)
    compiler.run()
    compiled = []
    count_compilations(monkeypatch, compiled)
    monkeypatch.setattr(parallel_compile, "release", lambda: b"other")
    Compiler(compiler.books, compiler.frames, CurveOptions(), 2).run()
    assert compiled == ["S1"]


@pytest.mark.django_db(transaction=True)
def test_only_trades_that_changed_are_compiled_again(compiler, book, monkeypatch):
    first = make_swap(book)
    make_swap(book, "S2")
    compiled = []
    count_compilations(monkeypatch, compiled)
    compiler.run()
    assert sorted(compiled) == ["S1", "S2"]
    first.notional = Decimal("2000000")
    first.save()
    before = compiler.books.newest("USD")
    compiler.run()
    assert sorted(compiled) == ["S1", "S1", "S2"]
    assert compiler.books.newest("USD").number > before.number


def test_an_edit_leaves_the_books_of_other_currencies_as_they_are(compiler, book):
    make_swap(book)
    other = make_swap(book, "S2", convention="EUR-ESTR-OIS")
    before = manifests(compiler)
    other.notional = Decimal("2000000")
    other.save()
    after = manifests(compiler)
    assert after["EUR"].version != before["EUR"].version
    assert after["USD"].version == before["USD"].version
    newest = {name: compiler.books.newest(name).number for name in after}
    assert set(newest.values()) == {after["EUR"].number}


def test_a_book_that_redis_has_lost_is_written_again_though_nothing_has_changed(compiler, book):
    make_swap(book)
    before = manifests(compiler)["USD"]
    compiler.books.client.delete(f"risk:{{USD}}:book:{before.version}")
    made = manifests(compiler)["USD"]
    assert compiler.books.manifest("USD", made.version) == made
    compiler.books.client.flushdb()
    made = manifests(compiler)["USD"]
    assert compiler.books.newest("USD").version == made.version
    assert compiler.books.block("USD", made.version, 0).trade_ids == ("S1",)


def test_a_deleted_trade_leaves_the_book(compiler, book):
    make_swap(book)
    gone = make_swap(book, "S2")
    compiler.run()
    gone.delete()
    assert manifests(compiler)["USD"].trade_ids == [["S1"]]


def test_a_row_that_is_no_trade_is_named_and_holds_nothing_up(compiler, book):
    make_swap(book)
    bad = make_swap(book, "S2")
    Swap.objects.filter(pk=bad.pk).update(convention="NO-SUCH")  # past the model's own check
    made = manifests(compiler)["USD"]
    (failure,) = made.failures
    assert (failure.trade_id, failure.code) == ("S2", "BAD_INPUT")
    assert "NO-SUCH" in failure.message
    assert (made.trade_ids, made.trades) == ([["S1"]], 2)


def test_the_fixings_of_a_currencys_indices_go_into_its_book(compiler, book):
    make_swap(book)
    for index in ("SOFR", "ESTR"):
        Fixing.objects.create(index=index, date=dt.date(2024, 3, 4), rate=Decimal("0.05"))
    found = manifests(compiler)
    assert found["USD"].fixings == {"SOFR": {dt.date(2024, 3, 4): 0.05}}
    assert set(found["EUR"].fixings) == {"ESTR"}


def test_a_price_waits_for_a_market_and_then_makes_a_spread_that_is_held(compiler, position):
    (failure,) = manifests(compiler)["USD"].failures
    assert (failure.trade_id, failure.code) == ("P1", "SPREAD_NOT_SOLVED")
    publish(compiler, 1)
    assert manifests(compiler)["USD"].failures == []
    position.refresh_from_db()
    spread = position.z_spread_bp
    assert spread is not None
    moved = {"USD-SOFR": {t: rate + 0.01 for t, rate in QUOTES["USD"]["USD-SOFR"].items()}}
    publish(compiler, 2, moved)
    compiler.run()
    position.refresh_from_db()
    assert position.z_spread_bp == spread


def test_another_price_is_solved_again(compiler, position):
    compiler.run()
    publish(compiler, 1)
    compiler.run()
    position.refresh_from_db()
    before = position.z_spread_bp
    position.clean_price = Decimal("97.5")
    position.save()
    compiler.run()
    position.refresh_from_db()
    assert position.z_spread_bp > before  # cheaper: a wider spread


def test_a_price_that_no_spread_explains_is_named_and_is_not_priced(compiler, position):
    BondPosition.objects.update(clean_price=Decimal("0.000001"), z_spread_bp=None)
    compiler.run()
    publish(compiler, 1)
    (failure,) = manifests(compiler)["USD"].failures
    assert failure.trade_id == "P1"
    assert failure.message


def test_a_quarantined_trade_is_left_out_and_counts_in_its_book_until_it_is_released(
    compiler, book
):
    make_swap(book, "S1")
    make_swap(book, "S2")
    assert len(compiler.run()[0].failures) == 0
    assert master.quarantine("S1", "USD", 7, "ended its process")
    usd = manifests(compiler)["USD"]
    assert usd.trade_ids == [["S2"]]
    (lost,) = usd.failures
    assert (lost.trade_id, lost.code) == ("S1", "QUARANTINED")
    assert (lost.book, lost.product) == ("B1", "swap")
    assert lost.notional > 0
    assert master.release("S1")
    usd = manifests(compiler)["USD"]
    assert usd.trade_ids == [["S1", "S2"]]
    assert usd.failures == []


def test_trades_that_have_made_their_last_payment_are_left_out_and_not_failed(
    compiler, book, position
):
    """By the valuation date of the market; a replay of earlier days has them again."""
    make_swap(book, "S1")
    BondPosition.objects.update(z_spread_bp=Decimal("0"))
    short = make_swap(book, "S2")
    # One overnight coupon, paid two business days after 4 March 2024: on 6 March.
    Swap.objects.filter(pk=short.pk).update(
        effective_date=dt.date(2024, 2, 5), termination_date=dt.date(2024, 3, 4)
    )
    before = manifests(compiler)["USD"]
    assert before.trade_ids == [["P1", "S1", "S2"]]
    assert (before.valid_from, before.valid_until) == (None, dt.date(2024, 3, 6))
    assert before.is_for(dt.date(2024, 3, 5))
    assert not before.is_for(dt.date(2024, 3, 6))
    publish(compiler, 1)
    assert manifests(compiler)["USD"].version == before.version
    publish(compiler, 2, date=dt.date(2024, 3, 6))
    after = manifests(compiler)["USD"]
    assert after.trade_ids == [["P1", "S1"]]
    assert after.failures == []
    assert (after.valid_from, after.valid_until) == (dt.date(2024, 3, 6), dt.date(2029, 3, 9))
    assert after.is_for(dt.date(2024, 3, 6))
    assert not after.is_for(dt.date(2024, 3, 5))
    assert compiler.books.newest("USD").version == after.version
    publish(compiler, 3)
    assert manifests(compiler)["USD"].trade_ids == [["P1", "S1", "S2"]]
