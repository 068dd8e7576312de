"""The P&L of 50 random trades against the Open Source Risk Engine: values, cash flows and totals.

ORE prices the contracts on the two ends of a period, with discount factors and fixings of each day.
What a trade pays within the period it prices on the day of the payment, when all fixings of the
flow are known. The total of our explain is then the difference of its values and that cash. The
trades are the first of ``tests/pricing/truth/test_ore_oracle.py``, which says what is not drawn.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveQuotes, shape_of
from pricing.explain.market import MarketState
from pricing.explain.terms import TERMS
from pricing.markets import conventions
from tests import not_run
from tests.pricing import sample_markets
from tests.pricing.explain import periods
from tests.pricing.truth import ore_drawn, ore_run
from tests.pricing.truth.ore_drawn import CURRENCIES, NOTIONAL
from tests.pricing.truth.ore_run import Priced, Trade

T0, T1 = ore_drawn.TODAY, dt.date(2025, 3, 31)
TRADES = 50
TOLERANCE = 1e-6
"""Of notional: ``test_ore_oracle`` says where an overnight coupon on a holiday differs by 3e-7."""

NEED = not_run.Need("the Open Source Risk Engine", ore_run.INSTALL)
pytestmark = not_run.unless(ore_run.python_with_ore() is not None, NEED)

BOOK = [ore_drawn.drawn(number) for number in range(TRADES)]
KNOWN = ore_drawn.fixings(T1)


class Both(NamedTuple):
    """The terms of our explain of a trade, and what ORE has instead."""

    ours: dict[str, float]
    value_start: float
    value_end: float
    cash: float


def quotes_on(currency: str, date: dt.date) -> CurveQuotes:
    """The quotes of an end; those of the end of the period have moved and twisted."""
    start = sample_markets.curves_of(currency, 0.03, 0.01, -0.004)
    return start if date == T0 else periods.moved(start, 17.0, -6.0)


def state_on(currency: str, date: dt.date) -> MarketState:
    """The market of an end, with the fixings that were public then."""
    known = {
        name: public_on(conventions.INDICES[name], rates, date) for name, rates in KNOWN.items()
    }
    return MarketState(date, quotes_on(currency, date), known)


class Oracle:
    """ORE on one currency."""

    def __init__(self, folder: Path, currency: str, trades: list[Trade]) -> None:
        self.folder, self.currency, self.trades = folder, currency, trades

    def on(self, day: dt.date, trades: list[Trade], with_todays: bool = False) -> dict[str, Priced]:
        """Trades on a day of the period, on curves of the next end of it."""
        end = T0 if day == T0 else T1
        quotes = quotes_on(self.currency, end)
        curves = CurveSet(end, shape_of(quotes), state_on(self.currency, end).fixings)
        factors = ore_drawn.discounts(curves, curves.solve(curves.vector(quotes)))
        indices = {i.name: i.forecast_curve for i in conventions.INDICES.values()}
        forwards = {name: curve for name, curve in indices.items() if curve in curves.names}
        overnight = next(s for s in conventions.SWAPS.values() if s.currency == self.currency)
        folder = self.folder / f"{day}-{with_todays}"
        folder.mkdir()
        return ore_run.price(
            folder,
            day,
            self.currency,
            trades,
            factors,
            forwards,
            overnight.discount_curve,
            {name: public_on(conventions.INDICES[name], KNOWN[name], day) for name in forwards},
            with_todays=with_todays,
        )

    def cash(self, start: dict[str, Priced]) -> dict[str, float]:
        """What the trades pay after the start and up to the end, each flow on its own day."""
        found = dict.fromkeys(start, 0.0)
        days = {
            flow.date for priced in start.values() for flow in priced.flows if T0 < flow.date <= T1
        }
        for day in sorted(days):
            paying = [
                trade
                for trade in self.trades
                if any(flow.date == day for flow in start[trade.id].flows)
            ]
            for name, priced in self.on(day, paying, with_todays=True).items():
                found[name] += sum(flow.amount for flow in priced.flows if flow.date == day)
        return found


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Both]:
    found: dict[str, Both] = {}
    for currency in CURRENCIES:
        book = [terms for terms, _ in BOOK if terms.currency == currency]
        ours = periods.by_trade(book, state_on(currency, T0), state_on(currency, T1))
        mine = [trade for terms, trade in BOOK if terms.currency == currency]
        oracle = Oracle(tmp_path_factory.mktemp(currency), currency, mine)
        start, end = oracle.on(T0, mine), oracle.on(T1, mine)
        cash = oracle.cash(start)
        for name, terms in ours.items():
            over = end.get(name)  # ORE leaves out a trade without flows to come
            value = over.npv if over is not None else 0.0
            found[name] = Both(terms, start[name].npv, value, cash[name])
    return found


NAMES = [terms.trade_id for terms, _ in BOOK]


@pytest.mark.parametrize("name", NAMES)
def test_values_cash_and_total_of_a_trade_are_those_of_ore(
    name: str, explained: dict[str, Both]
) -> None:
    both = explained[name]
    near = {"abs": TOLERANCE * NOTIONAL}
    assert both.ours["value_start"] == pytest.approx(both.value_start, **near)
    assert both.ours["value_end"] == pytest.approx(both.value_end, **near)
    assert both.ours["cash"] == pytest.approx(both.cash, **near)
    total = both.value_end - both.value_start + both.cash
    assert both.ours["total"] == pytest.approx(total, **near)


def test_the_terms_add_up_and_the_residual_is_small(explained: dict[str, Both]) -> None:
    moved = sum(abs(both.ours["total"]) for both in explained.values())
    left = 0.0
    for both in explained.values():
        terms = sum(both.ours[term.name] for term in TERMS)
        assert terms == pytest.approx(both.ours["total"], abs=1e-9 * NOTIONAL)
        left += abs(both.ours["residual"])
    assert left < 2e-4 * moved


def test_the_period_has_payments_of_both_kinds(explained: dict[str, Both]) -> None:
    """Else it would prove less than it says."""
    paying = [name for name, both in explained.items() if abs(both.cash) > 1.0]
    assert {name[0] for name in paying} == {"B", "S"}
    assert len(paying) > 5
