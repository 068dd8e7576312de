"""200 random trades against the Open Source Risk Engine, which shares no schedule code with us.

Both are given contract terms, discount factors at the same dates and the same fixings. ORE makes
its own schedules; see ``ore_run``. Found on the first run: 196 of 200 trades agree in every payment
date, and in value and payments within 3e-7 of notional; the other four are the second rule below.
What differs by rule is not drawn:

- 30/360 bonds pay rate / frequency for a regular period here (FINRA Rule 11620(b)); ORE counts
  days. They differ where a period begins or ends at the end of February or on a 31st, so bonds by
  30/360 fall due on a day of the month up to 28.
- ACT/ACT ICMA in an odd period of a swap: here its quasi-coupon dates are those of the schedule,
  moved as its own are (ICMA Rule 251); ORE counts back from the moved date. Such swaps are drawn
  without a business day convention, where both are the same.
- Both ends odd by ACT/ACT ICMA: QuantLib's day counter is wrong there, and ORE uses it. One end of
  a trade is odd at most.
- Ex-coupon days: ORE's bonds are given none.

Where an overnight coupon begins or ends on a day without a fixing, growth here runs from its own
dates; ORE's from the fixing days next to them. That is up to 3e-7 of notional; all else agrees to
rounding.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import shape_of
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products import fixed_floating_swap_flows, schedules
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import NotionalStep, SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms
from tests import not_run
from tests.pricing import sample_markets
from tests.pricing.truth import ore_run
from tests.pricing.truth.flows_by_dates import shifted
from tests.pricing.truth.ore_run import Leg, Priced, Trade

TODAY = dt.date(2025, 2, 10)
TRADES = 200
NOTIONAL = 1e8
TOLERANCE = 1e-6
"""Of notional."""
CENTS = 0.01
"""ORE prints values to 1e-6 of a currency unit; 0.01 is 1e-10 of notional."""

NEED = not_run.Need("the Open Source Risk Engine", ore_run.INSTALL)
pytestmark = not_run.unless(ore_run.python_with_ore() is not None, NEED)

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


BOOK = [drawn(number) for number in range(TRADES)]


def fixings() -> dict[str, dict[dt.date, float]]:
    """Fixings of past business days, for trades that began before."""
    return {
        name: {
            day: rate
            for day, rate in rates.items()
            if schedules.calendar(conventions.INDICES[name].calendar).isBusinessDay(
                schedules.to_ql(day)
            )
        }
        for name, rates in sample_markets.fixings_until(TODAY, 0.02).items()
    }


class Ours:
    """The compiled book of a currency on its curves."""

    def __init__(self, currency: str, known: Fixings) -> None:
        quotes = sample_markets.curves_of(currency, 0.03, 0.01, -0.004)
        self.book = [terms for terms, _ in BOOK if terms.currency == currency]
        self.curves = CurveSet(TODAY, shape_of(quotes), known)
        self.solved: Solved = self.curves.solve(self.curves.vector(quotes))
        block = make_block([compile_trade(terms) for terms in self.book])
        self.dated = roll_to(block, day_of(TODAY), known, self.curves.names)
        assert not self.dated.failures
        ready = make_ready(self.dated, self.curves.grid)
        self.npv = price_block(ready, self.curves, self.solved).npv

    def discounts(self) -> dict[str, dict[dt.date, float]]:
        """Factors at the nodes of each curve."""
        made, start = {}, 0
        for nodes in self.curves.grid.curves:
            x = self.solved.x[start : start + len(nodes)]
            made[nodes.name] = {
                date_of(int(day)): float(np.exp(value))
                for day, value in zip(nodes.days, x, strict=True)
            }
            start += len(nodes)
        return made

    def flows(self, row: int) -> list[tuple[dt.date, float]]:
        """Payments to come of a trade; received is positive."""
        dated, columns = self.dated, self.dated.flows
        tables = self.curves.grid.tables(dated.point_curve, dated.point_day)
        factors = self.curves.grid.discount(tables, self.solved.x)
        fixed = slice(columns.fixed_ptr[2 * row], columns.fixed_ptr[2 * row + 2])
        floating = slice(columns.float_ptr[2 * row], columns.float_ptr[2 * row + 2])
        growth = factors[columns.float_start[floating]] / factors[columns.float_end[floating]]
        amounts = columns.float_alpha[floating] * growth + columns.float_beta[floating]
        days = np.concatenate([columns.fixed_pay[fixed], columns.float_pay[floating]])
        paid = np.concatenate([columns.fixed_amount[fixed], amounts])
        return [
            (date_of(int(dated.point_day[d])), float(a)) for d, a in zip(days, paid, strict=True)
        ]


Answer = tuple[float, list[tuple[dt.date, float]], Priced | None]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """By trade: our value and payments, and what ORE says."""
    known = fixings()
    found: dict[str, Answer] = {}
    for currency in CURRENCIES:
        ours = Ours(currency, known)
        indices = {i.name: i.forecast_curve for i in conventions.INDICES.values()}
        forwards = {n: c for n, c in indices.items() if c in ours.curves.names}
        overnight = next(s for s in conventions.SWAPS.values() if s.currency == currency)
        theirs = ore_run.price(
            tmp_path_factory.mktemp(currency),
            TODAY,
            currency,
            [trade for terms, trade in BOOK if terms.currency == currency],
            ours.discounts(),
            forwards,
            overnight.discount_curve,
            {name: known[name] for name in forwards},
        )
        for row, terms in enumerate(ours.book):
            ore = theirs.get(terms.trade_id)
            found[terms.trade_id] = (float(ours.npv[row]), ours.flows(row), ore)
    return found


def by_date(flows: list[tuple[dt.date, float]]) -> dict[dt.date, float]:
    """Sums of a day."""
    found: dict[dt.date, float] = {}
    for date, amount in flows:
        found[date] = found.get(date, 0.0) + amount
    return {date: amount for date, amount in sorted(found.items()) if abs(amount) > 1e-3}


@pytest.mark.parametrize("name", [terms.trade_id for terms, _ in BOOK])
def test_a_trade_has_the_value_and_the_payments_of_ore(
    name: str, answers: dict[str, Answer]
) -> None:
    npv, flows, ore = answers[name]
    assert ore is not None, "ORE did not price it"
    theirs = by_date([(flow.date, flow.amount) for flow in ore.flows])
    ours = by_date(flows)
    assert list(ours) == list(theirs)
    assert list(ours.values()) == pytest.approx(list(theirs.values()), abs=TOLERANCE * NOTIONAL)
    assert npv == pytest.approx(ore.npv, abs=TOLERANCE * NOTIONAL)


def test_all_but_overnight_coupons_on_holidays_agree_to_rounding(
    answers: dict[str, Answer],
) -> None:
    far = {name for name, (npv, _, ore) in answers.items() if ore and abs(npv - ore.npv) > CENTS}
    assert far <= {terms.trade_id for terms, _ in BOOK if _begins_without_a_fixing(terms)}


def _begins_without_a_fixing(terms: Terms) -> bool:
    """Whether an overnight coupon begins or ends on a day on which its index has no fixing."""
    if isinstance(terms, BondTerms):
        return False
    index = fixed_floating_swap_flows.resolve_swap(terms).index
    if index.kind != "overnight":
        return False
    calendar = schedules.calendar(index.calendar)
    flows = compile_trade(terms).flows
    days = np.concatenate([flows["start"], flows["end"]])[np.tile(flows["leg"] == 1, 2)]
    return not all(calendar.isBusinessDay(schedules.ql_of_day(int(day))) for day in days)
