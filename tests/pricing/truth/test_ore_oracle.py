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

import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import shape_of
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products import schedules
from pricing.products.cash_flows import make_block
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.swaps import fixed_floating_legs
from pricing.products.terms import Terms
from tests import not_run
from tests.pricing import sample_markets
from tests.pricing.truth import ore_run
from tests.pricing.truth.ore_drawn import CURRENCIES, NOTIONAL, TODAY, discounts, drawn, fixings
from tests.pricing.truth.ore_run import Priced

TRADES = 200
TOLERANCE = 1e-6
"""Of notional."""
CENTS = 0.01
"""ORE prints values to 1e-6 of a currency unit; 0.01 is 1e-10 of notional."""

NEED = not_run.Need("the Open Source Risk Engine", ore_run.INSTALL)
pytestmark = not_run.unless(ore_run.python_with_ore() is not None, NEED)

BOOK = [drawn(number) for number in range(TRADES)]


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
            discounts(ours.curves, ours.solved),
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
    index = fixed_floating_legs.resolve_swap(terms).index
    if index.kind != "overnight":
        return False
    calendar = schedules.calendar(index.calendar)
    flows = compile_trade(terms).flows
    days = np.concatenate([flows["start"], flows["end"]])[np.tile(flows["leg"] == 1, 2)]
    return not all(calendar.isBusinessDay(schedules.ql_of_day(int(day))) for day in days)
