"""``manage.py demo``: run the whole system on sample data until Ctrl-C or for DEMO_SECONDS.

The servers' URLs come from the environment; ``make demo`` starts those that are not configured.
"""

from __future__ import annotations

import io
import os
import secrets
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message
from redis import RedisError
from rich.console import Console
from rich.live import Live

from demo.summary import live_table, plain_line, summarise
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable
from feedbridge.kafka.topics import ensure_topics
from instruments.models import Fixing, Limit, Swap
from ops.access.postgres.rights import APP
from ops.access.postgres.urls import url_as
from risk.history.models import CurveFile
from risk.store.frames import Frames, connect
from riskproject.celery import app

PORTS = {"WEB_PORT": 8000, "DASHBOARD_PORT": 8501, "FLOWER_PORT": 5555}
LINE_EVERY_S, LIVE_EVERY_S = 5.0, 1.0
LAST_LINES = 15
FIRST_FRAME_S = 300.0
"""Longest wait for the first frame: a fresh installation compiles its loops first."""
KEEPER = "keep: "
NO_REPLAY = "start `python manage.py replay`, or send ticks to Kafka (docs/architecture.md)"


class Command(BaseCommand):
    """Prepare, start the Procfile's processes, show risk, stop all."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; exits 1 when a currency got no frame in a headless run."""
        seconds = _seconds(os.environ.get("DEMO_SECONDS", ""))
        self.console = Console()
        self._prepare()
        environment = _environment()
        self._addresses(environment)
        left_out = ["replay"] if os.environ.get("REPLAY") == "0" else []
        if left_out:
            self.console.print(f"  {'Market data':<20} none: {NO_REPLAY}", soft_wrap=True)
        since_ns = time.time_ns()
        run = Run(environment, seconds, self.console, left_out)
        code = run.until_stopped()
        summary = summarise(_frames(), since_ns)
        for line in summary.lines():
            self.console.print(line, highlight=False, soft_wrap=True)
        if code:
            raise CommandError(f"a process ended by itself with exit status {code}; see {run.log}")
        if seconds and not summary.complete and not left_out:
            raise CommandError(f"not every currency got a frame; see {run.log}")

    # --- Before ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            with self._step("Database tables"):
                call_command("migrate", verbosity=0, interactive=False)
            if settings.DATABASE_ROLE_PASSWORDS[APP]:
                with self._step("Database roles"):
                    call_command("database_roles", stdout=io.StringIO())
            with self._step("Administrator"):
                call_command("create_admin", password_file=_password_file(), stdout=io.StringIO())
            if not Swap.objects.exists():
                with self._step("Sample book"):
                    call_command("seed_book", every_product=True, stdout=io.StringIO())
            if not Fixing.objects.exists():
                with self._step("Index fixings"):
                    call_command("seed_fixings", stdout=io.StringIO())
            if not CurveFile.objects.exists():
                with self._step("Market history"):
                    call_command("seed_curves", stdout=io.StringIO())
            if not Limit.objects.exists():
                with self._step("Limits"):
                    call_command("seed_limits", stdout=io.StringIO())
            with self._step("Kafka topics"):
                servers = settings.KAFKA_BOOTSTRAP_SERVERS
                ensure_topics(servers, options=settings.KAFKA_ACCESS.options_for(servers))
            with self._step("Task queues"):
                connect(settings.REDIS_URL).ping()
                app.send_task("risk.workers.tasks.compile_book")
        except (AccessRefused, BrokerUnreachable, DatabaseError, RedisError) as error:
            raise CommandError(f"{error}".strip()) from None

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        taken = time.monotonic() - started
        self.console.print(f"  {name:<20} ready in {taken:.1f} s", highlight=False, soft_wrap=True)

    def _addresses(self, environment: dict[str, str]) -> None:
        broker = os.environ.get("KAFKA_BROKER_NAME", settings.KAFKA_BOOTSTRAP_SERVERS)
        password = _password_file()
        secret = password.read_text().strip() if password.exists() else "(set before)"
        web = f"http://127.0.0.1:{environment['WEB_PORT']}"
        lines = [
            ("Kafka broker", broker),
            ("Dashboard", f"{web}/dashboard/   user admin, password {secret}"),
            ("Admin", f"{web}/admin/   same login"),
            ("REST API", f"{web}/api/docs/   same login"),
            (
                "Flower (workers)",
                f"http://127.0.0.1:{environment['FLOWER_PORT']}"
                f"   user {environment['FLOWER_BASIC_AUTH'].replace(':', ', password ')}",
            ),
        ]
        for name, value in lines:
            self.console.print(f"  {name:<20} {value}", highlight=False, soft_wrap=True)


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    try:
        return max(1.0, float(text))
    except ValueError:
        raise CommandError(f"DEMO_SECONDS={text!r} is not a number of seconds") from None


def _password_file() -> Path:
    return Path(settings.LOCAL_DIR) / "admin_password"


def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL))


def _environment() -> dict[str, str]:
    """Return what every process of the demo sees: servers, free ports, one thread for BLAS."""
    environment = dict(os.environ) | _databases(settings.DATABASE_ROLE_PASSWORDS[APP])
    for name in settings.DATABASE_ROLE_VARIABLES.values():
        environment.pop(name, None)  # what is started has no business with making accounts
    for name, wanted in PORTS.items():
        environment.setdefault(name, str(_free_port(wanted)))
    environment.setdefault("FLOWER_BASIC_AUTH", f"admin:{_flower_password()}")
    environment.setdefault("REDIS_URL", settings.REDIS_URL)
    environment.setdefault("WORKER_PROCESSES", str(settings.PRICING_PROCESSES))
    web = f"http://127.0.0.1:{environment['WEB_PORT']}"
    environment.setdefault("WEB_URL", web)  # where the dashboard asks who is logged in
    environment.setdefault("DASHBOARD_URL", f"http://127.0.0.1:{environment['DASHBOARD_PORT']}")
    environment.setdefault("API_URL", f"{web}/api/docs/")
    environment.setdefault("FLOWER_URL", f"http://127.0.0.1:{environment['FLOWER_PORT']}")
    environment.setdefault("PRICING_TASK_EVENTS", "True")  # so that Flower shows the tasks
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PYTHONUNBUFFERED"] = "1"
    # Workers are processes; threads of BLAS below them would only fight for the same cores.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return environment


def _databases(password: str) -> dict[str, str]:
    """Name the database account of each process.

    The owner's has served for the tables; with a password of `risk_app` that is everybody's, and
    on a server of the user's own the account is the one that its URL names.
    """
    url = os.environ.get("DATABASE_URL", "")
    return {
        "DATABASE_URL": url_as(url, APP, password) if password else url,
        "FLOWER_DATABASE_URL": "",
        "DASHBOARD_DATABASE_URL": "",
    }


def _flower_password() -> str:
    """The password is generated once and kept, so that a bookmark with a login still works."""
    path = Path(settings.LOCAL_DIR) / "flower_password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    return path.read_text().strip()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("no free port on this machine")


class LogPrinter:
    """Writes the lines of honcho to a log file, and keeps the last ones of each process."""

    def __init__(self, path: Path, console: Console) -> None:
        """Start a new log file; the death of a process is also printed on the console."""
        self._console = console
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", buffering=1)
        self.width = 0
        self.last: dict[str, deque[str]] = {}

    def write(self, message: Message) -> None:
        """Take one line of one process."""
        data = message.data
        text = data.decode(errors="replace") if isinstance(data, bytes) else str(data)
        self.last.setdefault(message.name, deque(maxlen=LAST_LINES)).append(text.rstrip())
        if text.startswith(KEEPER):
            self._console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
        self._file.write(
            f"{message.time:%H:%M:%S} {message.name or '':<{self.width}} {text.rstrip()}\n"
        )


class Run:
    """The Procfile's processes, and a thread that shows risk while they run."""

    def __init__(
        self,
        environment: dict[str, str],
        seconds: float,
        console: Console,
        left_out: Collection[str] = (),
    ) -> None:
        """Prepare the processes, except those that are ``left_out``.

        ``seconds`` count from the first frame, or from the start where no replay sends ticks; 0
        runs until Ctrl-C.
        """
        self.log = Path(settings.LOCAL_DIR) / "demo" / "log" / "processes.log"
        self._printer = LogPrinter(self.log, console)
        self._manager = Manager(self._printer)
        self._seconds, self._console = seconds, console
        self._waits_for_frame = "replay" not in left_out
        self._stop = threading.Event()
        procfile = parse_procfile((settings.BASE_DIR / "Procfile").read_text())
        for name, command in procfile.processes.items():
            if name in left_out:
                continue
            # exec: the process itself gets the signals, not a shell in front of it.
            self._manager.add_process(
                name, f"exec {command}", env=environment, cwd=str(settings.BASE_DIR)
            )

    def until_stopped(self) -> int:
        """Run until stopped; return the exit status of a process that ended, otherwise 0."""
        watcher = threading.Thread(target=self._show, daemon=True)
        watcher.start()
        self._manager.loop()
        by_itself = not self._stop.is_set() and self._manager.returncode not in (130, 143)
        self._stop.set()
        watcher.join(timeout=5)
        if by_itself:
            self._explain()
        return int(self._manager.returncode or 1) if by_itself else 0

    def _show(self) -> None:
        """Show published risk until the time is over: a table on a terminal, otherwise lines."""
        frames = _frames()
        if self._console.is_terminal and not self._seconds:
            with Live(console=self._console, auto_refresh=False) as live:
                self._repeat(
                    float("inf"),
                    LIVE_EVERY_S,
                    lambda: live.update(live_table(frames), refresh=True),
                )
        else:
            since_ns, end = time.time_ns(), time.monotonic() + FIRST_FRAME_S

            def line() -> None:
                self._console.print(plain_line(frames), highlight=False, soft_wrap=True)

            def has_frame() -> bool:
                return any(summarise(frames, since_ns).frames.values())

            waits = self._seconds and self._waits_for_frame
            if not waits or self._repeat(end, LINE_EVERY_S, line, has_frame):
                whole = time.monotonic() + self._seconds if self._seconds else float("inf")
                self._repeat(whole, LINE_EVERY_S, line)
        if not self._stop.is_set():
            self._stop.set()
            self._manager.terminate()

    def _repeat(
        self, end: float, every_s: float, show: Any, done: Callable[[], bool] = lambda: False
    ) -> bool:
        """Show again and again until a time, or until ``done``, and return whether it was done."""
        while not self._stop.wait(min(every_s, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                return False
            try:
                show()
                if done():
                    return True
            except RedisError as error:
                self._console.print(
                    f"Redis does not answer: {error}", highlight=False, soft_wrap=True
                )
        return False

    def _explain(self) -> None:
        """The last words of the process that ended first."""
        for name, process in self._manager._processes.items():
            if process.get("returncode") == self._manager.returncode:
                for line in self._printer.last.get(name, ()):
                    self._console.print(
                        f"{name}: {line}", markup=False, highlight=False, soft_wrap=True
                    )
                return
