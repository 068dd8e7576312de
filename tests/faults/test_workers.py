"""Workers die, hang and lie: frames are published whole all the same."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import msgspec
import pytest
from celery import Celery
from kombu import Exchange, Queue

from tests.faults.plant import QUEUES, WORKERS, until
from tests.faults.trial import Trial


@pytest.mark.fault("F1", budget_ms=400)
def test_a_pool_process_killed_in_its_task_costs_no_frame(trial: Trial):
    """SIGKILL a pool process in the middle of its task."""
    with trial.stream():
        trial.plant.order(sleep_s=0.05)
        pid = int(trial.plant.await_running("pricing-a").split(":")[0])
        moment = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        trial.plant.order()
        trial.recover(moment)
        time.sleep(0.5)
    trial.check()
    assert trial.system.runs("pricing-a"), "only its child was killed"


@pytest.mark.fault("F2", budget_ms=500)
@pytest.mark.faults_long
def test_whole_workers_killed_at_random_lose_nothing_while_one_is_left(trial: Trial):
    """SIGKILL a whole worker, ten times, at random moments; it is started again each time."""
    rng = random.Random(trial.feed.seed)
    with trial.stream():
        for round_number in range(10):
            victim = WORKERS[round_number % 2]
            trial.plant.order(sleep_s=0.05)
            time.sleep(rng.uniform(0.1, 0.5))
            moment = time.time_ns()
            trial.system.kill(victim)
            trial.plant.order()
            trial.recover(moment)
            trial.sample()
            trial.plant.heal()
            trial.plant.wait_ready()
    trial.check()


@pytest.mark.fault("F3", budget_ms=700)
def test_a_task_that_a_dying_worker_had_popped_is_sent_again(trial: Trial):
    """SIGSTOP a worker, let it pop a task, SIGKILL it: Celery has lost the task."""
    trial.flow()
    before = trial.rest()
    moment = next(filter(None, (lose_a_task(trial) for _ in range(20))))
    trial.feed.send_all()
    trial.recover(moment)
    trial.check()
    after = trial.plant.pulse()
    assert after.resent > before.resent


def lose_a_task(trial: Trial) -> int | None:
    """Freeze both workers while they wait for tasks, and kill one if it has got one.

    A waiting worker asks anew each second: one that is frozen too late gets nothing. Returns
    the moment of the kill.
    """
    plant = trial.plant
    trial.rest()
    tasks = sum(seen.rollup.parts for seen in trial.watch.last.values())
    with plant.frozen("pricing-a"), plant.frozen("pricing-b"):
        trial.feed.send_all()
        until(lambda: plant.client.llen("sums") >= tasks - 2, 10, "the tasks are sent")
        time.sleep(0.08)  # for the last ones; the bridge sends them again after 200 ms
        if plant.client.llen("sums") != tasks - 2:
            return None
        moment = time.time_ns()
        trial.system.kill("pricing-a")
        return moment


@pytest.mark.fault("F4", budget_ms=700)
@pytest.mark.faults_long
def test_a_worker_that_hung_puts_its_part_too_late_for_anything(trial: Trial):
    """SIGSTOP a worker in its task for 10 s, and for a second until its part is LATE."""
    with trial.stream():
        hang(trial, 10.0)  # Celery may end the task before it puts its part: its time is over
        assert any(hang(trial, 1.2) for _ in range(10)), "no part was counted as LATE"
        trial.sample()  # frames that were published while late parts came
        trial.invariants.expect("I5", not trial.invariants.broken, "a late part changed a frame")
    trial.check()


def hang(trial: Trial, seconds: float) -> bool:
    """Hold a worker for so long in the middle of its task; whether a late part came of it."""
    counts = trial.plant.frames.counts
    trial.plant.order(sleep_s=0.2)
    currency = trial.plant.await_running("pricing-a", 30).split(":")[1]
    began, before = time.monotonic(), counts(currency).get("LATE", 0)
    with trial.plant.frozen("pricing-a"):
        moment = time.time_ns()
        trial.plant.order()
        time.sleep(seconds)
    trial.recover(moment)
    while time.monotonic() < began + seconds + 2.0:
        if counts(currency).get("LATE", 0) > before:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.fault("F23")
@pytest.mark.faults_long
def test_workers_an_hour_fast_and_an_hour_slow_price_the_same_frames(trial: Trial):
    """One worker's clock an hour ahead, the other's an hour behind, and kombu's with them."""
    plant = trial.plant
    for name, shift in zip(WORKERS, ("3600", "-3600"), strict=True):
        plant.end(name)
        plant.started_ns[name] = time.time_ns()
        plant.system.start_worker(
            name,
            *("sums", 1, "tests.faults.tampered", "tests.faults.shifted"),
            FAULT_WORKER=name,
            FAULT_CLOCK_SHIFT_S=shift,
        )
    until(lambda: said_ready(trial) >= 2, 60, "both workers are ready")
    with trial.stream():
        time.sleep(5.0)
        trial.sample()
    trial.row.notes.append("stands in for libfaketime: time.time and time.time_ns are shifted")
    trial.check()
    for name in WORKERS:
        plant.end(name)
    plant.heal()


def said_ready(trial: Trial) -> int:
    """Workers that have said that they are ready; their pulses tell a wrong time here."""
    pulses = trial.plant.client.hvals("risk:workers")
    sent = [msgspec.json.decode(raw)["sent_ns"] for raw in pulses]
    return sum(abs(abs(ns - time.time_ns()) - 3600e9) < 600e9 for ns in sent)


@pytest.mark.fault("F25", budget_ms=2000)
@pytest.mark.faults_long
def test_a_worker_of_a_release_without_our_task_drops_it_and_it_is_sent_again(trial: Trial):
    """A worker of another release eats tasks it does not know; others carry unknown fields."""
    with trial.stream(every_s=0.1):
        before = trial.plant.pulse()
        trial.system.start_worker("older", "sums", 1, app="tests.faults.older")
        until(lambda: b"unregistered task" in trial.system.log.read_bytes(), 40, "it drops one")
        trial.recover(time.time_ns())
        send_odd_tasks(trial.plant.redis_url)
        time.sleep(3.0)
        trial.sample()
        trial.plant.end("older")
        trial.recover(time.time_ns())
    trial.check()
    assert trial.plant.pulse().resent > before.resent
    assert trial.system.runs("pricing-a")
    assert trial.system.runs("pricing-b")


def send_odd_tasks(url: str) -> None:
    """A field that this release does not know, one that is missing, and a task of no release."""
    app = Celery(broker=url, set_as_current=False)
    queue = Queue("sums", Exchange("sums", type="direct"), routing_key="sums")
    job = {
        "currency": "USD",
        "frame": 1,
        "part": 0,
        "parts": 1,
        "blocks": 1,
        "book_version": "none",
    }
    whole = {**job, "valuation_date": "2024-03-05", "curves": {}}
    app.send_task("risk.workers.tasks.price_sums", args=[{**whole, "colour": "red"}], queue=queue)
    app.send_task("risk.workers.tasks.price_sums", args=[job], queue=queue)
    app.send_task("risk.workers.tasks.price_cheese", args=[whole], queue=queue)
    app.close()


@pytest.mark.fault("F26", budget_ms=5000)
@pytest.mark.faults_long
def test_garbage_in_the_queue_ends_one_worker_and_no_frame(trial: Trial):
    """LPUSH 'x' to Celery's list: the worker that takes it dies and is started again."""
    with trial.stream():
        moment = time.time_ns()
        trial.plant.client.lpush("sums", "x")
        trial.recover(moment)
        until(lambda: dead(trial), 20, "the worker that took it has ended")
        time.sleep(1.0)
        died = dead(trial)
        trial.row.notes.append(f"ended by one garbage item: {', '.join(died)}")
        trial.plant.heal()
        trial.plant.wait_ready()
        trial.recovered(time.time_ns())
    trial.check()
    assert len(died) == 1


@pytest.mark.fault("F26", budget_ms=30_000)
@pytest.mark.faults_long
def test_a_worker_that_cannot_end_its_pool_ends_all_the_same(trial: Trial):
    """A worker with a hung pool process meets garbage: it must not stay there and take nothing."""
    plant = trial.plant
    plant.end("pricing-b")  # nobody else is to take it
    with trial.stream():
        hung = plant.children("pricing-a")
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        moment = time.time_ns()
        plant.client.lpush("sums", "x")
        until(lambda: not trial.system.runs("pricing-a"), 30, "the worker ends")
        for pid in hung:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        plant.heal()
        trial.recover(moment)
    trial.check()


def dead(trial: Trial) -> list[str]:
    """Workers that have ended."""
    return [name for name in WORKERS if not trial.system.runs(name)]


MAKE_KILLER = """
from instruments.models import Swap
s = Swap.objects.filter(convention__startswith="USD").order_by("trade_id").first()
s.pk, s.trade_id, s.notional = None, "KILLER", {notional}
s._state.adding = True
s.save()
"""
REMOVE_KILLER = """
from instruments.models import Quarantine, Swap
Swap.objects.filter(trade_id="KILLER").delete()
Quarantine.objects.all().delete()
"""


@pytest.mark.fault("F5", budget_ms=20_000)
@pytest.mark.faults_long
@pytest.mark.parametrize(("way", "most"), [("kernel", 3), ("roll", 4)])
def test_a_trade_that_kills_its_worker_is_kept_out_and_all_others_are_priced(
    trial: Trial, tmp_path: Path, way: str, most: int
):
    """A trade ends every process that prices it by itself, or nets its block (SIGKILL)."""
    trial.row.done += f" ({way})"
    plant, log = trial.plant, tmp_path / "killed"
    trial.guilty.add("KILLER")
    for name, queue in QUEUES.items():
        plant.end(name)
        plant.started_ns[name] = time.time_ns()
        plant.system.start_worker(
            name,
            *(queue, 1, "tests.feedbridge.killing"),
            KILLING_WAY=way,
            KILLING_LOG=str(log),
        )
    plant.wait_ready()
    with trial.stream():
        moment = time.time_ns()
        # Another one each time: what workers have netted before, they find in their host's files.
        notional = 100_000_000_000 + len(way)
        plant.system.manage("shell", "-c", MAKE_KILLER.format(notional=notional))
        until(lambda: kept_out(trial), 120, "a whole frame that names the trade as QUARANTINED")
        trial.row.recovery_ms.append(round((time.time_ns() - moment) / 1e6))
        trial.sample()
    runs = len(log.read_text().splitlines())
    trial.row.notes.append(f"the trade was priced {runs} times, and ended a process each time")
    trial.check()
    for name in QUEUES:
        plant.end(name)
    plant.heal()
    plant.wait_ready()
    plant.system.manage("shell", "-c", REMOVE_KILLER)
    assert runs <= most


def kept_out(trial: Trial) -> bool:
    """The newest frame of dollars is whole and says why one trade has no number."""
    seen = trial.watch.last["USD"].rollup
    codes = {failure.trade_id: failure.code for failure in seen.failures}
    return seen.status == "COMPLETE" and codes.get("KILLER") == "QUARANTINED"
