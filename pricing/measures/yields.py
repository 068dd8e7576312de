"""Prices, yields, durations and convexities of a bond in the yield convention of its market.

A yield discounts from the settlement date, in coupon periods: whole periods count one each, a
part of a period counts as the day count of the bond says (days over days of the period for
ACT/ACT ICMA, over 360 / frequency for 30/360). What differs by market is a row of
``conventions.BONDS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import QuantLib as ql

from pricing.arrays import FloatArray
from pricing.markets import conventions, vocabulary
from pricing.products import fixed_rate_bond_flows, schedules
from pricing.products.bonds.yield_flows import YieldFlows
from pricing.products.fixed_rate_bond_flows import Bond

BY_PERIODS = ("ACT/ACT ICMA", "30/360", "30/360 US", "30E/360")
"""Day counts under which all coupon periods of a bond are equally long."""


@dataclass(frozen=True, kw_only=True)
class DiscountPaper:
    """A security that pays its face once, within a year of its issue: a bill or commercial paper.

    Sources: 31 CFR Part 356, Appendix B, section VI (discount rate, and investment rate or coupon
    equivalent yield); J. Mayle, "Standard Securities Calculation Methods", volume 1, SIFMA (money
    market yield, also called CD equivalent yield).

    Attributes:
        days: From settlement to maturity.
        money_market_year: Days of a year in the currency's money market: 360 or 365.
        year: Days of the year that begins with the issue: 365 or 366.
    """

    days: int
    money_market_year: int
    year: int

    def price_from_yield(self, kind: str, rate: float) -> float:
        """Price per 100 of face of a quoted yield.

        Args:
            kind: ``discount_yield``, ``money_market_yield`` or ``bond_equivalent_yield``.
            rate: Decimal per year.
        """
        years, part = self.days / self.money_market_year, self.days / self.year
        if kind == "discount_yield":
            return 100.0 * (1.0 - rate * years)
        if kind == "money_market_yield":
            return 100.0 / (1.0 + rate * years)
        if part <= 0.5:
            return 100.0 / (1.0 + rate * part)
        return 100.0 / ((1.0 + (part - 0.5) * rate) * (1.0 + rate / 2.0))

    def yields_from_price(self, price: float) -> tuple[float, float, float]:
        """Discount, money market and bond equivalent yield of a price; decimals per year.

        Args:
            price: Per 100 of face, above 0.
        """
        if not price > 0.0:
            return math.nan, math.nan, math.nan
        gain, years = 100.0 - price, self.days / self.money_market_year
        part = self.days / self.year
        simple = gain / price
        if part <= 0.5:
            return gain / 100.0 / years, simple / years, simple / part
        # 100 = P (1 + (part - 1/2) i) (1 + i/2)
        a, b = 0.5 * part - 0.25, part
        equivalent = 2.0 * simple / (b + math.sqrt(b * b + 4.0 * a * simple))
        return gain / 100.0 / years, simple / years, equivalent


def discount_paper(bond: Bond, settlement: ql.Date) -> DiscountPaper | None:
    """Return what yields of discount paper count; None of other bonds."""
    if bond.frequency != "ZERO" or not bond.matures_within_a_year:
        return None
    issue = schedules.to_ql(bond.terms.issue_date)
    rows = conventions.INDICES.values()
    overnight = (r for r in rows if r.currency == bond.terms.currency and r.kind == "overnight")
    return DiscountPaper(
        days=int(schedules.to_ql(bond.terms.maturity_date) - settlement),
        money_market_year=int(vocabulary.YEAR_DAYS[next(overnight).day_count]),
        year=int(issue + ql.Period(1, ql.Years) - issue),
    )


def yield_flows(bond: Bond, leg: ql.Leg, alive: Sequence[bool], settlement: ql.Date) -> YieldFlows:
    """The flows of a bond after settlement in the yield convention of its market.

    Args:
        bond: A resolved bond.
        leg: Its cash flows per 100 of face.
        alive: For each flow, whether a buyer receives it.
        settlement: The date to discount to.
    """
    kept = [flow for flow, here in zip(leg, alive, strict=True) if here]
    amounts = np.array([flow.amount() for flow in kept])
    dates = [_yield_date(bond, flow) for flow in kept]
    frequency = _per_year(bond.yield_frequency)
    if bond.frequency == "ZERO" and bond.bill_yield and bond.matures_within_a_year:
        return _bill_flows(bond, amounts, dates, settlement)
    years_of = _years_from(bond, settlement)
    years = np.array([years_of(date) for date in dates])
    last = _in_last_period(bond, leg, settlement, years)
    if bond.last_period_yield == "simple_act_365f" and (last or len({f.date() for f in kept}) == 1):
        days = np.array([float(flow.date() - settlement) for flow in kept])
        years = days / 365.0
        return YieldFlows(amounts=amounts, years=years, simple_years=years, frequency=frequency)
    simple = bond.last_period_yield == "simple" and last
    return YieldFlows(
        amounts=amounts,
        years=years,
        simple_years=years if simple else np.zeros_like(years),
        frequency=frequency,
        more_accrued=_more_accrued(bond, leg, settlement),
    )


def _more_accrued(bond: Bond, leg: ql.Leg, settlement: ql.Date) -> float:
    """Interest that has accrued by the day count of coupons, less that which is paid."""
    if bond.yield_accrues == "as_paid":
        return 0.0
    as_coupons = replace(bond, accrued_day_count=None)
    accrued = fixed_rate_bond_flows.accrued_per_100
    return accrued(as_coupons, leg, settlement) - accrued(bond, leg, settlement)


def with_simple_part_period(flows: YieldFlows, bond: Bond, settlement: ql.Date) -> YieldFlows:
    """Return the flows with simple interest up to the next coupon date and compound after it.

    So do the US Treasury's auctions (31 CFR Part 356, Appendix B, section II). Where the first
    period is long, the next date is the one on which a coupon would be paid if it were not.
    """
    position = _positions(bond)(settlement)
    part = (math.floor(position) + 1.0 - position) / _periods_a_year(bond)
    return replace(flows, simple_years=np.minimum(part, flows.years))


def _per_year(frequency: str) -> int:
    return int(ql.Period(frequency).frequency())


def _periods_a_year(bond: Bond) -> int:
    """Coupon periods a year; of a bond without coupons, those of its yield."""
    return _per_year(bond.yield_frequency if bond.frequency == "ZERO" else bond.frequency)


def _yield_date(bond: Bond, flow: ql.CashFlow) -> ql.Date:
    """The day on which the yield has the flow paid."""
    if bond.yield_payment_dates == "business_days":
        return flow.date()
    coupon = ql.as_coupon(flow)
    if coupon:
        return coupon.accrualEndDate()
    cal = schedules.calendar(bond.calendar)
    dates = fixed_rate_bond_flows.redemption_dates(bond.terms)
    return next(date for date in dates if cal.adjust(date, bond.roll) == flow.date())


def _years_from(bond: Bond, settlement: ql.Date) -> Callable[[ql.Date], float]:
    if bond.yield_day_count not in BY_PERIODS:
        count = schedules.day_counter(bond.yield_day_count)
        return lambda date: float(count.yearFraction(settlement, date))
    position, per_year = _positions(bond), _periods_a_year(bond)
    start = position(settlement)
    return lambda date: (position(date) - start) / per_year


def _positions(bond: Bond) -> Callable[[ql.Date], float]:
    """A date's place on the bond's regular coupon dates, in periods from the last of them.

    The dates go on beyond issue and maturity, so that odd periods and payments after a holiday
    have a place too.
    """
    per_year = _periods_a_year(bond)
    dates = fixed_rate_bond_flows.regular_dates(bond, 12 // per_year)
    if "30" not in bond.yield_day_count:
        return dates.position
    count = schedules.day_counter(bond.yield_day_count)
    dated = schedules.to_ql(bond.terms.dated_date or bond.terms.issue_date)

    def position(date: ql.Date) -> float:
        number = dates.before(date)
        before, after = dates.date(number), dates.date(number + 1)
        if before < dated < date:
            # An odd first period: what is left of it is its length less what has accrued.
            left = count.dayCount(dated, after) - count.dayCount(dated, date)
            return float(number + 1.0 - max(left * per_year / 360.0, 0.0))
        return float(number + min(count.dayCount(before, date) * per_year / 360.0, 1.0))

    return position


def _in_last_period(bond: Bond, leg: ql.Leg, settlement: ql.Date, years: FloatArray) -> bool:
    coupons = [coupon for coupon in map(ql.as_coupon, leg) if coupon]
    if not coupons:
        return bool(years.max() * _periods_a_year(bond) <= 1.0)
    return bool(settlement >= max(coupon.accrualStartDate() for coupon in coupons))


def _bill_flows(
    bond: Bond, amounts: FloatArray, dates: Sequence[ql.Date], settlement: ql.Date
) -> YieldFlows:
    """A bill: simple interest; the coupon-equivalent yield compounds once beyond half a year."""
    days = np.array([float(date - settlement) for date in dates])
    if bond.bill_yield != "coupon_equivalent":
        count = schedules.day_counter(str(bond.bill_yield))
        years = np.array([float(count.yearFraction(settlement, date)) for date in dates])
        return YieldFlows(amounts=amounts, years=years, simple_years=years, frequency=1)
    issue = schedules.to_ql(bond.terms.issue_date)
    years = days / float(issue + ql.Period(1, ql.Years) - issue)
    simple = np.where(years > 0.5, years - 0.5, years)
    return YieldFlows(amounts=amounts, years=years, simple_years=simple, frequency=2)
