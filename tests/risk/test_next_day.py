"""The next weekday is prepared by a process of its own, once, and one on a host."""

from __future__ import annotations

import datetime as dt
import errno
import os
import time
from contextlib import suppress

import msgspec
import pytest

from risk.store.compiled_book_store import CompiledBooks
from risk.store.messages import DetailJob
from risk.workers import next_day
from risk.workers.book_netter import BookNetter
from risk.workers.host_cache import HostCache
from risk.workers.next_day import NextDay
from risk.workers.session import Session
from tests.risk.made import DATE, bond, job, store, sums_job, swap

TOMORROW = DATE + dt.timedelta(days=1)
ENDS_S = 60.0


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


@pytest.fixture
def files(tmp_path):
    return HostCache(tmp_path / "files", 10**9)


@pytest.fixture
def processes(redis_url, monkeypatch):
    """Processes use the Redis of this test, and start without pauses between them."""
    monkeypatch.setattr(next_day, "START_EVERY_S", 0.0)
    monkeypatch.setattr(next_day, "LOOK_EVERY_S", 0.0)
    monkeypatch.setenv("REDIS_URL", redis_url)


def detail_job(made, *work):
    one = job(made.version, blocks=2)
    fields = {name: getattr(one, name) for name in one.__struct_fields__ if hasattr(one, name)}
    for name in ("block", "thorough"):
        fields.pop(name)
    return DetailJob(**fields, work=list(work), needed=2)


def ended(wishes):
    end = time.monotonic() + ENDS_S
    while wishes._process is not None and wishes._process.poll() is None:
        assert time.monotonic() < end, "the process does not end"
        time.sleep(0.05)
    lock = wishes._session.files.directory / f"{next_day.CLAIM}.lock"
    if lock.exists():
        os.utime(lock, (0, 0))  # the rest after a run is over
    return wishes._process and wishes._process.returncode


def kinds(files):
    names = [path.name for path in files.directory.iterdir() if path.suffix != ".lock"]
    return sorted(name.split("-")[1] for name in names)


def test_a_process_makes_the_files_of_the_next_day(books, files, processes):
    made = store(books, swap("A"), swap("B"), bond("C"), blocks=2)
    wishes = NextDay(Session(books, files=files))
    later = sums_job(made.version, blocks=2, valuation_date=TOMORROW)
    wishes.ask_for_sums(later, later)
    assert ended(wishes) == 0
    wishes.ask_for_detail(detail_job(made, 0, 1))
    assert ended(wishes) == 0
    assert kinds(files) == ["netted", "netted", "part", "prepared", "prepared"]
    session = Session(books, files=files)
    session.fetch_block = lambda *_: pytest.fail("a process has made it")
    tomorrow = job(made.version, blocks=2, valuation_date=TOMORROW)
    assert session.price(tomorrow)[1] == Session(books).price(tomorrow)[1]
    clocks = {"worker": "", "started_ns": 0, "finished_ns": 0}
    found, plain = (
        msgspec.structs.replace(BookNetter(one).sums(later), **clocks)
        for one in (session, Session(books))
    )
    assert found == plain


def test_what_was_made_is_not_asked_for_again_but_an_edit_is(books, files, monkeypatch):
    started = []

    class Ended:
        def poll(self):
            return 0

    monkeypatch.setattr(next_day, "start", lambda work: started.append(work) or Ended())
    monkeypatch.setattr(next_day, "START_EVERY_S", 0.0)
    wishes = NextDay(Session(books, files=files))
    for number, notional in ((1, 1e6), (2, 5e6)):
        made = store(books, swap("A", notional=notional), swap("B"), number=number, blocks=2)
        for _ in range(4):
            wishes.ask_for_detail(detail_job(made, 0, 1))
    first, second = ([(job.book_version, job.work) for job in work.detail] for work in started)
    assert [work for _, work in first] == [[0, 1]]
    assert len(second) == 1
    assert len(second[0][1]) == 1, "the block of A alone"


def test_a_host_has_one_process_at_a_time(books, files, processes):
    made = store(books, swap("A"), swap("B"), blocks=2)
    first, second = (NextDay(Session(books, files=files)) for _ in "ab")
    files._open_directory()
    with files.alone(next_day.CLAIM):
        first.ask_for_detail(detail_job(made, 0))
        assert first._process is None
        work = second._take(files)
        second._process = next_day.start(work)  # as if the claim had come in between
        assert ended(second) == next_day.BUSY
    first.ask_for_detail(detail_job(made, 0))
    assert ended(first) == 0
    assert kinds(files) == ["prepared"]


def test_it_has_the_lowest_priority_of_its_host(books, files, processes):
    made = store(books, swap("A"), swap("B"), blocks=2)
    wishes = NextDay(Session(books, files=files))
    wishes.ask_for_detail(detail_job(made, 0, 1))
    pid, seen = wishes._process.pid, set()
    while wishes._process.poll() is None:
        with suppress(ProcessLookupError):
            seen.add((os.getpriority(os.PRIO_PROCESS, pid), os.getsid(pid) == pid))
    assert any(nice >= next_day.NICE and leads for nice, leads in seen)


def test_without_files_nothing_is_prepared(books):
    made = store(books, swap("A"), blocks=2)
    wishes = NextDay(Session(books))
    wishes.ask_for_detail(detail_job(made, 0))
    assert wishes._process is None


def test_a_book_that_is_gone_ends_no_process_with_an_error(books, files, processes):
    wishes = NextDay(Session(books, files=files))
    gone = sums_job("1-000000000000", blocks=2, valuation_date=TOMORROW)
    wishes.ask_for_sums(gone, gone)
    assert ended(wishes) == 0


def test_without_redis_it_ends_with_one_line_and_is_asked_for_again(
    books, files, monkeypatch, capfd
):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    made = store(books, swap("A"), blocks=2)
    wishes = NextDay(Session(books, files=files))
    wishes.ask_for_detail(detail_job(made, 0))
    assert ended(wishes) == next_day.BUSY
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("the next day is not prepared now: ")
    asked = wishes._process
    wishes.ask_for_detail(detail_job(made, 0))
    assert wishes._process is not asked
    ended(wishes)


def test_a_host_rests_after_a_run_for_four_times_as_long(books, files, processes):
    made = store(books, swap("A"), swap("B"), blocks=2)
    first, second = (NextDay(Session(books, files=files)) for _ in "ab")
    began = time.time()
    first.ask_for_detail(detail_job(made, 0))
    first._process.wait(ENDS_S)
    rest_s = (files.directory / f"{next_day.CLAIM}.lock").stat().st_mtime - time.time()
    assert 0.0 < rest_s <= 4.0 * (time.time() - began)
    second.ask_for_detail(detail_job(made, 1))
    assert second._process is None


def test_a_file_that_another_process_has_made_is_not_asked_for(books, files, monkeypatch):
    monkeypatch.setattr(next_day, "start", lambda work: pytest.fail("it is there"))
    made = store(books, swap("A"), swap("B"), blocks=2)
    tomorrow = job(made.version, blocks=2, valuation_date=TOMORROW)
    later = sums_job(made.version, blocks=2, valuation_date=TOMORROW)
    wishes = NextDay(Session(books, files=files))
    files._open_directory()
    with files.alone(next_day.CLAIM):  # another process is at it
        wishes.ask_for_sums(later, later)
        wishes.ask_for_detail(detail_job(made, 0))
    assert Session(books, files=files).make_file(tomorrow)
    wishes._start_at = 0.0
    wishes.ask_for_sums(later, None)
    wishes.ask_for_detail(detail_job(made, 0))
    assert wishes._missing == {}


def test_a_file_that_was_swept_is_made_again(books, files, processes):
    made = store(books, swap("A"), swap("B"), blocks=2)
    wishes = NextDay(Session(books, files=files))
    for _ in range(2):
        wishes.ask_for_detail(detail_job(made, 0))
        assert ended(wishes) == 0
        wishes.ask_for_detail(detail_job(made, 0))
        (path,) = files.directory.glob("*-prepared-*")
        path.unlink()


def test_looking_for_a_file_keeps_it(books, files, processes):
    made = store(books, swap("A"), swap("B"), blocks=2)
    wishes = NextDay(Session(books, files=files))
    wishes.ask_for_detail(detail_job(made, 0))
    assert ended(wishes) == 0
    (path,) = files.directory.glob("*-prepared-*")
    os.utime(path, (0, 0))
    wishes.ask_for_detail(detail_job(made, 0))
    assert time.time() - path.stat().st_mtime < 60


def test_without_room_for_files_it_ends_and_is_not_started_soon(books, tmp_path, processes):
    files = HostCache(tmp_path / "files", 1)
    made = store(books, swap("A"), swap("B"), blocks=2)
    now = [100.0]
    wishes = NextDay(Session(books, files=files), clock=lambda: now[0])
    wishes.ask_for_detail(detail_job(made, 0, 1))
    assert ended(wishes) == next_day.NO_ROOM
    now[0] = 100.0 + next_day.NO_ROOM_PAUSE_S - 1.0
    wishes.ask_for_detail(detail_job(made, 0, 1))
    assert wishes._process is None
    now[0] += 2.0
    wishes.ask_for_detail(detail_job(made, 0, 1))
    assert wishes._process is None, "the pause began when the end was noticed"
    now[0] += next_day.NO_ROOM_PAUSE_S
    wishes.ask_for_detail(detail_job(made, 0, 1))
    assert ended(wishes) == next_day.NO_ROOM


def test_the_priority_of_its_session_is_set_again_when_the_kernel_says_later(monkeypatch):
    tries = []

    def refuse_twice(path, text):
        tries.append((str(path), text))
        if len(tries) < 3:
            raise OSError(errno.EAGAIN, "later")

    monkeypatch.setattr(next_day.Path, "write_text", refuse_twice)
    monkeypatch.setattr(next_day, "PRIORITY_PAUSE_S", 0.0)
    next_day.lower_session_priority()
    assert tries == [("/proc/self/autogroup", "15")] * 3
