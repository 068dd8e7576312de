"""Errors for files, rows and cells that cannot be loaded, with messages for users."""

from __future__ import annotations

from collections.abc import Sequence


class BadCell(Exception):
    """One cell is wrong; the sentence names its value, the caller knows row and column."""


class BadFile(Exception):
    """The file as a whole cannot be read."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.errors: Sequence[str] = sentences

    def __str__(self) -> str:
        return "\n".join(self.errors)


class Conflict(Exception):
    """Somebody else wrote the same rows in this moment; nothing of the load was written."""
