"""Random bonds and swaps against flows that were made without the product and QuantLib.

Both engines take their schedules from one place; ``flows_by_dates.py`` does not.
"""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import QuantLib as ql

from pricing.markets.calendars import date_of
from pricing.products import fixed_rate_bond_flows, schedules
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms
from pricing.reference import Reference
from tests.pricing.pricing_of import priced
from tests.pricing.truth.flows_by_dates import (
    DAY,
    Plan,
    bond_flows,
    coupon_years,
    fixed_leg,
    following,
    modified_following,
    overnight_leg,
    shifted,
    unadjusted,
    years,
)

TODAY = dt.date(2024, 2, 28)
QUOTES = {"USD-SOFR": {"1Y": 0.05, "5Y": 0.04, "10Y": 0.041, "30Y": 0.038}}
REFERENCE = Reference(TODAY, QUOTES)
CURVE = REFERENCE.base["USD-SOFR"]
MONTHS = {"1M": 1, "2M": 2, "3M": 3, "4M": 4, "6M": 6, "1Y": 12}
DAY_COUNTS = ("ACT/ACT ICMA", "30/360", "30/360 US", "30E/360", "ACT/360", "ACT/365F")
TRADES = 100


def discount(date: dt.date) -> float:
    return float(CURVE.discount(ql.Date(date.day, date.month, date.year)))


def drawn_plan(
    draw: random.Random, months: int, step: int, end: dt.date, *, end_of_month: bool
) -> Plan:
    """A plan that ends on about a date, with odd periods of many lengths.

    Its first regular date is one to eight steps (months) before its last.
    """
    if end_of_month and draw.random() < 0.7:
        end = shifted(end.replace(day=1), 1, False) - DAY
    last = None
    if draw.random() < 0.4:
        last = end - draw.randint(20, 900) * DAY
    anchor = last or end
    first = shifted(anchor, -draw.randint(1, 8) * step, end_of_month)
    kind = draw.choice(["regular", "natural", "stated", "long"])
    if kind == "regular":
        return Plan(first, end, months, end_of_month, None, last)
    if kind == "natural":
        return Plan(first - draw.randint(15, 25) * DAY, end, months, end_of_month, None, last)
    days = draw.randint(15, 25) if kind == "stated" else draw.randint(200, 1300)
    return Plan(first - days * DAY, end, months, end_of_month, first, last)


def bond(number: int) -> tuple[BondTerms, list[tuple[dt.date, float]]]:
    terms, rate, plan, day_count = unadjusted_bond(number)
    calendar, rule, roll = random.Random(number).choice(
        [
            ("WEEKENDS", "FOLLOWING", following),
            ("WEEKENDS", "MODIFIED_FOLLOWING", modified_following),
            ("NONE", "UNADJUSTED", unadjusted),
        ]
    )
    rolled = msgspec.structs.replace(terms, calendar=calendar, business_day_convention=rule)
    return rolled, bond_flows(plan, rate, day_count, roll)


def unadjusted_bond(number: int) -> tuple[BondTerms, float, Plan, str]:
    draw = random.Random(number)
    frequency, day_count = draw.choice(list(MONTHS)), draw.choice(DAY_COUNTS)
    end = TODAY + draw.randint(100, 9000) * DAY
    months = MONTHS[frequency]
    plan = drawn_plan(draw, months, months, end, end_of_month=draw.random() < 0.4)
    rate = draw.uniform(0.001, 0.09)
    terms = BondTerms(
        trade_id=str(number),
        book="b",
        currency="USD",
        face_amount=100.0,
        coupon_rate=rate,
        payment_frequency=frequency,
        day_count=day_count,
        calendar="NONE",
        business_day_convention="UNADJUSTED",
        discount_curve="USD-SOFR",
        **dates_of(plan, "issue_date", "maturity_date", "first_coupon", "penultimate_coupon"),
    )
    return terms, rate, plan, day_count


def dates_of(plan: Plan, start: str, end: str, first: str, last: str) -> dict[str, Any]:
    return {
        start: plan.start,
        end: plan.end,
        f"{first}_date": plan.first,
        f"{last}_date": plan.last,
        "end_of_month": plan.end_of_month,
    }


def swap(number: int) -> tuple[SwapTerms, list[tuple[dt.date, float]]]:
    draw = random.Random(number)
    frequency, day_count = draw.choice(["3M", "6M", "1Y"]), draw.choice(DAY_COUNTS)
    end = TODAY + draw.randint(5500, 9000) * DAY
    # Both legs have their regular dates on those of a year.
    plan = drawn_plan(draw, MONTHS[frequency], 12, end, end_of_month=False)
    calendar, rule, roll = draw.choice(
        [
            ("WEEKENDS", "FOLLOWING", following),
            ("WEEKENDS", "MODIFIED_FOLLOWING", modified_following),
        ]
    )
    floating = Plan(plan.start, plan.end, 12, False, plan.first, plan.last)
    lag, rate = draw.choice([0, 2]), draw.uniform(0.001, 0.09)
    terms = SwapTerms(
        trade_id=str(number),
        book="b",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=100.0,
        fixed_rate=rate,
        fixed_frequency=frequency,
        fixed_day_count=day_count,
        float_frequency="1Y",
        calendar=calendar,
        business_day_convention=rule,
        payment_lag=lag,
        **dates_of(plan, *("effective_date", "termination_date", "first_regular", "last_regular")),
    )
    received = fixed_leg(plan, rate, day_count, roll, lag)
    paid = overnight_leg(floating, roll, lag, discount)
    return terms, [*((d, 100 * a) for d, a in received), *((d, -100 * a) for d, a in paid)]


def known(terms: Terms) -> list[tuple[dt.date, float]]:
    flows = compile_trade(terms).flows
    return [(date_of(f["pay"]), float(f["amount"])) for f in flows if f["leg"] == 0]


@pytest.mark.parametrize("number", range(TRADES))
def test_a_bond_pays_what_its_dates_say(number: int) -> None:
    terms, expected = bond(number)
    found = known(terms)
    assert [date for date, _ in found] == [date for date, _ in expected]
    assert [a for _, a in found] == pytest.approx([a for _, a in expected], abs=1e-10)
    value = sum(amount * discount(date) for date, amount in expected if date > TODAY)
    assert priced([terms], TODAY, QUOTES).risk.npv[0] == pytest.approx(value, abs=1e-10)
    assert by_quantlib(terms) == pytest.approx(value, abs=1e-10)


def by_quantlib(terms: Terms) -> float:
    (risk,) = REFERENCE.price([terms], ladders=False)
    assert risk.failure is None
    return risk.npv


@pytest.mark.parametrize("number", range(TRADES))
def test_a_swap_pays_what_its_dates_say(number: int) -> None:
    terms, expected = swap(number)
    assert terms.effective_date > TODAY  # no coupon needs a fixing
    found = known(terms)
    fixed = expected[: len(found)]
    assert [date for date, _ in found] == [date for date, _ in fixed]
    assert [a for _, a in found] == pytest.approx([a for _, a in fixed], abs=1e-10)
    value = sum(amount * discount(date) for date, amount in expected)
    assert priced([terms], TODAY, QUOTES).risk.npv[0] == pytest.approx(value, abs=1e-10)
    assert by_quantlib(terms) == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize("number", range(TRADES))
def test_interest_accrues_as_the_dates_say(number: int) -> None:
    terms, rate, plan, day_count = unadjusted_bond(number)
    made = fixed_rate_bond_flows.resolve_bond(terms)
    leg = fixed_rate_bond_flows.make_bond(made).cashflows()
    draw = random.Random(number)
    for start, end in pairwise(plan.dates()):
        date = start + draw.randrange((end - start).days) * DAY
        whole = coupon_years(plan, day_count, start, end)
        expected = 100 * rate * min(years(day_count, plan, start, date), whole)
        found = fixed_rate_bond_flows.accrued_per_100(made, leg, schedules.to_ql(date))
        assert found == pytest.approx(expected, abs=1e-12)
