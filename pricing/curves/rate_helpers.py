"""Build QuantLib's bootstrap helpers from a curve's conventions and tenors.

``ois`` and ``ibor`` helpers read live quotes. A par bond's coupon is its quote, so its helper is
built again for every rate.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import QuantLib as ql

from pricing.curves import quote_ids
from pricing.curves.basis_instruments import basis_row, make_basis_swap
from pricing.curves.bonds.instruments import make_bond
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import QuoteId, tenor_days
from pricing.curves.rate_instruments import make_fra, make_future, make_turn, make_zero
from pricing.errors import BootstrapFailed
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.markets.conventions import CurveConvention, SwapConvention
from pricing.products import schedules
from pricing.products.swaps.checks import standard_swap

ONE_YEAR_DAYS = 364.0
"""Length from which a tenor counts as a year, so that 12M does: shorter ones are simple rates,
longer ones bonds and swaps."""

PAR_YIELD_DEPOSIT = ql.Actual365Fixed
"""Day count of par yields below one year: simple money-market yields."""

Helper = Any
"""A ql.RateHelper, for which QuantLib ships no types, or a ``RateInstrument``."""


@dataclass(frozen=True)
class HelperFactory:
    """Makes the helpers of one curve on one date.

    Attributes:
        row: The curve's rules.
        today: Valuation date; QuantLib's own must be the same.
        discount: Handle of the curve that swaps are discounted on, for ``ibor`` curves.
        indexed: True for indexed IBOR coupons, False for coupons at par.
        fixings: Known fixings, for futures whose reference period has begun.
    """

    row: CurveConvention
    today: dt.date
    discount: ql.YieldTermStructureHandle
    indexed: bool
    fixings: Fixings = field(default_factory=dict)

    def make(self, key: QuoteId, quote: ql.SimpleQuote) -> Helper:
        """The helper of one quote, or the instrument that stands for it.

        Raises:
            BootstrapFailed: The instrument is over, or ends where it begins.
        """
        made = quote_ids.read(key.tenor)
        makers = {"ois": self._ois, "ibor": self._ibor, "par_yield": self._par_yield}
        if isinstance(made, quote_ids.Tenor) and self.row.quotes != "zero":
            return makers[self.row.quotes](key, quote)
        return self._by_id(key, made, quote)

    def _by_id(self, key: QuoteId, made: quote_ids.Quoted, quote: ql.SimpleQuote) -> Helper:
        """Return what an id that is no tenor stands for."""
        today = schedules.day_number(schedules.to_ql(self.today))
        if isinstance(made, quote_ids.Future):
            return make_future(key, made, self.row, today, self.fixings)
        if isinstance(made, quote_ids.Fra):
            calendar = conventions.INDICES[str(self.row.index)].calendar
            return make_fra(made, self.row, today, self._open_day(schedules.calendar(calendar)))
        if isinstance(made, quote_ids.Basis):
            return self._basis_swap(made)
        if isinstance(made, quote_ids.Bond):
            return make_bond(key, made, self.today)
        if isinstance(made, quote_ids.ZeroRate | quote_ids.Tenor):
            return make_zero(made, schedules.to_ql(self.today))
        if isinstance(made, quote_ids.Turn):
            index = conventions.INDICES[str(self.row.index)]
            return make_turn(key, made.date, index, today)
        if isinstance(made, quote_ids.DatedSwap | quote_ids.MeetingSwap):
            start, end = schedules.to_ql(made.start), schedules.to_ql(made.end)
            if made.end <= self.today:
                reason = f"on {self.today} it is over; leave it out"
                raise BootstrapFailed(key.curve, key.tenor, None, reason)
            return self._ois_of_dates(start, end, quote)
        return self._term_deposit(key, str(made.tenor), quote)

    def _term_deposit(self, key: QuoteId, tenor: str, quote: ql.SimpleQuote) -> Helper:
        """A deposit from spot, by the day count and the calendar of the curve's index."""
        index = conventions.INDICES[str(self.row.index)]
        swap = conventions.SWAPS[str(self.row.swap_convention)]
        overnight = tenor == "1D" or index.kind == "ibor"
        lag = index.fixing_days if overnight else swap.spot_lag
        count = schedules.day_counter(index.day_count)
        calendar = schedules.calendar(index.calendar)
        rule = schedules.roll(index.business_day_convention)
        named = QuoteId(key.curve, tenor)
        return self._deposit(named, quote, lag, calendar, rule, index.end_of_month, count)

    def _ois(self, key: QuoteId, quote: ql.SimpleQuote) -> Helper:
        swap = conventions.SWAPS[str(self.row.swap_convention)]
        index = conventions.INDICES[str(self.row.index)]
        cal = schedules.calendar(swap.calendar)
        if key.tenor == "1D":
            count = schedules.day_counter(index.day_count)
            rule, lag = schedules.roll(index.business_day_convention), index.fixing_days
            return self._deposit(key, quote, lag, cal, rule, index.end_of_month, count)
        start, rule = self._spot(swap), schedules.roll(swap.business_day_convention)
        end = start + ql.Period(key.tenor)
        if cal.adjust(end, rule) <= start:
            # Two days to the end of a month may roll back to where they begin.
            why = f"on {self.today} it begins on {start.ISO()}, and ends there as {end.ISO()} rolls"
            raise BootstrapFailed(key.curve, key.tenor, None, f"{why} back; leave it out")
        return self._ois_of_dates(start, end, quote)

    def _ois_of_dates(self, start: ql.Date, end: ql.Date, quote: ql.SimpleQuote) -> Helper:
        """An overnight swap from one date to another."""
        swap = conventions.SWAPS[str(self.row.swap_convention)]
        index = conventions.INDICES[str(self.row.index)]
        cal, rule = schedules.calendar(swap.calendar), schedules.roll(swap.business_day_convention)
        return ql.OISRateHelper.forDates(
            start,
            end,
            ql.QuoteHandle(quote),
            schedules.make_index(index),
            telescopicValueDates=True,
            paymentLag=swap.payment_lag,
            paymentConvention=rule,
            paymentFrequency=_payments(swap.float_frequency),
            paymentCalendar=cal,
            endOfMonth=swap.end_of_month,
            fixedPaymentFrequency=_payments(swap.fixed_frequency),
            fixedCalendar=cal,
            convention=rule,
            fixedDayCount=schedules.day_counter(swap.fixed_day_count),
        )

    def _ibor(self, key: QuoteId, quote: ql.SimpleQuote) -> Helper:
        swap = conventions.SWAPS[str(self.row.swap_convention)]
        index = conventions.INDICES[str(self.row.index)]
        if tenor_days(key.tenor) < ONE_YEAR_DAYS:
            cal, rule = (
                schedules.calendar(index.calendar),
                schedules.roll(index.business_day_convention),
            )
            count, lag = schedules.day_counter(index.day_count), index.fixing_days
            return self._deposit(key, quote, lag, cal, rule, index.end_of_month, count)
        cal = schedules.calendar(swap.calendar)
        start = self._spot(swap)
        # By position, for SWIG overloads it: spread, discount curve, pillar (QuantLib's default,
        # the last relevant date), end of month, indexed coupons.
        return ql.SwapRateHelper.forDates(
            ql.QuoteHandle(quote),
            start,
            start + ql.Period(key.tenor),
            cal,
            _payments(swap.fixed_frequency),
            schedules.roll(swap.business_day_convention),
            schedules.day_counter(swap.fixed_day_count),
            schedules.make_index(index),
            ql.QuoteHandle(),
            self.discount,
            ql.Pillar.LastRelevantDate,
            ql.Date(),
            swap.end_of_month,
            self.indexed,
        )

    def _basis_swap(self, made: quote_ids.Basis) -> Helper:
        """From the spot date of the standard swap against the first index."""
        row = basis_row(self.row, made)
        start = self._spot(standard_swap(row.first_index))
        end = start + ql.Period(made.tenor)
        days = (date_of(schedules.day_number(date)) for date in (start, end))
        return make_basis_swap(row, *days, indexed=self.indexed)

    def _open_day(self, cal: ql.Calendar) -> ql.Date:
        """Today, or the next business day: a holiday's market is that of the day after.

        EURIBOR fixes on TARGET days only, two of them before spot (EMMI, 'Benchmark Determination
        Methodology for EURIBOR', s. 2). Counted from the holiday itself, spot would come one day
        earlier, and the first coupon would have fixed before the day of the quote.
        """
        return cal.adjust(schedules.to_ql(self.today), ql.Following)

    def _spot(self, swap: SwapConvention) -> ql.Date:
        """The start of a quoted swap; one rule for overnight and IBOR swaps.

        QuantLib's helpers of a tenor differ in this between classes and releases, so they are
        given dates.
        """
        cal = schedules.calendar(swap.calendar)
        return cal.advance(self._open_day(cal), swap.spot_lag, ql.Days)

    def _par_yield(self, key: QuoteId, quote: ql.SimpleQuote) -> Helper:
        row, cal = self.row, schedules.calendar(self.row.calendar)
        if tenor_days(key.tenor) < ONE_YEAR_DAYS:
            count, lag = PAR_YIELD_DEPOSIT(), row.settlement_days or 0
            return self._deposit(key, quote, lag, cal, ql.Unadjusted, False, count)
        start, rule = schedules.to_ql(self.today), ql.Unadjusted
        end, period = start + ql.Period(key.tenor), ql.Period(row.frequency)
        # Coupons fall on the day of the month on which the bond begins, or on the month's last.
        # Counted back from 28 February, those of 29 to 31 August would leave an odd first period.
        forward = ql.DateGeneration.Forward
        schedule = ql.Schedule(start, end, period, cal, rule, rule, forward, False)
        return ql.FixedRateBondHelper(
            ql.QuoteHandle(ql.SimpleQuote(100.0)),
            row.settlement_days,
            100.0,
            schedule,
            [quote.value()],
            ql.ActualActual(ql.ActualActual.ISMA, schedule),
            ql.Unadjusted,
        )

    def _deposit(
        self,
        key: QuoteId,
        quote: ql.SimpleQuote,
        lag: int,
        cal: ql.Calendar,
        rule: int,
        end_of_month: bool,
        count: ql.DayCounter,
    ) -> Helper:
        period, currency = ql.Period(key.tenor), schedules.currency(self.row.currency)
        index = ql.IborIndex("simple", period, lag, currency, cal, rule, end_of_month, count)
        return ql.DepositRateHelper(ql.QuoteHandle(quote), self._open_day(cal), index)


def _payments(frequency: str) -> int:
    """QuantLib's payments per year; ZERO pays once, at the end."""
    return ql.Once if frequency == "ZERO" else int(ql.Period(frequency).frequency())


def deposit_day_counter(row: CurveConvention) -> ql.DayCounter:
    """The day count of a curve's simple rates."""
    if row.index is None:
        return PAR_YIELD_DEPOSIT()
    return schedules.day_counter(conventions.INDICES[row.index].day_count)
