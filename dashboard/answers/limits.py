"""View models of limits: their order, their numbers in words, and those of the chosen desk."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard import format
from dashboard.risk import Choice
from pricing.exposure.definition import MEASURES
from risk.limits.board import Board, BreachRow, LimitRow

WORST_FIRST = ("breach", "unknown", "warning", "ok", "inactive")


def number(value: float | None) -> str:
    """A number with thousands, and more digits where it is small."""
    if value is None:
        return format.NOTHING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"


def used(row: LimitRow) -> str:
    """How much of the hard limit is used, in percent."""
    return format.NOTHING if row.utilisation is None else f"{row.utilisation:.0%}"


def measure(row: LimitRow) -> str:
    """Return what a limit is on, as its label says it, with bucket, level or scenario."""
    known = MEASURES.get(row.measure)
    label = known.label.partition(":")[0] if known else row.measure
    return f"{label} {row.detail}".strip()


def in_order(rows: Sequence[LimitRow]) -> list[LimitRow]:
    """The worst state first, then the most used."""
    return sorted(
        rows, key=lambda row: (WORST_FIRST.index(row.state), -(row.utilisation or 0.0), row.code)
    )


def chosen(board: Board, choice: Choice) -> tuple[list[LimitRow], list[BreachRow]]:
    """Limits and breaches of the chosen desk; of all desks when none is chosen."""
    if choice.desk is None:
        return board.limits, board.breaches
    return (
        [row for row in board.limits if row.desk == choice.desk],
        [row for row in board.breaches if row.desk == choice.desk],
    )


def of_measure(
    rows: Sequence[LimitRow], name: str, level: str, desk: str | None
) -> LimitRow | None:
    """Return the limit on a number of the whole scope, or None.

    Args:
        rows: All limits.
        name: Its measure, such as ``var``.
        level: Its level, as the detail of the limit begins.
        desk: The scope; None: the firm.
    """
    whole = "firm" if desk is None else f"desk {desk}"
    found = (
        row
        for row in rows
        if row.measure == name and row.detail.startswith(level) and row.scope == whole
    )
    return next(found, None)
