"""A worker that hears no task, though tasks wait, ends; one that has nothing to hear stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery.platforms import EX_FAILURE

from risk.workers.starvation import DEAF_S, StarvationDetector
from tests.clock import Clock

ROOT = Path(__file__).parents[2]


def ear_after(*steps: tuple[float, int | str]) -> tuple[StarvationDetector, bool]:
    clock = Clock(0.0)
    ear, deaf = StarvationDetector(clock), False
    for at, what in steps:
        clock.now_s = at
        if what == "heard":
            ear.heard()
        else:
            deaf = ear.is_deaf(int(what))
    return ear, deaf


@pytest.mark.parametrize(
    ("steps", "deaf"),
    [
        ([(0, 3), (DEAF_S + 1, 3)], True),
        ([(0, 3), (DEAF_S - 1, 3)], False),
        ([(0, 3), (DEAF_S - 1, "heard"), (DEAF_S, 3), (DEAF_S + 5, 3)], False),
        ([(0, 3), (5, 0), (6, 3), (DEAF_S + 1, 3)], False),
        ([(0, 0), (10 * DEAF_S, 0)], False),
        ([(0, 0), (10 * DEAF_S, 1)], False),
    ],
    ids=["unheard", "soon", "heard between", "empty between", "nothing waits", "only now"],
)
def test_who_hears_nothing_while_tasks_wait_is_deaf(steps, deaf):
    assert ear_after(*steps)[1] is deaf


@contextmanager
def worker(app: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-A", app, "worker", "--queues", "sums"),
            *("--concurrency", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def test_a_worker_that_stopped_consuming_ends_with_a_failure_and_leaves_no_child(redis_client):
    redis_client.delete("sums")
    redis_client.lpush("sums", "x", "y", "z")
    try:
        with worker("tests.risk.deaf") as process:
            assert process.wait(60) == EX_FAILURE
            time.sleep(0.5)
            assert not children_of_session(process.pid)
    finally:
        redis_client.delete("sums")


def children_of_session(leader: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(stat.parent.name)
    return found
