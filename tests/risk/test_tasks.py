"""The worker's task called as a plain function, with a real Redis: every way it can end."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from functools import cache

import msgspec
import pytest
import redis
from celery.exceptions import SoftTimeLimitExceeded

from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_book
from risk.store.compiled_book_store import BlockBlob, CompiledBooks, encode_block
from risk.store.frames import Frames, key
from risk.store.run_registry import RunRegistry
from risk.workers import tasks
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session
from tests.risk.made import DATE, bond, detail_job, header, job, store, sums_job, swap


@pytest.fixture
def frames(redis_client, settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    for made in KEPT:
        made.cache_clear()
    monkeypatch.setattr(tasks.compile_book, "delay", lambda: asked.append(1))
    asked.clear()
    return Frames(redis_client)


asked: list[int] = []
KEPT = (
    tasks._frames,
    tasks._books,
    tasks._session,
    tasks._netter,
    tasks._next_day,
    tasks._run_registry,
    tasks._ask_to_compile,
)


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


def run(version, frame=1, **changes):
    return tasks.price_sums(msgspec.to_builtins(sums_job(version, frame, **changes)))


def run_detail(version, frame=1, **changes):
    return tasks.price_detail(msgspec.to_builtins(detail_job(version, frame, **changes)))


def open_frame(frames, version, frame=1, blocks=1, parts=1):
    assert frames.open(header(frame, blocks, parts=parts, book_version=version))


def test_the_last_part_publishes_the_frame(frames, books):
    made = store(books, swap("A"), swap("B"), blocks=2)
    open_frame(frames, made.version, blocks=2, parts=2)
    both = {"blocks": 2, "parts": 2}
    assert run(made.version, part=1, **both) == "PUT"
    assert frames.current("USD") is None
    assert run(made.version, part=0, **both) == "PUBLISHED"
    rollup = frames.current("USD")
    assert (rollup.status, rollup.trades, rollup.priced) == ("COMPLETE", 2, 2)
    assert not asked


def test_one_part_is_the_whole_frame(frames, books):
    made = store(books, swap("A"), swap("B"), blocks=2)
    open_frame(frames, made.version, blocks=2)
    assert run(made.version, blocks=2) == "PUBLISHED"
    assert run(made.version, blocks=2) == "LATE"
    rollup = frames.current("USD")
    assert (rollup.status, rollup.trades, rollup.priced) == ("COMPLETE", 2, 2)
    assert len(frames.history("USD")) == 1


def test_a_task_that_runs_twice_changes_nothing(frames, books):
    made = store(books, swap("A"), swap("B"), blocks=2)
    open_frame(frames, made.version, blocks=2, parts=2)
    both = {"blocks": 2, "parts": 2}
    assert run(made.version, **both) == "PUT"
    assert run(made.version, **both) == "DUPLICATE"
    assert run(made.version, part=1, **both) == "PUBLISHED"
    assert run(made.version, part=1, **both) == "LATE"
    assert len(frames.history("USD")) == 1


def test_a_task_of_many_blocks_hands_on_what_takes_longer_than_a_turn(frames, books, monkeypatch):
    """Else the time limit of a task ends the process, and blocks are searched for a bad trade."""
    sent = []
    monkeypatch.setattr(tasks.price_detail, "apply_async", lambda args: sent.append(args[0]))
    monkeypatch.setattr(tasks, "DETAIL_S", -1.0)
    made = store(books, *(swap(f"S{n}") for n in range(12)), blocks=4)
    open_frame(frames, made.version, blocks=4)
    assert run(made.version, blocks=4) == "PUBLISHED"
    assert frames.open_detail("USD", 1) == "OPENED"
    code, payload = (
        "",
        msgspec.to_builtins(detail_job(made.version, blocks=4, needed=4, work=[0, 1, 2, 3])),
    )
    turns = []
    while payload:
        turns.append(payload["work"])
        code = tasks.price_detail(payload)
        payload = sent.pop() if sent else None
    assert turns == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]
    assert code == "PUBLISHED"
    runs = RunRegistry(frames.client).runs_of_blocks("USD", 1, range(4))
    assert [runs[block].begun for block in range(4)] == [1] * 4


@pytest.mark.parametrize(
    ("task", "maker", "kind"),
    [
        (tasks.explain_frame, "_explain_maker", "explain"),
        (tasks.make_analytics, "_analytics_maker", "analytics"),
    ],
)
def test_work_beside_the_compiler_that_takes_too_long_is_given_up(
    frames, monkeypatch, caplog, task, maker, kind
):
    """Its process would be killed after the hard limit, and all that is compiled with it."""

    class Slow:
        def run(self, currency):
            raise SoftTimeLimitExceeded

    made, sent = [], {}
    slow = cache(lambda: made.append(1) or Slow())
    monkeypatch.setattr(tasks, maker, slow)
    monkeypatch.setattr(tasks, "_slow_until", {})
    monkeypatch.setattr(task, "apply_async", lambda args, countdown: sent.update([args]))

    def run(currency):
        if currency not in sent:
            tasks._schedule(task, tasks._follow_up(kind), currency, 1.0)
        return task(currency, sent[currency])

    assert run("USD") == run("USD") == "SLOW"
    assert len(made) == 1, "it is not tried again at once"
    assert "of USD takes longer than its time limit" in caplog.text
    assert run("EUR") == "SLOW"
    assert len(made) == 2, "what was interrupted is not used again"
    tasks._slow_until.clear()
    assert run("USD") == "SLOW"
    assert len(made) == 3, "it is tried again after a while"


@pytest.mark.parametrize("task", [tasks.explain_frame, tasks.make_analytics])
def test_a_task_that_is_not_the_one_that_waits_does_nothing(frames, monkeypatch, task):
    for maker in ("_explain_maker", "_analytics_maker"):
        monkeypatch.setattr(tasks, maker, cache(lambda: pytest.fail("it has run")))
    sent = []
    monkeypatch.setattr(task, "apply_async", lambda args, countdown: sent.append(args))
    assert task("USD", "of a Redis that was emptied") == "TWICE"
    for schedule in (tasks._schedule_explain, tasks._schedule_analytics):
        schedule("USD")
    (waiting,) = sent
    assert task("USD", "another") == "TWICE"
    with pytest.raises(pytest.fail.Exception, match="it has run"):
        task(*waiting)


@pytest.fixture
def signal_is_as_it_was():
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_the_signal_of_a_soft_limit_ends_the_work_and_a_late_one_nothing(
    monkeypatch, signal_is_as_it_was
):
    monkeypatch.setattr(tasks, "_slow_until", {})

    def takes_long():
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(10.0)

    assert tasks._beside_compiler("work", takes_long, list) == "SLOW"
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.05)
    assert tasks._beside_compiler("more work", lambda: "MADE", list) == "MADE"
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.05)


def test_the_time_limits_of_work_beside_the_compiler_ask_first(settings):
    for name in ("check_frame", "make_analytics", "explain_frame"):
        limits = settings.CELERY_TASK_ANNOTATIONS[f"risk.workers.tasks.{name}"]
        assert limits["soft_time_limit"] < limits["time_limit"]


def test_the_detail_of_a_frame_follows_its_sums_and_adds_up_to_them(frames, books):
    made = store(books, swap("A"), swap("B"), bond(), blocks=2)
    open_frame(frames, made.version, blocks=2)
    both = {"blocks": 2, "needed": 2}
    assert run_detail(made.version, work=[0], **both) == "UNKNOWN"
    assert run(made.version, blocks=2) == "PUBLISHED"
    assert frames.open_detail("USD", 1) == "OPENED"
    frames.client.delete(key("USD", "starts", 1))
    assert run_detail(made.version, work=[1], **both) == "PUT"
    assert frames.detailed("USD") is None
    assert run_detail(made.version, work=[0], **both) == "PUBLISHED"
    rollup, detail = frames.detailed("USD")
    assert (rollup.frame, detail.frame, detail.missing) == (1, 1, [])
    assert detail.sums_error < 1e-10
    columns = [frames.columns("USD", 1, block) for block in range(2)]
    npv = sum(float(part.column("npv").sum()) for part in columns)
    assert npv == pytest.approx(sum(cell.npv for cell in rollup.cells), rel=1e-12)
    assert run_detail(made.version, work=[0], **both) == "LATE"


def test_a_detail_that_does_not_add_up_to_the_sums_is_not_published(frames, books, monkeypatch):
    made = store(books, swap("A"))
    open_frame(frames, made.version)
    assert run(made.version) == "PUBLISHED"
    frames.open_detail("USD", 1)
    price = Session.price

    def wrong(session, one_job):
        totals, columns = price(session, one_job)
        (cell,) = totals.cells
        moved = msgspec.structs.replace(cell, sums=[cell.sums[0] + 1.0, *cell.sums[1:]])
        return msgspec.structs.replace(totals, cells=[moved]), columns

    monkeypatch.setattr(Session, "price", wrong)
    assert run_detail(made.version) == "DIFFERS"
    assert frames.detailed("USD") is None


def test_sums_that_take_long_to_net_hand_their_job_on(frames, books, monkeypatch):
    """Other currencies are served between two runs, and no run counts as one that died."""
    sent = []
    monkeypatch.setattr(tasks, "NET_S", 0.0)
    monkeypatch.setattr(tasks.price_sums, "apply_async", lambda args, queue: sent.append(args[0]))
    made = store(books, swap("A"), swap("B"), swap("C"), bond(), blocks=4)
    open_frame(frames, made.version, blocks=4)
    code, runs = run(made.version, blocks=4), 1
    while code == "NETTING":
        code, runs = tasks.price_sums(sent.pop()), runs + 1
    assert (code, runs) == ("PUBLISHED", 4)
    assert RunRegistry(frames.client).runs_of_parts("USD", 1, [0])[0].begun == 1


def test_sums_that_died_twice_at_a_block_are_not_tried_again_with_it(frames, books):
    made = store(books, swap("A"), swap("B"), blocks=2)
    open_frame(frames, made.version, blocks=2)
    registry, dead = RunRegistry(frames.client), sums_job(made.version, blocks=2)
    for _ in range(2):
        registry.start_sums(dead)
        registry.netting(dead, 1)
    assert run(made.version, blocks=2) == "TRIED"
    assert run(made.version, blocks=2, excluded=[1]) == "PUBLISHED"
    assert (frames.current("USD").status, frames.current("USD").missing) == ("PARTIAL", [1])


def test_a_missing_block_whose_trades_nobody_can_name_is_not_published(frames, books):
    """A frame that left them out in silence would pass for the whole book."""
    made = store(books, swap("A"), swap("B"), blocks=2)
    open_frame(frames, made.version, blocks=2)
    name = books.block_name("USD", made.version, 1)
    frames.client.delete(key("USD", "trades", name))
    assert run(made.version, blocks=2, excluded=[1]) == "BOOK_GONE"
    assert frames.current("USD") is None
    assert asked == [1]


def test_a_date_on_which_a_trade_has_ended_asks_for_a_compilation_once(frames, books):
    """The frame of that date has no failure: what has ended is worth 0."""
    end = DATE + dt.timedelta(days=30)
    made = store(books, swap("A", effective_date=DATE, termination_date=end), swap("B"))
    until = made.valid_until
    assert until is not None
    assert end < until < end + dt.timedelta(days=7)
    dates = [until - dt.timedelta(days=1), until, until]
    for frame, date in enumerate(dates, start=1):
        opened = header(frame, 1, book_version=made.version, valuation_date=date)
        assert frames.open(opened)
        assert run(made.version, frame=frame, valuation_date=date) == "PUBLISHED"
        assert asked == ([1] if frame > 1 else [])
    assert [f.trade_id for f in frames.current("USD").failures if f.trade_id == "A"] == []


def test_a_late_task_prices_nothing(frames, books):
    made = store(books, swap())
    open_frame(frames, made.version, frame=2)
    assert run(made.version, frame=2) == "PUBLISHED"
    assert run("no such version", frame=1) == "LATE"


def test_a_part_of_a_frame_that_nobody_opened_is_dropped(frames, books):
    made = store(books, swap())
    assert run(made.version) == "UNKNOWN"


def test_quotes_without_a_curve_fail_the_frame_with_the_instrument(frames, books):
    made = store(books, swap())
    open_frame(frames, made.version)
    bad = {"USD-SOFR": {"12M": 0.05, "1Y": 0.05}}
    assert run(made.version, curves=bad) == "BOOTSTRAP"
    error = frames.states({"USD": 1})["USD"].error
    assert error.code == "BOOTSTRAP"
    assert "USD-SOFR" in error.message


def test_a_book_that_is_gone_is_said_and_asked_for_once(frames):
    open_frame(frames, "9-gone")
    open_frame(frames, "9-gone", frame=2)
    assert run("9-gone") == run("9-gone", frame=2) == "BOOK_GONE"
    assert frames.states({"USD": 1})["USD"].error.code == "BOOK_GONE"
    assert asked == [1]


def forget():
    """What the process holds, as after its end."""
    tasks._session.cache_clear()
    tasks._netter.cache_clear()


def test_a_book_of_another_release_is_asked_for(frames, books):
    made = store(books, swap())
    open_frame(frames, made.version)
    good, _ = compile_book([swap()])
    blob = msgspec.msgpack.decode(encode_block(make_block(good)), type=BlockBlob)
    other = msgspec.structs.replace(blob, curves=["GONE"])
    place = key("USD", "block", books.block_name("USD", made.version, 0))
    for stored in (msgspec.msgpack.encode(other), b"\xc1 not msgpack"):
        frames.client.set(place, stored)
        forget()
        assert run(made.version) == "BOOK_GONE"
    frames.client.set(key("USD", "book", made.version), msgspec.msgpack.encode({"blocks": 1}))
    frames.client.delete(key("USD", "starts", 1))
    forget()
    assert run(made.version) == "BOOK_GONE"
    assert asked == [1]


def test_a_fault_of_pricing_itself_is_told_to_the_bridge(frames, books, monkeypatch):
    """Else the frame would stay open, and the bridge would send it again for ever."""
    made = store(books, swap())
    open_frame(frames, made.version)

    class Broken:
        def sums(self, *_):
            raise RuntimeError("2nd leg: negative time")

    monkeypatch.setattr(tasks, "_netter", Broken)
    assert run(made.version) == "CRASHED"
    assert "negative time" in frames.states({"USD": 1})["USD"].error.message


def test_the_first_market_asks_once_for_the_spreads_of_prices(frames, books):
    made = store(books, swap(), bond(z_spread_bp=None, clean_price=99.0))
    for frame in (1, 2):
        open_frame(frames, made.version, frame)
        assert run(made.version, frame) == "PUBLISHED"
    assert asked == [1]
    (failure,) = frames.current("USD").failures
    assert (failure.trade_id, failure.code) == ("P1", "SPREAD_NOT_SOLVED")


def test_a_currency_without_trades_gets_its_frame(frames, books):
    made = store(books)
    open_frame(frames, made.version)
    assert run(made.version) == "PUBLISHED"
    assert frames.current("USD").cells == []


@pytest.fixture
def fills_up(redis_client, monkeypatch):
    """Redis reaches its memory limit while something is being priced."""

    def full(price):
        def priced(*args, **options):
            found = price(*args, **options)
            redis_client.config_set("maxmemory", 1)
            return found

        return priced

    monkeypatch.setattr(tasks, "price_each_alone", full(tasks.price_each_alone))
    monkeypatch.setattr(BookNetter, "sums", full(BookNetter.sums))
    yield
    redis_client.config_set("maxmemory", 0)


def test_a_run_that_a_full_redis_ends_is_not_counted_as_one_that_died(frames, books, fills_up):
    """Else frames would go without the block, and each of its trades would be tried alone."""
    made = store(books, swap())
    open_frame(frames, made.version)
    with pytest.raises(redis.OutOfMemoryError):
        run(made.version)
    assert RunRegistry(frames.client).runs_of_parts("USD", 1, [0])[0].begun == 0


def test_an_isolation_run_that_a_full_redis_ends_leaves_the_way_free_for_another(
    frames, books, fills_up
):
    """Else the bridge would wait for the end of a run that is over."""
    made = store(books, swap())
    open_frame(frames, made.version)
    with pytest.raises(redis.OutOfMemoryError):
        tasks.price_block_carefully(msgspec.to_builtins(job(made.version, 1)))
    assert RunRegistry(frames.client).isolation_run("USD", made.version, 0) is None


@pytest.mark.parametrize("name", ["heartbeat", "starvation", "stop"])
def test_a_worker_loads_what_listens_to_celery_s_signals(name: str) -> None:
    """Nothing calls these modules: a worker that does not import them is silent, and looks dead."""
    program = (
        "import sys, riskproject.celery as c; c.app.loader.import_default_modules();"
        f"sys.exit('risk.workers.{name}' not in sys.modules)"
    )
    assert subprocess.run((sys.executable, "-c", program), check=False).returncode == 0
