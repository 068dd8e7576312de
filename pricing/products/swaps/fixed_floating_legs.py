"""A fixed-floating swap over its convention: schedules, notionals and periods of its legs."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.accrual import RegularDates
from pricing.products.fixed_floating_swap import (
    NotionalStep,
    RateStep,
    SwapTerms,
    check_swap,
    paying_fixed_frequency,
)
from pricing.products.period_rows import PeriodRules, years
from pricing.products.schedules import (
    calendar,
    day_number,
    given_or,
    known_curve,
    ql_of_day,
    roll,
    to_ql,
)
from pricing.products.swaps.compounding import Compounding
from pricing.products.swaps.legs import LegSchedule, make_schedule
from pricing.products.swaps.overnight import Observing
from pricing.products.swaps.stubs import Stub, stub_between

Step = NotionalStep | RateStep


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
    def unadjusted_end(self) -> dt.date:
        """The end of the last period, unadjusted."""
        return self.terms.unadjusted_end or self.terms.termination_date

    @property
    def rolls_by_imm(self) -> bool:
        """Return whether periods end on third Wednesdays."""
        day = self.terms.roll_day
        return day is not None and vocabulary.roll_day(day) == vocabulary.IMM

    @property
    def averages(self) -> bool:
        """Return whether the floating leg averages overnight fixings."""
        return self.terms.overnight_method == "averaged"

    @property
    def observing(self) -> Observing:
        """How the fixings of an overnight leg are observed."""
        terms = self.terms
        return Observing(
            terms.lookback_days or 0, bool(terms.observation_shift), terms.lockout_days or 0
        )

    @property
    def compounding(self) -> Compounding:
        """How the spread of the floating leg compounds."""
        method = self.terms.compounding_method or "spread_exclusive"
        return Compounding(method, self.terms.spread_bp * 1e-4)

    @property
    def by_hand(self) -> bool:
        """Return whether QuantLib has no coupons of the floating leg, only its fixings.

        QuantLib 1.44 drops a spread that compounds (``compoundSpreadDaily``) where it telescopes.
        """
        method, observing = self.terms.compounding_method, self.observing
        observed_elsewhere = self.averages and observing != Observing()
        by_days = method == "flat" or (method == "straight" and observing.telescopes)
        return observed_elsewhere or self.terms.compounds_ibor or by_days

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
        fixed_frequency=paying_fixed_frequency(terms),
        fixed_day_count=given_or(terms.fixed_day_count, row.fixed_day_count),
        float_frequency=vocabulary.frequency(terms.own_float_frequency, "float_frequency"),
        float_day_count=given_or(terms.float_day_count, row.float_day_count),
        payment_lag=given_or(terms.payment_lag, row.payment_lag),
        calendar=given_or(terms.calendar, row.calendar),
        roll=roll(given_or(terms.business_day_convention, row.business_day_convention)),
        end_of_month=given_or(terms.end_of_month, row.end_of_month),
        discount_curve=known_curve("discount_curve", terms.discount_curve, row.discount_curve),
        forecast_curve=known_curve("forecast_curve", terms.forecast_curve, index.forecast_curve),
    )


def schedule_of(swap: Swap, tenor: str) -> LegSchedule:
    """The dates of a leg with periods of a tenor; raises BadInput."""
    check_swap(swap.terms)
    return make_schedule(
        swap.terms,
        tenor,
        calendar=swap.calendar,
        roll=swap.roll,
        end_of_month=swap.end_of_month,
        ends=(swap.terms.unadjusted_start, swap.unadjusted_end),
        imm=swap.rolls_by_imm,
    )


def schedules_of(swap: Swap) -> tuple[LegSchedule, LegSchedule]:
    """Return the schedules of the fixed and the floating leg; one object if periods agree."""
    fixed = schedule_of(swap, swap.fixed_frequency)
    if swap.float_frequency == swap.fixed_frequency:
        return fixed, fixed
    return fixed, schedule_of(swap, swap.float_frequency)


def all_notionals(terms: SwapTerms) -> list[float]:
    """The first notional, then those of the steps of its schedule."""
    steps = terms.notional_schedule or ()
    amounts = [step.notional if isinstance(step, NotionalStep) else float(step) for step in steps]
    return [terms.notional, *amounts]


def notionals_of(swap: Swap, schedule: LegSchedule, fixed: LegSchedule) -> list[float]:
    """The notional of each period of a schedule."""
    amounts = all_notionals(swap.terms)
    return [amounts[place] for place in places_of_notionals(swap, schedule, fixed)]


def places_of_notionals(swap: Swap, schedule: LegSchedule, fixed: LegSchedule) -> list[int]:
    """Which of ``all_notionals`` each period of a schedule is on."""
    return _places(swap, "notional_schedule", schedule, fixed)


def fixed_rates_of(swap: Swap, fixed: LegSchedule) -> list[float]:
    """The rate of each fixed period."""
    steps = swap.terms.fixed_rate_schedule or ()
    rates = [step.rate if isinstance(step, RateStep) else float(step) for step in steps]
    all_rates = [swap.terms.fixed_rate, *rates]
    return [all_rates[place] for place in _places(swap, "fixed_rate_schedule", fixed, fixed)]


def _places(swap: Swap, field: str, schedule: LegSchedule, fixed: LegSchedule) -> list[int]:
    """Which step each period of a schedule is on, counted from 1; 0: none has begun."""
    steps: list[Step | float] = getattr(swap.terms, field) or []
    if not steps:
        return [0] * (len(schedule.days) - 1)
    starts = schedule.days[:-1]
    dated = [step for step in steps if isinstance(step, NotionalStep | RateStep)]
    if not dated:
        return _per_fixed_period(field, len(steps), starts, fixed.days)
    if len(dated) != len(steps):
        raise BadInput(field, "mixed", "give dated steps or numbers, not both")
    return _stepped(starts, dated, calendar(swap.calendar), swap.roll)


def _per_fixed_period(
    field: str, count: int, starts: Sequence[int], fixed: Sequence[int]
) -> list[int]:
    if count != len(fixed) - 1:
        allowed = f"the fixed leg has {len(fixed) - 1} periods: one number each"
        raise BadInput(field, f"{count} numbers", allowed)
    return [min(count, bisect.bisect_right(fixed, start)) for start in starts]


def _stepped(
    starts: Sequence[int], steps: Sequence[Step], cal: ql.Calendar, rule: int
) -> list[int]:
    """The last step by date that each period starts on or after."""
    begin: list[tuple[int, int]] = []
    for place, step in sorted(enumerate(steps, start=1), key=lambda pair: pair[1].date):
        date = to_ql(step.date)
        # A roll may move a period's start before or after the step's own date.
        begin.append((day_number(min(date, cal.adjust(date, rule))), place))
    return [([0] + [place for day, place in begin if day <= start])[-1] for start in starts]


def icma_years(swap: Swap, frequency: str, schedule: LegSchedule) -> list[float]:
    """The years of interest of each period of a leg; see ``accrual``.

    A floating leg of one period takes the quasi-coupon dates of the fixed leg.
    """
    if swap.rolls_by_imm:
        reason = "ACT/ACT ICMA counts regular periods, and those between IMM dates are none"
        raise BadInput("roll_day", vocabulary.IMM, reason)
    dates = RegularDates(
        anchor=to_ql(swap.terms.last_regular_date or swap.unadjusted_end),
        months=vocabulary.MONTHS[swap.fixed_frequency if frequency == "ZERO" else frequency],
        end_of_month=swap.end_of_month,
        calendar=calendar(swap.calendar),
        roll=swap.roll,
    )
    return [dates.years(start, end) for start, end in itertools.pairwise(schedule.dates.dates())]


def leg_periods(
    swap: Swap, day_count: str, frequency: str, schedule: LegSchedule
) -> Iterator[tuple[PeriodRules, tuple[int, int], float]]:
    """The periods of a leg: how they pay, their two day numbers, and the years they pay for."""
    name = vocabulary.day_count(day_count)
    payment_roll = ql.Following if swap.payment_lag else swap.roll
    rules = PeriodRules(swap.calendar, swap.payment_lag, payment_roll, name)
    periods = itertools.pairwise(schedule.days)
    if name == "ACT/ACT ICMA":
        accrued = icma_years(swap, frequency, schedule)
        yield from ((rules, *each) for each in zip(periods, accrued, strict=True))
        return
    for start, end in periods:
        yield rules, (start, end), years(name, start, end)


def compounding_periods(
    swap: Swap, schedule: LegSchedule
) -> list[tuple[PeriodRules, list[tuple[tuple[int, int], float]]]]:
    """The periods of the index that compound to each payment of an IBOR leg, and their years.

    Raises:
        BadInput: A payment is not at the end of a period of the index.
    """
    own = schedule_of(swap, swap.index.tenor)
    for day in schedule.days:
        if day not in own.days:
            allowed = f"no period of {swap.index.name} ends there: give regular dates"
            raise BadInput("schedule", ql_of_day(day).ISO(), allowed)
    ends = set(schedule.days[1:])
    found: list[tuple[PeriodRules, list[tuple[tuple[int, int], float]]]] = []
    periods: list[tuple[tuple[int, int], float]] = []
    for rules, period, accrued in leg_periods(swap, swap.float_day_count, swap.index.tenor, own):
        periods.append((period, accrued))
        if period[1] in ends:
            found.append((rules, periods))
            periods = []
    return found


def stubs_of(swap: Swap, schedule: LegSchedule) -> list[Stub | None]:
    """How the rate of each floating period is interpolated; None where it is the index's own."""
    name = swap.terms.stub_index
    count = len(schedule.days) - 1
    if name is None:
        return [None] * count
    found = [
        None
        if schedule.dates.isRegular(number + 1)
        else stub_between(swap.index, conventions.INDICES[name], period)
        for number, period in enumerate(itertools.pairwise(schedule.days))
    ]
    if not any(found):
        raise BadInput("stub_index", name, "leave it empty: the floating leg has no odd period")
    return found
