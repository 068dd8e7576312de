"""Flows and QuantLib's value of interest-rate futures.

All flows are margin: paid at the valuation date, until the day of final settlement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.markets import vocabulary
from pricing.markets.calendars import adjust, business_days, day_of
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import DAILY, FLOW, IBOR, OVERNIGHT, Row
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
    """Each fixing of a reference period: its day, the next, and the days that it counts for."""
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
    """One fixing, on the last trading day."""
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
    index: IndexConvention, dates: ContractDates, forecast: Handle, today: ql.Date
) -> Callable[[], float]:
    known = _known_growth(make_index(index, forecast), index, dates, today)
    end = to_ql(dates.end)
    period = years(index.day_count, day_of(dates.start), day_of(dates.end))

    def rate() -> float:
        grown = float(forecast.discount(known.until) / forecast.discount(end))
        return (known.growth * grown - 1.0) / period

    return rate


def _averaged_rate(
    index: IndexConvention, dates: ContractDates, forecast: Handle, today: ql.Date
) -> Callable[[], float]:
    made, total = make_index(index, forecast), (dates.end - dates.start).days
    days = [(ql_of_day(day), count) for day, _, count in _overnight(index, dates)]
    return lambda: sum(float(made.fixing(day)) * count for day, count in days) / total


def _term_rate(
    index: IndexConvention, dates: ContractDates, forecast: Handle, today: ql.Date
) -> Callable[[], float]:
    made, fixing = make_index(index, forecast), to_ql(dates.last_trading)
    return lambda: float(made.fixing(fixing))


QUANTLIB_RATES: dict[
    str, Callable[[IndexConvention, ContractDates, Handle, ql.Date], Callable[[], float]]
] = {"compounded": _compounded_rate, "averaged": _averaged_rate, "term": _term_rate}
"""The rate that a contract settles to by QuantLib's indices, which do not use the flows."""


def instrument(terms: InterestRateFutureTerms, market: InstrumentMarket) -> Instrument:
    """Value the contract by QuantLib's index, fixing by fixing; see ``flows.ProductFlows``."""
    index, dates, today = known_index(terms), terms.dates, to_ql(market.today)
    name = known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve)
    forecast, over = market.handle(name), to_ql(dates.settlement)
    make = QUANTLIB_RATES[terms.made.row.final_rate]
    rate = make(index, dates, forecast, today) if today < over else None

    def legs() -> tuple[float, float]:
        if rate is None:
            return 0.0, 0.0
        return terms.money * terms.traded_rate, -terms.money * (rate() + terms.convexity)

    def values() -> InstrumentValues:
        return InstrumentValues(sum(legs()), legs(), 0.0 if rate is None else terms.money * 1e-4)

    return Instrument(lambda: sum(legs()), values, over)
