"""Revalue trades that are not saved at the historical scenarios of a published run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.errors import PricingError
from pricing.markets.calendars import day_of
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock
from pricing.scenarios.historical import Closes, historical_moves
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ready_trades, revalue
from risk.store.messages import PriceJob
from risk.what_if.messages import VarScenarios
from risk.workers.session import Session

LoadCloses = Callable[[str, dt.date], Closes | None]
BlockPnl = Callable[[FlowBlock], FloatArray]
"""P&L of a block's trades by scenario; shape (trades, scenarios)."""


def scenario_pnl(
    job: PriceJob, scenarios: VarScenarios, session: Session, load_closes: LoadCloses
) -> tuple[BlockPnl | None, str]:
    """Return what revalues the trades of a currency, or why nothing can.

    Curves are rebuilt at the quotes that the run started from, moved as in the run.

    Args:
        job: Market, date and book of the what-if.
        scenarios: Those of the run.
        session: Curves of this process.
        load_closes: Stored closes before a date.
    """
    currency, date = job.currency, job.valuation_date
    if currency not in scenarios.currencies:
        return None, f"{currency} has no historical scenarios"
    stored = [load_closes(name, date) for name in scenarios.currencies]
    closes = [one for one in stored if one is not None and len(one.dates) > 1]
    then = msgspec.structs.replace(job, curves=scenarios.curves.get(currency, job.curves))
    try:
        curves = session.curves(then)
        solved = session.solve(then, curves)
        none: FloatArray = np.zeros(0)
        history = historical_moves(
            closes,
            {name: curves.keys if name == currency else () for name in scenarios.currencies},
            {name: solved.quotes if name == currency else none for name in scenarios.currencies},
            count=len(scenarios.days),
            kind=scenarios.kind,
            years={
                name: curves.grid.key_years() if name == currency else none
                for name in scenarios.currencies
            },
        )
    except PricingError as error:
        return None, str(error)
    if list(history.days) != scenarios.days:
        return None, "the stored closes have changed since the run; wait for the next run"
    par = history.currencies[currency].moves
    moves = Moves(par, np.zeros_like(par))
    fixings = session.fixings(then)

    def pnl(block: FlowBlock) -> FloatArray:
        dated = roll_to(block, day_of(date), fixings, curves.names)
        return revalue(ready_trades(dated, curves.grid), curves, solved, moves).pnl

    return pnl, ""
