"""Flows of fixed-floating swaps; QuantLib's instrument is in ``swaps/fixed_floating_reference``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pricing.markets import conventions
from pricing.products.cash_flows import FLOW, Row
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.period_rows import PeriodRules, fixed_row, floating_row, payment_day
from pricing.products.swaps.compounding import ibor_chain_rows
from pricing.products.swaps.fixed_floating_legs import (
    Swap,
    all_notionals,
    compounding_periods,
    fixed_rates_of,
    leg_periods,
    places_of_notionals,
    resolve_swap,
    schedules_of,
    stubs_of,
)
from pricing.products.swaps.fixed_floating_reference import instrument
from pricing.products.swaps.legs import LegSchedule
from pricing.products.swaps.overnight import (
    Observing,
    averaged_rows,
    compounded_rows,
    flat_spread_rows,
)
from pricing.products.swaps.stubs import Stub, stub_rows
from pricing.products.templates import Scaling, Template, as_bytes

__all__ = ("instrument", "make_template", "scaling")


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


def _leg_rows(
    swap: Swap, schedule: LegSchedule, places: Sequence[int], *, indexed: bool
) -> Iterator[tuple[list[Row], int]]:
    """The rows of each payment of the floating leg, and the place of its notional."""
    if swap.terms.compounds_ibor:
        payments = compounding_periods(swap, schedule)
        for (rules, periods), place in zip(payments, places, strict=True):
            pay, how = payment_day(rules, periods[-1][0][1]), swap.compounding
            yield ibor_chain_rows(swap.index, periods, pay, how, indexed=indexed), place
        return
    for (rules, period, accrued), place, stub in zip(
        leg_periods(swap, swap.float_day_count, swap.float_frequency, schedule),
        places,
        stubs_of(swap, schedule),
        strict=True,
    ):
        yield _floating_rows(swap, rules, period, accrued, indexed=indexed, stub=stub), place


def make_template(terms: SwapTerms, *, indexed: bool) -> Template:
    """Make both legs of one unit of notional, received; see ``flows.ProductFlows``."""
    swap = resolve_swap(terms)
    schedules = schedules_of(swap)
    places = [places_of_notionals(swap, schedule, schedules[0]) for schedule in schedules]
    rows = [
        fixed_row(rules, end, accrued)
        for rules, (_, end), accrued in leg_periods(
            swap, swap.fixed_day_count, swap.fixed_frequency, schedules[0]
        )
    ]
    if terms.fixed_rate_schedule:
        rates = fixed_rates_of(swap, schedules[0])
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
        all_notionals(terms) if terms.notional_schedule else [terms.notional],
        signs=(sign, -sign),
        # A schedule's rates are in the template, and so is a spread that compounds.
        rates=(
            1.0 if terms.fixed_rate_schedule else terms.fixed_rate,
            1.0 if terms.compounds_spread else terms.spread_bp * 1e-4,
        ),
    )
