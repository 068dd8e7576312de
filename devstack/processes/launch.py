"""Become another user, arrange to be killed when the parent dies, and execute a command.

Run by path, as its own process: ``python -I -S launch.py PARENT SIGNAL UID GID -- COMMAND...``.
UID -1 keeps the user. Linux clears the parent-death signal when a process changes its user, so
the user is changed first, then the signal is set, then the command is executed.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def drop_to(uid: int, gid: int) -> None:
    """Become an ordinary user permanently; -1 keeps the present one."""
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(parent: int, death_signal: int) -> None:
    """Ask the kernel for `death_signal` when the parent ends; leave if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def ordinary_signals() -> None:
    """Restore the signal handling that Python or a supervisor changed: exec would pass it on."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main(argv: list[str]) -> None:
    """Become the command."""
    parent, death_signal, uid, gid = (int(word) for word in argv[1:5])
    command = argv[6:]
    drop_to(uid, gid)
    die_with(parent, death_signal)
    ordinary_signals()
    try:
        os.execvp(command[0], command)  # nosec B606  # noqa: S606 - a shell would stand between
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv)
