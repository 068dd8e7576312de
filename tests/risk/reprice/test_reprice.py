"""Stored closes priced again from the history: equal in every bit, or corrected and explained."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from feedbridge.replay import fixing_store
from feedbridge.replay.history.fixings import DerivedFixing
from instruments.access import set_roles
from instruments.models import Bond, BondPosition, Book, Desk, Fixing, Status, Swap, book_version
from pricing.curves.quotes import CurveOptions
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.api import previewer
from risk.compiler.book_compiler import Compiler
from risk.explain.frame_closes import FrameCloses, detail_of, held_head, keep_close, values_of
from risk.explain.frames_within import FramesWithin
from risk.history.layouts.table import Quote
from risk.history.store import Origin
from risk.history.store import store as store_quotes
from risk.models import FrameClose, FrameCloseDetail, FrameWithin
from risk.reprice.repricer import NothingStored, close_of, reprice
from risk.reprice.tasks import reprice_close
from risk.store import compiled_book
from risk.store.compiled_book_store import CompiledBooks
from risk.store.digests import digest_of
from risk.store.frames import Frames
from risk.workers import tasks
from tests.risk.made import QUOTES, as_of, header, sums_job
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

DATES = [dt.date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11, 12)]
OPTIONS = CurveOptions()


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)


class Live:
    """The live system in this process: a compiler and a worker of the sums."""

    def __init__(self, client: Any) -> None:
        self.frames, self.books = Frames(client), CompiledBooks(client)
        self.compiler = Compiler(self.books, self.frames, OPTIONS, 1)
        self.number = 0

    def frame(self, date: dt.date, bp: float = 0.0) -> Any:
        """Compile what was written, and publish a frame of that date."""
        self.compiler.run()
        head = self.books.head("USD", self.books.newest("USD").version)
        self.number += 1
        changes: dict[str, Any] = {
            "valuation_date": date,
            "curves": moved(bp),
            "book_version": head.version,
            "blocks": head.blocks,
        }
        self.frames.open(header(self.number, as_of=as_of(date), **{**changes, "parts": 1}))
        job = msgspec.to_builtins(sums_job(head.version, self.number, **changes))
        # On a busy machine netting gives way to other tasks; what it has asked for is done here.
        until(lambda: tasks.price_sums(job) != "NETTING")
        assert self.frames.pointer("USD") == self.number
        return self.frames.current("USD")

    def close(self, date: dt.date, bp: float = 0.0, market: str = "live") -> FrameClose:
        """A frame that is kept as the close of its date."""
        frame = self.frame(date, bp)
        return keep_close(frame, market, self.books.head("USD", frame.book_version))


def moved(bp: float) -> dict[str, dict[str, float]]:
    return {
        curve: {tenor: rate + bp * 1e-4 for tenor, rate in quotes.items()}
        for curve, quotes in QUOTES["USD"].items()
    }


@pytest.fixture
def live(redis_client, settings, redis_url):
    settings.REDIS_URL = redis_url
    for made in (tasks._frames, tasks._books, tasks._session, tasks._netter, tasks._run_registry):
        made.cache_clear()
    settings.BLOCK_CACHE_MB = 0
    return Live(redis_client)


@pytest.fixture
def book(db):
    return Book.objects.create(code="B1", name="B", desk=Desk.objects.create(code="D", name="D"))


def make_swap(book: Book, name: str = "S1", **changes: Any) -> Swap:
    usual: dict[str, Any] = {
        "trade_id": name,
        "book": book,
        "convention": "USD-SOFR-OIS",
        "pay_receive": "receive",
        "notional": Decimal(1_000_000),
        "effective_date": dt.date(2024, 2, 20),
        "termination_date": dt.date(2029, 2, 20),
        "fixed_rate": Decimal("0.04"),
    }
    return Swap.objects.create(**{**usual, **changes})


def fix(rate: float = 0.053, days: int = 40) -> None:
    """SOFR of every weekday before the last date."""
    store = [DATES[-1] - dt.timedelta(n) for n in range(days)]
    fixing_store.store(DerivedFixing("SOFR", day, rate, "proxy") for day in store)


def correct_fixing(day: dt.date, rate: str) -> None:
    row = Fixing.objects.get(index="SOFR", date=day)
    row.rate = Decimal(rate)
    row.save()


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("reprice", *words, stdout=out)
    return out.getvalue()


def test_a_close_is_priced_again_with_the_same_bits(live, book):
    fix()
    make_swap(book)
    make_swap(book, "S2", pay_receive="pay", fixed_rate=Decimal("0.0521"))
    make_swap(book, "OVER", termination_date=dt.date(2024, 2, 27))
    live.frame(DATES[0])  # the next compilation leaves the trade out that is over
    row = live.close(DATES[0], 1.3)
    Swap.objects.get(trade_id="S1").delete()
    fix(0.02)
    found = reprice(row, OPTIONS)
    assert found.differences() == []
    assert found.digest == row.sha256
    assert found.frame.book.made.version == row.book_version
    assert (found.frame.rollup.trades, found.frame.rollup.priced) == (2, 2)
    assert len(found.frame.detail_digest()) == 64


def test_numbers_by_trade_are_kept_with_a_close_and_come_out_again(live, book):
    """As a worker keeps them when the first frame of the next date is explained."""
    fix()
    make_swap(book)
    make_swap(book, "S2", fixed_rate=Decimal("0.0521"))
    close = live.frame(DATES[0], 1.0)
    end = live.frame(DATES[1])
    closes = FrameCloses(live.frames, price_detail=tasks._detail_of_close, most_trades=10)
    assert closes.before(end) == close
    row = FrameClose.objects.get()
    (columns,) = detail_of(row)
    assert columns.trades == 2
    assert sum(columns.column("npv")) == pytest.approx(sum(c.npv for c in close.cells), abs=1e-6)
    make_swap(book, "S3")
    found = reprice(row, OPTIONS)
    assert found.equal
    assert found.detail_sha256 == found.frame.detail_digest()
    assert "stored: " + found.detail_sha256 in run("--as-of", DATES[0].isoformat())
    FrameCloseDetail.objects.update(sha256="0" * 64)
    assert reprice(row, OPTIONS).differences() == ["numbers by trade"]
    row.delete()
    bounded = FrameCloses(live.frames, price_detail=tasks._detail_of_close, most_trades=1)
    bounded.before(end)
    assert detail_of(FrameClose.objects.get()) is None


def test_frames_within_a_day_are_kept_at_a_cadence_and_priced_again(live, book):
    make_swap(book, effective_date=dt.date(2024, 4, 2))
    within = FramesWithin(lambda f: values_of(f, held_head(live.frames, f)), every_s=1e3, days=30)
    closes = FrameCloses(live.frames, within=within)
    first = live.frame(DATES[0], 1.0)
    closes.before(first)
    closes.before(live.frame(DATES[0], 2.0))
    (row,) = FrameWithin.objects.all()
    assert (row.frame, row.date, row.sha256) == (first.frame, DATES[0], digest_of(first))
    within.every_s = 1e-9
    closes.before(live.frame(DATES[1], 3.0))
    assert FrameWithin.objects.count() == 2
    make_swap(book, "S2")
    found = reprice(row, OPTIONS)
    assert found.equal
    assert found.stored.frame == first.frame
    assert close_of("USD", as_of(DATES[0])).frame == 2  # the close, of the same market time
    assert close_of("USD", as_of(DATES[1])).frame == 3  # within the next day
    assert close_of("USD", DATES[1]).frame == 2


class Moment(NamedTuple):
    """What the live system published at a time, of a date."""

    date: dt.date
    known_at: dt.datetime
    sha256: str
    npv: float


def test_twenty_pairs_of_date_and_known_at_have_the_bits_of_what_was_published(
    live, book, monkeypatch
):
    """Each is the frame of a date, which the live system made of what it knew at a time."""
    monkeypatch.setattr(compiled_book, "TRADES_PER_BLOCK", 3)
    random_ = random.Random(11)
    fix()
    for n in range(7):
        make_swap(book, f"S{n}", fixed_rate=Decimal(300 + 20 * n) / 10_000)
    closes = {date: live.close(date, 2.0 * k) for k, date in enumerate(DATES)}

    def edit() -> None:
        kind = random_.randrange(4)
        swap = random_.choice(Swap.objects.all())
        if kind == 0:
            correct_fixing(random_.choice(DATES[:5]), f"0.0{random_.randrange(100, 800)}")
        elif kind == 1:
            swap.notional = Decimal(random_.randrange(1, 10**7))
            swap.save()
        elif kind == 2:
            make_swap(book, f"N{Swap.objects.count()}", fixed_rate=Decimal("0.0433"))
        else:
            swap.status = random_.choice((Status.CANCELLED, Status.ACTIVE))
            swap.save()

    moments: list[Moment] = []
    for _ in range(20):
        for _ in range(random_.randrange(1, 4)):
            edit()
        k = random_.randrange(len(DATES))
        frame = live.frame(DATES[k], 2.0 * k)
        npv = sum(cell.npv for cell in frame.cells)
        moments.append(Moment(DATES[k], dt.datetime.now(dt.UTC), sums_of(frame), npv))
        edit()
    assert len({(one.date, one.npv) for one in moments}) > 15
    for one in random_.sample(moments, len(moments)):
        found = reprice(closes[one.date], OPTIONS, known_at=one.known_at)
        assert found.equal, found.differences()
        assert sums_of(found.corrected.frame.rollup) == one.sha256


def sums_of(frame: Any) -> str:
    """The hash of a frame, whatever its book is called."""
    return digest_of(msgspec.structs.replace(frame, book_version=""))


def test_a_wrong_fixing_that_is_corrected_next_day_is_explained_by_trade(live, book):
    fix()
    wrong = dt.date(2024, 3, 1)
    correct_fixing(wrong, "0.0130")
    make_swap(book)
    make_swap(book, "F1", effective_date=dt.date(2024, 4, 2), termination_date=dt.date(2030, 4, 2))
    row = live.close(DATES[1])
    correct_fixing(wrong, "0.0531")
    live.close(DATES[2])
    known_at = dt.datetime.now(dt.UTC)
    found = reprice(row, OPTIONS, known_at=known_at)
    assert found.equal
    (fixing,) = found.corrected.fixings
    assert (fixing.index, fixing.date) == ("SOFR", wrong)
    assert (fixing.before, fixing.after) == (0.013, 0.0531)
    (trade,) = found.corrected.trades
    assert (trade.trade_id, trade.change) == ("S1", "")
    assert trade.effects["quotes"] == trade.effects["trades"] == 0.0
    expected = by_hand({wrong: 0.0531}) - by_hand({wrong: 0.013})
    assert trade.effects["fixings"] == pytest.approx(expected, abs=1e-3)
    # A receiver pays the floating rate of three days, from Friday to Monday.
    assert expected == pytest.approx(-1e6 * (0.0531 - 0.013) * 3 / 360, rel=0.06)
    text = run("--as-of", DATES[1].isoformat(), "--known-at", "now")
    assert "equal in every bit" in text
    assert "fixing SOFR 2024-03-01: 1.300000% -> 5.310000%" in text
    assert f"S1 (B1): fixings {trade.effects['fixings']:+,.2f}" in text


def by_hand(changed: dict[dt.date, float]) -> float:
    """The value of S1 by plain QuantLib."""
    days = {DATES[-1] - dt.timedelta(n): 0.053 for n in range(40)}
    known = {day: rate for day, rate in (days | changed).items() if day < DATES[1]}
    terms = SwapTerms(
        trade_id="S1",
        book="B1",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=1e6,
        effective_date=dt.date(2024, 2, 20),
        termination_date=dt.date(2029, 2, 20),
        fixed_rate=0.04,
    )
    return Reference(DATES[1], moved(0.0), {"SOFR": known}).values([terms])[0]


def test_a_late_trade_is_in_the_corrected_close_alone(live, book, tmp_path):
    fix()
    first = make_swap(book)
    row = live.close(DATES[1])
    make_swap(book, "LATE", fixed_rate=Decimal("0.06"))
    first.notional = Decimal(2_000_000)
    first.save()
    found = reprice(row, OPTIONS, known_at=dt.datetime.now(dt.UTC))
    assert found.equal
    late, amended = found.corrected.trades
    assert (late.trade_id, late.change, late.before) == ("LATE", "new", None)
    assert (amended.trade_id, amended.change) == ("S1", "amended")
    assert amended.after == pytest.approx(2 * amended.before)
    then, now = (sum(c.npv for c in f.rollup.cells) for f in (found.frame, found.corrected.frame))
    effects = sum(sum(one.effects.values()) for one in found.corrected.trades)
    assert effects == pytest.approx(now - then, abs=1e-6)
    assert late.effects["trades"] == late.after
    path = tmp_path / "differences.csv"
    run("--as-of", DATES[1].isoformat(), "--known-at", "now", "--csv", str(path))
    lines = {row["trade_id"]: row for row in csv.DictReader(path.open())}
    assert float(lines["LATE"]["trades"]) == late.after
    only_fixings = run(
        "--as-of", DATES[1].isoformat(), "--known-at", "now", "--correct", "fixings", "quotes"
    )
    assert "LATE" not in only_fixings


def test_a_quote_that_its_publisher_corrects_is_corrected(live, book):
    fix()
    make_swap(book)
    day, rate = DATES[1], QUOTES["USD"]["USD-SOFR"]["5Y"]
    origin = {"publisher": "test", "name": "a.csv", "label": "official", "retrieved_at": NOW}
    first = [Quote(day, "USD-SOFR", t, r) for t, r in QUOTES["USD"]["USD-SOFR"].items()]
    store_quotes(first, Origin(**origin))
    row = live.close(day)
    store_quotes([Quote(day, "USD-SOFR", "5Y", rate + 1e-4)], Origin(**origin))
    found = reprice(row, OPTIONS, known_at=dt.datetime.now(dt.UTC)).corrected
    (quote,) = found.quotes
    assert (quote.quote, quote.before) == ("5Y", rate)
    assert quote.after == pytest.approx(rate + 1e-4)
    (trade,) = found.trades
    assert trade.effects["fixings"] == trade.effects["trades"] == 0.0
    # A receiver of nearly five years loses about 4.5 years of one basis point.
    assert trade.effects["quotes"] == pytest.approx(-1e6 * 1e-4 * 4.5, rel=0.1)


NOW = dt.datetime(2024, 3, 20, tzinfo=dt.UTC)


def test_a_position_that_waited_for_its_spread_has_no_number_again(live, book):
    """The trades without a number are those that the compiler had named."""
    bond = Bond.objects.create(
        code="T",
        name="T",
        convention="US-TREASURY",
        currency="USD",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=Decimal("0.04125"),
        discount_curve="USD-SOFR",
    )
    make_swap(book, effective_date=dt.date(2024, 4, 2))
    BondPosition.objects.create(
        trade_id="P1", book=book, bond=bond, face_amount=Decimal(10**6), clean_price=Decimal("98")
    )
    row = live.close(DATES[0])
    live.compiler.run()  # the market of the frame makes a spread of the price
    assert BondPosition.objects.get().z_spread_bp is not None
    found = reprice(row, OPTIONS, known_at=dt.datetime.now(dt.UTC))
    assert found.equal
    (failure,) = found.frame.rollup.failures
    assert failure.trade_id == "P1"
    (trade,) = found.corrected.trades
    assert (trade.trade_id, trade.change, trade.before) == ("P1", "new", None)
    assert trade.after > 900_000


def test_a_stored_number_that_was_changed_is_told(live, book):
    make_swap(book, effective_date=dt.date(2024, 4, 2))
    row = live.close(DATES[0])
    row.sha256 = "0" * 64
    row.save()
    with pytest.raises(CommandError, match="not equal to what was published: USD"):
        run("--as-of", DATES[0].isoformat())


def test_what_is_not_stored_is_said(live, book):
    with pytest.raises(CommandError, match="no close of the market 'live' is stored yet"):
        run("--as-of", "2024-03-05")
    make_swap(book, effective_date=dt.date(2024, 4, 2))
    live.close(DATES[1])
    with pytest.raises(NothingStored, match="the first is of 2024-03-05"):
        close_of("USD", DATES[0])
    assert close_of("USD", as_of(DATES[2])).date == DATES[1]
    with pytest.raises(CommandError, match="neither a date such as"):
        run("--as-of", "yesterday")


# --- REST ---------------------------------------------------------------------------------------


@pytest.fixture
def rest(live, book, monkeypatch):
    """Two desks with a swap each, a close, and a late trade of one; the queue alone is left out."""
    other = Desk.objects.create(code="E", name="E")
    make_swap(book, effective_date=dt.date(2024, 4, 2))
    mine = Book.objects.create(code="B2", name="B", desk=other)
    make_swap(mine, "E1", effective_date=dt.date(2024, 4, 2), notional=Decimal(3_000_000))
    live.close(DATES[1])
    make_swap(mine, "LATE", effective_date=dt.date(2024, 4, 2))
    previewer._waiting_client.cache_clear()
    monkeypatch.setattr(
        previewer.current_app, "send_task", lambda name, args, **_: reprice_close(*args)
    )
    yield
    previewer._waiting_client.cache_clear()


def a_client(*roles: str, desk: str = "") -> APIClient:
    user = get_user_model().objects.create_user("-".join((*roles, desk)))
    user.groups.set(Group.objects.filter(name__in=roles))
    if desk:
        Desk.objects.get(code=desk).traders.add(user)
    made = APIClient()
    made.force_authenticate(user)
    return made


@pytest.mark.usefixtures("rest")
def test_rest_reprices_a_close_and_shows_each_desk_its_own():
    set_roles()  # a test that commits loses the groups that `migrate` has made
    viewer, trader = a_client("viewer"), a_client("trader", desk="E")
    now = dt.datetime.now(dt.UTC).isoformat().replace("+", "%2B")
    path = f"/api/v1/reprice/?currency=USD&as_of=2024-03-05&known_at={now}"
    whole, own = (client.get(path).json() for client in (viewer, trader))
    assert whole["equal"] is own["equal"] is True
    assert whole["sha256"] == whole["sha256_repriced"] == own["sha256"]
    assert own["npv"] == pytest.approx(whole["npv"] * 3 / 4)
    for answer in (whole, own):
        (late,) = answer["corrected"]["trades"]
        assert (late["trade_id"], late["change"], late["desk"]) == ("LATE", "new", "E")
        assert late["effects"]["trades"] == pytest.approx(answer["corrected"]["difference"])
    other = a_client("trader", desk="D").get(path).json()
    assert other["corrected"]["trades"] == []
    assert other["corrected"]["difference"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.usefixtures("rest")
def test_rest_says_what_it_cannot_reprice():
    set_roles()
    client = a_client("viewer")

    def refusal(query: str, status: int) -> str:
        answer = client.get(f"/api/v1/reprice/?{query}")
        assert answer.status_code == status, answer.content
        return str(answer.json())

    assert "the first is of 2024-03-05" in refusal("currency=USD&as_of=2024-03-01", 404)
    assert "none is stored" in refusal("currency=EUR", 404)
    assert "currency: one of" in refusal("", 400)
    assert "not a date such as" in refusal("currency=USD&as_of=yesterday", 400)
    assert "allowed: quotes, fixings, trades" in refusal("currency=USD&correct=all", 400)
