"""Terms in; QuantLib schedules, legs, indices and bonds out. No market, no date of today.

The one place where this project's names of calendars, day counts and roll rules become
QuantLib objects. Trades, calibrating instruments and the reference all start here.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import BondConvention, IndexConvention, SettlementLag
from pricing.products.accrual import Accrual, RegularDates
from pricing.products.terms import BondTerms, NotionalStep, SwapTerms

EPOCH_SERIAL = 25569
"""QuantLib's serial number of 1970-01-01; our day numbers count from that day."""

CALENDARS: Mapping[str, Callable[[], ql.Calendar]] = {
    "NONE": ql.NullCalendar,
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
    return ql.Date(date.day, date.month, date.year)


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


@dataclass(frozen=True, kw_only=True)
class Swap:
    """A swap with every field settled: terms over convention."""

    terms: SwapTerms
    index: IndexConvention
    fixed_frequency: str
    fixed_day_count: str
    float_frequency: str
    float_day_count: str
    payment_lag: int
    calendar: str
    roll: int
    end_of_month: bool
    discount_curve: str
    forecast_curve: str

    @property
    def sign(self) -> int:
        """+1 when fixed is received."""
        return 1 if self.terms.pay_receive == "receive" else -1


def resolve_swap(terms: SwapTerms) -> Swap:
    """Terms over the rows of their convention.

    Raises:
        BadInput: An override names something that does not exist.
    """
    row = conventions.pick(conventions.SWAPS, "convention", terms.convention)
    name = terms.floating_index or row.index
    index = conventions.pick(conventions.INDICES, "floating_index", name)
    return Swap(
        terms=terms,
        index=index,
        fixed_frequency=_fixed_frequency(_or(terms.fixed_frequency, row.fixed_frequency)),
        fixed_day_count=_or(terms.fixed_day_count, row.fixed_day_count),
        float_frequency=vocabulary.frequency(terms.own_float_frequency, "float_frequency"),
        float_day_count=_or(terms.float_day_count, row.float_day_count),
        payment_lag=_or(terms.payment_lag, row.payment_lag),
        calendar=_or(terms.calendar, row.calendar),
        roll=roll(_or(terms.business_day_convention, row.business_day_convention)),
        end_of_month=_or(terms.end_of_month, row.end_of_month),
        discount_curve=_known_curve("discount_curve", terms.discount_curve, row.discount_curve),
        forecast_curve=_known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve),
    )


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _fixed_frequency(value: str) -> str:
    """A frequency that pays; a zero-coupon swap compounds its rate, which is not modelled.

    Raises:
        BadInput: It pays once at the end.
    """
    found = vocabulary.frequency(value, "fixed_frequency")
    if found not in vocabulary.PERIODIC_FREQUENCIES:
        allowed = ", ".join(vocabulary.PERIODIC_FREQUENCIES)
        reason = f"zero-coupon swaps are not priced yet, their rate compounds; allowed: {allowed}"
        raise BadInput("fixed_frequency", value, reason)
    return found


def _known_curve(field: str, value: str | None, default: str) -> str:
    if value is None:
        return default
    return conventions.pick(conventions.CURVES, field, value).name


def _schedule(swap: Swap, tenor: str) -> ql.Schedule:
    terms = swap.terms
    start, end = to_ql(terms.effective_date), to_ql(terms.termination_date)
    once = tenor == "ZERO"
    _refuse_same_business_day(swap)
    schedule = ql.Schedule(
        start,
        end,
        ql.Period(0, ql.Days) if once else ql.Period(tenor),
        calendar(swap.calendar),
        swap.roll,
        swap.roll,
        ql.DateGeneration.Zero if once else ql.DateGeneration.Backward,
        swap.end_of_month,
        _stub_date(terms.first_regular_date, once),
        _stub_date(terms.last_regular_date, once),
    )
    _refuse_empty_periods(schedule)
    return schedule


def check_swap(terms: SwapTerms) -> None:
    """Refuse a swap that no market could price.

    Raises:
        BadInput: Its legs are not modelled, or both its ends fall on one business day.
    """
    _refuse_same_business_day(resolve_swap(terms))


def _refuse_same_business_day(swap: Swap) -> None:
    """A swap from the last Friday of a month to the Saturday ends when it begins."""
    terms, cal = swap.terms, calendar(swap.calendar)
    start, end = (
        cal.adjust(to_ql(date), swap.roll)
        for date in (terms.effective_date, terms.termination_date)
    )
    if start >= end:
        reason = (
            f"it falls on {end.ISO()}, as effective_date {terms.effective_date} does, by calendar "
            f"{swap.calendar} and the business day convention: end on a later business day"
        )
        raise BadInput("termination_date", terms.termination_date.isoformat(), reason)


def _refuse_empty_periods(schedule: ql.Schedule) -> None:
    """Stub dates and month ends can fall on one day: QuantLib makes a period of no length."""
    dates = list(schedule)
    for before, date in itertools.pairwise(dates):
        if before == date:
            allowed = "stub dates, frequency and end_of_month leave an empty period there"
            raise BadInput("schedule", date.ISO(), allowed)


def _stub_date(date: dt.date | None, once: bool) -> ql.Date:
    return ql.Date() if date is None or once else to_ql(date)


def _notionals(swap: Swap, schedule: ql.Schedule, fixed: ql.Schedule) -> list[float]:
    """The notional of each period of a schedule."""
    steps, base = swap.terms.notional_schedule, swap.terms.notional
    starts = list(schedule)[:-1]
    if not steps:
        return [base] * len(starts)
    if all(isinstance(step, float) for step in steps):
        return _per_fixed_period([float(s) for s in steps], starts, list(fixed))  # type: ignore[arg-type]
    dated = [step for step in steps if isinstance(step, NotionalStep)]
    if len(dated) != len(steps):
        raise BadInput("notional_schedule", "mixed", "give dated steps or numbers, not both")
    return [_stepped(start, base, dated, calendar(swap.calendar), swap.roll) for start in starts]


def _per_fixed_period(
    values: list[float], starts: Sequence[ql.Date], fixed: Sequence[ql.Date]
) -> list[float]:
    if len(values) != len(fixed) - 1:
        allowed = f"the fixed leg has {len(fixed) - 1} periods: one notional each"
        raise BadInput("notional_schedule", f"{len(values)} numbers", allowed)
    last = len(values) - 1
    return [values[min(last, max(i for i, d in enumerate(fixed) if d <= s))] for s in starts]


def _stepped(
    start: ql.Date, base: float, steps: list[NotionalStep], cal: ql.Calendar, rule: int
) -> float:
    notional = base
    for step in sorted(steps, key=lambda s: s.date):
        date = to_ql(step.date)
        # A roll may move a period's start before or after the step's own date.
        if min(date, cal.adjust(date, rule)) <= start:
            notional = step.notional
    return notional


def swap_legs(
    swap: Swap, forecast: Handle | None = None, *, indexed: bool = False, telescopic: bool = True
) -> tuple[ql.Leg, ql.Leg]:
    """The fixed and the floating leg, unsigned.

    Args:
        swap: A resolved swap.
        forecast: The projection curve of the floating leg.
        indexed: True for indexed IBOR coupons, False for coupons at par.
        telescopic: True to leave out the daily dates of overnight coupons.
    """
    fixed_schedule = _schedule(swap, swap.fixed_frequency)
    float_schedule = _schedule(swap, swap.float_frequency)
    cal, lag = calendar(swap.calendar), swap.payment_lag
    payment_roll = ql.Following if lag else swap.roll
    notionals = _notionals(swap, fixed_schedule, fixed_schedule)
    count, notionals = _accruing(
        swap, swap.fixed_day_count, swap.fixed_frequency, fixed_schedule, notionals
    )
    fixed = ql.FixedRateLeg(
        fixed_schedule,
        count,
        notionals,
        [swap.terms.fixed_rate],
        paymentAdjustment=payment_roll,
        paymentCalendar=cal,
        paymentLag=lag,
    )
    notionals = _notionals(swap, float_schedule, fixed_schedule)
    count, notionals = _accruing(
        swap, swap.float_day_count, swap.float_frequency, float_schedule, notionals
    )
    spreads = [swap.terms.spread_bp * 1e-4] * len(notionals)
    index = make_index(swap.index, forecast)
    if swap.index.kind == "overnight":
        floating = ql.OvernightLeg(
            notionals,
            float_schedule,
            index,
            count,
            payment_roll,
            spreads=spreads,
            telescopicValueDates=telescopic,
            paymentCalendar=cal,
            paymentLag=lag,
        )
    else:
        floating = ql.IborLeg(
            notionals,
            float_schedule,
            index,
            count,
            payment_roll,
            spreads=spreads,
            paymentCalendar=cal,
            paymentLag=lag,
            withIndexedCoupons=indexed,
        )
    return fixed, floating


def _accruing(
    swap: Swap, day_count: str, frequency: str, schedule: ql.Schedule, notionals: list[float]
) -> tuple[ql.DayCounter, list[float]]:
    """A day counter and notionals under which a leg of these notionals accrues.

    QuantLib's ACT/ACT ICMA is wrong where both ends of a schedule are odd, and refuses long first
    periods: each notional is multiplied by the years that its period pays for, which then counts
    as one year.
    """
    if vocabulary.day_count(day_count) != "ACT/ACT ICMA":
        return day_counter(day_count), notionals
    years = _icma_years(swap, frequency, schedule)
    return ql.OneDayCounter(), [n * y for n, y in zip(notionals, years, strict=True)]


def _icma_years(swap: Swap, frequency: str, schedule: ql.Schedule) -> list[float]:
    """The years of interest of each period of a leg; see ``accrual``.

    A floating leg of one period takes the quasi-coupon dates of the fixed leg.
    """
    terms = swap.terms
    dates = RegularDates(
        anchor=to_ql(terms.last_regular_date or terms.termination_date),
        months=vocabulary.MONTHS[swap.fixed_frequency if frequency == "ZERO" else frequency],
        end_of_month=swap.end_of_month,
        calendar=calendar(swap.calendar),
        roll=swap.roll,
    )
    return [dates.years(start, end) for start, end in itertools.pairwise(list(schedule))]


@dataclass(frozen=True, kw_only=True)
class Bond:
    """A bond position with every field settled: terms over convention."""

    terms: BondTerms
    frequency: str
    day_count: str
    settlement_lags: tuple[SettlementLag, ...]
    calendar: str
    settlement_calendar: str
    roll: int
    end_of_month: bool
    ex_coupon_days: int
    yield_frequency: str
    yield_day_count: str
    last_period_yield: str
    yield_payment_dates: str
    bill_yield: str | None
    discount_curve: str

    @property
    def matures_within_a_year(self) -> bool:
        """Whether it was issued for a year or less, as bills are."""
        terms = self.terms
        return (terms.maturity_date - terms.issue_date).days <= MOST_DAYS_OF_A_BILL


def resolve_bond(terms: BondTerms) -> Bond:
    """Terms over the row of their convention.

    Raises:
        BadInput: A field names something that does not exist.
    """
    row = conventions.BONDS[terms.convention] if terms.convention else None
    fallback = conventions.BONDS["CORP-30-360"]

    def settled(field: str, default: Any) -> Any:
        return _or(getattr(terms, field), getattr(row, field) if row else default)

    currency_row = conventions.CURRENCY_ROWS[str(terms.currency)]
    default_curve = (row.discount_curve if row else None) or currency_row.bond_discount_curve
    frequency = vocabulary.frequency(settled("payment_frequency", None))
    day_count = vocabulary.day_count(settled("day_count", None))
    calendar_name = vocabulary.calendar(settled("calendar", currency_row.bond_calendar))
    return Bond(
        terms=terms,
        frequency=frequency,
        day_count=day_count,
        settlement_lags=_settlement_lags(terms, row),
        calendar=calendar_name,
        settlement_calendar=_settlement_calendar(calendar_name, row),
        roll=roll(settled("business_day_convention", fallback.business_day_convention)),
        end_of_month=settled("end_of_month", False),
        ex_coupon_days=settled("ex_coupon_days", 0),
        yield_frequency=_yield_frequency(frequency, row),
        yield_day_count=day_count if row or frequency != "ZERO" else "ACT/365F",
        last_period_yield=row.last_period_yield if row else "compounded",
        yield_payment_dates=row.yield_payment_dates if row else "nominal",
        bill_yield=row.bill_yield if row else None,
        discount_curve=_known_curve("discount_curve", terms.discount_curve, default_curve),
    )


MOST_DAYS_OF_A_BILL = 366


def _settlement_calendar(calendar_name: str, row: BondConvention | None) -> str:
    """The row's, unless the terms name another calendar of payments than the row."""
    if row is not None and calendar_name == row.calendar:
        return row.settlement_calendar
    return conventions.settlement_calendar(calendar_name)


def _settlement_lags(terms: BondTerms, row: BondConvention | None) -> tuple[SettlementLag, ...]:
    """The lag of the terms for all dates, else the rows of the market, else none."""
    if terms.settlement_days is None and row is not None:
        return row.settlement_lags
    days = terms.settlement_days or 0
    return (SettlementLag(valid_from=conventions.ALWAYS, days=days, source=""),)


def _yield_frequency(frequency: str, row: BondConvention | None) -> str:
    """The market's, unless the bond pays coupons at another frequency than its market."""
    if row is not None and frequency in (row.payment_frequency, "ZERO"):
        return row.yield_frequency
    return "1Y" if frequency == "ZERO" else frequency


def settlement_date(bond: Bond, trade_date: dt.date) -> ql.Date:
    """The day on which a trade of that date settles, not before the issue of the bond."""
    days = conventions.settlement_days_on(bond.settlement_lags, trade_date)
    settles = calendar(bond.settlement_calendar).advance(to_ql(trade_date), days, ql.Days)
    return max(settles, to_ql(bond.terms.dated_date or bond.terms.issue_date))


def make_bond(bond: Bond) -> ql.Bond:
    """QuantLib's bond with a face amount of 100; its trades settle by ``settlement_date``.

    Its coupons pay and count as ``accrual.py`` says; QuantLib's own accrued interest is not valid,
    ``accrued_per_100`` is.
    """
    terms, cal = bond.terms, calendar(bond.calendar)
    issue = to_ql(terms.dated_date or terms.issue_date)
    maturity = to_ql(terms.maturity_date)
    if bond.frequency == "ZERO":
        if terms.coupon_rate:
            raise BadInput("payment_frequency", "ZERO", "a coupon needs a payment frequency")
        return ql.ZeroCouponBond(0, cal, 100.0, maturity, bond.roll, 100.0, issue)
    schedule = ql.Schedule(
        issue,
        maturity,
        ql.Period(bond.frequency),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        bond.end_of_month,
        _stub_date(terms.first_coupon_date, False),
        _stub_date(terms.penultimate_coupon_date, False),
    )
    # The market counts the last day that still carries the coupon; QuantLib the first that
    # does not (UK DMO, annex: seven business days are six here).
    ex_days = max(bond.ex_coupon_days - 1, 0)
    # Each coupon stands on 100 times the years that it pays for, and counts as one year.
    coupons = ql.FixedRateLeg(
        schedule,
        ql.OneDayCounter(),
        [100.0 * years for years in _years_of_periods(bond, schedule)],
        [terms.coupon_rate],
        paymentAdjustment=bond.roll,
        exCouponPeriod=ql.Period(ex_days, ql.Days) if ex_days else ql.Period(),
        exCouponCalendar=cal,
        exCouponConvention=ql.Unadjusted,
        exCouponEndOfMonth=False,
        paymentCalendar=cal,
    )
    redemption = ql.Redemption(100.0, cal.adjust(maturity, bond.roll))
    # With an issue date QuantLib refuses a short first coupon that is paid on that day, as one
    # that ends on the weekend after it is by PRECEDING; nothing here asks it for that date.
    return ql.Bond(0, cal, 100.0, maturity, ql.Date(), (*coupons, redemption))


def bond_accrual(bond: Bond) -> Accrual:
    """How the coupons of a bond that pays coupons accrue."""
    return Accrual(
        day_count=bond.day_count,
        counter=day_counter(bond.day_count),
        dates=regular_dates(bond, vocabulary.MONTHS[bond.frequency]),
    )


def regular_dates(bond: Bond, months: int) -> RegularDates:
    """Coupon dates so many months apart from the penultimate one if given, else from maturity."""
    return RegularDates(
        anchor=to_ql(bond.terms.penultimate_coupon_date or bond.terms.maturity_date),
        months=months,
        end_of_month=bond.end_of_month,
    )


def _years_of_periods(bond: Bond, schedule: ql.Schedule) -> list[float]:
    accrual = bond_accrual(bond)
    periods = list(itertools.pairwise(schedule.dates()))
    years = [accrual.of_regular_period(start, end) for start, end in periods]
    for place in {0, len(periods) - 1}:  # the terms refuse a first coupon off the regular dates
        if not schedule.isRegular(place + 1):  # odd, or regular between two stated dates
            years[place] = accrual.of_period(*periods[place])
    return years


def accrued_per_100(bond: Bond, leg: ql.Leg, settlement: ql.Date) -> float:
    """Accrued interest of the next coupon of a bond, per 100 of face.

    Args:
        bond: A resolved bond.
        leg: Its cash flows, from ``make_bond``.
        settlement: The day on which a trade settles.

    Returns:
        What has accrued from the last coupon to settlement; where the seller keeps the coupon
        (ex-dividend), what accrues from settlement to the next one, negative.
    """
    coupons = [c for c in map(ql.as_coupon, leg) if c and c.date() > settlement]
    if not coupons:
        return 0.0
    coupon, accrual = coupons[0], bond_accrual(bond)
    start, end = coupon.accrualStartDate(), coupon.accrualEndDate()
    years = accrual.until(settlement, start, end)
    ex_date = coupon.exCouponDate()
    if ex_date != ql.Date() and ex_date <= settlement:
        years -= accrual.of_period(start, end)
    return 100.0 * bond.terms.coupon_rate * years


def business_days(name: str, first: int, last: int) -> list[int]:
    """Day numbers of the business days of a calendar, both ends included."""
    cal = calendar(name)
    days = cal.businessDayList(ql_of_day(first), ql_of_day(last))
    return [day_number(day) for day in days]


def business_day_before(name: str, day: int, count: int) -> int:
    """The business day so many before a day number; a closed day counts as the next open one."""
    cal = calendar(name)
    open_day = cal.adjust(ql_of_day(day), ql.Following)
    return day_number(cal.advance(open_day, -count, ql.Days))
