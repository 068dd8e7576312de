"""Measure how long an edited trade takes to be priced in a running system."""

from __future__ import annotations

import statistics
import time
from decimal import Decimal
from typing import Any

from benchmarks.system import System
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
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
    _edit(0)
    system.compiled(LIMIT_S)
    return time.perf_counter() - began


def edits_ms(system: System) -> dict[str, Any]:
    """Milliseconds from a trade's commit to the ready book and to the published frame."""
    compiled, published = [], []
    for number in range(EDITS):
        time.sleep(PAUSE_S)
        currency = _edit(number)
        began, version = time.perf_counter(), current_version()
        system.compiled(LIMIT_S)
        compiled.append((time.perf_counter() - began) * 1e3)
        _until_priced(system, currency, version)
        published.append((time.perf_counter() - began) * 1e3)
    return {
        "edits": EDITS,
        "compiled_p50": round(statistics.median(compiled), 1),
        "published_p50": round(statistics.median(published), 1),
        "published_max": round(max(published), 1),
    }


def _edit(number: int) -> str:
    """Another trade's notional a little higher; returns its currency."""
    currency = CURRENCIES[number % len(CURRENCIES)]
    swap = Swap.objects.filter(convention__startswith=currency).order_by("trade_id")[number]
    swap.notional += Decimal(1000)
    swap.save()
    return currency


def _until_priced(system: System, currency: str, version: int) -> None:
    end = time.monotonic() + LIMIT_S
    while int(system.frames.history(currency, 1)[0].book_version.partition("-")[0]) < version:
        if time.monotonic() > end:
            raise TimeoutError(f"{currency} book {version} is not priced after {LIMIT_S:.0f} s")
        time.sleep(LOOK_S)
