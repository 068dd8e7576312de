"""A trade that ends the process that prices it is found, kept out, and the rest is priced."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from feedbridge.bridge import poison_trades as poison_trades
from feedbridge.bridge.task_queue import PricingQueue
from feedbridge.bridge.watchdog import Patience
from instruments import trade_repository
from instruments.models import Quarantine, book_version
from pricing.errors import Failure
from risk.store.messages import FrameInputs, PriceJob, SumsJob
from risk.store.run_registry import RunRegistry
from riskproject.celery import app
from tests.feedbridge.rig import at_rest
from tests.risk.made import store, swap

ROOT = Path(__file__).resolve().parent.parent.parent
MARKED = 1e12
PATIENCE = Patience(0.5, 6.0)


class Worker:
    """A real Celery worker with two processes in which a marked trade kills or hangs."""

    def __init__(self, redis_url: str, way: str, base: Path) -> None:
        self.log, self.runs_file = base / "worker.log", base / "runs"
        # What another worker has netted would not be netted again.
        own = {"BLOCK_CACHE_DIR": str(base / "blocks")}
        environ = {**os.environ, "REDIS_URL": redis_url, "KILLING_WAY": way, **own}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "tests.feedbridge.killing", "worker"),
                    *("--queues", "sums,detail", "--concurrency", "2", "-O", "fair"),
                    *("--hostname", f"w{uuid.uuid4().hex[:6]}@%h", "--loglevel", "INFO"),
                    *("--without-mingle", "--without-gossip"),
                ],
                env={**environ, "KILLING_LOG": str(self.runs_file)},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def runs(self) -> int:
        """How often the marked trade was priced."""
        return len(self.runs_file.read_text().split()) if self.runs_file.exists() else 0

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def worker_of(redis_client, redis_url, tmp_path):
    started = []

    def start(way):
        started.append(Worker(redis_url, way, tmp_path))
        return started[-1]

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def live(rig):
    """A rig whose queue is Celery's."""
    queue = PricingQueue(app)
    rig.queue = rig.detail_queue = queue
    rig.send_isolation_run, rig.pretends = queue.send_isolation_run, False
    yield rig
    queue.close()


def book_without(rig, *kept_out):
    lost = tuple(Failure(trade_id=n, code="QUARANTINED", message="m") for n in kept_out)
    trades = [swap(name) for name in "ABCD" if name not in kept_out]
    return store(rig.books, *trades, number=2, blocks=2, failures=lost)


@pytest.mark.parametrize(("way", "most"), [("kernel", 3), ("roll", 4), ("hang", 3)])
def test_a_trade_that_kills_or_hangs_is_found_within_a_few_runs(live, worker_of, way, most):
    made = store(live.books, *(swap(n) for n in "ABC"), swap("D", notional=MARKED), blocks=2)
    assert made.place_of("D") is not None
    worker = worker_of(way)
    bridge = live.ready(live.bridge(patience=PATIENCE))
    live.send(live.tick(1))
    live.run(lambda: live.kept_out, works=False, seconds=120)
    assert live.kept_out == ["D"]
    assert worker.runs() <= most
    book_without(live, "D")
    live.run(lambda: whole(live), works=False)
    live.run(at_rest(bridge, 1), works=False)
    assert worker.runs() <= most
    assert bridge.lifecycle.poison_trades.runs_sent >= 1


def whole(rig):
    current = rig.frames.current("USD")
    return current is not None and current.status == "COMPLETE" and current.priced == 3


def shown(rig):
    current = rig.frames.current("USD")
    return current and current.status


def begun_twice(rig, block=1, place=0):
    """Two runs have begun to net a block, and Celery has seen the last of them die."""
    job = msgspec.convert(rig.queue.jobs[place], SumsJob)
    registry = RunRegistry(rig.client)
    for _ in range(2):
        registry.start_sums(job)
        registry.netting(job, block)
    registry.run_died(job)
    inputs = {name: getattr(job, name) for name in FrameInputs.__struct_fields__}
    return registry, PriceJob(**inputs, block=block)


@pytest.fixture
def isolated(rig):
    """A bridge whose second block has killed two processes that netted it."""
    made = store(rig.books, swap("A"), swap("B"), blocks=2)
    assert made.trade_ids == [["B"], ["A"]]
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 60.0)))
    rig.idle_blocks = {1}
    rig.send(rig.tick(1))
    rig.run(lambda: rig.queue.jobs, works=False)
    registry, job = begun_twice(rig)
    rig.run(lambda: rig.isolation_runs)
    return rig, bridge, registry, job


def test_frames_go_out_without_an_isolated_block_and_name_its_trades(isolated):
    rig, bridge, _, _ = isolated
    rig.run(at_rest(bridge, 1))
    current = rig.frames.current("USD")
    assert (current.status, current.missing) == ("PARTIAL", [1])
    assert [(f.trade_id, f.code) for f in current.failures] == [("A", "MISSING_BLOCK")]
    assert {cell.book: cell.failed for cell in current.cells} == {"B1": 1}
    sent = len(rig.queue.jobs)
    rig.send(rig.tick(2))
    rig.run(at_rest(bridge, 2))
    assert {tuple(job["excluded"]) for job in rig.queue.jobs[sent:]} == {(1,)}
    assert bridge.lifecycle.states == {"PARTIAL": 2}


def test_a_block_that_passes_its_isolation_run_is_priced_again(isolated):
    rig, bridge, registry, job = isolated
    assert registry.begin(job)
    registry.at(job, "B")
    rig.run(at_rest(bridge, 1))
    rig.send(rig.tick(2))  # the block is left out of this frame when it passes
    rig.pretends = False
    rig.run(lambda: bridge.currencies["USD"].open_frame)
    frame = bridge.currencies["USD"].open_frame
    begun_twice(rig, place=-1)
    registry.end(job, "PASSED")
    rig.run(lambda: not frame.excluded)
    sent = msgspec.convert(rig.queue.jobs[-1], SumsJob)
    assert (sent.frame, sent.excluded) == (frame.number, [])
    assert registry.runs_of_parts("USD", frame.number, [0])[0].begun == 0
    rig.idle_blocks, rig.pretends = set(), True
    rig.run(lambda: shown(rig) == "COMPLETE")
    assert not rig.kept_out


def test_a_trade_at_which_the_isolation_run_died_is_kept_out(isolated):
    rig, bridge, registry, job = isolated
    registry.begin(job)
    registry.at(job, "B")
    registry.end(job, "DIED")
    rig.run(lambda: rig.kept_out == ["B"])
    rig.run(lambda: rig.asked, seconds=5)  # the book without it may have been lost on its way
    store(rig.books, swap("A"), number=2, blocks=1)
    rig.run(lambda: shown(rig) == "COMPLETE")
    assert bridge.lifecycle.poison_trades.isolated_blocks("USD", job.book_version) == set()


def test_a_database_that_is_away_delays_the_quarantine_and_nothing_else(isolated):
    rig, bridge, registry, job = isolated
    tries = []

    def keep_out(trade_id, *_):
        tries.append(trade_id)
        if len(tries) < 3:
            raise OperationalError("the database is away")

    bridge.lifecycle.poison_trades.quarantine = keep_out
    registry.begin(job)
    registry.at(job, "B")
    registry.end(job, "DIED")
    rig.run(lambda: tries)
    assert bridge.outage is None
    rig.run(at_rest(bridge, 1))
    rig.run(lambda: len(tries) == 3)


def test_a_isolation_run_that_falls_silent_once_holds_nothing_against_a_trade(
    isolated, monkeypatch
):
    """Its whole worker went: Celery had nobody left to say so."""
    monkeypatch.setattr(poison_trades, "SILENT_S", 0.3)
    rig, _, registry, job = isolated
    registry.begin(job)
    registry.at(job, "B")
    rig.run(lambda: len(rig.isolation_runs) == 2)
    assert not rig.kept_out
    registry.begin(job)
    registry.at(job, "B")
    rig.run(lambda: rig.kept_out == ["B"])


def test_a_isolation_run_that_nobody_begins_is_sent_again_and_holds_nothing(isolated, monkeypatch):
    monkeypatch.setattr(poison_trades, "SEND_AGAIN_S", 0.2)
    rig, _, _, _ = isolated
    rig.run(lambda: len(rig.isolation_runs) >= 3)
    assert not rig.kept_out


def test_a_block_that_no_trade_alone_kills_is_tried_thoroughly(isolated):
    rig, _, registry, job = isolated
    registry.begin(job)
    registry.end(job, "DIED")
    rig.run(lambda: len(rig.isolation_runs) == 2)
    assert [job["thorough"] for job in rig.isolation_runs] == [False, True]


def test_sums_that_nobody_has_begun_are_sent_again_and_no_block_is_isolated(rig):
    store(rig.books, swap("A"), swap("B"), blocks=2)
    rig.parts = 2
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 0.5)))
    rig.send(rig.tick(1))
    rig.run(lambda: len(rig.queue.jobs) >= 6, works=False)
    assert not rig.isolation_runs
    rig.run(lambda: "nobody begins the sums of USD" in bridge.waiting_for, works=False)
    rig.run(at_rest(bridge, 1))
    assert bridge.waiting_for == ""


def test_a_run_that_redis_took_down_with_itself_isolates_no_block(rig, proxy):
    """The frame is old when Redis is back, and its run ended without a part: no trade's fault."""
    store(rig.books, swap("A"), swap("B"), blocks=2)
    bridge = rig.ready(rig.bridge(url=proxy.url, patience=Patience(0.1, 1.0)))
    rig.send(rig.tick(1))
    rig.run(lambda: rig.queue.jobs, works=False)
    job = msgspec.convert(rig.queue.jobs[-1], SumsJob)
    RunRegistry(rig.client).start_sums(job)
    RunRegistry(rig.client).netting(job, 0)
    proxy.cut()
    rig.run(lambda: bridge.outage, works=False)
    sent = len(rig.queue.jobs)
    rig.rounds(bridge, 1.5, works=False)
    proxy.mend()
    rig.run(lambda: len(rig.queue.jobs) > sent, works=False)
    assert not rig.isolation_runs
    rig.run(at_rest(bridge, 1))
    assert bridge.lifecycle.states == {"COMPLETE": 1}


@pytest.mark.django_db
def test_a_quarantined_trade_is_written_once(monkeypatch):
    asked = []
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: asked.append(1))
    assert trade_repository.quarantine("D", "USD", 7, "ended its process")
    assert not trade_repository.quarantine("D", "USD", 8, "ended its process")
    assert Quarantine.objects.get().frame == 7
    before = trade_repository.current_version()
    assert trade_repository.release("D")
    assert not trade_repository.release("D")
    assert trade_repository.current_version() > before


@pytest.mark.django_db
def test_the_command_lists_what_is_kept_out_and_releases_it(monkeypatch):
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)
    trade_repository.quarantine("D", "USD", 7, "ended its process")
    assert "D  USD  since" in told()
    assert "D is released" in told("--release", "D")
    assert "no trade is in quarantine" in told()
    with pytest.raises(CommandError, match="D is not in quarantine"):
        told("--release", "D")


def told(*args):
    out = io.StringIO()
    call_command("quarantine", *args, stdout=out)
    return out.getvalue()
