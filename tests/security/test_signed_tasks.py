"""Signed tasks: with a key and certificates set, a worker runs nothing that nobody signed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from devstack.processes.process import through_launcher
from tests.e2e.system import redis_urls
from tests.security.certificates import make_certificate

ROOT = Path(__file__).parents[2]
DATABASE = 13
READY_S, WAIT_S = 40.0, 20.0
SEND = """
from riskproject.celery import app
app.send_task('risk.workers.tasks.price_sums', args=[{job}])
"""
NO_JOB = "{'said': 'no job'}"  # the task says what is wrong with it: it has begun


def signing(folder: Path, name: str) -> dict[str, str]:
    return {
        "TASK_SIGNING_KEY_FILE": str(folder / f"{name}.key"),
        "TASK_SIGNING_CERTIFICATE_FILE": str(folder / f"{name}.pem"),
        "TASK_SIGNING_STORE": str(folder / "believed" / "*.pem"),
    }


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "believed").mkdir()
    for name in ("ours", "theirs"):
        make_certificate(folder, name)
    (folder / "believed" / "ours.pem").write_bytes((folder / "ours.pem").read_bytes())
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {**os.environ, **redis_urls(os.environ, DATABASE), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def log(keys: Path, environment: dict[str, str]) -> Iterator[Callable[[], str]]:
    """The words of a worker that believes our key alone."""
    redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
    command = (sys.executable, "-m", "celery", "-A", "riskproject", "worker", "--queues", "sums")
    options = ("--concurrency", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
    path = keys / "worker.log"
    with path.open("wb") as file:
        worker = subprocess.Popen(
            through_launcher([*command, *options], signal.SIGTERM),
            env=environment | signing(keys, "ours"),
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until(lambda: "ready." in path.read_text(), READY_S)
    yield path.read_text
    worker.terminate()
    worker.wait(15)


def until(condition: Callable[[], bool], seconds: float = WAIT_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def send(environment: dict[str, str]) -> None:
    code = SEND.format(job=NO_JOB)
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, timeout=60)


def test_a_task_of_a_believed_key_is_run(keys, environment, log):
    send(environment | signing(keys, "ours"))
    until(lambda: "ValidationError" in log())


@pytest.mark.parametrize("sender", ["nobody", "theirs"])
def test_a_task_that_nobody_signed_or_a_stranger_is_refused_and_not_run(
    keys, environment, log, sender
):
    before = len(log())
    send(environment | ({} if sender == "nobody" else signing(keys, sender)))
    until(lambda: "Refusing to deserialize" in log()[before:] or "SecurityError" in log()[before:])
    assert "ValidationError" not in log()[before:]


def test_half_a_set_of_variables_is_refused_in_one_sentence(keys, environment):
    half = dict(list(signing(keys, "ours").items())[:2])
    code = "import riskproject.settings"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment | half, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "TASK_SIGNING_STORE" in done.stderr.splitlines()[-1]
