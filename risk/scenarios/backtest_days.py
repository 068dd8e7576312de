"""Value at risk of the present book on each stored evening, for the backtest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.explain.market import MarketState
from pricing.markets.calendars import day_of
from pricing.measures.netting import merge, net
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock
from pricing.scenarios.historical import SCENARIOS, Closes, historical_moves
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ready_groups, revalue
from pricing.scenarios.tail import tail_of


@dataclass(frozen=True)
class CurrencyBook:
    """The trades of a currency, its markets by date, its closes, and US dollars per unit."""

    blocks: Sequence[FlowBlock]
    states: Mapping[dt.date, MarketState]
    closes: Closes
    usd: float


class Losses(NamedTuple):
    """P&L of the historical scenarios by book on an evening, US dollars; shape (scenarios,)."""

    books: Mapping[str, FloatArray]
    scenarios: int


def losses_on(
    date: dt.date,
    books: Mapping[str, CurrencyBook],
    options: CurveOptions,
    *,
    count: int = SCENARIOS,
    kind: str = "absolute",
) -> Losses:
    """Revalue the book of an evening at the moves of the days up to it.

    Args:
        date: An evening for which all currencies have a market.
        books: By currency.
        options: How curves are made.
        count: How many scenarios at most.
        kind: ``absolute`` or ``relative`` moves.

    Raises:
        PricingError: A currency has no curves at its quotes, or fewer than two closes.
    """
    curves, nodes = {}, {}
    for currency, book in books.items():
        state = book.states[date]
        made = CurveSet(date, shape_of(state.quotes), state.fixings, options)
        curves[currency] = made
        nodes[currency] = made.solve(made.vector(state.quotes))
    history = historical_moves(
        [book.closes.on(lambda day: day <= date) for book in books.values()],
        {name: made.keys for name, made in curves.items()},
        {name: solved.quotes for name, solved in nodes.items()},
        count=count,
        kind=kind,
        years={name: made.grid.key_years() for name, made in curves.items()},
    )
    found: dict[str, FloatArray] = {}
    for currency, book in books.items():
        made, state = curves[currency], book.states[date]
        dated = [roll_to(b, day_of(date), state.fixings, made.names) for b in book.blocks]
        netted = merge([net(one, made.names) for one in dated])
        par = history.currencies[currency].moves
        moves = Moves(par, np.zeros_like(par))
        pnl = revalue(ready_groups(netted, made.grid), made, nodes[currency], moves).pnl
        for (name, _), row in zip(netted.groups, pnl, strict=True):
            found[str(name)] = found.get(str(name), 0.0) + book.usd * row
    return Losses(found, len(history.days))


def value_at_risk(losses: Losses, books: Sequence[str], level: str) -> float:
    """Value at risk of some books together; days without a P&L in one of them do not count."""
    rows = [losses.books[name] for name in books if name in losses.books]
    if not rows:
        return 0.0
    total = np.sum(rows, axis=0)
    return tail_of(total[np.isfinite(total)], level).var
