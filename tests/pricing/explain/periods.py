"""Books explained over a period, by trade and by group, for tests of the explain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pricing.curves.quotes import CurveOptions, CurveQuotes
from pricing.explain.changes import PreparedChanges, changed_trades, value_changes, with_changes
from pricing.explain.explain import Explained, Opened, explain, open_period
from pricing.explain.flows import (
    PeriodFixings,
    net_period,
    roll_period,
    rows_by_group,
    rows_by_trade,
)
from pricing.explain.market import MarketState, Period
from pricing.products.cash_flows import CompiledTrade, FlowBlock, make_block
from pricing.products.flows import compile_book
from pricing.products.terms import Terms

BLOCK = 5


def blocks_of(trades: Sequence[CompiledTrade], size: int = BLOCK) -> list[FlowBlock]:
    """Trades in blocks of a few."""
    ordered = sorted(trades, key=lambda trade: trade.trade_id)
    return [make_block(ordered[i : i + size]) for i in range(0, len(ordered), size)]


def compiled(book: Sequence[Terms]) -> list[CompiledTrade]:
    good, failed = compile_book(book)
    assert not failed, failed
    return good


class Held(NamedTuple):
    """A period with its book, before the quotes of its end."""

    period: Period
    by_trade: list[Opened]
    by_group: Opened


def hold(
    book: Sequence[Terms] | Sequence[CompiledTrade],
    start: MarketState,
    end: MarketState,
    options: CurveOptions = CurveOptions(),
) -> Held:
    period = Period(start, end, options)
    trades = [t for t in book if isinstance(t, CompiledTrade)] or compiled(book)
    fixings = PeriodFixings(period)
    rolled = [roll_period(block, fixings) for block in blocks_of(trades)]
    netted = [net_period(block, period.curves) for block in rolled]
    return Held(
        period,
        [open_period(rows_by_trade(block), period) for block in rolled],
        open_period(rows_by_group(netted), period),
    )


def by_group(
    book: Sequence[Terms],
    start: MarketState,
    end: MarketState,
    after: Sequence[Terms] | None = None,
    paid: dict[str, float | None] | None = None,
) -> Explained:
    """The explain of groups; ``after`` is the book of the end."""
    held = hold(book, start, end)
    move = held.period.move_to(end.quotes)
    found = explain(held.by_group, move)
    if after is None:
        return found
    old, new = blocks_of(compiled(book)), blocks_of(compiled(after))
    changes = changed_trades(old, new, held.period.today)
    valued = value_changes(PreparedChanges(changes, held.period), move, paid or {})
    assert not valued.failures
    return with_changes(found, valued.trades)


def by_trade(book: Sequence[Terms], start: MarketState, end: MarketState) -> dict[str, dict]:
    """Terms and memos of each trade."""
    held = hold(book, start, end)
    move = held.period.move_to(end.quotes)
    made: dict[str, dict] = {}
    for opened in held.by_trade:
        found = explain(opened, move)
        lost = {failure.trade_id for failure in found.failures}
        for row, name in enumerate(found.names):
            if name not in lost:
                made[str(name)] = {term: float(v[row]) for term, v in found.terms.items()}
                made[str(name)]["by_quote"] = found.delta[row]
    return made


def state(date: dt.date, quotes: CurveQuotes, fixings=None) -> MarketState:
    return MarketState(date, quotes, fixings or {})


def moved(quotes: CurveQuotes, bp: float, twist_bp: float = 0.0) -> CurveQuotes:
    """All quotes moved in parallel, and twisted from the short to the long end."""
    return {
        curve: {
            tenor: rate + 1e-4 * (bp + twist_bp * (2.0 * place / max(1, len(some) - 1) - 1.0))
            for place, (tenor, rate) in enumerate(some.items())
        }
        for curve, some in quotes.items()
    }


def total(found: Explained, term: str) -> float:
    """The sum of a term over all rows."""
    return float(np.sum(found.terms[term]))
