"""Measure the processor time and the memory of a process.

Unlike latency, processor time hardly depends on the load of the machine.
"""

from __future__ import annotations

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def seconds_of(pid: int) -> float:
    """User and system time in seconds of a process and all its descendants."""
    own = _stat(pid)
    return (own + sum(seconds_of(child) for child in _children(pid))) if own is not None else 0.0


def _stat(pid: int) -> float | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    # utime, stime, and those of children that have ended.
    return float(sum(int(x) for x in fields[11:15]) / TICKS_PER_S)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in tasks.read_text().split()]
        except OSError:
            continue
    return found


def proportional_bytes(pid: int) -> int:
    """Memory of one process, shared pages divided by those who share them; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def descendants(pid: int) -> list[int]:
    """Ids of all processes below one."""
    below = _children(pid)
    return below + [deep for child in below for deep in descendants(child)]
