"""Measure how much faster two processes price blocks than one."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

ROUNDS = 5


def efficiency(work: Sequence[Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """Ticks a second of one process with all work, and of two with half each.

    The two are forked, as Celery forks its children. 1.0 means twice the speed.
    """
    found = [_ticks_a_second(work, seconds) for _ in range(ROUNDS)]
    one, two = ([pair[place] for pair in found] for place in (0, 1))
    ratios = [b / (2 * a) for a, b in found]
    return {
        "one_process_ticks_a_s": round(statistics.median(one), 2),
        "two_processes_ticks_a_s": round(statistics.median(two), 2),
        "efficiency": round(statistics.median(ratios), 3),
        "efficiency_spread": [round(min(ratios), 3), round(max(ratios), 3)],
    }


def _ticks_a_second(work: Sequence[Callable[[], Any]], seconds: float) -> tuple[float, float]:
    (alone,) = _run([work], seconds)
    halves = _run([work[0::2], work[1::2]], seconds)
    # A tick is done when both halves are: the slower one counts.
    return alone, min(halves)


def _run(shares: Sequence[Sequence[Callable[[], Any]]], seconds: float) -> list[float]:
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(len(shares)), context.SimpleQueue()

    def price(share: Sequence[Callable[[], Any]], start: Barrier) -> None:
        for step in share:
            step()
        start.wait()
        began, rounds = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            for step in share:
                step()
            rounds += 1
        answers.put(rounds / (time.perf_counter() - began))

    children = [context.Process(target=price, args=(share, start)) for share in shares]
    for child in children:
        child.start()
    found = [answers.get() for _ in children]
    for child in children:
        child.join()
    return found
