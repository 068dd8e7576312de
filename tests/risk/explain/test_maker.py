"""Explains of published frames, through Redis and PostgreSQL, beside the sums of the frames."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from instruments import trade_repository as master
from instruments.models import Bond, BondPosition, Book, Desk, Status, Swap
from pricing.explain.terms import TERM_NAMES
from risk.explain import maker as explain_maker
from risk.explain.frame_closes import FrameCloses
from risk.explain.one_trade import explain_one
from risk.models import FrameClose
from risk.store.digests import digest_of
from risk.store.frames import key
from tests.risk.explain.days import BOOK, NEXT, explained, moved, npv, publish, total
from tests.risk.made import DATE, bond, store, swap


def test_a_bulk_load_is_not_explained_trade_by_trade(frames, books, maker, monkeypatch):
    monkeypatch.setattr(explain_maker, "MOST_CHANGES", 2)
    few = store(books, *BOOK[:1])
    publish(frames, few.version, 1)
    assert maker.run("USD") == "MADE"
    many = store(books, *BOOK, number=2)
    publish(frames, many.version, 2)
    assert maker.run("USD") == "MADE"
    reason = maker.store.of("USD").reasons["frame"]
    assert reason == ("3 trades are new, ended or amended since its start: at most 2 are explained")
    publish(frames, many.version, 3, bp=1.0)
    assert maker.run("USD") == "MADE"
    assert "frame" in maker.store.of("USD").periods


def test_a_bulk_load_that_replaces_as_many_trades_is_not_explained_either(
    frames, books, maker, monkeypatch
):
    monkeypatch.setattr(explain_maker, "MOST_CHANGES", 3)
    old = store(books, *(swap(f"A{n}") for n in range(2)))
    publish(frames, old.version, 1)
    assert maker.run("USD") == "MADE"
    new = store(books, *(swap(f"B{n}") for n in range(2)), number=2)
    publish(frames, new.version, 2)
    assert maker.run("USD") == "MADE"
    assert maker.store.of("USD").reasons["frame"].startswith("4 trades are new, ended or amended")


def test_each_run_nets_a_block_however_much_of_its_time_is_used_up(
    frames, books, maker, monkeypatch
):
    """Otherwise a busy machine would never come to the end of a period."""
    monkeypatch.setattr(explain_maker, "NET_S", -1.0)
    version = store(books, *BOOK, blocks=4).version
    publish(frames, version, 1, blocks=4)
    assert maker.run("USD") == "MADE"
    publish(frames, version, 2, bp=1.0, blocks=4)
    assert [maker.run("USD") for _ in range(4)] == ["MORE", "MORE", "MORE", "MADE"]
    assert "frame" in maker.store.of("USD").periods


def test_the_first_frames_open_no_pnl(frames, books, maker):
    """There is no close yet, and no frame before."""
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    assert maker.run("USD") == "MADE"
    found = maker.store.of("USD")
    assert found.periods == {}
    assert "no close" in found.reasons["close"]
    assert "first frame" in found.reasons["frame"]
    assert maker.run("USD") == "OLD"


def test_a_frame_is_explained_since_the_close_and_since_the_frame_before(frames, books, maker):
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    close = publish(frames, version, 2, 1.0)
    maker.run("USD")
    first = publish(frames, version, 3, 4.0, NEXT)
    maker.run("USD")
    period = explained(frames)
    assert (period.start_frame, period.start_date) == (2, DATE)
    assert total(period, "value_start") == pytest.approx(npv(close), abs=1e-6)
    assert total(period, "value_end") == pytest.approx(npv(first), abs=1e-6)
    assert total(period, "total") == pytest.approx(npv(first) - npv(close), abs=1e-6)
    for group in period.groups:
        added = sum(group.terms[name] for name in TERM_NAMES)
        assert added == pytest.approx(group.terms["total"], abs=1e-6)
        assert sum(group.delta) == pytest.approx(group.terms["delta"], abs=1e-6)
    assert period.shift_bp == pytest.approx([3.0] * 5)
    assert {group.desk for group in period.groups} == {"RATES", "GOVIES"}
    assert "first frame of 2024-03-06" in maker.store.of("USD").reasons["frame"]
    second = publish(frames, version, 4, 6.0, NEXT)
    maker.run("USD")
    since_frame = explained(frames, "frame")
    assert since_frame.start_frame == 3
    assert total(since_frame, "total") == pytest.approx(npv(second) - npv(first), abs=1e-6)
    assert total(since_frame, "carry") == 0.0
    assert explained(frames).start_frame == 2
    alone = [explain_one(maker, "USD", each.trade_id, "frame") for each in BOOK]
    assert {found["start"]["frame"] for found in alone} == {3}
    for term in (*TERM_NAMES, "total"):
        added = sum(found["terms"][term] for found in alone)
        assert added == pytest.approx(total(since_frame, term), abs=1e-6), term


def test_a_position_that_waits_for_its_spread_opens_no_pnl(frames, books, maker):
    """At the close it had no number: it is named, and not explained as a new trade."""
    waiting = bond("B3", z_spread_bp=None, clean_price=98.0)
    first = store(books, *BOOK, waiting).version
    publish(frames, first, 1)
    solved = store(books, *BOOK, bond("B3"), number=2).version
    publish(frames, solved, 2, 2.0, NEXT)
    maker.run("USD")
    period = explained(frames)
    (named,) = period.unpriced
    assert (named.trade_id, named.at, named.book, named.product) == ("B3", "start", "B2", "bond")
    assert total(period, "new") == 0.0
    assert period.changes == []
    assert abs(total(period, "total")) < 20_000  # the bond alone is worth 950,000


def test_changed_trades_have_their_terms_and_add_up_to_the_frames_sums(frames, books, maker):
    version = store(books, *BOOK).version
    start = publish(frames, version, 1)
    after = (BOOK[0], swap("S3", book="B2"), bond("B1", z_spread_bp=12.0), BOOK[3])
    other = store(books, *after, number=2).version
    end = publish(frames, other, 2, 3.0, NEXT)
    maker.considerations = lambda changes, since, until: {"S3": 500.0, "S2": None, "B1": None}
    maker.run("USD")
    period = explained(frames)
    kinds = {change.trade_id: set(change.terms) for change in period.changes}
    assert kinds == {"S3": {"new"}, "S2": {"terminated"}, "B1": {"spread"}}
    unknown = [change.trade_id for change in period.changes if change.consideration is None]
    assert unknown == ["S2"]
    expected = npv(end) - npv(start) - 500.0
    assert total(period, "total") == pytest.approx(expected, abs=1e-6)
    assert total(period, "consideration") == 500.0


def test_trades_by_themselves_add_up_to_their_groups(frames, books, maker):
    """One by one, with a new trade, an edited spread and a terminated one."""
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    after = (BOOK[0], swap("S3", book="B2"), bond("B1", z_spread_bp=12.0), BOOK[3])
    publish(frames, store(books, *after, number=2).version, 2, 3.0, NEXT)
    maker.considerations = lambda changes, since, until: {"S3": 500.0}
    maker.run("USD")
    period = explained(frames)
    found = {name: explain_one(maker, "USD", name) for name in ("S1", "S2", "S3", "B1", "B2")}
    assert found["S1"]["start"]["frame"] == 1
    for term in (*TERM_NAMES, "total", "cash", "consideration"):
        added = sum(each["terms"][term] for each in found.values())
        assert added == pytest.approx(total(period, term), abs=1e-6), term
    assert found["S3"]["terms"]["consideration"] == 500.0
    assert found["B1"]["terms"]["spread"] < 0.0
    delta = found["S1"]["delta"]["USD-SOFR"]
    assert sum(delta.values()) == pytest.approx(found["S1"]["terms"]["delta"])


def test_one_trade_without_a_close_says_why(frames, books, maker):
    version = store(books, *BOOK).version
    assert explain_one(maker, "USD", "S1")["failure"]["code"] == "NO_FRAME"
    publish(frames, version, 1)
    assert "no close" in explain_one(maker, "USD", "S1")["failure"]["message"]
    said = explain_one(maker, "USD", "S1", "frame")["failure"]["message"]
    assert said == "no frame has been explained yet"
    maker.run("USD")
    assert "first frame" in explain_one(maker, "USD", "S1", "frame")["failure"]["message"]


def test_the_book_of_the_close_is_held_however_often_trades_change(frames, books, maker):
    """It is retired with the frames that need it, and not before."""
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    for number in range(2, 6):
        changed = swap("S1", fixed_rate=0.04 + number * 1e-4)
        latest = store(books, changed, *BOOK[1:], number=number).version
        publish(frames, latest, number, 1.0 * number, NEXT)
    books.retire("USD")
    assert frames.client.ttl(key("USD", "book", version)) == -1
    assert maker.run("USD") == "MADE"
    assert explained(frames).start_frame == 1


def test_a_market_that_goes_back_in_time_has_no_close(frames, books, maker):
    """A loop of stored days starts anew."""
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    publish(frames, version, 2, 0.0, NEXT)
    assert list(frames.closes("USD")) == [DATE]
    publish(frames, version, 3)
    assert frames.closes("USD") == {}


@pytest.mark.django_db
def test_closes_are_kept_in_the_database_and_read_back(frames, books):
    version = store(books, *BOOK).version
    close = publish(frames, version, 1, 1.0)
    end = publish(frames, version, 2, 2.0, NEXT)
    closes = FrameCloses(frames)
    assert closes.before(end) == close
    row = FrameClose.objects.get()
    assert (row.market, row.currency, row.date, row.frame) == ("live", "USD", DATE, 1)
    assert (row.quotes, row.book_version) == (moved(1.0), version)
    assert row.sha256 == digest_of(close)
    frames.client.delete(key("USD", "closes"))
    assert FrameCloses(frames).before(end) == close
    assert list(frames.closes("USD")) == [DATE]


@pytest.mark.django_db
def test_the_hash_of_a_close_is_that_of_its_numbers(frames, books):
    version = store(books, *BOOK).version
    first, second = publish(frames, version, 1), publish(frames, version, 2)
    assert digest_of(first) == digest_of(second)
    assert digest_of(publish(frames, version, 3, 1e-7)) != digest_of(first)


@pytest.fixture
def rows(db):
    """A position that was bought at 98.5 with accrued interest, and a swap with an upfront fee."""
    desk = Desk.objects.create(code="D", name="D")
    book = Book.objects.create(code="B1", name="B", desk=desk)
    static = Bond.objects.create(
        code="T",
        name="T",
        currency="USD",
        convention="US-TREASURY",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=Decimal("0.04"),
    )
    position = BondPosition.objects.create(
        trade_id="P",
        book=book,
        bond=static,
        face_amount=Decimal(2_000_000),
        z_spread_bp=Decimal(1),
        traded_price=Decimal("98.5"),
    )
    made = Swap.objects.create(
        trade_id="S",
        book=book,
        convention="USD-SOFR-OIS",
        pay_receive="pay",
        notional=Decimal(1_000_000),
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2029, 3, 7),
        fixed_rate=Decimal("0.04"),
        upfront_fee=Decimal(-1_500),
    )
    return position, made


def test_what_was_paid_follows_from_traded_price_and_fees(rows):
    position, made = rows
    since = dt.datetime.now(dt.UTC)
    new = master.considerations({"P": "new", "S": "new", "nobody": "new"}, since)
    assert new == {"P": 1_970_000.0, "S": -1_500.0, "nobody": None}
    made.upfront_fee = Decimal(-1_000)
    made.save()
    assert master.considerations({"S": "amended"}, since) == {"S": 500.0}
    position.status, position.termination_fee = Status.CANCELLED, Decimal(-1_980_000)
    position.save()
    assert master.considerations({"P": "terminated"}, since) == {"P": -1_980_000.0}


def test_what_was_paid_is_read_as_it_was_at_a_time(rows):
    """Else a fee that is amended later would count on the day of the trade, and again then."""
    _, made = rows
    first = dt.datetime.now(dt.UTC)
    made.upfront_fee = Decimal(-1_000)
    made.save()
    second = dt.datetime.now(dt.UTC)
    made.upfront_fee = Decimal(-200)
    made.save()
    assert master.considerations({"S": "new", "P": "new"}, first, first) == {
        "S": -1_500.0,
        "P": 1_970_000.0,
    }
    assert master.considerations({"S": "amended"}, first, second) == {"S": 500.0}
    assert master.considerations({"S": "amended"}, second, None) == {"S": 800.0}
    assert master.considerations(
        {"S": "new"}, first - dt.timedelta(days=1), first - dt.timedelta(days=1)
    ) == {"S": None}
