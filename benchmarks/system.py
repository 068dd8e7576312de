"""Run the system with a given number of trades, for benchmarks.

The processes are those of the Procfile, started by its own lines: bridge, workers of sums and of
detail, and compiler. Servers come from the environment, as ``python -m devstack run`` sets it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import psycopg

from benchmarks.cpu import seconds_of
from devstack.processes.process import through_launcher
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES
from feedbridge.replay.readiness import system_is_up
from pricing.errors import SpreadNotSolved
from risk.store.compiled_book import Books
from risk.store.frames import Frames, connect

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = ("compiler", "sums", "detail", "bridge")
PRICING = ("sums", "detail")
READY_S, STOP_S, LOOK_S = 120.0, 15.0, 0.01
LOOK_SHARE = 0.01
"""Share of the time waited so far after which the next look comes: looking costs CPU time."""


class System:
    """Processes of the Procfile on a database of their own servers."""

    def __init__(self, log: Path, processes: int, currencies: Sequence[str]) -> None:
        """Prepare a system with ``processes`` for the sums and as many for the detail.

        ``check`` is called while something is waited for; it may raise.
        """
        self.log, self.children = log, dict[str, subprocess.Popen[bytes]]()
        self.currencies = tuple(currencies)
        self.check: Callable[[], None] = lambda: None
        self._blocks = tempfile.TemporaryDirectory(prefix="blocks-")  # none of another run
        self.environment = {
            **os.environ,
            "BLOCK_CACHE_DIR": self._blocks.name,
            "WORKER_PROCESSES": str(processes),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self.client = connect(os.environ["REDIS_URL"], timeout_s=10.0)
        self.frames, self.books = Frames(self.client), Books(self.client)

    def manage(self, *words: str) -> None:
        """Run a management command to its end.

        Raises:
            subprocess.CalledProcessError: It failed; its output is in the log.
        """
        with self.log.open("ab") as log:
            subprocess.run(
                [sys.executable, "manage.py", *words],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )

    def start(self, name: str) -> None:
        """Start a process of the Procfile."""
        line = Template(_procfile()[name]).substitute(self.environment)
        with self.log.open("ab") as log:
            self.children[name] = subprocess.Popen(
                through_launcher(shlex.split(line), signal.SIGTERM),
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, *names: str) -> None:
        """End these processes, or all."""
        gone = [self.children.pop(name) for name in names or list(self.children)]
        for child in gone:
            child.terminate()
        for child in gone:
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def wait(self) -> None:
        """Wait until ticks will be priced."""
        self._until(lambda: system_is_up(self.client), READY_S, "the system is not up")

    def compiled(self, limit_s: float) -> float:
        """Seconds until the newest book of every currency is that of the database, or later."""
        began, number = time.perf_counter(), self._book_version()
        self._until(lambda: self._oldest() >= number, limit_s, "the book is not compiled")
        return time.perf_counter() - began

    def spreads_solved(self, limit_s: float) -> None:
        """Wait until no bond waits for a market."""
        self._until(lambda: not self._waiting(), limit_s, "z-spreads are not solved")

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time so far, by process and with its children."""
        return {name: seconds_of(child.pid) for name, child in self.children.items()}

    def _until(self, done: Any, limit_s: float, complaint: str) -> None:
        began = time.monotonic()
        while not done():
            waited_s = time.monotonic() - began
            if waited_s > limit_s:
                raise TimeoutError(f"{complaint} after {limit_s:.0f} s: see {self.log}")
            self.check()
            time.sleep(max(LOOK_S, LOOK_SHARE * waited_s))

    def _book_version(self) -> int:
        with psycopg.connect(os.environ["DATABASE_URL"]) as database:
            row = database.execute("SELECT number FROM instruments_bookversion").fetchone()
        return int(row[0]) if row else 0

    def _oldest(self) -> int:
        refs = [self.books.newest(name) for name in self.currencies]
        return min(ref.number if ref else -1 for ref in refs)

    def _waiting(self) -> bool:
        for name in self.currencies:
            ref = self.books.newest(name)
            manifest = self.books.manifest(name, ref.version) if ref else None
            if manifest is None or any(f.code == SpreadNotSolved.code for f in manifest.failures):
                return True
        return False


@contextmanager
def running(
    log: Path, processes: int, currencies: Sequence[str] = SAMPLE_CURRENCIES
) -> Iterator[System]:
    """A system with an empty book and all fixings, ready for ticks; gone at the end."""
    system = System(log, processes, currencies)
    system.client.flushdb()
    system.manage("migrate", "--verbosity", "0")
    system.manage("seed_book", "--clear")
    system.manage("seed_fixings")
    try:
        for name in PROCESSES:
            system.start(name)
        system.wait()
        yield system
    finally:
        system.stop()


def _procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    pairs = [line.partition(":") for line in lines if ":" in line and not line.startswith("#")]
    return {name.strip(): command.strip() for name, _, command in pairs}
