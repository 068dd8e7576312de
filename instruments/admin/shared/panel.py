"""A table beside a form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Panel:
    """Headers, rows of text, and a sentence below; a row may lead somewhere."""

    title: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""
    links: Sequence[tuple[str, str]] = field(default=())
    """Text and address."""
