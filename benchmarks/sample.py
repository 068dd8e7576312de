"""Compare a sample of published trades with plain QuantLib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from pricing.curves.quotes import CurveOptions
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.workers.crosscheck import check_frame


def largest_differences(frames: Frames, currencies: Sequence[str], times: int) -> dict[str, Any]:
    """The worst of some checks of each currency; each takes other trades."""
    books = CompiledBooks(connect(settings.REDIS_URL, timeout_s=10.0))
    found = [check_frame(frames, books, CurveOptions(), name) for name in currencies] * times
    made = [result for result in found if result is not None]
    return {
        "trades": sum(result.trades for result in made),
        "npv_error": max(result.npv_error for result in made),
        "ladder_error": max(result.ladder_error for result in made),
    }
