"""Files that processes of a host share: whole or not there, the same bits, bounded."""

from __future__ import annotations

import datetime as dt
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from pricing.curves.quotes import CurveOptions
from risk.store.compiled_book_store import CompiledBooks
from risk.workers import host_cache
from risk.workers.book_netter import BookNetter
from risk.workers.host_cache import Content, HostCache
from risk.workers.session import Session
from tests.risk.made import DATE, bond, job, store, sums_job, swap

MB = 1_000_000


@pytest.fixture
def files(tmp_path):
    return HostCache(tmp_path / "blocks", 100 * MB)


def numbers(n=1000, seed=1):
    return Content(b"n", {"x": np.random.default_rng(seed).normal(size=n), "e": np.zeros((0, 2))})


def never():
    pytest.fail("it is there already")


def named(directory):
    return sorted(p.name for p in directory.iterdir())


def same(one, other):
    assert one.meta == other.meta
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        there = other.arrays[name]
        assert (array.dtype, array.shape) == (there.dtype, there.shape)
        assert array.tobytes() == there.tobytes()


# --- Whole or not there --------------------------------------------------------------------------

DTYPES = st.sampled_from(["f8", "i8", "i4", "?", "S3"]).map(np.dtype)
ARRAYS = DTYPES.flatmap(
    lambda dtype: arrays_of.arrays(
        dtype, arrays_of.array_shapes(min_dims=1, max_dims=2, min_side=0)
    )
)


@given(st.binary(), st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4))
def test_a_file_holds_the_bits_that_were_made(tmp_path_factory, meta, arrays):
    files, made = HostCache(tmp_path_factory.mktemp("b") / "d", MB), Content(meta, arrays)
    same(files.get_or("k", 1, lambda: made), made)
    found = files.get_or("k", 1, never)
    assert found.path is not None
    same(found, made)


def test_mapped_arrays_are_of_the_kind_that_the_loops_are_compiled_for(files):
    array = files.get_or("k", 1, numbers).arrays["x"]
    assert array.flags.c_contiguous
    assert array.flags.aligned
    assert array.flags.writeable
    array[0] = 7.0  # in this process alone
    assert HostCache(files.directory, MB).get_or("k", 1, never).arrays["x"][0] != 7.0


def test_another_key_kind_or_release_is_another_file(files, monkeypatch):
    first = files.get_or("k", 1, numbers)
    second = files.get_or("k", 2, lambda: numbers(seed=2))
    third = files.get_or("l", 1, lambda: numbers(seed=3))
    monkeypatch.setattr(host_cache, "release", lambda: "other")
    fourth = files.get_or("k", 1, lambda: numbers(seed=4))
    assert len({first.path, second.path, third.path, fourth.path}) == 4
    assert fourth.path.name.startswith("other-k-")


@pytest.mark.parametrize("keep", [0, 3, 29, 40, 500, -1])
def test_a_cut_file_is_not_read(files, keep):
    path = files.get_or("k", 1, numbers).path
    path.write_bytes(path.read_bytes()[:keep])
    same(files.get_or("k", 1, lambda: numbers(seed=2)), numbers(seed=2))


@pytest.mark.parametrize("place", [0, 9, 17, 25, 60, 900, -1])
def test_a_file_with_a_changed_byte_is_not_read(files, place):
    path = files.get_or("k", 1, numbers).path
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    same(files.get_or("k", 1, lambda: numbers(seed=2)), numbers(seed=2))


def test_a_link_to_a_file_of_somebody_else_is_not_followed(files, tmp_path):
    made = files.get_or("k", 1, numbers).path
    made.rename(tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere")
    same(files.get_or("k", 1, lambda: numbers(seed=2)), numbers(seed=2))


WRITER = """
import sys, os, pathlib, numpy as np
from risk.workers import host_cache
from risk.workers.host_cache import Content, HostCache
files = HostCache(pathlib.Path(sys.argv[1]), 10**9)
seed = int(sys.argv[2])
if seed < 0:  # stops in the middle of a write
    class Slow(list):
        def __iter__(self):
            for n, piece in enumerate(list.__iter__(self)):
                if n == 3:
                    print("middle", flush=True)
                    sys.stdin.read()
                yield piece
    whole = host_cache._encode
    host_cache._encode = lambda content: (Slow(whole(content)[0]), whole(content)[1])
x = np.random.default_rng(abs(seed)).normal(size=300_000)
print("ready", flush=True)
if seed > 0:
    sys.stdin.readline()
for key in range(40 if seed > 0 else 1):
    found = files.get_or("k", key, lambda: Content(b"n", {"x": x, "y": x}))
    assert found.path is not None
    print(found.path.stat().st_ino, float(found.arrays["y"].sum()), flush=True)
"""


def writer(directory, seed):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_that_is_read(files):
    process = writer(files.directory, -1)
    assert [process.stdout.readline().strip() for _ in range(2)] == ["ready", "middle"]
    process.kill()
    process.wait()
    (left,) = named(files.directory)
    assert left.startswith(".writing-")
    same(files.get_or("k", 0, numbers), numbers())
    assert left in named(files.directory)  # it might be that of a process that writes now
    old = time.time() - host_cache.UNFINISHED_S - 1
    os.utime(files.directory / left, (old, old))
    HostCache(files.directory, MB).get_or("k", 1, numbers)
    assert left not in named(files.directory)


def test_two_processes_that_write_at_once_share_one_file(files):
    pair = [writer(files.directory, seed) for seed in (5, 5)]
    assert [process.stdout.readline().strip() for process in pair] == ["ready", "ready"]
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    first, second = (process.communicate()[0].splitlines() for process in pair)
    assert len(first) == 40
    assert first == second  # file by file, the same inode and the same numbers
    assert all(process.returncode == 0 for process in pair)
    assert len(named(files.directory)) == 40


# --- Bounded -------------------------------------------------------------------------------------


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_files_that_nobody_uses_are_removed_by_the_next_process_that_writes(files):
    old, used = (files.get_or("k", n, numbers).path for n in range(2))
    age(old, host_cache.UNUSED_S + 1)
    age(used, host_cache.UNUSED_S - 10)
    foreign = files.directory / "of-an-older-release"
    foreign.write_bytes(b"x")
    age(foreign, host_cache.UNUSED_S + 1)
    new = HostCache(files.directory, MB).get_or("k", 2, numbers).path
    assert named(files.directory) == sorted([used.name, new.name])


def test_where_there_is_no_room_the_least_recently_used_go_first(files):
    paths = [files.get_or("k", n, numbers).path for n in range(6)]
    size = paths[0].stat().st_size
    for n, path in enumerate(paths):
        age(path, host_cache.IN_USE_S + 100 - n)
    new = HostCache(files.directory, 6 * size).get_or("k", 6, numbers).path
    assert named(files.directory) == sorted(p.name for p in [*paths[3:], new])


def test_files_in_use_make_no_room_and_what_is_made_stays_in_memory(files, caplog):
    path = files.get_or("k", 0, numbers).path
    full = HostCache(files.directory, path.stat().st_size)
    for n in range(1, 4):
        found = full.get_or("k", n, numbers)
        assert found.path is None
        same(found, numbers())
    assert named(files.directory) == [path.name]
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "stay in memory" in caplog.text


def test_a_directory_that_cannot_be_used_is_told_of_once(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    files = HostCache(tmp_path / "file" / "blocks", MB)
    for n in range(3):
        same(files.get_or("k", n, numbers), numbers())
    assert len(caplog.records) == 1


def test_a_directory_that_others_may_open_is_not_used(tmp_path, caplog):
    (tmp_path / "blocks").mkdir(mode=0o755)
    assert HostCache(tmp_path / "blocks", MB).get_or("k", 1, numbers).path is None
    assert "only 700 is allowed" in caplog.text


def test_nobody_else_may_read_the_files(files):
    path = files.get_or("k", 1, numbers).path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_arrays_stay_while_their_file_is_removed_and_their_user_is_told(files, monkeypatch):
    monkeypatch.setattr(host_cache, "TOUCH_S", 0.0)
    found = files.get_or("k", 1, numbers)
    age(found.path, 500)
    assert files.touch(found)
    assert time.time() - found.path.stat().st_mtime < 400
    found.path.unlink()
    assert not files.touch(found)
    same(found, numbers())


def resident(path):
    """Bytes of a mapped file that this process has in memory, in all its maps."""
    lines, found = Path("/proc/self/smaps").read_text().splitlines(), 0
    for number, line in enumerate(lines):
        if line.endswith(str(path)):
            rss = next(each for each in lines[number + 1 :] if each.startswith("Rss:"))
            found += int(rss.split()[1]) * 1024
    return found


def test_arrays_that_are_given_back_take_no_memory_and_keep_their_numbers(files):
    found = files.get_or("k", 1, lambda: numbers(500_000))
    assert resident(found.path) > 4 * MB * 0.9
    found.give_back()
    assert resident(found.path) == 0
    same(found, numbers(500_000))
    numbers().give_back()  # in memory: nothing to give back


def test_what_is_kept_later_is_written_by_a_thread_and_then_mapped(files):
    files.keep_later("k", 1, numbers)
    written(files)
    same(files.get_or("k", 1, never), numbers())
    files.remove(files.find("k", 1))
    assert not files.has("k", 1)


def test_one_thread_of_a_host_writes_at_a_time_and_nothing_that_is_there(files):
    other = HostCache(files.directory, 100 * MB)
    with other.alone(host_cache.WRITING):
        files.keep_later("k", 1, numbers)
        written(files)
        assert not files.has("k", 1)
    files.keep_later("k", 1, numbers)
    written(files)
    before = files.path("k", 1).stat().st_ino
    other.keep_later("k", 1, lambda: numbers(seed=2))
    written(other)
    assert files.path("k", 1).stat().st_ino == before


def test_where_the_directory_cannot_be_used_no_thread_is_started(tmp_path):
    (tmp_path / "file").write_text("")
    files = HostCache(tmp_path / "file", MB)
    files.get_or("k", 1, numbers)
    files.keep_later("k", 2, never)
    assert files._writer is None


def test_what_finds_no_room_later_leaves_the_room_to_others(tmp_path):
    files = HostCache(tmp_path / "files", 100_000)
    files.get_or("k", 1, numbers)
    files.keep_later("k", 2, lambda: numbers(50_000))
    written(files)
    assert not files.has("k", 2)
    assert files.get_or("k", 3, numbers).path is not None
    files.keep_later("k", 2, never)  # not made again at once


def written(files):
    """The thread has ended."""
    files._writer.join(timeout=10)
    assert not files._writer.is_alive()


def test_what_is_dropped_is_unmapped(files):
    path = files.get_or("k", 1, lambda: numbers(500_000)).path
    gc.collect()
    assert resident(path) == 0


# --- Blocks --------------------------------------------------------------------------------------


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


@pytest.fixture
def made(books):
    days = (DATE - dt.timedelta(days=n) for n in range(400))
    gone = DATE.replace(month=1, day=3)
    fixings = {"SOFR": {day: 0.053 for day in days if day != gone}}
    seasoned = {"effective_date": DATE.replace(year=2023, month=9, day=13)}
    trades = [swap(f"S{n}", fixed_rate=0.03 + n / 1000) for n in range(5)]
    return store(
        books, *trades, swap("OLD", **seasoned), bond(), bond("Ä"), blocks=2, fixings=fixings
    )


CLOCKS = {"worker": "", "started_ns": 0, "finished_ns": 0}


def priced(session, made, **changes):
    """By block, all that a process makes of it; the book has a trade that fails."""
    found = []
    for block in range(2):
        totals, columns = session.price(job(made.version, block=block, blocks=2, **changes))
        found.append((msgspec.structs.replace(totals, **CLOCKS), columns))
    sums = BookNetter(session).sums(sums_job(made.version, blocks=2, **changes))
    return found, msgspec.structs.replace(sums, **CLOCKS)


def test_mapped_blocks_price_to_the_bits_of_fresh_ones(books, made, files):
    fresh = priced(Session(books), made)
    assert [f.trade_id for f in fresh[1].failures] == ["OLD"]
    assert priced(Session(books, files=files), made) == fresh
    assert len(named(files.directory)) == 5  # by block, and the part
    mapped = Session(books, files=HostCache(files.directory, MB))
    mapped.fetch_block = lambda *_: pytest.fail("another process has made it")
    assert priced(mapped, made) == fresh


def test_without_a_directory_the_numbers_are_the_same(books, made, tmp_path):
    (tmp_path / "file").write_text("")
    files = HostCache(tmp_path / "file", MB)
    assert priced(Session(books, files=files), made) == priced(Session(books), made)


def test_the_next_day_waits_in_a_file(books, made, files):
    tomorrow = job(made.version, blocks=2, valuation_date=DATE + dt.timedelta(days=1))
    Session(books, files=files).make_file(tomorrow)
    assert len(named(files.directory)) == 1
    other = Session(books, files=files)
    other.fetch_block = lambda *_: pytest.fail("it is there")
    assert other.price(tomorrow)[1] == Session(books).price(tomorrow)[1]


def test_other_options_are_other_files(books, made, files):
    cubic = CurveOptions(interpolation={"USD-SOFR": "natural_log_cubic"})
    plain = priced(Session(books, files=files), made)
    assert priced(Session(books, cubic, files), made) == priced(Session(books, cubic), made)
    assert priced(Session(books, cubic), made) != plain


def test_sums_note_that_their_files_are_in_use(books, made, files, monkeypatch):
    monkeypatch.setattr(host_cache, "TOUCH_S", 0.0)
    netter, a_job = BookNetter(Session(books, files=files)), sums_job(made.version, blocks=2)
    netter.sums(a_job)
    paths = list(files.directory.iterdir())
    for path in paths:
        age(path, 500)
    netter.missing_next_day(a_job)
    assert len(paths) == 3  # of two blocks, and of the part
    assert all(time.time() - path.stat().st_mtime < 400 for path in paths)


def test_a_process_whose_file_was_removed_while_it_was_idle_writes_it_again(
    books, made, files, monkeypatch
):
    monkeypatch.setattr(host_cache, "TOUCH_S", 0.0)
    session = Session(books, files=files)
    first = session.price(job(made.version, blocks=2))[1]
    (path,) = files.directory.iterdir()
    path.unlink()
    session.fetch_block = lambda *_: pytest.fail("it has the arrays")
    assert session.price(job(made.version, blocks=2))[1] == first
    assert path.exists()


def test_pages_of_other_dates_are_given_back(books, made, files):
    """Of all blocks of a currency, with its first block of the new date."""
    session, before = Session(books, files=files), set()
    for block in range(2):
        session.price(job(made.version, block=block, blocks=2))
        before = set(files.directory.iterdir())
    assert all(resident(path) > 0 for path in before)
    later = DATE + dt.timedelta(days=1)
    session.price(job(made.version, blocks=2, valuation_date=later))
    assert [resident(path) for path in before] == [0, 0]
    (there,) = set(files.directory.iterdir()) - before
    assert resident(there) > 0


def test_keys_of_points_that_are_their_nodes_are_in_a_file_once(books, made, files):
    session = Session(books, files=files)
    _, (ready, _) = session.prepare(job(made.version, blocks=2))
    assert ready.tables.tent is ready.tables.node
    _, (fresh, _) = Session(books).prepare(job(made.version, blocks=2))
    assert np.array_equal(fresh.tables.tent, ready.tables.tent)


HOLDS_A_CLAIM = """
import sys, time
from pathlib import Path
from risk.workers.host_cache import HostCache
with HostCache(Path(sys.argv[1]), 10**6).alone("work") as alone:
    print(alone, flush=True)
    time.sleep(600)
"""


def test_one_of_two_processes_is_alone_until_its_work_ends_or_it_dies(tmp_path: Path) -> None:
    first, second = HostCache(tmp_path, 10**6), HostCache(tmp_path, 10**6)
    with (
        first.alone("work") as mine,
        second.alone("work") as theirs,
        second.alone("other work") as other,
    ):
        assert (mine, theirs, other) == (True, False, True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_CLAIM, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    with second.alone("work") as theirs:
        assert not theirs
    holder.kill()
    holder.wait()
    with second.alone("work") as theirs:
        assert theirs


def test_nobody_does_the_work_where_the_directory_cannot_be_used(tmp_path: Path) -> None:
    with HostCache(tmp_path / "new", 10**6).alone("work") as alone:
        assert alone
    tmp_path.chmod(0o755)
    with HostCache(tmp_path, 10**6).alone("work") as alone:
        assert not alone


def test_work_that_rests_is_begun_by_nobody_of_the_host(tmp_path: Path) -> None:
    first, second = HostCache(tmp_path, 10**6), HostCache(tmp_path, 10**6)
    with first.alone("work") as mine:
        assert mine
        first.rest("work", 100.0)
    with second.alone("work") as theirs, second.alone("other work") as other:
        assert (theirs, other) == (False, True)
    age(tmp_path / "work.lock", 1)
    with second.alone("work") as theirs:
        assert theirs
    first.rest("work", 1e9)  # a clock that is set back must not end the work for ever
    age(tmp_path / "work.lock", -2 * host_cache.LONGEST_REST_S)
    with second.alone("work") as theirs:
        assert theirs


def test_the_file_of_a_claim_is_not_swept(tmp_path: Path) -> None:
    files = HostCache(tmp_path, 10**6)
    with files.alone("work"):
        age(tmp_path / "work.lock", 10 * host_cache.UNUSED_S)
        files._sweep()
        with HostCache(tmp_path, 10**6).alone("work") as theirs:
            assert not theirs
