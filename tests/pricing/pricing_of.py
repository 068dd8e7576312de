"""Short ways to price a book for a test, on the fast path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import CurveOptions, CurveQuotes, shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock, make_block
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms


class Priced(NamedTuple):
    risk: BlockRisk
    curves: CurveSet
    solved: Solved


def compiled(book: Sequence[Terms], options: CurveOptions = CurveOptions()) -> FlowBlock:
    return make_block([compile_trade(terms, indexed=options.indexed) for terms in book])


def priced(
    book: Sequence[Terms] | FlowBlock,
    today: dt.date,
    quotes: CurveQuotes,
    fixings: Fixings | None = None,
    options: CurveOptions = CurveOptions(),
) -> Priced:
    block = book if isinstance(book, FlowBlock) else compiled(book, options)
    curves = CurveSet(today, shape_of(quotes), fixings, options)
    solved = curves.solve(curves.vector(quotes))
    dated = roll_to(block, day_of(today), fixings or {}, curves.names)
    return Priced(price_block(make_ready(dated, curves.grid), curves, solved), curves, solved)
