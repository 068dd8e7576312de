"""A pytest plugin that starts real servers before Django reads where they are.

What is configured by DATABASE_URL, REDIS_URL or KAFKA_BOOTSTRAP_SERVERS is used as it is; the
rest is started as local processes under .local/test, from scratch, and stopped at the end. A run
of nothing but the folders in ``NEED_NO_SERVERS`` starts none: ``make test ARGS=tests/pricing``.

In a run with ``-n 2`` (pytest-xdist) each of its processes has servers of its own, under
.local/test-gw0 and so on, and the process that only hands out the tests has none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import StackError
from devstack.processes.lock import holder
from devstack.processes.process import stop_left_behind
from devstack.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
BASE = Path(os.environ.get("RISK_TEST_BASE", ROOT / ".local" / "test"))
PROCESS = os.environ.get("PYTEST_XDIST_WORKER")
if PROCESS:
    BASE = BASE.with_name(f"{BASE.name}-{PROCESS}")

NEED_NO_SERVERS = (
    *("tests/pricing", "tests/benchmarks", "tests/deploy", "tests/connections"),
    *(
        "tests/faults/test_hosts.py",
        "tests/faults/test_brokers.py",
        "tests/faults/test_releases.py",
    ),
    *("tests/faults/test_failover.py", "tests/faults/test_standby.py"),
)
TOGETHER = ("tests/faults/", "tests/risk/api/")
"""Folders whose tests share what takes long to start, so one process of a run has them all."""

_stack = pytest.StashKey[Stack]()

# Tests call as fast as they can; those of the limits set their own.
CALLS = ("API_ANONYMOUS_CALLS", "API_USER_CALLS", "API_UPLOADS", "LOGINS")


def _start() -> Stack:
    if BASE.exists() and not holder(BASE):
        stop_left_behind(BASE)
        shutil.rmtree(BASE, ignore_errors=True)  # a test must not find what another run left
    os.environ["BLOCK_CACHE_DIR"] = str(BASE / "blocks")
    stack = Stack(BASE, durable=False)
    os.environ.update({f"{name}_PER_MINUTE": "1000000" for name in CALLS})
    try:
        os.environ.update(stack.start().environment())
    except StackError as error:
        pytest.exit(f"servers for the tests: {error}", returncode=4)
    return stack


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the servers, unless the run needs none; pytest-django reads the settings after it."""
    known = early_config.known_args_namespace
    only_hands_out = getattr(known, "numprocesses", None) and not PROCESS
    if not only_hands_out and not _needs_no_servers(known.file_or_dir):
        early_config.stash[_stack] = _start()
    yield


def _needs_no_servers(paths: list[str]) -> bool:
    """Return whether all paths of the command line lie in folders whose tests use no server."""
    files = [Path(path.partition("::")[0]).resolve() for path in paths]
    return bool(files) and all(
        any(file.is_relative_to(ROOT / folder) for folder in NEED_NO_SERVERS) for file in files
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, and whole folders of ``TOGETHER``."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = next(filter(nodeid.startswith, TOGETHER), None)
            return folder or super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which broker this run uses, and what the run cannot show."""
    if _stack not in config.stash:
        return ["servers: none, the chosen tests need none"]
    name = os.environ.get("KAFKA_BROKER_NAME", "")
    lines = [f"kafka: {name}"]
    if "memory" in name:
        lines.append("NOT SHOWN by this run: that a restart of the broker loses nothing")
    if not os.environ.get("FAULTS"):
        lines.append("faults: the short core; not run here: `make faults` (all), `make soak`")
    return lines


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers after everything else."""
    if _stack in config.stash:
        config.stash[_stack].stop()
