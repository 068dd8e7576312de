"""Random trades as contracts that this project and the Open Source Risk Engine both read.

Either makes its own schedules of them; see ``ore_run``. What differs by rule is not drawn: see
``test_ore_oracle``.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from pricing.curves.curve_set import CurveSet, Solved
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.products import schedules
from pricing.products.fixed_floating_swap import NotionalStep, SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import Terms
from tests.pricing import sample_markets
from tests.pricing.truth import ore_run
from tests.pricing.truth.flows_by_dates import shifted
from tests.pricing.truth.ore_run import Leg, Trade

TODAY = dt.date(2025, 2, 10)
NOTIONAL = 1e8

MONTHS = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12}
DAY = dt.timedelta(days=1)


CURRENCIES = ("USD", "EUR", "GBP")
"""Currencies whose calendars and indices have a name in ORE's files here."""


def _of(rows: Mapping[str, Any]) -> list[str]:
    return [name for name, row in rows.items() if row.currency in (None, *CURRENCIES)]


def drawn(number: int) -> tuple[Terms, Trade]:
    """The same contract for both."""
    draw = random.Random(number)
    return _bond(draw, number) if number % 3 == 0 else _swap(draw, number)


def _dates(draw: random.Random, months: int, last_day: int) -> dict[str, dt.date | None]:
    """Ends of a contract, at most one of which is odd."""
    end = TODAY + draw.randint(60, 365 * 25) * DAY
    end = end.replace(day=min(end.day, last_day))
    periods = draw.randint(2, 24 * 12 // months)
    start = shifted(end, -months * periods, False)
    style = draw.choice(["regular", "implied", "short", "long", "last"])
    first = last = None
    if style == "implied":
        start += draw.randint(5, 25) * DAY
    elif style in ("short", "long"):
        first = shifted(end, -months * (periods - 1), False)
        start += draw.randint(5, 25) * DAY * (1 if style == "short" else -1)
    elif style == "last":
        last = end
        end += draw.randint(5, 25) * DAY
    return {"start": start, "end": end, "first": first, "last": last}


def _swap(draw: random.Random, number: int) -> tuple[Terms, Trade]:
    row = conventions.SWAPS[draw.choice(_of(conventions.SWAPS))]
    index = conventions.INDICES[row.index]
    overnight = index.kind == "overnight"
    fixed = draw.choice(["3M", "6M", "1Y"])
    floating = draw.choice(["3M", "6M", "1Y"]) if overnight else index.tenor
    dates = _dates(draw, max(MONTHS[fixed], MONTHS[floating]), 31)
    calendar = draw.choice([row.calendar, row.calendar, "WEEKENDS", "TARGET", "UK", "US-SOFR"])
    roll, eom = draw.choice(list(ore_run.ROLLS)), draw.random() < 0.25
    lag, receive = draw.choice([0, 0, 1, 2, 5]), draw.random() < 0.5
    count = draw.choice(list(ore_run.DAY_COUNTS))
    if count == "ACT/ACT ICMA":
        roll = "UNADJUSTED"
    rate, spread = draw.uniform(-0.005, 0.08), draw.choice([0.0, draw.uniform(-50, 150)])
    steps = _amortising(draw, dates)
    terms = SwapTerms(
        trade_id=f"S{number}",
        book="b",
        convention=row.name,
        pay_receive="receive" if receive else "pay",
        notional=NOTIONAL,
        effective_date=dates["start"],
        termination_date=dates["end"],
        first_regular_date=dates["first"],
        last_regular_date=dates["last"],
        fixed_rate=rate,
        spread_bp=spread,
        payment_lag=lag,
        fixed_frequency=fixed,
        fixed_day_count=count,
        float_frequency=floating,
        calendar=calendar,
        business_day_convention=roll,
        end_of_month=eom,
        notional_schedule=[NotionalStep(date=d, notional=n) for d, n in steps] or None,
    )

    def leg(payer: bool, day_count: str, frequency: str, rate: float, index: str | None) -> Leg:
        return Leg(
            payer=payer,
            day_count=day_count,
            **dates,
            frequency=frequency,
            schedule_calendar=calendar,
            roll=roll,
            end_of_month=eom,
            payment_calendar=calendar,
            payment_roll="FOLLOWING" if lag else roll,
            payment_lag=lag,
            rate=rate,
            notionals=[(dates["start"], NOTIONAL), *steps],
            index=index,
            fixing_days=conventions.INDICES[row.index].fixing_days,
        )

    of_fixed = leg(not receive, count, fixed, rate, None)
    of_floating = leg(receive, row.float_day_count, floating, spread * 1e-4, row.index)
    return terms, Trade(id=terms.trade_id, legs=(of_fixed, of_floating))


def _amortising(
    draw: random.Random, dates: dict[str, dt.date | None]
) -> list[tuple[dt.date, float]]:
    """Steps in the middle of months, well inside periods or on their first days."""
    if draw.random() < 0.6:
        return []
    start, end = dates["start"], dates["end"]
    assert start is not None
    assert end is not None
    years = range(1, min(6, (end - start).days // 400 + 1))
    return [(start + 365 * n * DAY, NOTIONAL * (1 - 0.15 * n)) for n in years]


def _bond(draw: random.Random, number: int) -> tuple[Terms, Trade]:
    row = conventions.BONDS[draw.choice(_of(conventions.BONDS))]
    currency = row.currency or draw.choice(CURRENCIES)
    count = draw.choice([row.day_count, "ACT/365F", "ACT/360", "ACT/ACT ISDA", "30E/360"])
    frequency = draw.choice([row.payment_frequency, "3M", "6M", "1Y"])
    dates = _dates(draw, MONTHS[frequency], 28 if count.startswith("30") else 31)
    eom = draw.random() < 0.25 and not count.startswith("30")
    rate, face = draw.uniform(0.0, 0.09), draw.choice([NOTIONAL, -NOTIONAL])
    roll = draw.choice(["FOLLOWING", "MODIFIED_FOLLOWING"])
    terms = BondTerms(
        trade_id=f"B{number}",
        book="b",
        convention=row.name,
        currency=currency,
        face_amount=face,
        issue_date=dates["start"],
        maturity_date=dates["end"],
        first_coupon_date=dates["first"],
        penultimate_coupon_date=dates["last"],
        coupon_rate=rate,
        payment_frequency=frequency,
        day_count=count,
        ex_coupon_days=0,
        end_of_month=eom,
        business_day_convention=roll,
        z_spread_bp=0.0,
    )
    leg = Leg(
        payer=face < 0,
        day_count=count,
        **dates,
        frequency=frequency,
        schedule_calendar="NONE",
        roll="UNADJUSTED",
        end_of_month=eom,
        payment_calendar=row.calendar,
        payment_roll=roll,
        payment_lag=0,
        rate=rate,
        notionals=[(dates["start"], NOTIONAL)],
    )
    curve = f"{currency}-GOVT"
    return terms, Trade(id=terms.trade_id, legs=(leg,), curve=curve, issue=dates["start"])


def fixings(today: dt.date = TODAY) -> dict[str, dict[dt.date, float]]:
    """Fixings of past business days, for trades that began before."""
    return {
        name: {
            day: rate
            for day, rate in rates.items()
            if schedules.calendar(conventions.INDICES[name].calendar).isBusinessDay(
                schedules.to_ql(day)
            )
        }
        for name, rates in sample_markets.fixings_until(today, 0.02).items()
    }


def discounts(curves: CurveSet, solved: Solved) -> dict[str, dict[dt.date, float]]:
    """Factors at the nodes of each curve."""
    made, start = {}, 0
    for nodes in curves.grid.curves:
        x = solved.x[start : start + len(nodes)]
        made[nodes.name] = {
            date_of(int(day)): float(np.exp(value))
            for day, value in zip(nodes.days, x, strict=True)
        }
        start += len(nodes)
    return made
