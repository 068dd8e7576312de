"""Odd periods whose rate is interpolated between two IBOR indices.

Source: ISDA, 2006 Definitions, section 8.3 ("Linear Interpolation"): straight-line by the days of
the period, between the index of the next shorter and of the next longer period.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import IBOR, Row
from pricing.products.period_rows import PeriodRules, payment_day, years
from pricing.products.schedules import Handle, day_number, make_index, ql_of_day


class Part(NamedTuple):
    """One of the two indices of a stub: its weight, and the days of its fixing and its deposit."""

    row: IndexConvention
    weight: float
    fixing: int
    start: int
    end: int


Stub = tuple[Part, Part]
"""The two indices between which the rate of a stub is interpolated, that of the leg first."""


def stub_between(own: IndexConvention, other: IndexConvention, period: tuple[int, int]) -> Stub:
    """Weigh two indices for an odd period.

    Raises:
        BadInput: The period is longer or shorter than those of both indices.
    """
    days = [(row, *_deposit(row, period[0])) for row in (own, other)]
    (_, _, _, long), (_, _, _, short) = days
    weight = (period[1] - short) / (long - short)
    if not 0.0 <= weight <= 1.0:
        ends = " and ".join(f"{ql_of_day(last).ISO()} ({row.name})" for row, _, _, last in days)
        end = ql_of_day(period[1]).ISO()
        reason = f"the odd period to {end} must end between those of the two indices, {ends}"
        raise BadInput("stub_index", other.name, reason)
    first, second = (
        Part(row, share, *of_deposit)
        for (row, *of_deposit), share in zip(days, (weight, 1.0 - weight), strict=True)
    )
    return first, second


def _deposit(row: IndexConvention, start: int) -> tuple[int, int, int]:
    """Day numbers of fixing, start and end of the deposit of an index for a period."""
    index = make_index(row)
    fixing = index.fixingCalendar().advance(ql_of_day(start), -index.fixingDays(), ql.Days)
    first = index.valueDate(fixing)
    return day_number(fixing), day_number(first), day_number(index.maturityDate(first))


def stub_rows(stub: Stub, rules: PeriodRules, period: tuple[int, int], accrued: float) -> list[Row]:
    """Rows of the two parts, each over the index's own deposit; a spread of one is on the first."""
    pay = payment_day(rules, period[1])
    rows = [
        Row(
            *(IBOR, 1, place, place, pay, part.start, part.end, part.fixing),
            scale=accrued * part.weight / years(part.row.day_count, part.start, part.end),
            accrued=accrued * part.weight,
        )
        for place, part in enumerate(stub)
    ]
    return [rows[0]._replace(amount=accrued), rows[1]]


def stub_coupons(
    stub: Stub, coupon: ql.CashFlow, forecasts: Sequence[Handle | None]
) -> list[ql.CashFlow]:
    """QuantLib's coupons of the two parts of a coupon; the spread is on the first."""
    whole = ql.as_floating_rate_coupon(coupon)
    schedule = ql.Schedule([whole.accrualStartDate(), whole.accrualEndDate()])
    made: list[ql.CashFlow] = []
    for part, forecast, spread in zip(stub, forecasts, (whole.spread(), 0.0), strict=True):
        made += ql.IborLeg(
            [whole.nominal()],
            schedule,
            make_index(part.row, forecast),
            whole.dayCounter(),
            ql.Unadjusted,
            gearings=[part.weight],
            spreads=[spread],
            paymentCalendar=ql.NullCalendar(),
            paymentLag=whole.date() - whole.accrualEndDate(),
            withIndexedCoupons=True,
        )
    return made
