"""Report the faults of a run as a table for a terminal and as a JSON file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FAR = 10
HEAD = ("id", "what was done", "recovery ms", "budget ms", "invariants", "verdict")


@dataclass
class Row:
    """One fault: what was done, how long until whole frames came again, what held.

    ``recovery_ms`` has one entry for each time it was tried. ``budget_ms`` is what is aimed at;
    `make faults` fails only at ``FAR`` times that, since machines differ. Beside other tests a
    time says nothing of the system, so `make test` fails only if frames do not come at all.
    """

    fault: str
    done: str
    budget_ms: float | None = None
    recovery_ms: list[float] = field(default_factory=list)
    invariants: str = ""
    verdict: str = ""
    notes: list[str] = field(default_factory=list)

    def judge(self, outcome: str) -> None:
        """Fill in the verdict, unless one stands there.

        Args:
            outcome: Of the test, as pytest names it.
        """
        if outcome == "failed":
            self.verdict = "FAILED"
        elif outcome == "skipped":
            self.verdict = "not run"
        elif not self.verdict:
            self.verdict = "holds, over budget" if self.exceeds(1) else "holds"

    def exceeds(self, times: float) -> bool:
        """Return whether the worst recovery took longer than so many times the budget."""
        worst = max(self.recovery_ms, default=0.0)
        return self.budget_ms is not None and worst > times * self.budget_ms


def spread(values: Sequence[float]) -> str:
    """Such as ``412`` or ``380 / 912 (n=20)``: median and worst."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:,.0f}"
    return f"{statistics.median(values):,.0f} / {max(values):,.0f} (n={len(values)})"


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of text; notes stand below their row."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = []
    for line, row in zip(cells, [None, *rows], strict=True):
        lines.append("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)))
        lines += [f"      {note}" for note in (row.notes if row else ())]
    return [line.rstrip() for line in lines]


def _cells(row: Row) -> tuple[str, ...]:
    budget = "-" if row.budget_ms is None else f"{row.budget_ms:,.0f}"
    return (row.fault, row.done, spread(row.recovery_ms), budget, row.invariants, row.verdict)


def write(path: Path, rows: Sequence[Row], **about: object) -> None:
    """As JSON, with whatever is to be known about the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "faults": [asdict(row) for row in rows]}, indent=1))
