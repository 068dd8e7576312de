"""Start a child process that logs to a file, dies with this process, and can always be stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.account import Account
from devstack.errors import StackError

LAUNCHER = Path(__file__).with_name("launch.py")
POLL_S = 0.02
GRACE_S = 10.0
TAIL_LINES = 5


@dataclass(frozen=True)
class Program:
    """A command, and the signal that stops it."""

    label: str
    command: list[str]
    stop_signal: signal.Signals
    account: Account | None = None
    environment: Mapping[str, str] | None = None


def through_launcher(
    command: list[str], death_signal: int, account: Account | None = None
) -> list[str]:
    """The command line that runs `command` as `account`, dying with this process."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    numbers = [str(number) for number in (os.getpid(), death_signal, uid, gid)]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *numbers, "--", *command]


def run_to_end(program: Program, log: Path, timeout_s: float) -> None:
    """Run a short program (initdb, format) and wait for it.

    Raises:
        StackError: It failed or took longer than `timeout_s`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                through_launcher(program.command, signal.SIGKILL, program.account),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=program.environment,
                cwd="/",
                start_new_session=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"{program.label} took longer than {timeout_s:.0f} s: see {log}."
            raise StackError(message) from error
    if done.returncode != 0:
        raise StackError(f"{program.label} failed: {tail(log)} (whole log: {log})")


def tail(log: Path) -> str:
    """The last lines of a log as one, for an error message."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    said = [line.strip() for line in lines if line.strip()]
    return " | ".join(said[-TAIL_LINES:])[-600:] or "it said nothing"


class Child:
    """A running server."""

    def __init__(self, program: Program, base: Path) -> None:
        """Start it.

        The kernel ties it to the *thread* that starts it: let that be one that lives on.

        Args:
            program: What to run.
            base: Its log goes to ``base/log``, its process id to ``base/run``.
        """
        self.program = program
        self.log = base / "log" / f"{program.label}.log"
        self._record = base / "run" / f"{program.label}.json"
        self._popen = self._start()
        try:
            self._write_record()
        except OSError:
            self.kill()  # no later run would find it
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as output:
            return subprocess.Popen(
                through_launcher(
                    self.program.command, self.program.stop_signal, self.program.account
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.program.environment,
                cwd="/",
                start_new_session=True,
            )

    def _write_record(self) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "pid": self.pid,
            "started": start_ticks(self.pid),
            "stop_signal": int(self.program.stop_signal),
        }
        self._record.write_text(json.dumps(record))

    @property
    def pid(self) -> int:
        """Its process id, also its process group."""
        return self._popen.pid

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self._popen.poll() is None

    def wait_ready(self, ask: Callable[[], str], timeout_s: float) -> str:
        """Wait until the server answers.

        Args:
            ask: Returns the server's answer; raises StackError while it is not ready.
            timeout_s: Seconds to wait.

        Returns:
            The answer.

        Raises:
            StackError: The server ended, or did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if not self.alive():
                raise StackError(
                    f"{self.program.label} stopped at once: {tail(self.log)} (log: {self.log})"
                )
            try:
                return ask()
            except StackError as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{self.program.label} is not ready after {timeout_s:.0f} s: {error} "
                        f"(log: {self.log})"
                    ) from error
            time.sleep(POLL_S)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End it the way it likes; after `grace_s` the hard way."""
        if self.alive():
            self._popen.send_signal(self.program.stop_signal)
            self._popen.send_signal(signal.SIGCONT)  # a frozen process hears nothing else
            try:
                self._popen.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._record.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL it and its own children, as a crash would."""
        kill_group(self.pid)
        self._popen.wait()


def kill_group(pid: int) -> None:
    """Send SIGKILL to a process group, if it still exists."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def start_ticks(pid: int) -> int | None:
    """Return a process's start time in clock ticks since boot; None for no process or a zombie."""
    try:
        # The name in parentheses may hold spaces: count from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def stop_pid(pid: int, stop_signal: int, grace_s: float = GRACE_S) -> None:
    """End a process that is not our child, hard after `grace_s`."""
    born = start_ticks(pid)
    if born is None:
        return
    os.kill(pid, stop_signal)
    os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + grace_s
    while start_ticks(pid) == born:
        if time.monotonic() > deadline:
            kill_group(pid)
            return
        time.sleep(POLL_S)


def stop_left_behind(base: Path) -> list[str]:
    """Stop servers under `base` that a killed launcher left running.

    Process ids are reused, so the start time must match too.

    Returns:
        The labels of the servers that were still running.
    """
    stopped = []
    for path in sorted((base / "run").glob("*.json")):
        try:
            record = json.loads(path.read_text())
        except ValueError:
            record = {"pid": 0, "started": 0}
        if record["started"] and start_ticks(record["pid"]) == record["started"]:
            stop_pid(record["pid"], record["stop_signal"])
            stopped.append(path.stem)
        path.unlink()
    return stopped
