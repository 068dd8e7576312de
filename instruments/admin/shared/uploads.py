"""Store uploaded files between the request that uploads and the request that confirms."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

KEPT_S = 3600
NAME = re.compile(r"[0-9a-f]{32}\Z")


class UploadGone(Exception):
    """The file was already used, or was not confirmed within an hour."""

    def __str__(self) -> str:
        return "The uploaded file has expired: upload it again"


class Uploads:
    """Keeps uploaded files under generated names, so that no other file can be read."""

    def __init__(self, name: str = "", **_options: Any) -> None:
        self.name = name

    def save(self, content: bytes) -> None:
        """Write a file that only this user of the machine can read; drop forgotten ones."""
        folder = _folder()
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - KEPT_S:
                old.unlink(missing_ok=True)
        self.name = secrets.token_hex(16)
        handle = os.open(folder / self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)

    def read(self) -> bytes:
        """The file.

        Raises:
            UploadGone: It is not there.
        """
        try:
            return self._path().read_bytes()
        except FileNotFoundError:
            raise UploadGone from None

    def remove(self) -> None:
        self._path().unlink(missing_ok=True)

    def _path(self) -> Path:
        if not NAME.match(self.name):
            raise UploadGone
        return _folder() / self.name


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"live-risk-uploads-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder
