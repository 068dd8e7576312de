"""Convert the legs that QuantLib makes into rows of ``cash_flows.FLOW``."""

from __future__ import annotations

from collections.abc import Sequence

import QuantLib as ql

from pricing.markets import conventions
from pricing.products import schedules
from pricing.products.cash_flows import IBOR, NEVER, OVERNIGHT, Row
from pricing.products.schedules import day_number


def fixed_leg_rows(leg: ql.Leg) -> list[Row]:
    """Rows of FLOW of a leg of fixed coupons and redemptions."""
    rows: list[Row] = []
    for flow in leg:
        coupon = ql.as_coupon(flow)
        pay = day_number(flow.date())
        if coupon is None:
            rows.append(Row(pay=pay, amount=flow.amount()))
            continue
        ex_date = coupon.exCouponDate()
        ex = NEVER if ex_date == ql.Date() else day_number(ex_date)
        unit = coupon.nominal() * coupon.accrualPeriod()
        rows.append(Row(pay=pay, ex=ex, amount=flow.amount(), unit=unit))
    return rows


def floating_leg_rows(leg: ql.Leg, index: conventions.IndexConvention, indexed: bool) -> list[Row]:
    """Rows of FLOW of IBOR or compounded overnight coupons on a trade's first index and curve."""
    make = _overnight_rows if index.kind == "overnight" else _ibor_rows
    coupons = [ql.as_floating_rate_coupon(flow) for flow in leg]
    return make(coupons, schedules.make_index(index), indexed)


def _overnight_rows(
    coupons: Sequence[ql.FloatingRateCoupon], index: ql.OvernightIndex, _: bool
) -> list[Row]:
    """A compounded coupon telescopes: growth is P(start)/P(end) of its own accrual dates.

    They stand as they are where one is no fixing day, such as Good Friday under a calendar of the
    coupon's own: so does QuantLib's ``CompoundingOvernightIndexedCouponPricer``.
    """
    rows: list[Row] = []
    years = index.dayCounter().yearFraction
    for coupon in coupons:
        start, end = coupon.accrualStartDate(), coupon.accrualEndDate()
        accrued = coupon.nominal() * coupon.accrualPeriod()
        scale = accrued * coupon.gearing() / years(start, end)
        first = day_number(start)
        pay, last = day_number(coupon.date()), day_number(end)
        amount = accrued * coupon.spread()
        rows.append(Row(OVERNIGHT, 1, 0, 0, pay, first, last, first, scale=scale, amount=amount))
    return rows


def _ibor_rows(
    coupons: Sequence[ql.FloatingRateCoupon], index: ql.IborIndex, indexed: bool
) -> list[Row]:
    """An IBOR coupon grows over the index's dates; at par, over its own period's."""
    rows: list[Row] = []
    advance, lag = index.fixingCalendar().advance, index.fixingDays()
    years = index.dayCounter().yearFraction
    for coupon in coupons:
        fixing = coupon.fixingDate()
        start = advance(fixing, lag, ql.Days)
        if indexed:
            end = index.maturityDate(start)
        else:
            next_fixing = advance(coupon.accrualEndDate(), -int(coupon.fixingDays()), ql.Days)
            end = max(advance(next_fixing, lag, ql.Days), start + 1)
        accrued = coupon.nominal() * coupon.accrualPeriod()
        geared = accrued * coupon.gearing()
        pay, first, last, fixed = map(day_number, (coupon.date(), start, end, fixing))
        scale, amount = geared / years(start, end), accrued * coupon.spread()
        rows.append(
            Row(
                *(IBOR, 1, 0, 0, pay, first, last, fixed),
                scale=scale,
                accrued=geared,
                amount=amount,
            )
        )
    return rows
