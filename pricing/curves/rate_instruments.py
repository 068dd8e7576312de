"""Make the flows of instruments that no helper of QuantLib is compiled for: futures, FRAs, zeros.

The flows of a future and of an FRA are worth 0 at a model rate equal to the quote. Both are about a
forward rate, so they are paid on the valuation date, with a discount factor of 1.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.curves.fixings import Fixings, index_history
from pricing.curves.quote_ids import Fra, Future, Tenor, ZeroRate
from pricing.curves.quotes import QuoteId
from pricing.errors import BootstrapFailed
from pricing.markets import calendars, conventions, vocabulary
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import CurveConvention, IndexConvention
from pricing.products import schedules
from pricing.products.bonds.yield_flows import YieldFlows
from pricing.products.cash_flows import OVERNIGHT, Row
from pricing.products.futures.contract import contract_dates
from pricing.products.futures.interest_rate_future_flows import FINAL_RATES
from pricing.products.schedules import day_number

ONE_BP = 1e-4
YEAR = 365.0


class RateInstrument(NamedTuple):
    """An instrument of flows, or one that is linear in the node values.

    Attributes:
        end: Day number on which it ends: its node, where it has one of its own.
        rows: Flows; of a future or an FRA paid on the valuation date; none of a zero rate or a
            turn.
        indices: Of a basis swap, the indices of its legs, in the order of ``index_place`` in its
            rows; empty where all flows are on the curve itself.
        turn: Of a turn, the day number on which it begins.
        years: Of a turn, the time over which its size accrues.
        yields: Of a bond, its payments as its yield discounts them.
    """

    end: int
    rows: tuple[Row, ...] = ()
    indices: tuple[str, ...] = ()
    turn: int | None = None
    years: float = 0.0
    yields: YieldFlows | None = None


def make_future(
    key: QuoteId, made: Future, row: CurveConvention, today: int, fixings: Fixings
) -> RateInstrument:
    """A future, with the convexity that the curve's volatility makes.

    Raises:
        BootstrapFailed: It is over, or fixings of its reference period are missing.
    """
    future, dates = made.contract.row, contract_dates(made.contract)
    index = conventions.INDICES[future.index]
    if day_of(dates.last_trading) < today:
        reason = f"it last traded on {dates.last_trading}; leave it out"
        raise BootstrapFailed(key.curve, key.tenor, None, reason)
    rows = FINAL_RATES[future.final_rate](index, dates)
    start, end = min(r.start for r in rows), max(r.end for r in rows)
    floating = [
        part
        for each in rows
        for part in known_from(key, each._replace(pay=today), index, today, fixings)
    ]
    volatility = (row.future_volatility_bp or 0.0) * ONE_BP
    first, last = max(start - today, 0) / YEAR, (end - today) / YEAR
    if future.final_rate == "averaged":
        shift = averaged_convexity(volatility, first, last)
        fixed = Row(pay=today, unit=1.0, amount=-shift)
    else:
        growth = math.exp(GROWTH_CONVEXITY[future.final_rate](volatility, first, last))
        scale = sum(each.scale for each in rows)  # one row: less 1 over the years of the period
        fixed = Row(pay=today, unit=1.0 / growth, amount=-scale * (1.0 / growth - 1.0))
    return RateInstrument(end, (fixed, *floating))


def compounded_convexity(volatility: float, start: float, end: float) -> float:
    """Log of the growth that a future on a compounded rate adds to the forward growth.

    Under Ho-Lee the integral of the short rate over the period is normal; the expectation of its
    exponential under the measure of the margin account is the forward growth times e to
    ``s^2 (t^2 d / 2 + t d^2 + d^3 / 3)``, with ``t`` the start, ``d`` the length of the period in
    years and ``s`` the volatility. Source: T. S. Y. Ho and S.-B. Lee, 'Term Structure Movements
    and Pricing Interest Rate Contingent Claims', Journal of Finance 41 (1986); the integral is
    checked against its sum over days in tests/pricing/test_quotes_by_id.py.
    """
    length = end - start
    terms = start**2 * length / 2.0 + start * length**2 + length**3 / 3.0
    return volatility**2 * terms


def term_convexity(volatility: float, start: float, end: float) -> float:
    """Log of the growth that a future on a term rate, fixed at its period's start, adds.

    Source: G. Kirikos and D. Novak, 'Convexity conundrums', Risk (March 1997), without mean
    reversion: ``s^2 t d (t + 2 d) / 2``.
    """
    length = end - start
    return volatility**2 * start * length * (start + 2.0 * length) / 2.0


GROWTH_CONVEXITY = {"compounded": compounded_convexity, "term": term_convexity}


def averaged_convexity(volatility: float, start: float, end: float) -> float:
    """What a future on an average of overnight rates adds to it: ``s^2 (e^3 - t^3) / (6 (e - t))``.

    The expectation of the short rate at ``u`` is the forward rate plus ``s^2 u^2 / 2``.
    """
    return volatility**2 * (end**3 - start**3) / (6.0 * (end - start))


def make_fra(made: Fra, row: CurveConvention, today: int, open_day: ql.Date) -> RateInstrument:
    """A forward rate agreement, from spot plus so many months over the index's own period."""
    index = schedules.make_index(conventions.INDICES[str(row.index)])
    cal = index.fixingCalendar()
    spot = cal.advance(open_day, index.fixingDays(), ql.Days)
    months = ql.Period(made.start, ql.Months)
    begin = cal.advance(spot, months, index.businessDayConvention(), index.endOfMonth())
    end = index.maturityDate(begin)
    period = index.dayCounter().yearFraction(begin, end)
    first, last = day_number(begin), day_number(end)
    rate = Row(OVERNIGHT, pay=today, start=first, end=last, fixing=first, scale=-1.0)
    return RateInstrument(last, (Row(pay=today, unit=period), rate))


def make_zero(made: ZeroRate | Tenor, today: ql.Date) -> RateInstrument:
    """A zero rate to the day a tenor after the valuation date."""
    return RateInstrument(day_number(today + ql.Period(made.tenor)))


def make_turn(key: QuoteId, date: dt.date, index: IndexConvention, today: int) -> RateInstrument:
    """The jump of the overnight rate from a date to the next business day.

    Its size accrues by the day count of the index, as a continuous rate: the discount factor of
    every later day is multiplied by ``exp(-size * years)``.

    Raises:
        BootstrapFailed: It is over.
    """
    start, end = turn_days(date, index)
    if end <= today:
        raise BootstrapFailed(key.curve, key.tenor, None, "its night is over; leave it out")
    start = max(start, today)
    return RateInstrument(
        end, turn=start, years=(end - start) / vocabulary.YEAR_DAYS[index.day_count]
    )


def turn_days(date: dt.date, index: IndexConvention) -> tuple[int, int]:
    """Day numbers of the business day of a turn, or the one before, and of the next."""
    start = day_of(calendars.adjust(index.calendar, date, "PRECEDING"))
    return start, int(calendars.business_days(index.calendar, start + 1, start + 14)[0])


def known_from(
    key: QuoteId, row: Row, index: IndexConvention, today: int, fixings: Fixings
) -> Sequence[Row]:
    """A floating row of which some fixings are known: what is left to grow.

    The fixing of the last business day may not have been published yet: the one before it counts.

    Raises:
        BootstrapFailed: An earlier fixing is missing.
    """
    history = _with_last(fixings.get(index.name, {}), index, today)
    if row.kind != OVERNIGHT:
        rate = history.get(date_of(row.fixing)) if row.fixing <= today else None
        if rate is not None:
            return [Row(pay=row.pay, amount=row.amount + row.accrued * rate)]
        if row.fixing < today:
            raise _missing(key, index, row.fixing)
        return [row]
    if row.start >= today and date_of(row.start) not in history:
        return [row]
    found = index_history(index, history, row.start, today)
    first = int(found.days[np.searchsorted(found.days, row.start, side="right") - 1])
    until = min(found.first_unknown(first), row.end)
    if until < today:
        raise _missing(key, index, until)
    grown = found.growth_to(np.array([until])) / found.growth_from(np.array([row.start]))
    growth = float(grown[0])
    # scale (growth P(s)/P(e) - 1) + amount, in the form scale' (P(s)/P(e) - 1) + amount'.
    shifted = row.amount + row.scale * (growth - 1.0)
    return [row._replace(start=until, scale=row.scale * growth, amount=shifted)]


def _with_last(
    history: Mapping[dt.date, float], index: IndexConvention, today: int
) -> Mapping[dt.date, float]:
    """Fixings, with that of the last business day before the valuation date."""
    days = calendars.business_days(index.calendar, today - 21, today - 1)
    before, last = date_of(int(days[-2])), date_of(int(days[-1]))
    if last in history or before not in history:
        return history
    return {**history, last: history[before]}


def _missing(key: QuoteId, index: IndexConvention, day: int) -> BootstrapFailed:
    date = date_of(day)
    if not calendars.is_business_day(index.calendar, date):
        date = calendars.adjust(index.calendar, date, "PRECEDING")
    reason = f"its period has begun, and there is no {index.name} fixing for {date}"
    return BootstrapFailed(key.curve, key.tenor, None, reason)
