"""Tables shown beside an admin form; other apps register functions that provide them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Panel:
    """A table of text with headers, a sentence below it, and links of its rows."""

    title: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""
    links: Sequence[tuple[str, str]] = field(default=())
    """Text and address."""


class LivePanels(Protocol):
    """What an app that knows live risk can show on the pages of trades and bonds."""

    def values(self, trade_ids: Sequence[str], *, title: str) -> Panel:
        """Return what trades are worth now."""

    def flows(self, trade_id: str) -> Panel | None:
        """The cash flows still to come as they are valued now; None when they are not known."""

    def contract(self, kind: str, terms: Mapping[str, object], *, title: str) -> Panel:
        """All cash flows of a contract ("bond" or "swap"), the past included, without a market."""


class _NoLiveRisk:
    """The default panel, when no app has registered live values."""

    def values(self, trade_ids: Sequence[str], *, title: str) -> Panel:
        return Panel(title, note="Live values are not available in this process.")

    def flows(self, trade_id: str) -> Panel | None:
        return None

    def contract(self, kind: str, terms: Mapping[str, object], *, title: str) -> Panel:
        return Panel(title, note="Live values are not available in this process.")


_live: list[LivePanels] = [_NoLiveRisk()]


def register_live(panels: LivePanels) -> None:
    """Show these panels on the pages of trades and bonds."""
    _live.append(panels)


def live() -> LivePanels:
    """The panels registered last."""
    return _live[-1]
