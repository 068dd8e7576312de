"""What a worker of this project does that Celery's own does not."""

from __future__ import annotations

import subprocess
import sys

from celery.concurrency.prefork import TaskPool

import riskproject.celery  # noqa: F401 - installs the guards


def test_a_pool_is_looked_at_twice_a_second() -> None:
    """A process that ends while its worker connects to Redis again is seen then, not before."""
    pool = TaskPool.Pool.__new__(TaskPool.Pool)
    assert list(pool.timers.values()) == [0.5]


def test_a_worker_that_cannot_stop_ends_all_the_same() -> None:
    script = """
import time
from celery.platforms import EX_FAILURE
from celery.worker import WorkController
WorkController.stop = lambda *_: time.sleep(60)  # a pool whose child hangs
from riskproject import worker_guards
worker_guards.STOP_S = 0.2
worker_guards.install()
WorkController.stop(object.__new__(WorkController), exitcode=EX_FAILURE)
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert done.returncode == 1
