"""Convert this project's names of calendars, day counts and indices into QuantLib's objects.

No market and no date of today is needed. Trades, the instruments of curves and the reference all
start here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import QuantLib as ql

from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention

EPOCH_SERIAL, EPOCH_ORDINAL = 25569, dt.date(1970, 1, 1).toordinal()
"""The numbers of 1970-01-01 in QuantLib and in Python; our day numbers count from that day."""

CALENDARS: Mapping[str, Callable[[], ql.Calendar]] = {
    "AUSTRALIA": ql.Australia,
    "CANADA": ql.Canada,
    "DENMARK": ql.Denmark,
    "JAPAN": ql.Japan,
    "NEW-ZEALAND": ql.NewZealand,
    "NONE": ql.NullCalendar,
    "NORWAY": ql.Norway,
    "SWEDEN": ql.Sweden,
    "SWITZERLAND": ql.Switzerland,
    "TARGET": ql.TARGET,
    "UK": lambda: ql.UnitedKingdom(ql.UnitedKingdom.Exchange),
    "US-GOVT": lambda: ql.UnitedStates(ql.UnitedStates.GovernmentBond),
    "US-SOFR": lambda: ql.UnitedStates(ql.UnitedStates.SOFR),
    "US": lambda: ql.UnitedStates(ql.UnitedStates.Settlement),
    "WEEKENDS": ql.WeekendsOnly,
}
DAY_COUNTS: Mapping[str, Callable[[], ql.DayCounter]] = {
    "ACT/360": ql.Actual360,
    "ACT/365F": ql.Actual365Fixed,
    "ACT/ACT ISDA": lambda: ql.ActualActual(ql.ActualActual.ISDA),
    "ACT/ACT ICMA": lambda: ql.ActualActual(ql.ActualActual.ISMA),
    "30/360": lambda: ql.Thirty360(ql.Thirty360.BondBasis),
    "30/360 US": lambda: ql.Thirty360(ql.Thirty360.USA),
    "30E/360": lambda: ql.Thirty360(ql.Thirty360.European),
}
ROLLS: Mapping[str, int] = {
    "FOLLOWING": ql.Following,
    "MODIFIED_FOLLOWING": ql.ModifiedFollowing,
    "PRECEDING": ql.Preceding,
    "MODIFIED_PRECEDING": ql.ModifiedPreceding,
    "UNADJUSTED": ql.Unadjusted,
}
Handle = Any
"""A ql.YieldTermStructureHandle: QuantLib ships no types."""


@cache
def calendar(name: str) -> ql.Calendar:
    """QuantLib's calendar of that name."""
    return CALENDARS[vocabulary.calendar(name)]()


@cache
def day_counter(name: str, field: str = "day_count") -> ql.DayCounter:
    """QuantLib's day counter of that name."""
    return DAY_COUNTS[vocabulary.day_count(name, field)]()


@cache
def roll(name: str) -> int:
    """QuantLib's business day convention of that name."""
    return ROLLS[vocabulary.roll(name)]


def to_ql(date: dt.date) -> ql.Date:
    """QuantLib's date of a date."""
    return ql.Date(date.toordinal() - EPOCH_ORDINAL + EPOCH_SERIAL)


def day_number(date: ql.Date) -> int:
    """Days since 1970-01-01 of a QuantLib date."""
    return int(date.serialNumber()) - EPOCH_SERIAL


def ql_of_day(day: int) -> ql.Date:
    """QuantLib's date of a day number."""
    return ql.Date(int(day) + EPOCH_SERIAL)


def currency(name: str) -> ql.Currency:
    """QuantLib's currency of that code; one that QuantLib does not know is made of its code."""
    known = getattr(ql, f"{name}Currency", None)
    return known() if known else ql.Currency(name, name, 0, name, "", 100, ql.Rounding())


def make_index(row: IndexConvention, forecast: Handle | None = None) -> ql.IborIndex:
    """The index of a row, forecast on the curve behind the handle."""
    handle = forecast if forecast is not None else ql.YieldTermStructureHandle()
    cal, count = calendar(row.calendar), day_counter(row.day_count)
    if row.kind == "overnight":
        return ql.OvernightIndex(
            row.name, row.fixing_days, currency(row.currency), cal, count, handle
        )
    return ql.IborIndex(
        row.name,
        ql.Period(row.tenor),
        row.fixing_days,
        currency(row.currency),
        cal,
        roll(row.business_day_convention),
        row.end_of_month,
        count,
        handle,
    )


def given_or(value: Any, default: Any) -> Any:
    """A field of the terms, or the default of its convention where it is not given."""
    return default if value is None else value


def known_curve(field: str, value: str | None, default: str) -> str:
    """The name of a curve, or the default where none is given.

    Raises:
        BadInput: There is no such curve.
    """
    if value is None:
        return default
    return conventions.pick(conventions.CURVES, field, value).name


def stub_date(date: dt.date | None, once: bool) -> ql.Date:
    """QuantLib's stub date; none where it is not given or the schedule has one period."""
    return ql.Date() if date is None or once else to_ql(date)
