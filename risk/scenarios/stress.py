"""P&L of groups or trades in stress scenarios, beside its approximations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.scenarios.definition import ONE_BP, Scenario, moves_of
from pricing.scenarios.revaluation import ReadyRevaluation, approximate, delta_pnl, revalue


@dataclass(frozen=True)
class StressPnl:
    """P&L of g groups or trades in n scenarios, in trade currency; NaN where there is none.

    Attributes:
        pnl: By full revaluation; shape (g, n).
        delta: By ladders alone, an approximation; shape (g, n).
        delta_gamma: With the second order along the move, an approximation; shape (g, n).
        reasons: Why a scenario has no P&L, by its place.
        unmatched: Curves and key rates without a quote, by scenario.
        moves_bp: What moves each quote, or each zero rate where that is the scenario's space; basis
            points, shape (n, keys). NaN where the scenario is not defined for the currency.
    """

    pnl: FloatArray
    delta: FloatArray
    delta_gamma: FloatArray
    reasons: dict[int, str]
    unmatched: dict[str, list[str]]
    moves_bp: FloatArray


def stress_pnl(
    flows: ReadyRevaluation,
    curves: CurveSet,
    solved: Solved,
    *,
    ladder_par: FloatArray,
    krd: FloatArray,
    scenarios: Sequence[Scenario],
    currency: str,
) -> StressPnl:
    """Revalue one currency's flows in all scenarios.

    Args:
        flows: Of groups or of trades, weighed on the grid of the curves.
        curves: Of the currency and date.
        solved: Their nodes at the market.
        ladder_par: DV01 to each quote; shape (g, keys).
        krd: DV01 under each tent on zero rates; shape (g, keys).
        scenarios: The n scenarios.
        currency: Of the curves.
    """
    keys = curves.keys
    moves = moves_of(scenarios, currency, keys, curves.grid.key_years())
    found = revalue(flows, curves, solved, moves)
    delta = delta_pnl(ladder_par, krd, moves)
    second = approximate(flows, curves, solved, moves, delta).delta_gamma
    reasons = {place: str(error) for place, error in found.failures.items()}
    moves_bp = (moves.par + moves.zero) / ONE_BP
    for place, scenario in enumerate(scenarios):
        refusal = scenario.refusal(currency)
        if refusal:
            reasons[place] = refusal
            moves_bp[place] = np.nan
    for place in reasons:
        for table in (found.pnl, delta, second):
            table[:, place] = np.nan
    unmatched = {one.name: one.unmatched(currency, keys) for one in scenarios}
    return StressPnl(
        found.pnl,
        delta,
        second,
        reasons,
        {name: which for name, which in unmatched.items() if which},
        moves_bp,
    )
