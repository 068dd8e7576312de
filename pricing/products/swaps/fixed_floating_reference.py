"""Make QuantLib's legs and instrument of a fixed-floating swap, without its compiled flows."""

from __future__ import annotations

import itertools
from functools import partial

import QuantLib as ql

from pricing.markets import conventions, vocabulary
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import Instrument, InstrumentMarket, InstrumentValues
from pricing.products.period_rows import payment_day
from pricing.products.schedules import Handle, calendar, day_counter, make_index, ql_of_day, to_ql
from pricing.products.swaps.compounding import averaged, compounded, ibor_amount, overnight_amount
from pricing.products.swaps.fixed_floating_legs import (
    Swap,
    compounding_periods,
    fixed_rates_of,
    icma_years,
    notionals_of,
    resolve_swap,
    schedule_of,
    schedules_of,
    stubs_of,
)
from pricing.products.swaps.legs import LegSchedule, off_fixing_days
from pricing.products.swaps.overnight import Observing
from pricing.products.swaps.stubs import stub_coupons


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
    fixed_schedule, float_schedule = schedules_of(swap)
    cal, lag = calendar(swap.calendar), swap.payment_lag
    payment_roll = ql.Following if lag else swap.roll
    notionals = notionals_of(swap, fixed_schedule, fixed_schedule)
    count, notionals = _accruing(
        swap, swap.fixed_day_count, swap.fixed_frequency, fixed_schedule, notionals
    )
    fixed = ql.FixedRateLeg(
        fixed_schedule.dates,
        count,
        notionals,
        fixed_rates_of(swap, fixed_schedule),
        paymentAdjustment=payment_roll,
        paymentCalendar=cal,
        paymentLag=lag,
    )
    if swap.terms.compounds_ibor:
        float_schedule = schedule_of(swap, swap.index.tenor)
    notionals = notionals_of(swap, float_schedule, fixed_schedule)
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
    for coupon, stub in zip(leg, stubs_of(swap, schedule), strict=True):
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
    years = icma_years(swap, frequency, schedule)
    return ql.OneDayCounter(), [n * y for n, y in zip(notionals, years, strict=True)]


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
    groups = compounding_periods(swap, schedules_of(swap)[1])
    coupons = iter(leg)
    return [
        (
            ql_of_day(payment_day(rules, periods[-1][0][1])),
            list(itertools.islice(coupons, len(periods))),
        )
        for rules, periods in groups
    ]
