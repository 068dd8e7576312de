"""Choose the user that runs PostgreSQL, which refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackError


@dataclass(frozen=True)
class Account:
    """An ordinary user to drop to."""

    uid: int
    gid: int

    def reaches(self, path: Path, mode: str = "-x") -> bool:
        """Return whether `path` passes ``test MODE`` for that user."""
        test = shutil.which("test") or "/usr/bin/test"
        asked = subprocess.run(
            [test, mode, str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            check=False,
        )
        return asked.returncode == 0

    def own(self, path: Path) -> None:
        """Make that user the owner of one file or directory."""
        os.chown(path, self.uid, self.gid)


def server_account() -> Account | None:
    """Return the user that PostgreSQL must run as: `nobody` for root, else None (the same user)."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            "PostgreSQL refuses to run as root and this machine has no user 'nobody': "
            "run as an ordinary user, or set DATABASE_URL."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)
