"""Flows and QuantLib's instrument of forward rate agreements."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing.markets import conventions
from pricing.products.cash_flows import FLOW, SETTLED_AT_START, Row
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.period_rows import years
from pricing.products.schedules import Handle, day_number, known_curve, make_index, to_ql
from pricing.products.swaps.checks import standard_swap
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.templates import Scaling, Template, as_bytes


class _Resolved(NamedTuple):
    """Curves of the terms, and the days of the period: fixing, first and last."""

    discount: str
    forecast: str
    fixing: int
    start: int
    end: int

    def years(self, terms: FraTerms) -> float:
        """Return the years of the period by the day count of the index."""
        return years(conventions.INDICES[terms.index].day_count, self.start, self.end)


def _resolved(terms: FraTerms) -> _Resolved:
    row = conventions.INDICES[terms.index]
    index, start = make_index(row), to_ql(terms.effective_date)
    days = (index.fixingDate(start), start, index.maturityDate(start))
    return _Resolved(
        known_curve("discount_curve", terms.discount_curve, standard_swap(row.name).discount_curve),
        known_curve("forecast_curve", terms.forecast_curve, row.forecast_curve),
        *(day_number(day) for day in days),
    )


def _sign(terms: FraTerms) -> float:
    """+1 when fixed is received."""
    return 1.0 if terms.pay_receive == "receive" else -1.0


def _unit(terms: FraTerms, period: float) -> float:
    """Return what 1.0 of the fixed rate adds to the settlement at a fixing of that rate."""
    return period / (1.0 + terms.fixed_rate * period)


def make_template(terms: FraTerms, *, indexed: bool) -> Template:
    """Make the settlement of one unit of notional, fixed received; see ``flows.ProductFlows``."""
    made = _resolved(terms)
    period = made.years(terms)
    interest = terms.fixed_rate * period
    rows = [
        Row(pay=made.start, unit=_unit(terms, period)),
        Row(
            kind=SETTLED_AT_START,
            index_place=0,
            curve_place=0,
            pay=made.start,
            start=made.end,
            end=made.start,
            fixing=made.fixing,
            scale=1.0 + interest,
            accrued=-period,
            amount=interest,
        ),
    ]
    return Template(
        flows=np.array(rows, dtype=FLOW).tobytes(),
        notional_of=as_bytes([0, 0]),
        discount=made.discount,
        forecasts=(made.forecast,),
        indices=(terms.index,),
    )


def scaling(terms: FraTerms) -> Scaling:
    """Return the notional and the sign; see ``flows.ProductFlows``."""
    return Scaling([terms.notional], signs=(_sign(terms), 1.0))


def instrument(terms: FraTerms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's forward rate agreement; see ``flows.ProductFlows``."""
    made, sign = _resolved(terms), _sign(terms)
    forecast: Handle = market.handle(made.forecast)
    discount: Handle = market.handle(made.discount)
    start = to_ql(terms.effective_date)
    priced = ql.ForwardRateAgreement(
        make_index(conventions.INDICES[terms.index], forecast),
        start,
        ql.Position.Short if sign > 0 else ql.Position.Long,
        terms.fixed_rate,
        terms.notional,
        discount,
    )
    unit = sign * terms.notional * _unit(terms, made.years(terms)) * 1e-4

    def values() -> InstrumentValues:
        value = float(priced.NPV())
        over = start <= to_ql(market.today)
        pv01 = 0.0 if over else float(discount.discount(start)) * unit
        return InstrumentValues(value, (value, 0.0), pv01)

    return Instrument(lambda: float(priced.NPV()), values, start)
