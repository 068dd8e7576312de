"""Run a command, forward signals to it once, and leave none of its child processes behind."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from devstack.processes.process import POLL_S, start_ticks, through_launcher

FORWARDED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
WATCHED = FORWARDED | {signal.SIGCHLD}
PR_SET_CHILD_SUBREAPER = 36
SI_KERNEL = 0x80  # from <asm-generic/siginfo.h>: the terminal sent it, to the whole group
LOOK_S = 1.0
GRACE_S = 30.0
ORPHAN_GRACE_S = 5.0


def supervise(
    command: list[str], extra_environment: Mapping[str, str], watch: Callable[[], None]
) -> int:
    """Run `command` in this process group until it ends.

    Ctrl-C in a terminal reaches the command without us, so that signal is not sent a second time;
    one sent to this process alone (kill, a service manager) is passed on. After the first signal
    the command has `GRACE_S` seconds to end.

    Args:
        command: Program and arguments.
        extra_environment: Added to ours.
        watch: Called about once a second, to check the servers.

    Returns:
        The command's exit code; 128 + n when signal n ended it.
    """
    adopt_orphans()
    servers = set(children_of(os.getpid()))
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    child = subprocess.Popen(
        through_launcher(command, signal.SIGTERM), env={**os.environ, **extra_environment}
    )
    wait_for(child, watch)
    end_orphans(servers)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def wait_for(child: subprocess.Popen[bytes], watch: Callable[[], None]) -> None:
    """Wait for the end of the command, passing signals on."""
    deadline = float("inf")
    while child.poll() is None:
        info = signal.sigtimedwait(WATCHED, LOOK_S)
        if info is not None and info.si_signo in FORWARDED:
            deadline = min(deadline, time.monotonic() + GRACE_S)
            if info.si_code != SI_KERNEL:
                child.send_signal(info.si_signo)
        if time.monotonic() > deadline:
            child.kill()
        watch()


def adopt_orphans() -> None:
    """Have the kernel hand us the grandchildren of a command that dies before them."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(parent: int) -> list[int]:
    """Return the process ids of the direct children."""
    return [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if is_child(int(entry.name), parent)
    ]


def is_child(pid: int, parent: int) -> bool:
    """Return whether `parent` is the parent of `pid`."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(fields[1]) == parent


def end_orphans(servers: set[int]) -> None:
    """End processes that the command left behind: SIGTERM, then SIGKILL, until none is left."""
    deadline = time.monotonic() + ORPHAN_GRACE_S
    told: set[int] = set()
    while orphans := [pid for pid in children_of(os.getpid()) if pid not in servers]:
        hard = time.monotonic() > deadline
        for pid in orphans:
            if hard or pid not in told:
                send(pid, signal.SIGKILL if hard else signal.SIGTERM)
                told.add(pid)
            bury(pid)
        time.sleep(POLL_S)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may just have gone."""
    if start_ticks(pid) is not None:
        os.kill(pid, number)


def bury(pid: int) -> None:
    """Take the exit code of an adopted child that has ended."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
