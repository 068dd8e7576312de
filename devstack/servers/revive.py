"""Restart a server that ended by itself, as soon as its disk has space for it."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from devstack.errors import StackError
from devstack.stack import Stack, say_on_stderr

DELAYS_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Delays before each restart; the last one is used for all further restarts."""

STEADY_S = 60.0
"""A server that ran longer than this had started well; its next end starts a new count."""

LEAST_FREE_BYTES = 64 * 1024 * 1024
"""Free bytes of disk without which Kafka is not started again: it halts on a full disk, and makes
index files of 10 MB at its start."""


def free_bytes(path: Path) -> int:
    """Room on the disk that `path` lies on."""
    return shutil.disk_usage(path).free


class Reviver:
    """Looks at the servers of a stack, and starts those again that have ended.

    It never waits: its caller passes signals on between two looks.
    """

    def __init__(
        self,
        stack: Stack,
        say: Callable[[str], None] = say_on_stderr,
        free: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch the servers of a stack.

        Args:
            stack: The servers, started.
            say: Called with each line for the user.
            free: Returns the free bytes at a path.
            clock: Returns the time in seconds.
        """
        self._stack, self._say, self._free, self._clock = stack, say, free, clock
        self._due: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._started: dict[str, float] = {}
        self._told: dict[str, str] = {}

    def __call__(self) -> None:
        """Check the servers once, in the thread that started the stack, as servers end with it."""
        dead = dict(self._stack.dead())
        for name in set(self._told) - set(dead):
            del self._told[name]
        for name, log in dead.items():
            if not self._stack.keeps_data(name):
                self._tell(
                    name,
                    (
                        "has stopped and its data are lost: run make stop, then make demo "
                        f"(log: {log})"
                    ),
                )
            elif name not in self._due:
                self._plan(name, f"has stopped (log: {log})")
            elif self._clock() >= self._due[name]:
                self._start(name)

    def _plan(self, name: str, why: str) -> None:
        steady = self._clock() - self._started.get(name, float("-inf")) > STEADY_S
        tries = 0 if steady else self._tries[name]
        delay_s = DELAYS_S[min(tries, len(DELAYS_S) - 1)]
        self._tries[name], self._due[name] = tries + 1, self._clock() + delay_s
        self._tell(name, f"{why}; it is started again in {delay_s:g} s")

    def _start(self, name: str) -> None:
        base = self._stack.base
        free = self._free(base)
        if free < LEAST_FREE_BYTES:
            self._tell(
                name,
                f"is not started: {free >> 20} MB are free at {base}; it is started again when "
                f"{LEAST_FREE_BYTES >> 20} MB are",
            )
            return
        del self._due[name]
        self._started[name] = self._clock()
        try:
            self._stack.launch_again(name)
        except (StackError, OSError) as error:
            self._plan(name, f"cannot be started: {error}")
            return
        self._told.pop(name, None)
        self._say(f"devstack: {name} is started again, at the same address")

    def _tell(self, name: str, text: str) -> None:
        """Say it, once for as long as it stays the same."""
        if self._told.get(name) != text:
            self._told[name] = text
            self._say(f"devstack: {name} {text}")
