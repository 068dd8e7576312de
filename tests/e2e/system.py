"""A whole running system for a test: own database, own Redis database, own consumer group.

Real processes: two Celery workers, a bridge and the web server, as the Procfile runs them.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import msgspec
import psycopg

from devstack.own_urls import own_urls
from devstack.processes.process import through_launcher
from feedbridge.kafka.topics import ensure_topics
from feedbridge.replay.readiness import wait_for_system
from ops.access.postgres.rights import APP
from ops.access.postgres.urls import url_as
from risk.store.frames import Frames, connect
from tests.e2e import templates
from tests.feedbridge import past
from tests.redis_databases import RedisDatabase

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S, STOP_S = 90.0, 15.0
NICE = {"detail": "5", "compile": "10", "preview": "10"}
"""As in the Procfile."""

MANAGE_ALL = """
import shlex, sys
import django
django.setup()
from django.core.management import call_command
for command in sys.argv[1:]:
    call_command(*shlex.split(command))
"""


@dataclass
class System:
    """Where a running system is, and how to talk to it."""

    environment: dict[str, str]
    log: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    token: str = ""
    tls: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> Frames:
        return Frames(connect(self.environment["REDIS_URL"]))

    def manage(self, *args: str) -> str:
        """Run a management command to its end; returns what it printed."""
        return self._run("manage.py", *args)

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def migrate(self) -> None:
        """Tables by their owner; what runs from here on is `risk_app`.

        Only the first system of a server migrates: the databases of the others are copies of what
        it made. A server of the user's own is used as it is: nobody makes roles there.
        """
        url = self.environment["DATABASE_URL"]
        if not self.environment.get("DATABASE_APP_PASSWORD"):
            self.manage("migrate", "--verbosity", "0")
            return
        if not templates.copy_onto(url):
            self.manage("migrate", "--verbosity", "0")
            self.manage("database_roles")
            templates.keep(url)
        password = self.environment.pop("DATABASE_APP_PASSWORD")
        self.environment["DATABASE_URL"] = url_as(url, APP, password)

    def log_in(self) -> None:
        """Make the administrator and a token of theirs, which ``get`` and others send."""
        self.token = self.manage_all("create_admin", "create_token admin").split()[-1]

    def manage_all(self, *commands: str) -> str:
        """Run management commands one after the other in one process: a start takes seconds."""
        return self._run("-c", MANAGE_ALL, *commands)

    def start(
        self, name: str, *command: str, kind: str = "", cwd: Path = ROOT, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; it ends with the thread that started it.

        ``kind`` is its name in the Procfile: with the servers' accounts of that process. ``cwd`` is
        another checkout of the project, for another release.
        """
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                through_launcher(list(command), signal.SIGTERM),
                env=own_urls(kind or name, self.environment) | variables,
                cwd=cwd,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_worker(
        self,
        name: str,
        queue: str,
        processes: int,
        app: str = "riskproject",
        runner: str = "celery",
        cwd: Path = ROOT,
        **variables: str,
    ) -> None:
        self.start(
            name,
            *("nice", "-n", NICE.get(queue, "0")),
            *(sys.executable, "-m", runner, "-A", app, "worker"),
            *("--queues", queue, "--concurrency", str(processes), "--hostname", f"{name}@%h"),
            *("-O", "fair", "--without-mingle", "--without-gossip", "--loglevel", "INFO"),
            kind={"compile": "compiler", "preview": "previewer"}.get(queue, "sums"),
            cwd=cwd,
            **variables,
        )

    def start_bridge(
        self,
        name: str = "bridge",
        *options: str,
        start: str = "latest",
        cwd: Path = ROOT,
        **variables: str,
    ) -> None:
        group = self.environment["E2E_GROUP"]
        command = (sys.executable, "manage.py", "runbridge", "--group", group, "--start", start)
        command = (*command, "--instance", name, *options)
        self.start(name, *command, kind="bridge", cwd=cwd, **variables)

    @property
    def web_url(self) -> str:
        """Where the web process answers."""
        return f"http://127.0.0.1:{self.environment['WEB_PORT']}"

    def start_web(self) -> None:
        command = (sys.executable, "-m", "riskproject.web_server")
        self.start("web", *command, "--port", self.environment["WEB_PORT"])

    def wait(self) -> None:
        """Wait until ticks will be priced."""
        stop = threading.Event()
        timer = threading.Timer(READY_S, stop.set)
        timer.start()
        wait_for_system(connect(self.environment["REDIS_URL"]), stop)
        assert not stop.is_set(), f"not ready after {READY_S} s:\n{self.log.read_text()[-3000:]}"
        timer.cancel()

    def get(self, path: str) -> Any:
        """A JSON answer of the API."""
        return self._call("GET", path, None)

    def patch(self, path: str, change: dict[str, Any]) -> Any:
        """The row as it is after a change."""
        return self._call("PATCH", path, msgspec.json.encode(change))

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        url = f"{self.web_url}/api/v1/{path}"
        login = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        with urlopen(
            Request(url, body, self.headers | login, method=method), context=self.tls
        ) as answer:
            return msgspec.json.decode(answer.read())

    def get_all(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        rows: list[dict[str, Any]] = []
        page, mark = 1, "&" if "?" in path else "?"
        while True:
            answer = self.get(f"{path}{mark}page={page}&page_size=500")
            rows += answer["results"]
            if len(rows) >= answer["count"]:
                return rows
            page += 1

    def runs(self, name: str) -> bool:
        """Return whether it was started and has not ended."""
        process = self.processes.get(name)
        return process is not None and process.poll() is None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all its children."""
        os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """SIGKILL a process and its children, as the end of a machine would."""
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                os.killpg(process.pid, signal.SIGCONT)  # a frozen one hears nothing else
        for process in self.processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def running_system(
    base: Path, environ: Mapping[str, str], redis_db: RedisDatabase
) -> Iterator[System]:
    """A system with the sample book, ready for ticks; gone at the end."""
    name = f"risk_{uuid.uuid4().hex[:8]}"
    admin_url = environ["DATABASE_URL"]
    with psycopg.connect(admin_url, autocommit=True) as database:
        database.execute(f'CREATE DATABASE "{name}"')
    environment = {
        **environ,
        "DATABASE_URL": _with_path(admin_url, name),
        **redis_urls(environ, redis_db),
        "E2E_GROUP": name,
        "WEB_PORT": str(_free_port()),
        "RISK_LOCAL_DIR": str(base),
        "API_USER_CALLS_PER_MINUTE": "100000",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "BRIDGE_HEARTBEAT_FILE": str(base / "bridge-heartbeat"),
    }
    connect(environment["REDIS_URL"]).flushdb()
    ensure_topics(environment["KAFKA_BOOTSTRAP_SERVERS"])
    past.leave_out(environment["KAFKA_BOOTSTRAP_SERVERS"], name)
    system = System(environment, base / "system.log")
    try:
        yield system
    finally:
        system.stop()
        with psycopg.connect(admin_url, autocommit=True) as database:
            database.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def redis_urls(environ: Mapping[str, str], database: RedisDatabase) -> dict[str, str]:
    """The URLs of all accounts of Redis, in another of its databases."""
    return {
        name: _with_path(url, f"{database:d}")
        for name, url in environ.items()
        if name.endswith("REDIS_URL")
    }


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
