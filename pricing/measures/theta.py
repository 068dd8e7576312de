"""Value the same trades on the same quotes one calendar day later.

Quotes stay, the date moves: curves are rebuilt on the next day from the same quotes. What
fixes meanwhile is taken at today's forecast, so that nothing but time passes. A flow that is
paid on that day has left the value.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.markets.conventions import IndexConvention
from pricing.measures.block import make_ready, values_at
from pricing.measures.value_date import roll_to
from pricing.products import schedules
from pricing.products.cash_flows import FlowBlock

ONE_DAY = dt.timedelta(days=1)


def curves_of_next_day(curves: CurveSet) -> CurveSet:
    """The same curves one calendar day later. No fixing of that day is known."""
    return CurveSet(curves.today + ONE_DAY, curves.shape, None, curves.options)


def theta(
    block: FlowBlock,
    npv: FloatArray,
    curves: CurveSet,
    solved: Solved,
    fixings: Fixings,
    later: CurveSet | None = None,
) -> FloatArray:
    """Value change over one calendar day, quotes unmoved; trade currency; shape (n,).

    NaN for a trade that cannot be valued on the next day.

    Args:
        block: Trades.
        npv: Their values; shape (n,).
        curves: The curves of today.
        solved: Their nodes.
        fixings: Known fixings by index and date; those after today are not used.
        later: ``curves_of_next_day``, where they are made already.

    Raises:
        BootstrapFailed: The same quotes admit no curve on the next day.
    """
    later = later or curves_of_next_day(curves)
    known = with_forecast_of_today(curves, solved, fixings)
    dated = roll_to(block, day_of(later.today), known, later.names)
    value = values_at(make_ready(dated, later.grid), later.solve(solved.quotes).x)
    failed = dated.failed
    value[[i for i, name in enumerate(block.trade_ids) if name in failed]] = np.nan
    return value - npv


def with_forecast_of_today(curves: CurveSet, solved: Solved, fixings: Fixings) -> Fixings:
    """The fixings, and today's forecast of every index that has not fixed today."""
    # What a caller knows of later days must not enter: only time passes.
    known = {
        name: {day: rate for day, rate in rates.items() if day <= curves.today}
        for name, rates in fixings.items()
    }
    for row in conventions.INDICES.values():
        rates = known.setdefault(row.name, {})
        if row.forecast_curve in curves.names and curves.today not in rates:
            rate = _forecast(row, curves, solved)
            if rate is not None:
                rates[curves.today] = rate
    return known


def _forecast(row: IndexConvention, curves: CurveSet, solved: Solved) -> float | None:
    """The index's own rate for a fixing of today; None on a day that has none."""
    index, today = schedules.make_index(row), schedules.to_ql(curves.today)
    if not index.isValidFixingDate(today):
        return None
    start = index.valueDate(today)
    end = index.maturityDate(start)
    days = np.array([schedules.day_number(start), schedules.day_number(end)])
    place = np.full(2, curves.names.index(row.forecast_curve))
    first, last = curves.grid.discount(curves.grid.tables(place, days), solved.x)
    return float((first / last - 1.0) / index.dayCounter().yearFraction(start, end))
