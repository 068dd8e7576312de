"""Schedules, legs, flows and QuantLib's instrument of fixed-floating swaps."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.accrual import RegularDates
from pricing.products.cash_flows import FLOW, Row
from pricing.products.fixed_floating_swap import (
    NotionalStep,
    RateStep,
    SwapTerms,
    check_swap,
    paying_fixed_frequency,
)
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.period_rows import (
    PeriodRules,
    fixed_row,
    floating_row,
    payment_day,
    years,
)
from pricing.products.schedules import (
    Handle,
    calendar,
    day_counter,
    day_number,
    given_or,
    known_curve,
    make_index,
    ql_of_day,
    roll,
    to_ql,
)
from pricing.products.swaps.compounding import (
    Compounding,
    averaged,
    compounded,
    ibor_amount,
    ibor_chain_rows,
    overnight_amount,
)
from pricing.products.swaps.legs import LegSchedule, make_schedule, off_fixing_days
from pricing.products.swaps.overnight import (
    Observing,
    averaged_rows,
    compounded_rows,
    flat_spread_rows,
)
from pricing.products.swaps.stubs import Stub, stub_between, stub_coupons, stub_rows
from pricing.products.templates import Scaling, Template, as_bytes

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
        """Whether periods end on third Wednesdays."""
        day = self.terms.roll_day
        return day is not None and vocabulary.roll_day(day) == vocabulary.IMM

    @property
    def averages(self) -> bool:
        """Whether the floating leg averages overnight fixings."""
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
        """Whether QuantLib has no coupons of the floating leg, only its fixings.

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


def _schedule(swap: Swap, tenor: str) -> LegSchedule:
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


def _schedules(swap: Swap) -> tuple[LegSchedule, LegSchedule]:
    """Those of the fixed and of the floating leg, one and the same where their periods are."""
    fixed = _schedule(swap, swap.fixed_frequency)
    if swap.float_frequency == swap.fixed_frequency:
        return fixed, fixed
    return fixed, _schedule(swap, swap.float_frequency)


def _all_notionals(terms: SwapTerms) -> list[float]:
    """The first notional, then those of the steps of its schedule."""
    steps = terms.notional_schedule or ()
    amounts = [step.notional if isinstance(step, NotionalStep) else float(step) for step in steps]
    return [terms.notional, *amounts]


def _notionals(swap: Swap, schedule: LegSchedule, fixed: LegSchedule) -> list[float]:
    """The notional of each period of a schedule."""
    amounts = _all_notionals(swap.terms)
    return [amounts[place] for place in _places_of_notionals(swap, schedule, fixed)]


def _places_of_notionals(swap: Swap, schedule: LegSchedule, fixed: LegSchedule) -> list[int]:
    """Which of ``_all_notionals`` each period of a schedule is on."""
    return _places(swap, "notional_schedule", schedule, fixed)


def _fixed_rates(swap: Swap, fixed: LegSchedule) -> list[float]:
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


def swap_legs(
    swap: Swap,
    forecast: Handle | None = None,
    other: Handle | None = None,
    *,
    indexed: bool = False,
    telescopic: bool = True,
) -> tuple[ql.Leg, ql.Leg]:
    """The fixed and the floating leg, unsigned.

    Args:
        swap: A resolved swap.
        forecast: The projection curve of the floating leg.
        other: That of the index that odd periods are interpolated with.
        indexed: True for indexed IBOR coupons, False for coupons at par.
        telescopic: True to leave out the daily dates of overnight coupons.
    """
    fixed_schedule, float_schedule = _schedules(swap)
    cal, lag = calendar(swap.calendar), swap.payment_lag
    payment_roll = ql.Following if lag else swap.roll
    notionals = _notionals(swap, fixed_schedule, fixed_schedule)
    count, notionals = _accruing(
        swap, swap.fixed_day_count, swap.fixed_frequency, fixed_schedule, notionals
    )
    fixed = ql.FixedRateLeg(
        fixed_schedule.dates,
        count,
        notionals,
        _fixed_rates(swap, fixed_schedule),
        paymentAdjustment=payment_roll,
        paymentCalendar=cal,
        paymentLag=lag,
    )
    if swap.terms.compounds_ibor:
        float_schedule = _schedule(swap, swap.index.tenor)
    notionals = _notionals(swap, float_schedule, fixed_schedule)
    count, notionals = _accruing(
        swap, swap.float_day_count, swap.float_frequency, float_schedule, notionals
    )
    spreads = [0.0 if swap.by_hand else swap.terms.spread_bp * 1e-4] * len(notionals)
    index = make_index(swap.index, forecast)
    lookback, shift, lockout = swap.observing
    observed = {"lookbackDays": lookback, "applyObservationShift": shift} if lookback else {}
    if swap.index.kind == "overnight":
        floating = ql.OvernightLeg(
            notionals,
            float_schedule.dates,
            index,
            count,
            payment_roll,
            spreads=spreads,
            telescopicValueDates=telescopic,
            # It does not average with a lookback or a lockout: only its fixings are used then.
            averagingMethod=ql.RateAveraging.Simple
            if swap.averages and not swap.by_hand
            else ql.RateAveraging.Compound,
            paymentCalendar=cal,
            paymentLag=lag,
            lockoutDays=lockout,
            compoundSpreadDaily=swap.terms.compounding_method == "straight",
            **observed,
        )
    else:
        floating = ql.IborLeg(
            notionals,
            float_schedule.dates,
            index,
            count,
            payment_roll,
            spreads=spreads,
            paymentCalendar=cal,
            paymentLag=lag,
            withIndexedCoupons=indexed,
        )
        floating = _with_stubs(swap, floating, float_schedule, (forecast, other))
    return fixed, floating


def _with_stubs(
    swap: Swap,
    leg: ql.Leg,
    schedule: LegSchedule,
    forecasts: tuple[Handle | None, Handle | None],
) -> ql.Leg:
    """QuantLib's leg with two coupons in place of each that is interpolated."""
    made: list[ql.CashFlow] = []
    for coupon, stub in zip(leg, _stubs(swap, schedule), strict=True):
        made += [coupon] if stub is None else stub_coupons(stub, coupon, forecasts)
    return made


def _accruing(
    swap: Swap, day_count: str, frequency: str, schedule: LegSchedule, notionals: list[float]
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


def _icma_years(swap: Swap, frequency: str, schedule: LegSchedule) -> list[float]:
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


def _periods(
    swap: Swap, day_count: str, frequency: str, schedule: LegSchedule
) -> Iterator[tuple[PeriodRules, tuple[int, int], float]]:
    """The periods of a leg: how they pay, their two day numbers, and the years they pay for."""
    name = vocabulary.day_count(day_count)
    payment_roll = ql.Following if swap.payment_lag else swap.roll
    rules = PeriodRules(swap.calendar, swap.payment_lag, payment_roll, name)
    periods = itertools.pairwise(schedule.days)
    if name == "ACT/ACT ICMA":
        accrued = _icma_years(swap, frequency, schedule)
        yield from ((rules, *each) for each in zip(periods, accrued, strict=True))
        return
    for start, end in periods:
        yield rules, (start, end), years(name, start, end)


def _floating_rows(
    swap: Swap,
    rules: PeriodRules,
    period: tuple[int, int],
    accrued: float,
    *,
    indexed: bool,
    stub: Stub | None,
) -> list[Row]:
    """The rows of one period of the floating leg, for a spread of one."""
    if stub is not None:
        return stub_rows(stub, rules, period, accrued)
    observing, (method, spread) = swap.observing, swap.compounding
    if not swap.terms.compounds_spread and observing == Observing() and not swap.averages:
        return [floating_row(rules, swap.index, period, accrued, indexed=indexed)]
    coupon = (swap.index, period, accrued, payment_day(rules, period[1]), observing)
    if swap.averages:
        return averaged_rows(*coupon)
    if not swap.terms.compounds_spread:
        return compounded_rows(*coupon)
    rows = compounded_rows(*coupon, spread if method == "straight" else 0.0)
    rows = [row._replace(amount=0.0) for row in rows]
    if method == "flat" and spread:
        rows += [
            row._replace(
                scale=row.scale * spread, accrued=row.accrued * spread, amount=row.amount * spread
            )
            for row in flat_spread_rows(*coupon)
        ]
    return rows


def _compounding_periods(
    swap: Swap, schedule: LegSchedule
) -> list[tuple[PeriodRules, list[tuple[tuple[int, int], float]]]]:
    """The periods of the index that compound to each payment of an IBOR leg, and their years.

    Raises:
        BadInput: A payment is not at the end of a period of the index.
    """
    own = _schedule(swap, swap.index.tenor)
    for day in schedule.days:
        if day not in own.days:
            allowed = f"no period of {swap.index.name} ends there: give regular dates"
            raise BadInput("schedule", ql_of_day(day).ISO(), allowed)
    ends = set(schedule.days[1:])
    found: list[tuple[PeriodRules, list[tuple[tuple[int, int], float]]]] = []
    periods: list[tuple[tuple[int, int], float]] = []
    for rules, period, accrued in _periods(swap, swap.float_day_count, swap.index.tenor, own):
        periods.append((period, accrued))
        if period[1] in ends:
            found.append((rules, periods))
            periods = []
    return found


def _leg_rows(
    swap: Swap, schedule: LegSchedule, places: Sequence[int], *, indexed: bool
) -> Iterator[tuple[list[Row], int]]:
    """The rows of each payment of the floating leg, and the place of its notional."""
    if swap.terms.compounds_ibor:
        payments = _compounding_periods(swap, schedule)
        for (rules, periods), place in zip(payments, places, strict=True):
            pay, how = payment_day(rules, periods[-1][0][1]), swap.compounding
            yield ibor_chain_rows(swap.index, periods, pay, how, indexed=indexed), place
        return
    for (rules, period, accrued), place, stub in zip(
        _periods(swap, swap.float_day_count, swap.float_frequency, schedule),
        places,
        _stubs(swap, schedule),
        strict=True,
    ):
        yield _floating_rows(swap, rules, period, accrued, indexed=indexed, stub=stub), place


def _stubs(swap: Swap, schedule: LegSchedule) -> list[Stub | None]:
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


def make_template(terms: SwapTerms, *, indexed: bool) -> Template:
    """Make both legs of one unit of notional, received; see ``flows.ProductFlows``."""
    swap = resolve_swap(terms)
    schedules = _schedules(swap)
    places = [_places_of_notionals(swap, schedule, schedules[0]) for schedule in schedules]
    rows = [
        fixed_row(rules, end, accrued)
        for rules, (_, end), accrued in _periods(
            swap, swap.fixed_day_count, swap.fixed_frequency, schedules[0]
        )
    ]
    if terms.fixed_rate_schedule:
        rates = _fixed_rates(swap, schedules[0])
        rows = [
            row._replace(amount=row.amount * rate) for row, rate in zip(rows, rates, strict=True)
        ]
    notional_of = list(places[0])
    for made, place in _leg_rows(swap, schedules[1], places[1], indexed=indexed):
        rows += made
        notional_of += [place] * len(made)
    flows = np.array(rows, dtype=FLOW)
    other = [conventions.INDICES[terms.stub_index]] if terms.stub_index else []
    return Template(
        flows=flows.tobytes(),
        notional_of=as_bytes(notional_of),
        discount=swap.discount_curve,
        forecasts=(swap.forecast_curve, *(row.forecast_curve for row in other)),
        indices=(swap.index.name, *(row.name for row in other)),
    )


def scaling(terms: SwapTerms) -> Scaling:
    """Return the notionals, signs, rate and spread of a swap; see ``flows.ProductFlows``."""
    sign = 1.0 if terms.pay_receive == "receive" else -1.0
    return Scaling(
        _all_notionals(terms) if terms.notional_schedule else [terms.notional],
        signs=(sign, -sign),
        # A schedule's rates are in the template, and so is a spread that compounds.
        rates=(
            1.0 if terms.fixed_rate_schedule else terms.fixed_rate,
            1.0 if terms.compounds_spread else terms.spread_bp * 1e-4,
        ),
    )


def instrument(terms: SwapTerms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's swap; see ``flows.ProductFlows``."""
    swap = resolve_swap(terms)
    discount, forecast = market.handle(swap.discount_curve), market.handle(swap.forecast_curve)
    other = None
    if terms.stub_index:
        other = market.handle(conventions.INDICES[terms.stub_index].forecast_curve)
    made = swap_legs(swap, forecast, other, indexed=market.indexed, telescopic=False)
    if swap.by_hand:
        return _by_hand(swap, made, discount, market)
    signs = (swap.sign, -swap.sign)
    priced = ql.Swap(list(made), [s < 0 for s in signs])
    priced.setPricingEngine(ql.DiscountingSwapEngine(discount, False))
    plain = not swap.averages and swap.observing == Observing()
    off = off_fixing_days(made[1], swap.index, market.today) if plain else []

    def gap() -> float:
        """By how much less QuantLib values the floating leg than one of its own dates."""
        return float(sum(c.gap(forecast) * discount.discount(c.paid) for c in off))

    def value() -> float:
        return float(priced.NPV() + signs[1] * gap())

    def values() -> InstrumentValues:
        legs = (priced.legNPV(0), priced.legNPV(1) + signs[1] * gap())
        curve = market.curves[swap.discount_curve]
        return InstrumentValues(value(), legs, signs[0] * ql.CashFlows.bps(made[0], curve, False))

    return Instrument(value, values, max(leg[-1].date() for leg in made))


def _by_hand(
    swap: Swap, made: tuple[ql.Leg, ql.Leg], discount: Handle, market: InstrumentMarket
) -> Instrument:
    """The swap with payments of the floating leg that are made of QuantLib's fixings."""
    fixed = ql.Swap([made[0]], [swap.sign < 0])
    fixed.setPricingEngine(ql.DiscountingSwapEngine(discount, False))
    today, compounding = to_ql(market.today), swap.compounding
    if swap.terms.compounds_ibor:
        payments = _payments_of_ibor(swap, made[1])
        amounts = [(paid, partial(ibor_amount, some, compounding)) for paid, some in payments]
    else:
        make = averaged if swap.averages else compounded
        amounts = [
            (coupon.date(), partial(overnight_amount, coupon, make, compounding))
            for coupon in made[1]
        ]

    def legs() -> tuple[float, float]:
        paid = sum(amount() * discount.discount(date) for date, amount in amounts if date > today)
        return float(fixed.NPV()), -swap.sign * float(paid)

    def values() -> InstrumentValues:
        curve = market.curves[swap.discount_curve]
        unit = swap.sign * ql.CashFlows.bps(made[0], curve, False)
        return InstrumentValues(sum(legs()), legs(), unit)

    last = max(made[0][-1].date(), amounts[-1][0])
    return Instrument(lambda: sum(legs()), values, last)


def _payments_of_ibor(swap: Swap, leg: ql.Leg) -> list[tuple[ql.Date, list[ql.CashFlow]]]:
    """The date of each payment and the coupons that compound to it."""
    groups = _compounding_periods(swap, _schedules(swap)[1])
    coupons = iter(leg)
    return [
        (
            ql_of_day(payment_day(rules, periods[-1][0][1])),
            list(itertools.islice(coupons, len(periods))),
        )
        for rules, periods in groups
    ]
