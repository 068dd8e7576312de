"""A Celery worker below ``devstack.processes.keep``: killed, started again, told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from devstack.processes.process import start_ticks
from devstack.processes.supervise import children_of
from risk.store.frames import connect
from risk.store.heartbeats import ProcessPulse, alive_processes
from tests.e2e.system import redis_urls
from tests.redis_databases import RedisDatabase

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A Redis database of its own, empty."""
    made = connect(
        urlunsplit(urlsplit(redis_url)._replace(path=f"/{RedisDatabase.PROCESSES_COME_BACK:d}"))
    )
    made.flushdb()
    yield made
    made.flushdb()
    made.close()


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    line = next(x for x in (ROOT / "Procfile").read_text().splitlines() if x.startswith("sums:"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        **redis_urls(os.environ, RedisDatabase.PROCESSES_COME_BACK),
        "RISK_LOCAL_DIR": str(tmp_path),
        "WORKER_PROCESSES": "2",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ("sh", "-c", f"exec {line.partition(': ')[2]}"),
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(20)


def worker(client: redis.Redis, *, other_than: int = 0) -> ProcessPulse:
    """The worker that speaks, waited for."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for pulse in alive_processes(client):
            if pulse.kind == "sums" and pulse.pid != other_than:
                return pulse
        time.sleep(0.02)
    raise AssertionError("no worker spoke in time")


def test_a_killed_worker_is_back_without_its_old_pool_and_a_told_one_leaves_nothing(
    client: redis.Redis, keeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    first = worker(client)
    pool = children_of(first.pid)
    assert len(pool) >= 2
    began_ns = time.time_ns()
    os.kill(first.pid, signal.SIGKILL)
    end = time.monotonic() + 5.0  # promised: started again within five seconds
    while not set(children_of(keeper.pid)) - {first.pid, *pool}:
        assert time.monotonic() < end, (tmp_path / "log").read_text()
        time.sleep(0.01)
    started_s = (time.time_ns() - began_ns) / 1e9
    second = worker(client, other_than=first.pid)
    print(f"started after {started_s:.2f} s, speaks {(time.time_ns() - began_ns) / 1e9:.2f} s")
    assert [start_ticks(pid) for pid in (first.pid, *pool)] == [None] * (len(pool) + 1)
    assert "keep: sums ended with SIGKILL" in (tmp_path / "log").read_text()
    pool = children_of(second.pid)
    os.killpg(keeper.pid, signal.SIGTERM)  # as honcho ends it
    assert keeper.wait(20) == 0
    assert [start_ticks(pid) for pid in (second.pid, *pool)] == [None] * (len(pool) + 1)
    assert alive_processes(client) == [] or alive_processes(client)[0].pid == first.pid
