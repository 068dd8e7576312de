"""A report of ``make faults`` in; the measured table of docs/reliability.md out, between its marks.

Run from the root of the repository: ``python -m docs.make_faults``.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("reliability.md")
REPORT = Path(".local/test-faults.json")
MARKED = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = ("fault", "done", "recovery ms: median / worst", "aim ms", "held", "verdict")


def rows(report: dict[str, Any]) -> list[str]:
    """The table, a row for each fault that was tried."""
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for fault in report["faults"]:
        aim = fault["budget_ms"]
        notes = "".join(f"<br>{note}" for note in fault["notes"])
        cells = [
            fault["fault"],
            f"{fault['done']}{notes}",
            _taken(fault["recovery_ms"]),
            f"{aim:,.0f}" if aim else "",
            fault["invariants"],
            fault["verdict"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _taken(recovery_ms: list[float]) -> str:
    if len(recovery_ms) < 2:
        return "".join(f"{taken:,.0f}" for taken in recovery_ms)
    return f"{statistics.median(recovery_ms):,.0f} / {max(recovery_ms):,.0f}"


def page(report: dict[str, Any]) -> str:
    """The page with the table of a report."""
    table = "\n".join([f"Seed {report['seed']}, {report['broker']}.", "", *rows(report)])
    return MARKED.sub(lambda m: f"{m[1]}{table}\n{m[2]}", PAGE.read_text())


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    PAGE.write_text(page(json.loads(file.read_text())))
