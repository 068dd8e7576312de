"""Explain the P&L of a stored close since the one before, by the code that explains live frames."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from instruments.trade_repository import considerations
from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from risk.explain.frame_closes import LONGEST_GAP, close_before
from risk.explain.maker import ExplainMaker, NotNow
from risk.models import FrameClose
from risk.reprice.day_books import DayBooks
from risk.reprice.repricer import NothingStored, Repriced, reprice
from risk.store.explains import Explain
from risk.store.results import Rollup


def as_held(one: Repriced) -> Rollup:
    """A close with the name of the book that this process holds."""
    held = one.frame.book.made
    return msgspec.structs.replace(
        one.stored, book_version=held.version, blocks=held.blocks, missing=one.frame.missing
    )


def explain_close(
    row: FrameClose, end: Repriced, options: CurveOptions, frames: Any, processes: int = 1
) -> Explain | str:
    """The explain of a close since the one before it in its market, or why there is none.

    Args:
        row: The close.
        end: The same close, priced again.
        options: How curves and flows are made.
        frames: Frames of any Redis; nothing of it is read.
        processes: Processes that compile.
    """
    started = time.monotonic()
    before = close_before(row.market, row.currency, row.date)
    if before is None:
        return f"no close of the {LONGEST_GAP.days} days before is stored"
    try:
        start = reprice(before, options, processes=processes)
        books = DayBooks([start.frame.book, end.frame.book])
        maker = ExplainMaker(frames, books, options, considerations)
        period = maker.since_close(as_held(start), as_held(end))
    except (NotNow, NothingStored, PricingError) as error:
        return str(error)
    return Explain.of(end.stored, {"close": period}, {}, time.monotonic() - started)
