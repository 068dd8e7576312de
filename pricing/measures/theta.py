"""Value the same trades on the same quotes one calendar day later.

Quotes stay, the date moves: curves are rebuilt on the next day from the same quotes. What
fixes meanwhile is taken at today's forecast, so that nothing but time passes. A flow that is
paid on that day has left the value.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.interpolation import Grid
from pricing.kernel_arrays import Tables
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.markets.conventions import IndexConvention
from pricing.measures.block import make_ready, values_at
from pricing.measures.value_date import roll_to
from pricing.products import schedules
from pricing.products.cash_flows import FlowBlock

ONE_DAY = dt.timedelta(days=1)


def curves_of_next_day(curves: CurveSet) -> CurveSet:
    """Return the same curves one calendar day later. No fixing of that day is known.

    Those before it count in instruments whose period has begun.

    Raises:
        BootstrapFailed: An instrument is over on that day.
    """
    known = {
        name: {date: rate for date, rate in rates.items() if date <= curves.today}
        for name, rates in curves.fixings.items()
    }
    return CurveSet(curves.today + ONE_DAY, curves.shape, known, curves.options)


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
        name: {day: rate for day, rate in fixings.get(name, {}).items() if day <= curves.today}
        for name in {**conventions.INDICES, **fixings}
    }
    forecast = forecast_of_today(curves, fixings)
    for name, rate in zip(forecast.indices, forecast.rates(solved.x).tolist(), strict=True):
        known[name][curves.today] = rate
    return known


@dataclass(frozen=True)
class Forecast:
    """What forecasts today's fixings that are not known.

    Attributes:
        indices: The indices of the market's curves that have not fixed today, and fix today.
        grid: Nodes of the curves.
        tables: Dependence of the points at which each index's deposit starts, then of those at
            which it ends, on the nodes.
        years: Time between them by the index's day count; shape (indices,).
    """

    indices: tuple[str, ...]
    grid: Grid
    tables: Tables
    years: FloatArray

    def rates(self, x: FloatArray) -> FloatArray:
        """The indices' own rates at log node values ``x``; decimal per year; shape (indices,)."""
        first, last = self.grid.discount(self.tables, x).reshape(2, -1)
        return np.asarray((first / last - 1.0) / self.years)


def forecast_of_today(curves: CurveSet, fixings: Fixings) -> Forecast:
    """Prepare the forecast of today's fixings that are not known; it needs no quotes."""
    today = schedules.to_ql(curves.today)
    rows = [
        (row, index)
        for row, index in indices_on(curves)
        if curves.today not in fixings.get(row.name, {}) and index.isValidFixingDate(today)
    ]
    starts = [index.valueDate(today) for _, index in rows]
    ends = [index.maturityDate(start) for (_, index), start in zip(rows, starts, strict=True)]
    place = np.array([curves.names.index(row.forecast_curve) for row, _ in rows], dtype=np.int64)
    days = np.array([schedules.day_number(date) for date in (*starts, *ends)], dtype=np.int64)
    years = [
        index.dayCounter().yearFraction(start, end)
        for (_, index), start, end in zip(rows, starts, ends, strict=True)
    ]
    tables = curves.grid.tables(np.concatenate((place, place)), days)
    return Forecast(tuple(row.name for row, _ in rows), curves.grid, tables, np.array(years))


def indices_on(curves: CurveSet) -> list[tuple[IndexConvention, Any]]:
    """The indices that the curves forecast, with QuantLib's index of each."""
    return [
        (row, schedules.make_index(row))
        for row in conventions.INDICES.values()
        if row.forecast_curve in curves.names
    ]
