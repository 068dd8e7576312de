"""Lock a base directory for one process until it releases the lock or dies."""

import fcntl
import os
from pathlib import Path

from devstack.errors import StackError


def holder(base: Path) -> int | None:
    """Process id of the launcher that uses `base`, or None when it is free."""
    path = base / "lock"
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(file.read() or 0)
    return None


class BaseLock:
    """Allows one launcher per directory. The kernel releases the lock when its holder dies."""

    def __init__(self, base: Path) -> None:
        """Prepare a lock of the directory ``base``."""
        self._base = base
        self._fd: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            StackError: Another launcher has it.
        """
        fd = os.open(self._base / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(fd, 20).decode() or "unknown"
            os.close(fd)
            raise StackError(
                f"{self._base} is in use by process {pid}: stop that one "
                f"(python -m devstack stop --base {self._base}) or give another --base."
            ) from error
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        self._fd = fd

    @property
    def held(self) -> bool:
        """Return whether this object holds the lock."""
        return self._fd is not None

    def give_back(self) -> None:
        """Free the lock; harmless when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
