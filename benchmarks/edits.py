"""Measure how long an edited trade takes to be priced in a running system."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from benchmarks.system import System
from instruments.models import Swap
from instruments.trade_repository import current_version

EDITS, LIMIT_S, LOOK_S, PAUSE_S = 12, 60.0, 0.002, 0.5


def warm_start_s(system: System) -> float:
    """Seconds from an edit to a ready book, of a compiler that has just been started.

    Its own start, Python's imports and all, is not counted: it waits for the edit.
    """
    system.stop("compiler")
    system.start("compiler")
    time.sleep(8.0)
    began = time.perf_counter()
    _edit(system, 0)
    system.compiled(LIMIT_S)
    return time.perf_counter() - began


def edits_ms(system: System, edits: int = EDITS) -> dict[str, Any]:
    """Milliseconds from a trade's commit to the ready book and to the published sums."""
    compiled, published = [], []
    for number in range(edits):
        time.sleep(PAUSE_S)
        currency = _edit(system, number)
        began, version = time.perf_counter(), current_version()
        _until_compiled(system, currency, version)
        compiled.append((time.perf_counter() - began) * 1e3)
        _until_priced(system, currency, version)
        published.append((time.perf_counter() - began) * 1e3)
    return {
        "edits": edits,
        "compiled_p50": round(statistics.median(compiled), 1),
        "published_p50": round(statistics.median(published), 1),
        "published_max": round(max(published), 1),
    }


def _edit(system: System, number: int) -> str:
    """Another trade's notional a little higher; returns its currency."""
    currency = system.currencies[number % len(system.currencies)]
    swap = Swap.objects.filter(convention__startswith=currency).order_by("trade_id")[number]
    swap.notional += Decimal(1000)
    swap.save()
    return currency


def _until_compiled(system: System, currency: str, version: int) -> None:
    def done() -> bool:
        newest = system.books.newest(currency)
        return newest is not None and newest.number >= version

    _until(done, f"{currency} book {version} is not compiled")


def _until_priced(system: System, currency: str, version: int) -> None:
    def done() -> bool:
        line = system.frames.history(currency, 1)[0]
        return int(line.book_version.partition("-")[0]) >= version

    _until(done, f"{currency} book {version} is not priced")


def _until(done: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{complaint} after {LIMIT_S:.0f} s")
        time.sleep(LOOK_S)
