"""SIGTERM ends each process of the Procfile within ten seconds, whatever it is doing."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import requests

from devstack.processes.ports import free_port
from devstack.processes.supervise import children_of
from risk.store.frames import connect
from tests.e2e.system import ROOT, System, running_system
from tests.redis_databases import RedisDatabase
from tests.waiting import until

STOP_S, READY_S = 10.0, 40.0
PROCESSES = {
    line.partition(": ")[0]: line.partition(" -- ")[2]
    for line in (ROOT / "Procfile").read_text().splitlines()
    if line
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    base: Path = tmp_path_factory.mktemp("stopping")
    with running_system(base, os.environ, redis_db=RedisDatabase.STOPPING) as made:
        made.owner_url = made.environment["DATABASE_URL"]  # type: ignore[attr-defined]
        made.migrate()
        made.manage("seed_book", "--trades", "20")
        made.log_in()
        yield made


class Started(NamedTuple):
    """A process, and where it listens."""

    process: subprocess.Popen[bytes]
    port: str


def begin(system: System, name: str) -> Started:
    """Start a process as the Procfile does, without what keeps it alive."""
    ports = {f"{kind}_PORT": str(free_port()) for kind in ("WEB", "FLOWER", "DASHBOARD")}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"WORKER_PROCESSES": "1", "PATH": programs, **ports}
    words = shlex.split(PROCESSES[name])
    words = [variables.get(word.strip("$"), word) for word in words]
    for kind, port in ports.items():
        words = [word.replace(f"${kind}", port) for word in words]
    process = system.start(f"stopping-{name}", *words, kind=name, **variables)
    return Started(process, ports.get(f"{name.upper()}_PORT", ""))


def family(pid: int) -> set[int]:
    """A process and all below it."""
    found = {pid}
    for child in children_of(pid):
        found |= family(child)
    return found


def assert_ends(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process alone; none of its children stays."""
    below = family(process.pid) - {process.pid}
    begun = time.monotonic()
    process.terminate()
    process.wait(3 * STOP_S)
    assert time.monotonic() - begun < STOP_S
    until(
        lambda: (
            not [
                pid
                for pid in below
                if Path(f"/proc/{pid}/cmdline").exists()
                and Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
        ),
        5.0,
    )


@contextmanager
def locked(system: System, table: str) -> Iterator[None]:
    """A table that nobody can read: what asks for it waits in the database."""
    with psycopg.connect(system.owner_url) as connection:  # type: ignore[attr-defined]
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
        yield
        connection.rollback()


def waits_for_lock(system: System) -> bool:
    with psycopg.connect(system.owner_url) as connection:  # type: ignore[attr-defined]
        row = connection.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()
    return bool(row and row[0])


def spoken(system: System, kind: str) -> bool:
    client: Any = connect(system.environment["REDIS_URL"])
    return any(kind.encode() in name for name in client.hkeys("risk:processes"))


def answers(port: str, path: str) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code < 500
    except requests.ConnectionError:
        return False


def test_a_web_process_with_a_stream_a_slow_body_and_a_call_that_waits_for_the_database(
    system: System,
) -> None:
    process, port = begin(system, "web")
    until(lambda: answers(port, "/healthz"))
    headers = {"Authorization": f"Token {system.token}"}
    url = f"http://127.0.0.1:{port}/api/v1"
    with ExitStack() as stack:
        stream = requests.get(f"{url}/stream/risk/", headers=headers, stream=True, timeout=30)
        stack.enter_context(stream)
        assert next(stream.iter_lines()) == b"retry: 2000"
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", int(port))))
        slow.sendall(
            b"POST /api/v1/swaps/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n["
        )
        stack.enter_context(locked(system, "instruments_swap"))
        waiting = stack.enter_context(socket.create_connection(("127.0.0.1", int(port))))
        waiting.sendall(
            f"GET /api/v1/swaps/ HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Token {system.token}\r\n\r\n".encode()
        )
        until(lambda: waits_for_lock(system))
        assert_ends(process)


def test_a_compiler_in_a_compilation_asks_for_another_one(system: System) -> None:
    client: Any = connect(system.environment["REDIS_URL"])
    process, _ = begin(system, "compiler")
    until(lambda: spoken(system, "compiler"))
    with locked(system, "instruments_bondposition"):
        system.manage("shell", "-c", ASK)
        until(lambda: waits_for_lock(system) and not client.llen("compile"))
        assert_ends(process)
        assert client.llen("compile") == 1


ASK = "from instruments.models.book_version import ask_to_compile; ask_to_compile()"


@pytest.mark.parametrize("name", ["sums", "detail", "previewer"])
def test_a_worker_whose_process_hangs(system: System, name: str) -> None:
    queue, task = {
        "sums": ("sums", "price_sums"),
        "detail": ("detail", "price_detail"),
        "previewer": ("preview", "preview_trade"),
    }[name]
    client: Any = connect(system.environment["REDIS_URL"])
    process, _ = begin(system, name)
    until(lambda: spoken(system, name))
    hanging = family(process.pid) - {process.pid}
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    name = f"risk.workers.tasks.{task}"
    send = f"from riskproject.celery import app; app.send_task('{name}', args=[{{}}])"
    system.manage("shell", "-c", send)
    until(lambda: not client.llen(queue))
    assert_ends(process)


def test_a_bridge_that_waits_for_ticks(system: System) -> None:
    process, _ = begin(system, "bridge")
    until(lambda: spoken(system, "bridge"))
    assert_ends(process)


def test_a_replay_that_waits_for_the_others(system: System) -> None:
    process, _ = begin(system, "replay")
    until(lambda: spoken(system, "replay"))
    assert_ends(process)


@pytest.mark.parametrize(
    ("name", "path"), [("flower", "/healthcheck"), ("dashboard", "/_stcore/health")]
)
def test_a_screen_with_an_open_connection(system: System, name: str, path: str) -> None:
    process, port = begin(system, name)
    until(lambda: answers(port, path))
    with socket.create_connection(("127.0.0.1", int(port))) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert line.recv(1)
        assert_ends(process)
