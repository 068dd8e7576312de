"""The sums of a book in a worker: the same bits whatever it has netted before, all finite."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import time

import msgspec
import numpy as np
import pytest

from pricing.products.flows import compile_book
from risk.store.compiled_book_store import CompiledBooks
from risk.store.messages import blocks_of_part
from risk.workers import book_netter
from risk.workers.book_netter import BookNetter
from risk.workers.host_cache import HostCache
from risk.workers.session import Session
from tests.risk.made import DATE, QUOTES, bond, job, store, sums_job, swap

CLOCKS = {"worker": "", "started_ns": 0, "finished_ns": 0}
SEASONED = {"effective_date": dt.date(2023, 9, 13), "termination_date": dt.date(2028, 9, 13)}


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


def sofr(last=dt.date(2024, 4, 1), rate=0.053):
    days = (dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(900))
    return {"SOFR": {day: rate for day in days if day <= last}}


def book(**changes):
    return [
        *(swap(f"S{n}", notional=1e6 * (n + 1), fixed_rate=0.03 + n / 1000) for n in range(6)),
        swap("OLD", **{**SEASONED, **changes}),
        *(bond(f"P{n}", z_spread_bp=5.0 * n) for n in range(4)),
    ]


def added(netter, a_job):
    return msgspec.structs.replace(netter.sums(a_job), **CLOCKS)


def test_a_process_that_has_netted_other_books_dates_and_markets_adds_up_the_same_bits(
    books, tmp_path
):
    first = store(books, *book(), blocks=4, fixings=sofr())
    other = store(books, *book(notional=7e6), number=2, blocks=4, fixings=sofr())
    again = store(books, *book(), number=3, blocks=4, fixings=sofr())
    files = HostCache(tmp_path / "files", 10**9)
    used, later = BookNetter(Session(books, files=files)), DATE + dt.timedelta(days=1)
    seen, missed = [], 0
    for made, date in ((first, DATE), (other, DATE), (other, later), (again, later), (again, DATE)):
        a_job = sums_job(made.version, blocks=4, valuation_date=date)
        seen.append(added(used, a_job))
        for _ in range(2):  # what comes after the second frame of a day's instruments
            missing = used.missing_next_day(a_job)
            if missing is not None:
                missed += 1
                BookNetter(Session(books, files=files)).make_files(missing)
    fresh = [
        added(BookNetter(Session(books)), sums_job(made.version, blocks=4, valuation_date=date))
        for made, date in ((first, DATE), (other, DATE), (other, later), (again, later))
    ]
    assert missed >= 4
    assert seen == [*fresh, fresh[0]]
    assert len({each.cells[0].npv for each in fresh}) == 4


def test_instruments_that_change_with_every_frame_are_not_prepared_for_the_next_day(
    books, tmp_path
):
    """Else such a currency has all its next days made, of which none comes."""
    made = store(books, *book(), blocks=2, fixings=sofr())
    netter = BookNetter(Session(books, files=HostCache(tmp_path / "files", 10**9)))

    def missing(*tenors):
        curves = {"USD-SOFR": {tenor: QUOTES["USD"]["USD-SOFR"][tenor] for tenor in tenors}}
        return netter.missing_next_day(sums_job(made.version, blocks=2, curves=curves))

    changing = [("1Y", "10Y"), ("1Y", "5Y", "10Y"), ("1Y", "10Y")]
    assert [missing(*tenors) for tenors in changing] == [None] * 3
    assert missing(*changing[-1]).valuation_date == DATE + dt.timedelta(days=1)


def test_a_part_from_a_file_prices_and_merges_to_the_same_bits(books, tmp_path):
    """Also after an edit of the day whose first frame was mapped."""
    files = HostCache(tmp_path / "files", 10**9)
    first = store(books, *book(), blocks=4, fixings=sofr())
    a_job = sums_job(first.version, blocks=4)
    BookNetter(Session(books, files=files)).make_files(a_job)
    mapped = Session(books, files=files)
    mapped.fetch_block = lambda *_: pytest.fail("another process has made all")
    netter = BookNetter(mapped)
    assert added(netter, a_job) == added(BookNetter(Session(books)), a_job)
    del mapped.fetch_block
    after = store(books, *book(notional=7e6), number=2, blocks=4, fixings=sofr())
    edited = sums_job(after.version, blocks=4)
    assert added(netter, edited) == added(BookNetter(Session(books)), edited)


def test_what_is_missing_of_the_next_day_is_told_until_it_is_there(books, tmp_path):
    files = HostCache(tmp_path / "files", 10**9)
    made = store(books, *book(), blocks=2, fixings=sofr())
    netter, a_job = BookNetter(Session(books, files=files)), sums_job(made.version, blocks=2)
    netter.sums(a_job)
    assert netter.missing_next_day(a_job) is None, "the first frame of its instruments"
    missing = netter.missing_next_day(a_job)
    assert missing is not None
    assert missing == netter.missing_next_day(a_job)
    BookNetter(Session(books, files=files)).make_files(missing)
    assert netter.missing_next_day(a_job) is None
    netter.session.fetch_block = lambda *_: pytest.fail("it is there")
    assert added(netter, missing) == added(BookNetter(Session(books)), missing)


def test_any_history_of_edits_leads_to_the_bits_of_a_new_process(books):
    """Groups come, change and go; of those that are as they were, the sums are not made anew."""
    edits = [
        book(),
        book(notional=7e6),
        [*book(notional=7e6), swap("NEW", book="B0"), bond("Q", book="B1")],
        [*book(), bond("Q", book="B1", face_amount=3e6)],
        book()[1:],
        [t for t in book() if t.product != "bond"],
        book(),
    ]
    for blocks in (1, 4):
        used = BookNetter(Session(books))
        for number, trades in enumerate(edits, start=1):
            made = store(books, *trades, number=number, blocks=blocks, fixings=sofr())
            a_job = sums_job(made.version, blocks=blocks)
            assert added(used, a_job) == added(BookNetter(Session(books)), a_job)


def test_after_an_edit_only_the_groups_that_it_touches_are_added_anew(books, monkeypatch):
    seen = []
    whole = book_netter.merge
    monkeypatch.setattr(
        book_netter, "merge", lambda blocks, before: seen.append(before) or whole(blocks, before)
    )
    netter = BookNetter(Session(books))
    for number, notional in ((1, 1e6), (2, 2e6), (3, 3e6)):
        made = store(books, *book(notional=notional), number=number, blocks=4, fixings=sofr())
        netter.sums(sums_job(made.version, blocks=4))
    first, second, third = seen
    assert first is None
    assert len(second[0]) == len(third[0]) == 4
    # The blocks without the edited trade are the very arrays of before, and are not compared.
    assert sum(a is b for a, b in zip(second[0], third[0], strict=True)) == 3


def test_an_edit_of_a_part_that_another_process_has_added_up_adds_only_what_it_touches(
    books, tmp_path, monkeypatch
):
    files = HostCache(tmp_path / "files", 10**9)
    first = store(books, *book(), blocks=4, fixings=sofr())
    a_job = sums_job(first.version, blocks=4)
    BookNetter(Session(books, files=files)).sums(a_job)
    netter = BookNetter(Session(books, files=files))
    netter.sums(a_job)
    for _ in range(2):
        netter.missing_next_day(a_job)
    seen = []
    whole = book_netter.merge
    monkeypatch.setattr(
        book_netter, "merge", lambda blocks, before: seen.append(before) or whole(blocks, before)
    )
    after = store(books, *book(notional=7e6), number=2, blocks=4, fixings=sofr())
    edited = sums_job(after.version, blocks=4)
    assert added(netter, edited) == added(BookNetter(Session(books)), edited)
    assert seen[0] is not None
    assert len(seen[0][0]) == 4


def test_parts_cover_every_block_once():
    for blocks in (1, 2, 8, 64):
        for parts in range(1, min(blocks, 7) + 1):
            ranges = [blocks_of_part(part, parts, blocks) for part in range(parts)]
            assert [block for each in ranges for block in each] == list(range(blocks))


def test_sums_are_those_of_the_trades_and_theta_is_among_them(books):
    made = store(books, *book(), blocks=4, fixings=sofr(DATE - dt.timedelta(days=1)))
    session = Session(books)
    sums = BookNetter(session).sums(sums_job(made.version, blocks=4))
    blocks = [session.price(job(made.version, block=b, blocks=4)) for b in range(4)]
    for name in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01"):
        trades = np.concatenate([columns.column(name) for _, columns in blocks])
        total = sum(getattr(cell, name) for cell in sums.cells)
        assert total == pytest.approx(trades.sum(), rel=1e-7)
    assert [cell.product for cell in sums.cells] == ["swap", "bond"]
    assert all(cell.theta for cell in sums.cells)
    assert sums.terms < sum(len(t.flows) for t in compile_book(book())[0])


def test_a_part_leaves_out_what_its_frame_leaves_out(books):
    made = store(books, *book(), blocks=4, fixings=sofr())
    netter = BookNetter(Session(books))
    whole = netter.sums(sums_job(made.version, blocks=4))
    rest = netter.sums(sums_job(made.version, blocks=4, excluded=[2]))
    alone = netter.sums(sums_job(made.version, blocks=4, excluded=[0, 1, 3]))
    assert rest.excluded == [2]
    count = [sum(cell.trades for cell in part.cells) for part in (rest, alone, whole)]
    assert count[0] + count[1] == count[2] == len(book())
    npv = [sum(cell.npv for cell in part.cells) for part in (rest, alone, whole)]
    assert npv[0] + npv[1] == pytest.approx(npv[2], rel=1e-12)


def with_long_bond():
    return [*book(), bond("LONG", maturity_date=dt.date(2050, 11, 15))]


@pytest.fixture
def with_long(books):
    """A book with a bond whose value is no number at rates of -10 %, and is one at usual rates."""
    good, _ = compile_book(with_long_bond())
    place = next(n for n, trade in enumerate(good) if trade.trade_id == "LONG")
    flows = good[place].flows.copy()
    flows["amount"][-1] = 1.5e307
    good[place] = dataclasses.replace(good[place], flows=flows)
    fixed = {"desk_of_book": {"B1": "RATES", "B2": "GOVIES"}, "failures": [], "fixings": sofr()}
    return books.store("USD", 1, good, blocks=4, **fixed)


def test_a_trade_that_is_no_number_is_named_and_in_no_sum(books, with_long):
    curves = falling_quotes()
    sums = BookNetter(Session(books)).sums(sums_job(with_long.version, blocks=4, curves=curves))
    assert [(f.trade_id, f.code) for f in sums.failures] == [("LONG", "NOT_A_NUMBER")]
    made = store(books, *book(), number=2, fixings=sofr())
    rest = BookNetter(Session(books)).sums(sums_job(made.version, curves=curves))
    for mine, other in zip(sums.cells, rest.cells, strict=True):
        assert mine.npv == pytest.approx(other.npv, rel=1e-12)
        assert mine.trades - mine.failed == other.trades
    assert sums.cells[1].failed == 1
    assert sums.cells[1].notional_failed == 1e6


def test_what_was_left_out_is_tried_again_at_the_next_market(books, with_long):
    """A process that has left the trade out adds up the same bits as one that has not."""
    netter = BookNetter(Session(books))
    usual = sums_job(with_long.version, blocks=4)
    falling = sums_job(with_long.version, blocks=4, curves=falling_quotes())
    first = added(netter, falling)
    assert [f.trade_id for f in first.failures] == ["LONG"]
    assert added(netter, usual) == added(BookNetter(Session(books)), usual)
    assert added(netter, usual).failures == []
    assert added(netter, falling) == first


def test_only_blocks_of_a_group_without_a_number_are_fetched_and_netted_again(
    books, with_long, tmp_path
):
    session = Session(books, files=HostCache(tmp_path / "files", 10**9))
    netter = BookNetter(session)
    netter.sums(sums_job(with_long.version, blocks=4))
    fetched, fetch = [], session.fetch_block
    session.fetch_block = lambda a_job, block: fetched.append(block) or fetch(a_job, block)
    sums = netter.sums(sums_job(with_long.version, blocks=4, curves=falling_quotes()))
    assert [f.trade_id for f in sums.failures] == ["LONG"]
    assert 0 < len(set(fetched)) < 4, "a block without the group is not fetched"
    assert len(fetched) <= len(set(fetched)) + 1, "one block is netted again"


def test_a_trade_that_was_left_out_today_is_in_the_files_of_the_next_day(
    books, with_long, tmp_path
):
    files = HostCache(tmp_path / "files", 10**9)
    netter = BookNetter(Session(books, files=files))
    falling = sums_job(with_long.version, blocks=4, curves=falling_quotes())
    for _ in range(2):
        assert netter.sums(falling).failures
        missing = netter.missing_next_day(falling)
    assert missing is not None
    assert BookNetter(Session(books, files=files)).make_files(missing)
    assert netter.missing_next_day(falling) is None


def test_an_edit_is_awaited_by_mapping_blocks_and_making_none(books, tmp_path):
    files = HostCache(tmp_path / "files", 10**9)
    made = store(books, *book(), blocks=2, fixings=sofr())
    a_job = sums_job(made.version, blocks=2)
    assert BookNetter(Session(books, files=files)).make_files(a_job)
    for path in files.directory.iterdir():
        if "-netted-" in path.name:
            path.unlink()  # swept
    netter = BookNetter(Session(books, files=files))
    netter.session.fetch_block = lambda *_: pytest.fail("the next frames would wait")
    for _ in range(2):
        netter.sums(a_job)
        netter.missing_next_day(a_job)


def test_after_an_edit_the_part_before_is_dropped_and_the_new_one_is_shared(
    books, tmp_path, monkeypatch
):
    files = HostCache(tmp_path / "files", 10**9)
    netter = BookNetter(Session(books, files=files))
    first, after = (
        store(books, *book(notional=notional), number=number, blocks=4, fixings=sofr())
        for number, notional in ((1, 1e6), (2, 7e6))
    )
    a_job, edited = (sums_job(made.version, blocks=4) for made in (first, after))
    netter.sums(a_job)
    netter.tidy(a_job)
    (old,) = parts(files)
    fresh = added(netter, edited)
    netter.tidy(edited)
    assert parts(files) == set(), "of the version before, and not written at once"
    assert not netter._parts.others(("USD", 0), netter._part_key(edited))
    monkeypatch.setattr(book_netter, "QUIET_S", 0.0)
    netter.tidy(edited)
    files._writer.join(timeout=10)
    (new,) = parts(files)
    assert new != old
    assert netter._parts.get(("USD", 0), netter._part_key(edited)).content is None
    netter.tidy(edited)
    part = netter._parts.get(("USD", 0), netter._part_key(edited))
    assert part.content.path == new
    merged = netter._merged.get(("USD", 0), netter.session.curves_of(edited))
    assert merged.added is part.netted, "no second copy for the next edit"
    assert added(netter, edited) == fresh
    other = BookNetter(Session(books, files=files))
    other.session.fetch_block = lambda *_: pytest.fail("another process has made all")
    monkeypatch.setattr(book_netter, "merge", lambda *_: pytest.fail("it is added up"))
    assert added(other, edited) == fresh


def test_a_part_that_is_mapped_is_not_taken_for_what_other_blocks_made(
    books, tmp_path, monkeypatch
):
    """An edit that is taken back, with a frame between that came too late to be published."""
    monkeypatch.setattr(book_netter, "QUIET_S", 0.0)
    files = HostCache(tmp_path / "files", 10**9)
    netter = BookNetter(Session(books, files=files))

    def job_of(number, notional, *more):
        trades = [*book(notional=notional), *more]
        made = store(books, *trades, number=number, blocks=4, fixings=sofr())
        return sums_job(made.version, blocks=4)

    for number, notional in ((1, 1e6), (2, 2e6)):
        an_edit = job_of(number, notional)
        netter.sums(an_edit)
    netter.sums(job_of(3, 3e6))  # not tidied
    for _ in range(2):
        netter.sums(an_edit)
        netter.tidy(an_edit)
        files._writer.join(timeout=10)
    assert netter._parts.get(("USD", 0), netter._part_key(an_edit)).content is not None
    last = job_of(4, 3e6, bond("NEW"))
    assert added(netter, last) == added(BookNetter(Session(books)), last)


def test_a_block_that_is_left_out_for_a_while_removes_no_file(books, tmp_path):
    files = HostCache(tmp_path / "files", 10**9)
    netter = BookNetter(Session(books, files=files))
    made = store(books, *book(), blocks=4, fixings=sofr())
    whole, without = (sums_job(made.version, blocks=4, excluded=out) for out in ([], [2]))
    netter.sums(whole)
    netter.tidy(whole)
    (path,) = parts(files)
    netter.sums(without)
    netter.tidy(without)
    assert path in parts(files)


def test_on_a_new_date_what_is_in_no_file_of_the_date_before_is_dropped(books, tmp_path):
    files = HostCache(tmp_path / "files", 10**9)
    netter, later = BookNetter(Session(books, files=files)), DATE + dt.timedelta(days=1)
    for number, notional in ((1, 1e6), (2, 7e6)):
        made = store(books, *book(notional=notional), number=number, blocks=4, fixings=sofr())
        a_job = sums_job(made.version, blocks=4)
        netter.sums(a_job)
        netter.tidy(a_job)
    next_job = sums_job(made.version, blocks=4, valuation_date=later)
    netter.sums(next_job)
    netter.tidy(next_job)
    place, key = ("USD", 0), netter._part_key(next_job)
    assert not netter._parts.others(place, key)
    assert not netter._merged.others(place, netter.session.curves_of(next_job))
    without = BookNetter(Session(books))
    for each in (a_job, next_job):
        without.sums(each)
        without.tidy(each)
    assert without._parts.others(place, key), "it would have to net its blocks again"


def test_a_part_of_one_block_stays_in_the_process(books, tmp_path, monkeypatch):
    monkeypatch.setattr(book_netter, "QUIET_S", 0.0)
    files = HostCache(tmp_path / "files", 10**9)
    netter = BookNetter(Session(books, files=files))
    a_job = sums_job(store(books, *book(), fixings=sofr()).version)
    for _ in range(2):
        netter.sums(a_job)
        netter.tidy(a_job)
    assert files._writer is None
    assert parts(files) == set()


def test_a_book_with_a_trade_without_a_value_keeps_its_part_with_the_trade(
    books, with_long, monkeypatch
):
    """Each frame tries it again: the part is added up once, not with every frame."""
    netter = BookNetter(Session(books))
    falling = sums_job(with_long.version, blocks=4, curves=falling_quotes())
    netter.sums(falling)
    netter.tidy(falling)
    monkeypatch.setattr(book_netter, "merge", lambda *_: pytest.fail("it is added up"))
    assert [f.trade_id for f in netter.sums(falling).failures] == ["LONG"]


def parts(files):
    return {path for path in files.directory.iterdir() if "-part-" in path.name}


def test_files_of_the_next_day_are_kept_until_it_comes(books, tmp_path, monkeypatch):
    monkeypatch.setattr(book_netter, "TOUCH_S", 0.0)
    files = HostCache(tmp_path / "files", 10**9)
    made = store(books, *book(), blocks=2, fixings=sofr())
    netter, a_job = BookNetter(Session(books, files=files)), sums_job(made.version, blocks=2)
    for _ in range(2):
        netter.sums(a_job)
        missing = netter.missing_next_day(a_job)
    today = set(files.directory.iterdir())
    assert BookNetter(Session(books, files=files)).make_files(missing)
    assert netter.missing_next_day(a_job) is None, "it is taken over"
    tomorrow = set(files.directory.iterdir()) - today
    for path in tomorrow:
        os.utime(path, (0, 0))
    assert netter.missing_next_day(a_job) is None
    assert len(tomorrow) == 3  # of two blocks, and of the part
    assert all(time.time() - path.stat().st_mtime < 60 for path in tomorrow)


def test_a_part_whose_files_cannot_be_written_is_given_up_at_once(books, tmp_path):
    made = store(books, *book(), blocks=4, fixings=sofr())
    netter = BookNetter(Session(books, files=HostCache(tmp_path / "files", 1)))
    fetched, fetch = [], netter.session.fetch_block
    netter.session.fetch_block = lambda a_job, block: fetched.append(block) or fetch(a_job, block)
    assert not netter.make_files(sums_job(made.version, blocks=4))
    assert fetched == [0]


def falling_quotes():
    return {curve: dict.fromkeys(quotes, -0.1) for curve, quotes in QUOTES["USD"].items()}


def test_netting_goes_on_where_it_was_cut_off(books):
    made = store(books, *book(), blocks=4, fixings=sofr())
    netter, named = BookNetter(Session(books)), []
    runs = 0
    while (sums := netter.sums(sums_job(made.version, blocks=4), named.append, 0.0)) is None:
        runs += 1
    assert runs == 3
    assert named == [0, None, 1, None, 2, None, 3, None]
    assert sums.cells == BookNetter(Session(books)).sums(sums_job(made.version, blocks=4)).cells
