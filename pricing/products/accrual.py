"""Interest by coupon period: how much of a year's coupon a period pays and has accrued.

Two conventions cannot be told from the two dates of a period alone, because they depend on the
regular coupon dates around it:

- ACT/ACT ICMA: an odd period is split at the quasi-coupon dates, the regular coupon dates as they
  would go on before issue and after the last regular coupon. Each part counts its days over
  (frequency x days of the quasi-coupon period that it lies in). Source: ICMA Rule 251; ISDA,
  "EMU and market conventions: recent developments" (1998), Act/Act (ISMA).
- 30/360: a regular coupon is the rate over the frequency whatever the lengths of its months, since
  every calendar month is 1/12 of 360 days. Source: FINRA Rule 11620(b). Days are counted for odd
  periods and for accrued interest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import QuantLib as ql

THIRTY_360 = ("30/360", "30/360 US", "30E/360")


@dataclass(frozen=True, kw_only=True)
class RegularDates:
    """Coupon dates at equal numbers of months from an anchor, in both directions without end.

    Attributes:
        anchor: A regular coupon date, unadjusted.
        months: Months of a period.
        end_of_month: Whether all dates are month ends when the anchor is one.
        calendar: Business days of the adjustment.
        roll: QuantLib's business day convention.
    """

    anchor: ql.Date
    months: int
    end_of_month: bool
    calendar: ql.Calendar = field(default_factory=ql.NullCalendar)
    roll: int = ql.Unadjusted
    _made: dict[int, ql.Date] = field(default_factory=dict, init=False, repr=False, compare=False)

    def date(self, number: int) -> ql.Date:
        """The date so many periods after the anchor; before it where negative."""
        if number not in self._made:
            period = (number * self.months, ql.Months)
            self._made[number] = self.calendar.advance(
                self.anchor, *period, self.roll, self.end_of_month
            )
        return self._made[number]

    def before(self, date: ql.Date) -> int:
        """The number of the last regular date that is on or before a date."""
        apart = 12 * (date.year() - self.anchor.year()) + date.month() - self.anchor.month()
        number = apart // self.months
        while self.date(number) > date:
            number -= 1
        while self.date(number + 1) <= date:
            number += 1
        return int(number)

    def position(self, date: ql.Date) -> float:
        """Periods from the anchor to a date; a part of a period counts by its days."""
        number = self.before(date)
        before, after = self.date(number), self.date(number + 1)
        return float(number + (date - before) / (after - before))

    def years(self, start: ql.Date, end: ql.Date) -> float:
        """Years of interest from start to end by ACT/ACT ICMA; 1 / frequency if regular."""
        return (self.position(end) - self.position(start)) * self.months / 12.0

    def are_neighbours(self, start: ql.Date, end: ql.Date) -> bool:
        """Return whether start to end is one regular period."""
        first, last = self.position(start), self.position(end)
        return first == int(first) and last == first + 1.0


@dataclass(frozen=True, kw_only=True)
class Accrual:
    """The interest of the coupon periods of a bond, in years of its coupon rate.

    Attributes:
        day_count: This project's name of the day count.
        counter: QuantLib's day counter of that name.
        dates: The regular coupon dates of the bond.
    """

    day_count: str
    counter: ql.DayCounter
    dates: RegularDates

    def of_period(self, start: ql.Date, end: ql.Date) -> float:
        """Return what a coupon pays for the whole period from start to end."""
        if self.day_count == "ACT/ACT ICMA":
            return self.dates.years(start, end)
        if self.day_count in THIRTY_360 and self.dates.are_neighbours(start, end):
            return self.of_regular_period(start, end)
        return float(self.counter.yearFraction(start, end))

    def of_regular_period(self, start: ql.Date, end: ql.Date) -> float:
        """Return the interest of a period that is known to be one regular period."""
        if self.day_count == "ACT/ACT ICMA" or self.day_count in THIRTY_360:
            return self.dates.months / 12.0
        return float(self.counter.yearFraction(start, end))

    def until(self, date: ql.Date, start: ql.Date, end: ql.Date) -> float:
        """Return what of the period from start to end has accrued on a date; at most the whole.

        By 30/360 the days from 28 February to 30 August are 182: more than the coupon is for.
        """
        if date <= start:
            return 0.0
        whole = self.of_period(start, end)
        if date >= end:
            return whole
        if self.day_count == "ACT/ACT ICMA":
            return self.dates.years(start, date)
        return min(float(self.counter.yearFraction(start, date)), whole)
