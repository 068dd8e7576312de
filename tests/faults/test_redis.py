"""Redis dies, forgets, fills up, hangs and loses its words: nothing is lost, nothing is mixed."""

from __future__ import annotations

import shutil
import time

import pytest

from dashboard.data import Reader
from tests.faults.plant import WORKERS, until
from tests.faults.trial import Trial


def pids(trial: Trial) -> dict[str, int]:
    """Process ids of the workers that run."""
    return {n: trial.system.processes[n].pid for n in WORKERS if trial.system.runs(n)}


def restart_redis(trial: Trial, away_s: float = 0.0) -> int:
    """SIGKILL and start; returns the moment when it answers (ns since 1970)."""
    trial.servers.kill("redis")
    time.sleep(away_s)
    trial.servers.revive("redis")
    return time.time_ns()


@pytest.mark.fault("F6", budget_ms=3000)
@pytest.mark.faults_long
def test_redis_killed_while_nothing_happens_is_not_noticed_afterwards(trial: Trial):
    """SIGKILL Redis while idle and start it, five times."""
    trial.flow()
    before = pids(trial)
    for _ in range(5):
        moment = restart_redis(trial)
        trial.feed.send_all()
        trial.recover(moment)
    trial.check()
    assert pids(trial) == before


@pytest.mark.fault("F7", budget_ms=3000)
def test_redis_killed_while_a_task_runs_does_not_take_the_worker_with_it(trial: Trial):
    """SIGKILL Redis in the middle of a long task and start it: at once, after 1 s, after 3 s."""
    with trial.stream():
        before = pids(trial)
        for away_s in (0.0, 1.0, 3.0):
            trial.plant.order(sleep_s=1.0)
            trial.plant.await_running("pricing-a", 30)
            moment = restart_redis(trial, away_s)
            trial.plant.order()
            trial.recover(moment)
            assert pids(trial) == before
    trial.check()


@pytest.mark.fault("F8", budget_ms=30_000)
@pytest.mark.faults_long
def test_a_minute_without_redis_costs_no_tick_and_no_memory(trial: Trial):
    """Redis away for 60 s while ticks go on."""
    reader = Reader(trial.plant.redis_url)
    with trial.stream():
        assert not reader.snapshot().down
        kib = trial.plant.memory_kib("bridge")
        trial.servers.kill("redis")
        until(lambda: reader.snapshot().down, 20, "the screen says that Redis is away")
        time.sleep(60.0)
        grown = trial.plant.memory_kib("bridge") - kib
        trial.servers.revive("redis")
        trial.recover(time.time_ns())
    trial.row.notes.append(f"the bridge grew by {grown} KiB")
    trial.check()
    assert grown < 50_000


@pytest.mark.fault("F9", budget_ms=10_000)
def test_a_redis_that_lost_everything_gets_books_and_higher_frames_again(trial: Trial):
    """FLUSHALL in the middle of the stream."""
    with trial.stream():
        moment = time.time_ns()
        trial.plant.client.flushall()
        trial.recover(moment)
        trial.sample()
    trial.check()


@pytest.mark.fault("F9", budget_ms=10_000)
@pytest.mark.faults_long
def test_a_redis_that_lost_its_last_seconds_shows_no_frame_twice_with_other_numbers(trial: Trial):
    """Redis killed and started from an append-only file that is two seconds old."""
    data = trial.servers.redis_data
    copy = data.with_name("older")
    with trial.stream():
        time.sleep(0.5)
        shutil.copytree(data, copy)
        time.sleep(2.0)
        trial.servers.kill("redis")
        shutil.rmtree(data)
        copy.rename(data)
        trial.servers.revive("redis")
        trial.recover(time.time_ns())
        trial.sample()
    trial.row.notes.append(f"old frames shown again, unchanged: {trial.watch.restored}")
    trial.check()


@pytest.mark.fault("F10", budget_ms=5000)
@pytest.mark.faults_long
@pytest.mark.parametrize("who", ["worker", "bridge"])
def test_a_half_open_connection_to_redis_is_left_for_a_new_one(trial: Trial, who: str):
    """A firewall forgets the connections of one process to Redis: they hang, new ones work."""
    proxy, plant = trial.servers.redis_proxy, trial.plant
    url = proxy.url(plant.redis_url)
    if who == "worker":
        plant.replace("pricing-a", lambda: plant.start_worker("pricing-a", REDIS_URL=url))
        plant.end("pricing-b")  # nobody else is to help
    else:
        plant.replace("bridge", lambda: plant.start_bridge(REDIS_URL=url))
    plant.system.wait()
    with trial.stream():
        moment = time.time_ns()
        proxy.go_half_open()
        trial.recover(moment)
    trial.row.done += f" ({who})"
    trial.check()
    plant.replace("pricing-a" if who == "worker" else "bridge", plant.heal)


@pytest.mark.fault("F11")
@pytest.mark.faults_long
def test_answers_that_are_lost_do_not_make_anything_happen_twice(trial: Trial):
    """The answer of Redis is lost, forty times, to a worker and to the bridge alike."""
    proxy, plant = trial.servers.redis_proxy, trial.plant
    url = proxy.url(plant.redis_url)
    plant.replace("pricing-a", lambda: plant.start_worker("pricing-a", REDIS_URL=url))
    plant.replace("bridge", lambda: plant.start_bridge(REDIS_URL=url))
    plant.wait_ready()
    with trial.stream():
        dropped = proxy.dropped
        for _ in range(40):
            proxy.drop_replies(1)
            time.sleep(0.15)
        proxy.mend()
        trial.recover(time.time_ns())
        trial.sample()
    trial.row.notes.append(f"answers lost: {proxy.dropped - dropped}")
    trial.check()
    trial.exact_counts()
    assert proxy.dropped - dropped >= 20
    for name in ("pricing-a", "bridge"):
        plant.replace(name, plant.heal)


@pytest.mark.fault("F12", budget_ms=5000)
@pytest.mark.faults_long
def test_a_full_redis_stops_frames_loudly_and_ends_nobody(trial: Trial):
    """Redis at its memory limit (noeviction) for 8 s."""
    with trial.stream():
        before = pids(trial)
        log = trial.system.log.stat().st_size
        used = int(trial.plant.client.info("memory")["used_memory"])
        trial.plant.client.config_set("maxmemory", used)
        time.sleep(8.0)
        said = trial.system.log.read_bytes()[log:]
        trial.plant.client.config_set("maxmemory", 0)
        time.sleep(1.0)
        died = [name for name in before if not trial.system.runs(name)]
        trial.row.notes.append(f"workers that ended: {', '.join(died) or 'none'}")
        trial.plant.heal()
        trial.recover(time.time_ns())
    trial.check()
    assert b"maxmemory" in said
    assert not died
