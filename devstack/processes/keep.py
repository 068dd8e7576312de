"""Run a command and restart it whenever it ends, until SIGTERM or SIGINT arrives.

``python -m devstack.processes.keep worker -- celery -A riskproject worker ...`` is the form of
each line of the Procfile. No child process of the command is left running. If the command keeps
failing at its start, this process reports it and exits with the command's status.
``WORKER_DATABASE_URL`` in the environment becomes the command's DATABASE_URL, and likewise for
REDIS_URL.
"""

import argparse
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from devstack.own_urls import own_urls
from devstack.processes.process import kill_group, through_launcher
from devstack.processes.supervise import FORWARDED, adopt_orphans, end_orphans

WATCHED = FORWARDED | {signal.SIGCHLD}
STEADY_S = 10.0
"""A command that ran longer than this had started well; its end starts a new count."""

DELAYS_S = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0)
"""Delays before each restart. After as many quick failures in a row, the command is given up."""

GRACE_S = 4.0
"""Time from a signal to SIGKILL, below the five seconds that honcho waits."""

LOOK_S, FOREVER_S = 1.0, 1e8
NOT_FOUND = 127


class Keeper:
    """Runs one command again and again."""

    def __init__(
        self, name: str, command: list[str], *, may_finish: bool = False, nice: int = 0
    ) -> None:
        """Prepare to run a command.

        Args:
            name: For the lines that people read, and its own URLs' names.
            command: Program and arguments.
            may_finish: Exit status 0 means that its work is done.
            nice: How much lower than the priority of this process that of the command is.
        """
        self.name, self.may_finish, self.nice = name, may_finish, nice
        self.command = ["nice", "-n", str(nice), *command] if nice else command
        self._told: signal.Signals | None = None

    def run(self) -> int:
        """Run the command, and restart it, until a signal to stop arrives.

        Returns:
            0 after a signal to stop; else the command's last exit status, when it was given up.
        """
        quick = 0
        while True:
            began = time.monotonic()
            status = self._run_once()
            if self._told is not None:
                return 0
            if status == 0 and self.may_finish:
                self._say("finished and is not restarted")
                self._wait_for_signal(FORWARDED, FOREVER_S)
                return 0
            quick = quick + 1 if time.monotonic() - began < STEADY_S else 1
            if quick > len(DELAYS_S) or status == NOT_FOUND:
                return self._give_up(quick, status)
            delay_s = DELAYS_S[quick - 1]
            self._say(f"ended with {ending(status)}; it is started again in {delay_s:g} s")
            self._wait_for_signal(FORWARDED, delay_s)
            if self._told is not None:
                return 0

    def _run_once(self) -> int:
        # Its own session: a signal to our group must not reach it beside the one we pass on.
        child = subprocess.Popen(
            through_launcher(self.command, signal.SIGTERM),
            env=own_urls(self.name, os.environ),
            start_new_session=True,
        )
        kill_at, is_nice = float("inf"), False
        while child.poll() is None:
            is_nice = is_nice or set_session_nice(child.pid, self.nice)
            number = self._wait_for_signal(WATCHED, LOOK_S)
            if number is not None:
                kill_at = min(kill_at, time.monotonic() + GRACE_S)
                child.send_signal(number)
                child.send_signal(signal.SIGCONT)  # a frozen process hears nothing else
            if time.monotonic() > kill_at:
                kill_group(child.pid)
        end_orphans(set())
        return child.returncode

    def _wait_for_signal(
        self, watched: frozenset[signal.Signals], seconds: float
    ) -> signal.Signals | None:
        """Sleep; returns early, with the signal if it is one that tells us to stop."""
        info = signal.sigtimedwait(watched, seconds)
        if info is None or info.si_signo not in FORWARDED:
            return None
        self._told = signal.Signals(info.si_signo)
        return self._told

    def _give_up(self, quick: int, status: int) -> int:
        times = "at its first start" if quick == 1 else f"{quick} times within {STEADY_S:g} s"
        self._say(
            f"ended {times}, last with {ending(status)}: GIVEN UP. "
            "The lines above give the reason; correct it and start again"
        )
        return status if status > 0 else 128 - status

    def _say(self, text: str) -> None:
        print(f"keep: {self.name} {text}", file=sys.stderr, flush=True)


def set_session_nice(leader: int, nice: int) -> bool:
    """Lower the priority of a session among the sessions of the machine.

    Linux shares the processors out among sessions first, so that the niceness of a process counts
    within its own session alone (sched(7), the autogroup feature). Where sessions are not scheduled
    as groups, there is nothing to set.

    Args:
        leader: Process id of the first process of the session.
        nice: Niceness, 0 to 19.

    Returns:
        False when it is to be tried again: Linux takes ten changes a second from a user.
    """
    if nice:
        try:
            Path(f"/proc/{leader}/autogroup").write_text(str(nice))
        except OSError as error:
            return error.errno != errno.EAGAIN
    return True


def ending(status: int) -> str:
    """An exit status in words."""
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def main(argv: list[str]) -> int:
    """Keep the command of a command line."""
    parser = argparse.ArgumentParser(prog="devstack.processes.keep", description=__doc__)
    parser.add_argument(
        "--may-finish", action="store_true", help=("do not restart the command after exit status 0")
    )
    parser.add_argument("--nice", type=int, default=0, help="lower the priority by as much")
    parser.add_argument("name", help="prefix of the log lines about the command")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    arguments = parser.parse_args(argv)
    words = arguments.command
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        parser.error("no command: python -m devstack.processes.keep NAME -- COMMAND ...")
    adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    return Keeper(
        arguments.name, command, may_finish=arguments.may_finish, nice=arguments.nice
    ).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
