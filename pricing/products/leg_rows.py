"""Convert the legs that QuantLib makes into rows of ``cash_flows.FLOW``."""

from __future__ import annotations

import QuantLib as ql

from pricing.markets import conventions
from pricing.products import schedules
from pricing.products.cash_flows import FIXED, IBOR, NEVER, NO_INDEX, OVERNIGHT, Row
from pricing.products.schedules import day_number


def fixed_leg_rows(leg: ql.Leg) -> list[Row]:
    """Rows of FLOW of a leg of fixed coupons and redemptions."""
    rows: list[Row] = []
    for flow in leg:
        coupon = ql.as_coupon(flow)
        pay = day_number(flow.date())
        if coupon is None:
            rows.append((FIXED, 0, NO_INDEX, pay, 0, 0, 0, NEVER, 0.0, 0.0, flow.amount(), 0.0))
            continue
        ex_date = coupon.exCouponDate()
        ex = NEVER if ex_date == ql.Date() else day_number(ex_date)
        unit = coupon.nominal() * coupon.accrualPeriod()
        rows.append((FIXED, 0, NO_INDEX, pay, 0, 0, 0, ex, 0.0, 0.0, flow.amount(), unit))
    return rows


def floating_leg_rows(leg: ql.Leg, index: conventions.IndexConvention, indexed: bool) -> list[Row]:
    """Rows of FLOW of a leg of IBOR or compounded overnight coupons on a trade's first index."""
    make = _overnight_row if index.kind == "overnight" else _ibor_row
    ql_index = schedules.make_index(index)
    return [make(ql.as_floating_rate_coupon(flow), ql_index, 0, indexed) for flow in leg]


def _overnight_row(
    coupon: ql.FloatingRateCoupon, index: ql.OvernightIndex, number: int, _: bool
) -> Row:
    """A compounded coupon telescopes: growth is P(start)/P(end) of its own accrual dates.

    They stand as they are where one is no fixing day, such as Good Friday under a calendar of the
    coupon's own: so does QuantLib's ``CompoundingOvernightIndexedCouponPricer``.
    """
    start, end = coupon.accrualStartDate(), coupon.accrualEndDate()
    accrued = coupon.nominal() * coupon.accrualPeriod()
    scale = accrued * coupon.gearing() / index.dayCounter().yearFraction(start, end)
    first = day_number(start)
    amount = accrued * coupon.spread()
    return (
        *(OVERNIGHT, 1, number, day_number(coupon.date()), first, day_number(end), first, NEVER),
        *(scale, 0.0, amount, 0.0),
    )


def _ibor_row(
    coupon: ql.FloatingRateCoupon, index: ql.IborIndex, number: int, indexed: bool
) -> Row:
    """An IBOR coupon grows over the index's dates; at par, over its own period's."""
    cal, lag = index.fixingCalendar(), index.fixingDays()
    fixing = coupon.fixingDate()
    start = cal.advance(fixing, lag, ql.Days)
    if indexed:
        end = index.maturityDate(start)
    else:
        next_fixing = cal.advance(coupon.accrualEndDate(), -int(coupon.fixingDays()), ql.Days)
        end = max(cal.advance(next_fixing, lag, ql.Days), start + 1)
    accrued = coupon.nominal() * coupon.accrualPeriod()
    scale = accrued * coupon.gearing() / index.dayCounter().yearFraction(start, end)
    return (
        *(IBOR, 1, number, day_number(coupon.date()), day_number(start), day_number(end)),
        *(day_number(fixing), NEVER, scale, accrued * coupon.gearing()),
        *(accrued * coupon.spread(), 0.0),
    )
