"""Flower as it is started here: a password, this machine alone, and nothing that it can change."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from devstack.processes.ports import free_port
from devstack.processes.process import through_launcher

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "celery", "-A", "riskproject", "flower")
PASSWORD = "looker:very-secret"
READY_S = 40.0


def environment(**variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
    return plain | {"CELERY_UNACKED_PREFIX": "flower."} | variables


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with (tmp_path_factory.mktemp("flower") / "log").open("wb") as log:
        process = subprocess.Popen(
            through_launcher([*COMMAND, f"--port={port}"], signal.SIGTERM),
            env=environment(FLOWER_BASIC_AUTH=PASSWORD),
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + READY_S
    while not _answers(address):
        assert time.monotonic() < end
        time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(15)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthcheck", timeout=2).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("page", ["/", "/workers", "/tasks", "/broker", "/api/workers"])
def test_nothing_is_told_without_the_password(url, page):
    assert requests.get(url + page, timeout=10).status_code == 401


def test_who_has_the_password_sees_the_workers(url):
    name, _, secret = PASSWORD.partition(":")
    assert requests.get(f"{url}/workers", auth=(name, secret), timeout=10).status_code == 200


@pytest.mark.parametrize(
    "call",
    [
        "/api/task/async-apply/pricing.tasks.compile_book",
        "/api/worker/shutdown/sums@host",
        "/api/worker/pool/grow/sums@host",
        "/api/worker/queue/cancel-consumer/sums@host",
    ],
)
def test_nobody_can_send_tasks_or_stop_workers_by_it(url, call):
    secret = base64.b64encode(PASSWORD.encode()).decode()
    answer = requests.post(
        url + call, headers={"Authorization": f"Basic {secret}"}, json={"args": []}, timeout=10
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("where", [["--address=0.0.0.0"], ["--address="]])
def test_it_does_not_start_open_to_others(where):
    done = subprocess.run(
        [*COMMAND, *where, f"--port={free_port()}"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )
    assert done.returncode == 1
    assert "FLOWER_BASIC_AUTH=user:password" in done.stderr.strip().splitlines()[-1]
