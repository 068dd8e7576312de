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


SAME = 1e-6
"""Largest difference of a group's value and of its DV01 between a close priced again and what was
published, as a share of the book's gross value and DV01."""


def require_same(one: Repriced) -> None:
    """Refuse a close that does not come out as it was published.

    The sentence has no figures: whoever may see one desk reads it too.

    Raises:
        NotNow: A group has other trades, another value or another DV01.
    """
    if one.equal:
        return
    again, stored = (
        {(cell.book, cell.product): cell for cell in rollup.cells}
        for rollup in (one.frame.rollup, one.stored)
    )
    same = again.keys() == stored.keys() and all(
        (again[place].trades, again[place].failed) == (cell.trades, cell.failed)
        for place, cell in stored.items()
    )
    for name in ("npv", "dv01_par"):
        gross = sum(abs(getattr(cell, name)) for cell in stored.values())
        same = same and all(
            abs(getattr(again[place], name) - getattr(cell, name)) <= SAME * gross
            for place, cell in stored.items()
        )
    if not same:
        raise NotNow(
            f"the close of {one.stored.valuation_date} does not come out as it was published: "
            f"manage.py reprice --currency {one.stored.currency} shows what differs"
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
        require_same(end)
        start = reprice(before, options, processes=processes)
        require_same(start)
        books = DayBooks([start.frame.book, end.frame.book])
        maker = ExplainMaker(frames, books, options, considerations)
        period = maker.since_close(as_held(start), as_held(end))
    except (NotNow, NothingStored, PricingError) as error:
        return str(error)
    return Explain.of(end.stored, {"close": period}, {}, time.monotonic() - started)
