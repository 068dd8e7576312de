"""Stored days replayed in process: the sample book explained from close to close."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from demo import sample
from feedbridge.replay.history.daily import stored
from feedbridge.replay.history.fixings import derive_fixings
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import shape_of
from pricing.explain.explain import Explained, explain, open_period
from pricing.explain.flows import (
    PeriodFixings,
    net_period,
    roll_period,
    rows_by_group,
    rows_by_trade,
)
from pricing.explain.market import MarketState, Period
from pricing.explain.terms import TERM_NAMES
from pricing.markets import conventions
from pricing.measures.bond_analytics import price_security
from pricing.products.cash_flows import FlowBlock, make_block
from pricing.products.flows import compile_book
from pricing.products.registry import as_security
from pricing.products.terms import Terms

FIRST_FIXING = dt.date(2019, 1, 2)


class Step(NamedTuple):
    """One currency from one close to the next.

    Attributes:
        currency: The currency.
        date: The later close.
        move_bp: The largest move of a quote.
        gross_pnl: Sum over trades of the absolute total.
        gross_npv: Sum over trades of the absolute value at the end.
        explained: By group.
        error: Of the sum of all terms against the total, largest of a group.
    """

    currency: str
    date: dt.date
    move_bp: float
    gross_pnl: float
    gross_npv: float
    explained: Explained
    error: float

    @property
    def residual(self) -> float:
        """Sum over groups of the absolute residual, as a share of gross P&L."""
        return float(np.abs(self.explained.terms["residual"]).sum() / self.gross_pnl)


def state_of(currency: str, date: dt.date, fixings: Fixings) -> MarketState:
    known = {
        name: public_on(conventions.INDICES[name], rates, date) for name, rates in fixings.items()
    }
    return MarketState(date, stored().day(currency, date).curves, known)


def fixings_of(currency: str, last: dt.date) -> Fixings:
    found: dict[str, dict[dt.date, float]] = {}
    for fixing in derive_fixings(currency, FIRST_FIXING, last):
        found.setdefault(fixing.index, {})[fixing.date] = fixing.rate
    return found


def settled(book: list[Terms], state: MarketState) -> list[Terms]:
    """Prices as spreads on the first day's market."""
    curves = CurveSet(state.date, shape_of(state.quotes), state.fixings)
    solved = curves.solve(curves.vector(state.quotes))
    made: list[Terms] = []
    for terms in book:
        bond = as_security(terms)
        if bond is not None and bond.waits_for_market:
            spread = price_security(bond, curves, solved).z_spread() / ONE_BP
            made.append(msgspec.structs.replace(bond, z_spread_bp=spread))
        else:
            made.append(terms)
    return made


def block_of(currency: str, state: MarketState, trades: int) -> FlowBlock:
    book: list[Terms] = [t for t in sample.trades(trades) if t.currency == currency]
    good, failed = compile_book(settled(book, state))
    assert not failed
    return make_block(sorted(good, key=lambda trade: trade.trade_id))


def steps(
    currency: str, first: dt.date, last: dt.date, trades: int = sample.SAMPLE_SIZE
) -> Iterator[Step]:
    """Each close of a range against the one before it."""
    fixings = fixings_of(currency, last)
    days = stored().between(first, last)
    block = block_of(currency, state_of(currency, days[0], fixings), trades)
    for before, day in itertools.pairwise(days):
        start, end = state_of(currency, before, fixings), state_of(currency, day, fixings)
        period = Period(start, end)
        rolled = roll_period(block, PeriodFixings(period))
        move = period.move_to(end.quotes)
        by_trade = explain(open_period(rows_by_trade(rolled), period), move)
        netted = rows_by_group([net_period(rolled, period.curves)])
        found = explain(open_period(netted, period), move)
        assert not found.failures, found.failures[:3]
        added = np.asarray(sum(found.terms[name] for name in TERM_NAMES))
        yield Step(
            currency=currency,
            date=day,
            move_bp=float(np.abs(move.shift).max() / ONE_BP),
            gross_pnl=float(np.abs(by_trade.terms["total"]).sum()),
            gross_npv=float(np.abs(by_trade.terms["value_end"]).sum()),
            explained=found,
            error=float(np.abs(added - found.terms["total"]).max()),
        )
