"""Par yields of the Treasury: semi-annual coupons on the day of the month on which the bond begins.

Source: US Treasury, 'Treasury Yield Curve Methodology': semi-annual bond-equivalent par yields.
Coupon dates come from month arithmetic in this file; the curve is asked for discount factors only.
"""

from __future__ import annotations

import calendar
import datetime as dt

import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import QuoteId, shape_of
from pricing.curves.rate_helpers import HelperFactory
from pricing.markets.calendars import day_of
from pricing.markets.conventions import CURVES
from pricing.reference import Reference

FLAT = 0.0425
TENORS = {"1M": FLAT, "6M": FLAT, "1Y": FLAT, "2Y": FLAT, "10Y": FLAT}
DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(4 * 365 + 1)]
MONTH_ENDS = [day for day in DAYS if (day + dt.timedelta(days=1)).day == 1]
ODD_DAYS = [*MONTH_ENDS, *(day for day in DAYS if day.day in (29, 30))]


def months_after(date: dt.date, months: int) -> dt.date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def par_yield(today: dt.date, years: int) -> tuple[float, float]:
    """Par yields of a bond from today, by the compiled curve and by QuantLib's."""
    quotes = {"USD-GOVT": TENORS}
    curves = CurveSet(today, shape_of(quotes))
    solved = curves.solve(curves.vector(quotes))
    dates = [months_after(today, 6 * n) for n in range(1, 2 * years + 1)]
    days = np.array([day_of(date) for date in dates], dtype=np.int64)
    tables = curves.grid.tables(np.zeros(len(days), dtype=int), days)
    fast = curves.grid.discount(tables, solved.x)
    slow_curve = Reference(today, quotes).base["USD-GOVT"]
    slow = np.array([slow_curve.discount(ql.Date(d.day, d.month, d.year)) for d in dates])
    return tuple(float((1.0 - p[-1]) / (p.sum() / 2.0)) for p in (fast, slow))  # type: ignore[return-value]


def test_the_one_year_par_yield_of_a_leap_day_is_its_quote() -> None:
    assert par_yield(dt.date(2024, 2, 29), 1) == pytest.approx((FLAT, FLAT), abs=1e-10)


@pytest.mark.parametrize("years", [1, 2, 10])
def test_par_yields_of_month_ends_are_their_quotes(years: int) -> None:
    worst = max(abs(found - FLAT) for day in ODD_DAYS for found in par_yield(day, years))
    assert worst < 1e-10


@pytest.mark.parametrize("tenor", ["1Y", "18M", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y"])
def test_every_coupon_of_a_par_bond_is_half_its_yield_on_every_day(tenor: str) -> None:
    for day in DAYS:
        ql.Settings.instance().evaluationDate = ql.Date(day.day, day.month, day.year)
        factory = HelperFactory(CURVES["USD-GOVT"], day, ql.YieldTermStructureHandle(), False)
        bond = factory.make(QuoteId("USD-GOVT", tenor), ql.SimpleQuote(FLAT)).bond()
        coupons = [flow.amount() for flow in bond.cashflows()[:-1]]
        assert coupons == pytest.approx([50.0 * FLAT] * len(coupons), abs=1e-12), day
