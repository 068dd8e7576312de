"""Explain the P&L of trades or groups over a period, by full revaluation.

Definitions: docs/definitions.md, P&L explain. What depends on the start of a period, its trades and
the date and fixings of its end alone is made once (``Opened``). New quotes then cost the curves at
these quotes and at the opposite move, and two valuations.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.quotes import QuoteId
from pricing.errors import Failure, PricingError
from pricing.explain.flows import PeriodRows
from pricing.explain.market import Move, Nodes, Period
from pricing.explain.terms import RTPL, TERM_NAMES, TRADE_TERMS


@dataclass(frozen=True)
class Explained:
    """The explain of rows, which are trades or groups; trade currency, a gain is positive.

    Attributes:
        names: Of the rows: trade ids, or book and product.
        trades: Trades of each row that are explained; shape (rows,).
        keys: The quotes of either end.
        shift: What each quote has moved by, decimal per year; shape (keys,).
        terms: One number a row by term and memo of ``terms.py``; shape (rows,). ``market_pnl`` is
            NaN where the quotes of the end admit no curves on the date of the start; ``gamma``
            where the opposite move admits none: it is then part of ``residual``.
        delta: The term ``delta`` by quote; shape (rows, keys).
        failures: Trades with a number at one end only, or at none, and why.
        left_out: Quotes of the start that cannot stand beside those of the end: their moves are in
            ``residual``.
    """

    names: tuple[Hashable, ...]
    trades: IntArray
    keys: tuple[QuoteId, ...]
    shift: FloatArray
    terms: Mapping[str, FloatArray]
    delta: FloatArray
    failures: tuple[Failure, ...]
    left_out: tuple[QuoteId, ...] = ()


@dataclass(frozen=True)
class Opened:
    """Everything of an explain except the quotes of the end; shape (rows,) each.

    Attributes:
        rows: The flows.
        period: The markets.
        value_start: V(t0, m0).
        carry: V(t1, forwards of m0 realised) - V(t0, m0) + cash; fixings and cash as forecast.
        roll_down: V(t1, m0, fixings as forecast) - V(t1, forwards realised).
        fixings: V(t1, m0, actual fixings) - V(t1, m0, fixings as forecast), with their cash.
        value_rolled: V(t1, m0, actual fixings).
        slope: Derivative of that to each quote; shape (rows, keys).
    """

    rows: PeriodRows
    period: Period
    value_start: FloatArray
    carry: FloatArray
    roll_down: FloatArray
    fixings: FloatArray
    value_rolled: FloatArray
    slope: FloatArray


def open_period(rows: PeriodRows, period: Period) -> Opened:
    """Value rows at the start of a period, and at its end on the quotes of the start."""
    at_start, as_forecast, at_end = rows.at_start, rows.as_forecast, rows.at_end
    value_start = at_start.values(period.at_start.factors(*at_start.points))
    realised = as_forecast.values(
        period.at_start.forward_factors(*as_forecast.points, period.today)
    )
    rolled = as_forecast.values(period.rolled_as_forecast.factors(*as_forecast.points))
    value_rolled = at_end.values(period.rolled.factors(*at_end.points))
    solved = Nodes(period.union.grid, period.solved.x)
    gradient = at_end.node_gradient(solved)
    return Opened(
        rows=rows,
        period=period,
        value_start=value_start,
        carry=realised - value_start + rows.cash_as_forecast,
        roll_down=rolled - realised,
        fixings=value_rolled - rolled + (rows.cash - rows.cash_as_forecast),
        value_rolled=value_rolled,
        slope=gradient @ period.solved.jacobian,
    )


def explain(opened: Opened, move: Move) -> Explained:
    """Explain rows at the quotes of the end. Trades that changed are added by ``with_changes``."""
    rows, period = opened.rows, opened.period
    at_end, points = rows.at_end, rows.at_end.points
    value_end = at_end.values(move.at_end.factors(*points))
    delta = opened.slope * move.shift
    nothing = np.zeros(len(value_end))
    terms = {
        "carry": opened.carry,
        "roll_down": opened.roll_down,
        "fixings": opened.fixings,
        "delta": delta.sum(axis=1),
        "gamma": _second_difference(opened, move, value_end),
        **dict.fromkeys(TRADE_TERMS, nothing),
    }
    total = value_end - opened.value_start + rows.cash
    terms["residual"] = total - sum_of(terms)
    return Explained(
        names=rows.names,
        trades=rows.trades,
        keys=period.keys,
        shift=move.shift,
        terms={
            **terms,
            "total": total,
            "hpl": total,
            "rtpl": np.asarray(sum(terms[name] for name in RTPL)),
            "market_pnl": _market_pnl(opened, move),
            "theta_pnl": terms["carry"] + terms["roll_down"],
            "cash": rows.cash,
            "consideration": nothing,
            "value_start": opened.value_start,
            "value_end": value_end,
        },
        delta=delta,
        failures=rows.failures,
        left_out=period.left_out,
    )


def sum_of(terms: Mapping[str, FloatArray]) -> FloatArray:
    """Return the sum of all terms that are known, without the residual."""
    return np.asarray(sum(np.nan_to_num(terms[name]) for name in TERM_NAMES if name != "residual"))


def _second_difference(opened: Opened, move: Move, value_end: FloatArray) -> FloatArray:
    """(V(m0 + d) - 2 V(m0) + V(m0 - d)) / 2 at the end's date; NaN where m0 - d has no curves."""
    period, at_end = opened.period, opened.rows.at_end
    grid = period.union.grid

    def value(x: FloatArray) -> FloatArray:
        return at_end.values(Nodes(grid, x).factors(*at_end.points))

    if not move.shift.any():
        return np.zeros(len(value_end))
    try:
        back = value(move.back)
    except PricingError:
        return np.full(len(value_end), np.nan)
    ahead = value_end if grid is move.at_end.grid else value(move.ahead)
    middle = opened.value_rolled if grid is period.rolled.grid else value(period.solved.x)
    return np.asarray((ahead - 2.0 * middle + back) / 2.0)


def _market_pnl(opened: Opened, move: Move) -> FloatArray:
    at_start = opened.rows.at_start
    try:
        moved = at_start.values(move.at_start_date.factors(*at_start.points))
    except PricingError:
        return np.full(len(opened.value_start), np.nan)
    return moved - opened.value_start
