"""Yields of annual bonds by plain QuantLib, for tests that compare with it."""

from __future__ import annotations

import QuantLib as ql


def annual_yield(
    clean: float,
    settles: ql.Date,
    issue: ql.Date,
    maturity: ql.Date,
    coupon: float,
    first: ql.Date | None = None,
) -> float:
    """Yearly compounded yield of a clean price per 100; ACT/ACT ICMA, unadjusted coupon dates."""
    schedule = ql.Schedule(
        issue,
        maturity,
        ql.Period(1, ql.Years),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
        first or ql.Date(),
    )
    count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    bond = ql.FixedRateBond(2, 100.0, schedule, [coupon], count)
    price = ql.BondPrice(clean, ql.BondPrice.Clean)
    rule = count, ql.Compounded, ql.Annual, settles, 1e-14, 1000
    return float(ql.BondFunctions.bondYield(bond, price, *rule))
