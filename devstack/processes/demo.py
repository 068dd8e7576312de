"""Run the demo as a program of its own, on free ports, for pictures, browsers and measurements."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackError
from devstack.processes.ports import free_port
from devstack.stack import VARIABLES, read_running

ROOT = Path(__file__).resolve().parents[2]
START_S, STOP_S, LARGER_BOOK_S = 300.0, 60.0, 30.0
PORTS = ("WEB_PORT", "DASHBOARD_PORT", "FLOWER_PORT")
BOOK = 200
"""Trades of the sample book that the demo makes."""


@dataclass(frozen=True)
class Demo:
    """The addresses and the files of a running demo.

    Attributes:
        web: Address of the web server.
        dashboard: Address of the dashboard.
        password: Of the user ``admin``.
        base: Folder of its data and log.
        environment: With which a program works on its servers.
    """

    web: str
    dashboard: str
    password: str
    base: Path
    environment: Mapping[str, str]

    def manage(self, *words: str) -> str:
        """Run a command of manage.py beside the demo and return what it prints."""
        done = subprocess.run(
            (sys.executable, "manage.py", *words),
            env=dict(self.environment),
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command of manage.py that runs beside the demo, with the demo's log."""
        with (self.base / "demo.log").open("ab") as log:
            return subprocess.Popen(
                (sys.executable, "manage.py", *words),
                env=dict(self.environment),
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def processes(self, *words: str) -> list[int]:
        """Numbers of the demo's processes whose command line has all of the words.

        Without those that start others again (``devstack.processes.keep``).
        """
        lines = ((n, line) for n, line in self._processes() if "processes.keep" not in line)
        return [number for number, line in lines if all(word in line for word in words)]

    def kill(self, *words: str) -> int:
        """SIGKILL the demo's processes whose command line has all of the words; their number."""
        found = self.processes(*words)
        for number in found:
            os.kill(number, signal.SIGKILL)
        return len(found)

    def _processes(self) -> Iterator[tuple[int, str]]:
        """Numbers and command lines of the processes that have the demo's folder as theirs."""
        setting = f"RISK_LOCAL_DIR={self.base}".encode()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                settings = (place / "environ").read_bytes().split(b"\0")
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
                folder = (place / "cwd").readlink()
            except OSError:
                continue  # it has ended, or is another user's
            if setting in settings or str(self.base) in line or folder.is_relative_to(self.base):
                yield int(place.name), line


@contextmanager
def running_demo(base: Path, trades: int = BOOK) -> Iterator[Demo]:
    """A demo on servers of its own that has published risk; it ends with the block.

    Args:
        base: Folder of its data and log, made if missing.
        trades: Size of its book.

    Raises:
        StackError: It has ended, or published nothing in time; with the end of its log.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if name not in VARIABLES.values()},
        "RISK_LOCAL_DIR": str(base),
        "DEMO_SECONDS": "100000",
        **{name: str(free_port()) for name in PORTS},
    }
    base.mkdir(parents=True, exist_ok=True)
    stack = (sys.executable, "-m", "devstack", "run", "--base", str(base / "demo"), "--")
    with (base / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            (*stack, sys.executable, "manage.py", "demo"),
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_risk(process, base / "demo.log")
        web, dashboard, _ = (f"http://127.0.0.1:{environment[name]}" for name in PORTS)
        password = (base / "admin_password").read_text().strip()
        servers = read_running(base / "demo")
        if servers is None:
            raise StackError(f"the demo has ended; see {base / 'demo.log'}")
        demo = Demo(web, dashboard, password, base, environment | servers.environment())
        if trades > BOOK:
            demo.manage("seed_book", "--trades", str(trades))
            time.sleep(LARGER_BOOK_S)  # until the larger book is compiled
        yield demo
    finally:
        process.terminate()
        process.wait(STOP_S)


def _await_risk(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the demo has printed a number."""
    end = time.monotonic() + START_S
    while " NPV " not in (said := log.read_text()):
        if process.poll() is not None or time.monotonic() > end:
            raise StackError(f"the demo did not publish risk:\n{said[-2000:]}")
        time.sleep(1.0)
