"""Revalue one trade in the stress scenarios while a caller waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pricing.arrays import FloatArray
from pricing.measures.block import BlockRisk
from pricing.scenarios.definition import Scenario
from pricing.scenarios.revaluation import ready_trades
from risk.scenarios.stress import StressPnl, stress_pnl
from risk.store.previews import TradeQuestion
from risk.workers.preview import TradeNow, with_trade
from risk.workers.session import Session

Json = dict[str, Any]


def stress_of_trade(
    question: TradeQuestion, session: Session, scenarios: Sequence[Scenario]
) -> Json:
    """P&L of one trade of a compiled book in each scenario.

    Args:
        question: The trade and its market.
        session: Books and curves of this process.
        scenarios: What to revalue it in.

    Returns:
        ``scenarios``, one object each with the P&L in trade currency (None where there is none,
        with the reason) and its approximations; or ``failure``.
    """

    def make(trade: TradeNow, risk: BlockRisk) -> Json:
        found = stress_pnl(
            ready_trades(trade.dated, trade.curves.grid),
            *(trade.curves, trade.solved),
            ladder_par=risk.ladder_par,
            krd=risk.krd,
            scenarios=scenarios,
            currency=question.currency,
        )
        return {"scenarios": [_row(found, place, one) for place, one in enumerate(scenarios)]}

    return with_trade(question, session, make)


def _row(found: StressPnl, place: int, scenario: Scenario) -> Json:
    def at(table: FloatArray) -> float | None:
        value = float(table[0, place])
        return value if np.isfinite(value) else None

    return {
        "scenario": scenario.name,
        "title": scenario.title or scenario.name,
        "set": scenario.set_name,
        "space": scenario.space,
        "source": scenario.source,
        "pnl": at(found.pnl),
        "approximation": {"delta": at(found.delta), "delta_gamma": at(found.delta_gamma)},
        "reason": found.reasons.get(place),
        "not_quoted": found.unmatched.get(scenario.name, []),
    }
