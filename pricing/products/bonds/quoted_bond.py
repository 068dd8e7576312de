"""Lay out a bond that is a quote of a curve, and turn its clean price into its yield.

Processes that read ticks load no QuantLib, so the few rules of a bond with level coupons are
written out here: coupon dates counted back from maturity, accrued interest, ex-dividend days,
settlement and the yield of the bond's market. ``fixed_rate_bond_flows`` and ``measures.yields``
say the same of bonds of any shape, with QuantLib's dates; tests/pricing/test_quoted_bonds.py
compares the two for every convention.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.errors import BadInput
from pricing.markets import calendars, conventions, vocabulary
from pricing.markets.calendars import day_of
from pricing.markets.conventions import BondConvention, QuotedBond
from pricing.products.bonds.yield_flows import YieldFlows, yields_from_dirty

PRICE_MIN, PRICE_MAX = 2.0, 1000.0
"""Clean prices per 100 of face outside are refused: 0.99 sent for 99 is caught here. A bond of
fifty years without coupons is worth 2 at a yield of 8 %."""

MONTHS_OF_A_YEAR = 12
ICMA = "ACT/ACT ICMA"


@dataclass(frozen=True, kw_only=True)
class QuotedBondFlows:
    """What a buyer of the bond receives who trades on a date; per 100 of face.

    Attributes:
        amounts: Payments; shape (n,).
        days: Day numbers of the payments; shape (n,).
        settled: Day number of settlement.
        accrued_per_100: Accrued interest; negative when the bond trades ex-dividend.
        yields: The same payments as the yield of the bond's market discounts them.
    """

    amounts: FloatArray
    days: IntArray
    settled: int
    accrued_per_100: float
    yields: YieldFlows

    def yield_from_clean(self, clean_per_100: float) -> float:
        """The yield, decimal per year; NaN for a price that no yield explains."""
        return self.yields.yield_from_dirty(clean_per_100 + self.accrued_per_100)

    def clean_from_yield(self, ytm: float) -> float:
        """The clean price per 100 of a yield, decimal per year."""
        return self.yields.dirty_from_yield(ytm) - self.accrued_per_100


class _Coupon(NamedTuple):
    """A coupon: its period, the years that it pays for, its payment and ex-dividend day numbers."""

    start: dt.date
    end: dt.date
    years: float
    pay: int
    ex: int | None


def settlement_of(name: str, today: dt.date) -> dt.date:
    """The day on which a trade of a date in a quoted bond settles, not before it accrues."""
    row = conventions.QUOTED_BONDS[name]
    market = conventions.BONDS[row.convention]
    days = conventions.settlement_days_on(market.settlement_lags, today)
    return max(_settles(market.settlement_calendar, today, days), row.issue_date)


def _settles(calendar: str, today: dt.date, days: int) -> dt.date:
    if not days:
        return calendars.adjust(calendar, today, "FOLLOWING")
    date = today
    for _ in range(days):
        date = calendars.adjust(calendar, date + dt.timedelta(days=1), "FOLLOWING")
    return date


def quoted_bond_flows(name: str, today: dt.date) -> QuotedBondFlows:
    """Lay out a bond of the table of quoted bonds for trades of a date.

    Raises:
        BadInput: It has matured, or matures before such a trade settles.
        KeyError: There is no such bond.
    """
    row = conventions.QUOTED_BONDS[name]
    rules = conventions.canonical(row), conventions.canonical(conventions.BONDS[row.convention])
    return _laid_out(rules, name, today)


@lru_cache(maxsize=4096)
def _laid_out(rules: tuple[str, str], name: str, today: dt.date) -> QuotedBondFlows:
    """``rules`` are the key: a bond is laid out again where its row is another one."""
    row = conventions.QUOTED_BONDS[name]
    return _Layout(row, conventions.BONDS[row.convention]).on(today)


class _Layout:
    """The coupons of one bond, and how its market counts them."""

    def __init__(self, row: QuotedBond, market: BondConvention) -> None:
        self.row, self.market = row, market
        self.months = vocabulary.MONTHS[market.payment_frequency]
        self.per_year = MONTHS_OF_A_YEAR // self.months
        self.by_days_of_360 = market.day_count != ICMA

    def on(self, today: dt.date) -> QuotedBondFlows:
        settlement = settlement_of(self.row.name, today)
        settled, coupons = day_of(settlement), self._coupons()
        redeemed = day_of(self._paid(self.row.maturity_date))
        if redeemed <= settled:
            reason = (
                f"it matures on {self.row.maturity_date}, and a trade settles on {settlement}: "
                "nothing is left to pay; leave it out"
            )
            raise BadInput(self.row.name, str(today), reason)
        kept = [c for c in coupons if c.pay > settled and (c.ex is None or c.ex > settled)]
        amounts = np.array([*(100.0 * self.row.coupon_rate * c.years for c in kept), 100.0])
        accrued = self._accrued(coupons, settlement, self.market.accrued_day_count)
        return QuotedBondFlows(
            amounts=amounts,
            days=np.array([*(c.pay for c in kept), redeemed], dtype=np.int64),
            settled=settled,
            accrued_per_100=accrued,
            yields=self._yields(coupons, kept, amounts, settlement, accrued),
        )

    # --- Dates ---------------------------------------------------------------------------------

    def _regular(self, number: int) -> dt.date:
        """The coupon date so many periods after maturity, before it where negative."""
        anchor = self.row.maturity_date
        date = calendars.later(anchor, number * self.months, "M")
        if date is None:
            raise BadInput("maturity_date", anchor.isoformat(), "a date before the year 9990")
        is_end = (anchor + dt.timedelta(days=1)).day == 1
        if not (self.market.end_of_month and is_end):
            return date
        following = date.replace(day=28) + dt.timedelta(days=4)
        return following - dt.timedelta(days=following.day)

    def _number_before(self, date: dt.date) -> int:
        """The number of the last regular date on or before a date."""
        anchor = self.row.maturity_date
        apart = MONTHS_OF_A_YEAR * (date.year - anchor.year) + date.month - anchor.month
        number = apart // self.months
        while self._regular(number) > date:
            number -= 1
        while self._regular(number + 1) <= date:
            number += 1
        return number

    def _position(self, date: dt.date) -> float:
        """Periods from maturity to a date; a part of a period counts by its days."""
        number = self._number_before(date)
        before, after = self._regular(number), self._regular(number + 1)
        return number + (date - before).days / (after - before).days

    def _yield_position(self, date: dt.date) -> float:
        """Return periods from maturity as the yield counts them: under 30/360, 360 days a year."""
        if not self.by_days_of_360:
            return self._position(date)
        number = self._number_before(date)
        before, after, dated = self._regular(number), self._regular(number + 1), self.row.issue_date
        if before < dated < date:
            left = self._days(dated, after) - self._days(dated, date)
            return number + 1.0 - max(left * self.per_year / 360.0, 0.0)
        return number + min(self._days(before, date) * self.per_year / 360.0, 1.0)

    def _days(self, start: dt.date, end: dt.date) -> int:
        return days_of_360(self.market.day_count, start, end)

    def _paid(self, date: dt.date) -> dt.date:
        return calendars.adjust(self.market.calendar, date, self.market.business_day_convention)

    def _coupons(self) -> list[_Coupon]:
        ends, number = [self.row.maturity_date], -1
        first = self.row.first_coupon_date or self.row.issue_date
        while (date := self._regular(number)) >= first and date > self.row.issue_date:
            ends.append(date)
            number -= 1
        starts = [self.row.issue_date, *reversed(ends[1:])]
        return [
            _Coupon(start, end, self._whole(start, end), *self._pay_and_ex(end))
            for start, end in zip(starts, reversed(ends), strict=True)
        ]

    def _pay_and_ex(self, end: dt.date) -> tuple[int, int | None]:
        """Day numbers of a payment and of the first day on which the bond trades without it."""
        pay, days = day_of(self._paid(end)), self.market.ex_coupon_days
        if self.market.ex_coupon_counts == "calendar_days":
            return pay, pay - days if days else None
        # The market counts the last business day that still carries the coupon.
        if days < 2:
            return pay, None
        return pay, calendars.business_day_before(self.market.calendar, pay, days - 1)

    # --- Interest ------------------------------------------------------------------------------

    def _whole(self, start: dt.date, end: dt.date) -> float:
        """The years that the coupon of a period pays for."""
        if not self.by_days_of_360:
            return (self._position(end) - self._position(start)) / self.per_year
        number = self._number_before(start)
        if self._regular(number) == start and self._regular(number + 1) == end:
            return 1.0 / self.per_year
        return self._days(start, end) / 360.0

    def _until(self, coupon: _Coupon, date: dt.date) -> float:
        """The years that have accrued of a coupon; at most the whole."""
        if date <= coupon.start:
            return 0.0
        if date >= coupon.end:
            return coupon.years
        if not self.by_days_of_360:
            return (self._position(date) - self._position(coupon.start)) / self.per_year
        return min(self._days(coupon.start, date) / 360.0, coupon.years)

    def _accrued(
        self, coupons: Sequence[_Coupon], settlement: dt.date, day_count: str | None
    ) -> float:
        settled = day_of(settlement)
        coupon = next((each for each in coupons if each.pay > settled), None)
        if coupon is None:
            return 0.0
        years = self._until(coupon, settlement)
        if day_count is not None and coupon.start < settlement < coupon.end:
            days = (settlement - coupon.start).days
            years = min(days / vocabulary.YEAR_DAYS[day_count], coupon.years)
        if coupon.ex is not None and coupon.ex <= settled:
            years -= coupon.years
        return 100.0 * self.row.coupon_rate * years

    def _yields(
        self,
        coupons: Sequence[_Coupon],
        kept: Sequence[_Coupon],
        amounts: FloatArray,
        settlement: dt.date,
        accrued: float,
    ) -> YieldFlows:
        market = self.market
        frequency = MONTHS_OF_A_YEAR // vocabulary.MONTHS[market.yield_frequency]
        nominal = [*(coupon.end for coupon in kept), self.row.maturity_date]
        is_last = settlement >= coupons[-1].start
        if market.last_period_yield == "simple_act_365f" and (is_last or len(kept) <= 1):
            paid = [day_of(self._paid(date)) for date in nominal]
            years = (np.array(paid) - day_of(settlement)) / 365.0
            return YieldFlows(amounts=amounts, years=years, simple_years=years, frequency=frequency)
        dates = [self._paid(d) for d in nominal] if self._by_payment else nominal
        start = self._yield_position(settlement)
        years = np.array([(self._yield_position(date) - start) / self.per_year for date in dates])
        simple = is_last and market.last_period_yield == "simple"
        more = 0.0
        if market.yield_accrues == "as_coupons":
            more = self._accrued(coupons, settlement, None) - accrued
        return YieldFlows(
            amounts=amounts,
            years=years,
            simple_years=years if simple else np.zeros_like(years),
            frequency=frequency,
            more_accrued=more,
        )

    @property
    def _by_payment(self) -> bool:
        return self.market.yield_payment_dates == "business_days"


def days_of_360(day_count: str, start: dt.date, end: dt.date) -> int:
    """Days between two dates by 30/360 (ISDA 2006, section 4.16(f)) or 30E/360 (4.16(g))."""
    first, last = min(start.day, 30), end.day
    if day_count == "30E/360" or first == 30:
        last = min(last, 30)
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


def check_price(clean_per_100: float) -> None:
    """Refuse what cannot be the clean price of a bond.

    Raises:
        BadInput: It is out of range, or no number.
    """
    if PRICE_MIN <= clean_per_100 <= PRICE_MAX:
        return
    hint, hundredfold = "", clean_per_100 * 100.0
    if abs(hundredfold - 100.0) < 100.0 and hundredfold > PRICE_MIN:
        hint = f"; {clean_per_100:g} of a face of 1 is {hundredfold:g}"
    allowed = f"a clean price per 100 of face, {PRICE_MIN:g} to {PRICE_MAX:g}{hint}"
    raise BadInput("price", clean_per_100, allowed)


def yields_from_prices(prices: Mapping[str, float], today: dt.date) -> dict[str, float]:
    """The yields of clean prices of quoted bonds, traded on a date; decimals per year.

    Args:
        prices: Clean, per 100 of face, by the name of a quoted bond.
        today: The date of the trades.

    Raises:
        BadInput: A bond has matured, or a price is out of range, or no yield explains it; the
            field is the name of the bond.
        KeyError: There is no such bond.
    """
    if not prices:
        return {}
    laid_out, dirty = [], []
    for name, price in prices.items():
        try:
            check_price(price)
        except BadInput as error:
            raise BadInput(name, price, error.allowed) from None
        flows = quoted_bond_flows(name, today)
        laid_out.append(flows.yields)
        dirty.append(price + flows.accrued_per_100)
    found, _, _ = yields_from_dirty(laid_out, np.array(dirty))
    for (name, price), rate in zip(prices.items(), found.tolist(), strict=True):
        if not math.isfinite(rate):
            raise BadInput(name, price, "a clean price per 100 of face that has a yield")
    return dict(zip(prices, found.tolist(), strict=True))
