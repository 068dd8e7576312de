"""A pytest plugin: real servers, before Django reads where they are.

What is configured by DATABASE_URL, REDIS_URL or KAFKA_BOOTSTRAP_SERVERS is used as it is; the
rest is started as local processes under .local/test, from scratch, and stopped at the end.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.processes.lock import holder
from devstack.processes.process import stop_left_behind
from devstack.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
BASE = Path(os.environ.get("RISK_TEST_BASE", ROOT / ".local" / "test"))


# Tests call as fast as they can; those of the limits set their own.
CALLS = ("API_ANONYMOUS_CALLS", "API_USER_CALLS", "API_UPLOADS", "LOGINS")


def _start() -> Stack:
    if BASE.exists() and not holder(BASE):
        stop_left_behind(BASE)
        shutil.rmtree(BASE, ignore_errors=True)  # a test must not find what another run left
    stack = Stack(BASE, durable=False)
    os.environ.update({f"{name}_PER_MINUTE": "1000000" for name in CALLS})
    try:
        os.environ.update(stack.start().environment())
    except StackError as error:
        pytest.exit(f"servers for the tests: {error}", returncode=4)
    return stack


_stack = _start()


def pytest_report_header() -> list[str]:
    """Which broker this run used, and what it cannot show."""
    name = os.environ.get("KAFKA_BROKER_NAME", "")
    lines = [f"kafka: {name}"]
    if "memory" in name:
        lines.append("NOT SHOWN by this run: that a restart of the broker loses nothing")
    if not os.environ.get("FAULTS"):
        lines.append("faults: the short core; not run here: `make faults` (all), `make soak`")
    return lines


def pytest_unconfigure() -> None:
    """The last thing of all."""
    _stack.stop()
