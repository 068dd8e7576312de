"""Flows and QuantLib's value of interest-rate futures.

All flows are margin: paid at the valuation date, until the day of final settlement.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.markets import vocabulary
from pricing.markets.calendars import adjust, business_days, day_of
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import DAILY, FLOW, IBOR, MODEL, OVERNIGHT, Row
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.futures.contract import ContractDates
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms, known_index
from pricing.products.period_rows import years
from pricing.products.schedules import (
    Handle,
    day_number,
    known_curve,
    make_index,
    ql_of_day,
    to_ql,
)
from pricing.products.templates import Scaling, Template, as_bytes


def _overnight(index: IndexConvention, dates: ContractDates) -> Iterator[tuple[int, int, int]]:
    """Return each fixing of a period: its day, the next one, and the days that it counts for."""
    start, end = day_of(dates.start), day_of(dates.end)
    first = day_of(adjust(index.calendar, dates.start, "PRECEDING"))
    fixing = business_days(index.calendar, first, end + 14)
    for day, after in zip(fixing[:-1].tolist(), fixing[1:].tolist(), strict=True):
        if day >= end:
            return
        yield day, after, min(after, end) - max(day, start)


def _compounded(index: IndexConvention, dates: ContractDates) -> list[Row]:
    """The rate R of (1 + R t) = product of (1 + r_i t_i), over the reference period."""
    start, end = day_of(dates.start), day_of(dates.end)
    period = years(index.day_count, start, end)
    return [Row(OVERNIGHT, start=start, end=end, fixing=start, scale=-1.0 / period)]


def _averaged(index: IndexConvention, dates: ContractDates) -> list[Row]:
    """The average of the rate of each calendar day."""
    total = (dates.end - dates.start).days
    return [
        Row(
            IBOR,
            start=day,
            end=after,
            fixing=day,
            scale=-count / total / years(index.day_count, day, after),
            accrued=-count / total,
        )
        for day, after, count in _overnight(index, dates)
    ]


def _term(index: IndexConvention, dates: ContractDates) -> list[Row]:
    """Return the fixing on the last trading day."""
    made, fixing = make_index(index), to_ql(dates.last_trading)
    value = made.valueDate(fixing)
    start, end = (day_number(day) for day in (value, made.maturityDate(value)))
    period = years(index.day_count, start, end)
    known = day_of(dates.last_trading)
    return [
        Row(IBOR, start=start, end=end, fixing=known, scale=-1.0 / period, accrued=-1.0),
    ]


FINAL_RATES: dict[str, Callable[[IndexConvention, ContractDates], list[Row]]] = {
    "compounded": _compounded,
    "averaged": _averaged,
    "term": _term,
}
"""Flows that pay less the rate that a contract settles to, by ``FutureConvention.final_rate``."""


def make_template(terms: InterestRateFutureTerms, *, indexed: bool) -> Template:
    """Make the margin of a rate of 100 %; see ``flows.ProductFlows``.

    The traded rate is received, and the rate of the future is paid.
    """
    index, dates = known_index(terms), terms.dates
    over = day_of(dates.settlement)
    rates = FINAL_RATES[terms.made.row.final_rate](index, dates)
    paid = {"pay": DAILY, "ex": over}
    rows = [
        Row(end=over, amount=1.0, unit=1.0, **paid),
        Row(leg=1, end=over, amount=1.0, **paid),
        *(row._replace(leg=1, index_place=0, curve_place=0, **paid) for row in rates),
    ]
    if terms.volatility_bp is not None:
        model = Row(MODEL, leg=1, end=over, scale=1.0, **paid)
        rows.append(
            model._replace(accrued=terms.mean_reversion or 0.0, unit=terms.volatility_bp * 1e-4)
        )
    forecast = known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve)
    return Template(
        flows=np.array(rows, dtype=FLOW).tobytes(),
        notional_of=as_bytes([0] * len(rows)),
        discount=forecast,
        forecasts=(forecast,),
        indices=(index.name,),
    )


def scaling(terms: InterestRateFutureTerms) -> Scaling:
    """Return what a rate of 100 % is worth, and the rates; see ``flows.ProductFlows``."""
    return Scaling([terms.money], rates=(terms.traded_rate, -terms.convexity))


# --- By QuantLib, for the reference ----------------------------------------------------------


class _Convexity:
    """What the model of Hull and White makes of the growth of a period, by integration.

    ``measures/dated/hull_white.py`` has the same in closed form.
    """

    def __init__(self, terms: InterestRateFutureTerms, today: ql.Date) -> None:
        self.a, self.volatility = terms.mean_reversion or 0.0, (terms.volatility_bp or 0.0) * 1e-4
        self.today = today
        self._integral = ql.SimpsonIntegral(1e-14, 10_000)

    def factor(self, until: ql.Date, start: ql.Date, end: ql.Date) -> float:
        """Of growth from one date to another whose rate is random until a third."""
        last, first, stop = ((day - self.today) / 365.0 for day in (end, start, until))
        if not self.volatility or stop <= 0.0:
            return 1.0

        def grown(u: float) -> float:
            to_end = self._b(last - u)
            return float(to_end * (to_end - self._b(max(first - u, 0.0))))

        # Two smooth parts: the start of the period, if it is random after that, is a kink.
        bends = sorted({0.0, min(max(first, 0.0), stop), stop})
        area = sum(self._integral(grown, a, b) for a, b in itertools.pairwise(bends))
        return math.exp(self.volatility**2 * area)

    def of_rate(
        self, index: IndexConvention, period: tuple[int, int], fixing: ql.Date
    ) -> Callable[[float], float]:
        """Return what makes the rate of the future of the forward rate of a period."""
        time = years(index.day_count, *period)
        factor = self.factor(fixing, *(ql_of_day(day) for day in period))
        return lambda rate: ((1.0 + rate * time) * factor - 1.0) / time

    def _b(self, time: float) -> float:
        return (1.0 - math.exp(-self.a * time)) / self.a if self.a else time


class _Known(NamedTuple):
    """What 1.0 has become by the fixings of a reference period, and from when they are unknown."""

    growth: float
    until: ql.Date


def _known_growth(
    made: ql.OvernightIndex, index: IndexConvention, dates: ContractDates, today: ql.Date
) -> _Known:
    """Compound the known fixings; QuantLib raises where one before today is missing."""
    growth, until, year = 1.0, to_ql(dates.start), vocabulary.YEAR_DAYS[index.day_count]
    if until > today:
        return _Known(growth, until)
    for day, after, count in _overnight(index, dates):
        date = ql_of_day(day)
        if date > today or (date == today and not made.hasHistoricalFixing(date)):
            break
        growth *= 1.0 + float(made.fixing(date)) * count / year
        until = min(ql_of_day(after), to_ql(dates.end))
    return _Known(growth, until)


def _compounded_rate(
    index: IndexConvention, dates: ContractDates, forecast: Handle, convexity: _Convexity
) -> Callable[[], float]:
    known = _known_growth(make_index(index, forecast), index, dates, convexity.today)
    end = to_ql(dates.end)
    period = years(index.day_count, day_of(dates.start), day_of(dates.end))
    growth = known.growth * convexity.factor(end, known.until, end)

    def rate() -> float:
        grown = float(forecast.discount(known.until) / forecast.discount(end))
        return (growth * grown - 1.0) / period

    return rate


def _averaged_rate(
    index: IndexConvention, dates: ContractDates, forecast: Handle, convexity: _Convexity
) -> Callable[[], float]:
    made, total = make_index(index, forecast), (dates.end - dates.start).days
    days = [
        (ql_of_day(day), count, convexity.of_rate(index, (day, after), ql_of_day(day)))
        for day, after, count in _overnight(index, dates)
    ]
    return lambda: (
        sum(raised(float(made.fixing(day))) * count for day, count, raised in days) / total
    )


def _term_rate(
    index: IndexConvention, dates: ContractDates, forecast: Handle, convexity: _Convexity
) -> Callable[[], float]:
    made, fixing = make_index(index, forecast), to_ql(dates.last_trading)
    start = made.valueDate(fixing)
    period = (day_number(start), day_number(made.maturityDate(start)))
    raised = convexity.of_rate(index, period, fixing)
    return lambda: raised(float(made.fixing(fixing)))


QUANTLIB_RATES: dict[
    str, Callable[[IndexConvention, ContractDates, Handle, _Convexity], Callable[[], float]]
] = {"compounded": _compounded_rate, "averaged": _averaged_rate, "term": _term_rate}
"""The rate that a contract settles to by QuantLib's indices, which do not use the flows."""


def instrument(terms: InterestRateFutureTerms, market: InstrumentMarket) -> Instrument:
    """Value the contract by QuantLib's index, fixing by fixing; see ``flows.ProductFlows``."""
    index, dates, today = known_index(terms), terms.dates, to_ql(market.today)
    name = known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve)
    forecast, over = market.handle(name), to_ql(dates.settlement)
    make = QUANTLIB_RATES[terms.made.row.final_rate]
    convexity = _Convexity(terms, today)
    rate = make(index, dates, forecast, convexity) if today < over else None

    def legs() -> tuple[float, float]:
        if rate is None:
            return 0.0, 0.0
        return terms.money * terms.traded_rate, -terms.money * (rate() + terms.convexity)

    def values() -> InstrumentValues:
        return InstrumentValues(sum(legs()), legs(), 0.0 if rate is None else terms.money * 1e-4)

    return Instrument(lambda: sum(legs()), values, over)
