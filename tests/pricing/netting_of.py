"""Random books in dated blocks, and their sums by trade, for tests of netted flows."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import PricingError
from pricing.markets.calendars import day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.netting import Group
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import CompiledTrade, make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms
from tests.pricing import sample_markets

BOOKS = ("alpha", "beta", "gamma")
BLOCK = 4


@dataclasses.dataclass
class Market:
    """One currency on one date, with a book in blocks of a few trades."""

    today: dt.date
    curves: CurveSet
    solved: Solved
    fixings: Fixings
    trades: list[CompiledTrade]
    blocks: list[DatedBlock]

    def risks(self) -> list[BlockRisk]:
        """Numbers by trade."""
        return [
            price_block(make_ready(dated, self.curves.grid), self.curves, self.solved)
            for dated in self.blocks
        ]


def draw_market(draw: Callable, currency: str, options: CurveOptions = CurveOptions()) -> Market:
    """Random trades, some twice under other names, one that matured and one that fails."""
    today, quotes = draw(sample_markets.dates), draw(sample_markets.markets(currency))
    book = draw(sample_markets.books(currency, today))
    book += [msgspec.structs.replace(t, trade_id=t.trade_id + "-again") for t in book[:3]]
    book.append(matured(currency, today))
    good = compiled(book, options)
    good.append(dataclasses.replace(good[0], trade_id="fails", discount="no such curve"))
    return market(good, today, quotes, sample_markets.fixings_until(today), options)


def market(
    trades: Sequence[CompiledTrade],
    today: dt.date,
    quotes,
    fixings: Fixings,
    options: CurveOptions = CurveOptions(),
) -> Market:
    """Solved curves, and the trades in blocks on their date."""
    curves = CurveSet(today, shape_of(quotes), fixings, options)
    solved = curves.solve(curves.vector(quotes))
    piles = [trades[i : i + BLOCK] for i in range(0, len(trades), BLOCK)]
    dated = [roll_to(make_block(pile), day_of(today), fixings, curves.names) for pile in piles]
    return Market(today, curves, solved, fixings, list(trades), dated)


ROUNDING = 2e-14
"""Of the money that flows move: an average of overnight fixings is a sum of hundreds of differences
of numbers of the size of its notional."""


def rounding(market: Market) -> float:
    """Return what sums may differ by."""
    flows = [dated.block.flows for dated in market.blocks]
    moved = [2.0 * np.abs(some["scale"]).sum() + np.abs(some["amount"]).sum() for some in flows]
    return ROUNDING * float(sum(moved))


def matured(currency: str, today: dt.date) -> SwapTerms:
    return SwapTerms(
        trade_id="matured",
        book="",
        convention=sample_markets.SWAPS_OF[currency][0],
        pay_receive="pay",
        notional=sample_markets.NOTIONAL,
        effective_date=today - dt.timedelta(days=500),
        termination_date=today - dt.timedelta(days=100),
        fixed_rate=0.02,
    )


def compiled(book: Sequence[Terms], options: CurveOptions = CurveOptions()) -> list[CompiledTrade]:
    """Return what compiles of a book, dealt to three books by turns."""
    found: list[CompiledTrade] = []
    for number, terms in enumerate(book):
        try:
            trade = compile_trade(terms, indexed=options.indexed)
        except PricingError:  # QuantLib makes no schedule of some stubs
            continue
        found.append(dataclasses.replace(trade, book=BOOKS[number % len(BOOKS)]))
    return found


def sums_by_trade(
    blocks: Sequence[DatedBlock], groups: Sequence[Group], numbers: Sequence[FloatArray]
) -> FloatArray:
    """Numbers of the trades of each block, added by group; those that are not finite are left out.

    Args:
        blocks: Blocks.
        groups: Groups.
        numbers: For each block a number or a row a trade.
    """
    total = np.zeros((len(groups), *numbers[0].shape[1:]))
    for dated, values in zip(blocks, numbers, strict=True):
        for row, pair in enumerate(zip(dated.block.books, dated.block.products, strict=True)):
            total[groups.index(pair)] += np.where(np.isfinite(values[row]), values[row], 0.0)
    return total
