"""Write the tables of docs/reliability.md from the reports of ``make faults`` and ``make soak``.

Run from the root of the repository: ``python -m docs.make_faults [FAULTS.json] [SOAK.json]``.
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
SOAKS = Path(".local/soak")
EDGES_MS = (250, 500, 1000, 2000, 5000, 15_000)
OTHERS = {
    "failover": ("F29", "F30", "F31"),
    "brokers": ("F32",),
    "standby": ("F33",),
    "hosts": ("F34",),
}
"""Faults with a table of their own, by its mark: planned work, servers that fail over, hosts."""

HEAD = ("fault", "done", "recovery ms: median / worst", "aim ms", "held", "verdict")


def rows(faults: list[dict[str, Any]]) -> list[str]:
    """A table with a row for each fault that was tried."""
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for fault in sorted(faults, key=lambda each: _number(each["fault"])):
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


def faults(report: dict[str, Any]) -> str:
    """The table of the faults of single servers, and where it was made."""
    first = _left_over(report)
    return "\n".join([f"Seed {report['seed']}, {report['broker']}.", "", *rows(first)])


def _left_over(report: dict[str, Any]) -> list[dict[str, Any]]:
    others = {name for names in OTHERS.values() for name in names}
    return [fault for fault in report["faults"] if fault["fault"] not in others]


def soak(report: dict[str, Any]) -> str:
    """Return what was done, what held, how long recoveries took: all, and by fault."""
    taken = report["recovery_ms"]
    every = [ms for some in taken.values() for ms in some]
    text = (
        f"Seed {report['seed']}, {report['minutes']} minutes, {report['trades']:,} trades,"
        f" {report['broker']}: {len(every)} rounds of faults, {report['ticks_in_kafka']:,} ticks,"
        f" {report['frames_seen']:,} frames, {report['frames_compared']:,} of them and"
        f" {report['trades_compared']:,} trades priced again by one process, largest difference"
        f" {report['largest_difference']}. Broken: {len(report['broken']) or 'nothing'}."
    )
    return "\n".join([text, "", *_histogram(every), "", *_by_fault(taken)])


def _histogram(every: list[float]) -> list[str]:
    lows, heads = (0, *EDGES_MS), [f"to {edge / 1000:g} s" for edge in EDGES_MS]
    heads.append(f"over {EDGES_MS[-1] / 1000:g} s")
    highs = (*EDGES_MS, float("inf"))
    counts = [sum(low < ms <= high for ms in every) for low, high in zip(lows, highs, strict=True)]
    return [
        f"| recovery | {' | '.join(heads)} |",
        f"|---|{'--:|' * len(heads)}",
        f"| rounds | {' | '.join(map(str, counts))} |",
    ]


def _by_fault(taken: dict[str, list[float]]) -> list[str]:
    """One fault a row; pairs together, for there are many."""
    found: dict[str, list[float]] = {}
    for name, some in taken.items():
        found.setdefault("two at once" if " + " in name else name, []).extend(some)
    lines = ["| fault | rounds | median ms | worst ms |", "|---|--:|--:|--:|"]
    for name in sorted(found, key=_number):
        half, worst = statistics.median(found[name]), max(found[name])
        lines.append(f"| {name} | {len(found[name])} | {half:,.0f} | {worst:,.0f} |")
    return lines


def _number(name: str) -> int:
    found = re.match(r"F(\d+)\b", name)
    return int(found[1]) if found else 99


def put(page: str, mark: str, text: str) -> str:
    """The page with a text between ``<!-- mark -->`` and the next ``<!-- end -->``."""
    place = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"{PAGE}: there is no <!-- {mark} --> with an <!-- end -->")
    return place.sub(lambda m: f"{m[1]}{text}\n{m[2]}", page)


def main(words: list[str]) -> None:
    """Write the tables for which the two reports have something: those named, or the newest.

    A report of `make faults FAULT=F31` changes the table with F31, and no other.
    """
    found = [*words, *map(str, [REPORT, *sorted(SOAKS.glob("soak-*.json"))[-1:]][len(words) :])]
    report = json.loads(Path(found[0]).read_text())
    page = PAGE.read_text()
    if _left_over(report):
        page = put(page, "measured", faults(report))
    for mark, names in OTHERS.items():
        if found_rows := [fault for fault in report["faults"] if fault["fault"] in names]:
            page = put(page, mark, "\n".join(rows(found_rows)))
    for file in found[1:]:
        page = put(page, "soak", soak(json.loads(Path(file).read_text())))
    PAGE.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
