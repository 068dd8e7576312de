"""Our curves, values and ladders against a system that nobody here made."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import shape_of
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.block import ReadyBlock, make_ready, price_block, values_at
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock, make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from tests.pricing.truth import ore_example_40 as ore

TODAY = dt.date.fromisoformat(ore.VALUATION_DATE)
QUOTES = {"EUR-ESTR": ore.EONIA, "EUR-EURIBOR6M": ore.EURIBOR6M}
ONE_BP = 1e-4


def receiver(name: str) -> SwapTerms:
    return SwapTerms(
        trade_id=name,
        book="ore",
        convention="EUR-EURIBOR-6M",
        pay_receive="receive",
        notional=ore.NOTIONAL,
        effective_date=dt.date.fromisoformat(ore.START),
        termination_date=dt.date.fromisoformat(ore.ENDS[name]),
        fixed_rate=ore.RATES[name],
    )


@pytest.fixture(scope="module")
def block() -> FlowBlock:
    return make_block([compile_trade(receiver(name)) for name in ("20Y", "12Y")])


@pytest.fixture(scope="module")
def market() -> tuple[CurveSet, Solved]:
    curves = CurveSet(TODAY, shape_of(QUOTES))
    return curves, curves.solve(curves.vector(QUOTES))


def ready_on(block: FlowBlock, curves: CurveSet) -> ReadyBlock:
    return make_ready(roll_to(block, day_of(TODAY), {}, curves.names), curves.grid)


def test_discount_factors_are_those_of_ore(market):
    curves, solved = market
    days = np.array([day_of(dt.date.fromisoformat(d)) for d in ore.EONIA_DISCOUNT])
    ours = curves.grid.discount(curves.grid.tables(np.zeros(len(days), int), days), solved.x)
    # ORE prints ten digits.
    assert ours == pytest.approx(list(ore.EONIA_DISCOUNT.values()), abs=ore.DISCOUNT_TOLERANCE)


def test_values_from_quotes_are_those_of_ore(market, block):
    curves, solved = market
    npv = price_block(ready_on(block, curves), curves, solved).npv
    assert npv == pytest.approx(list(ore.NPV_FROM_QUOTES.values()), abs=ore.NPV_TOLERANCE)


@pytest.fixture
def on_grid(market, monkeypatch) -> tuple[CurveSet, Solved]:
    """ORE's curves for ladders: the same discount factors, known at the keys alone."""
    ois = msgspec.structs.replace(conventions.SWAPS["EUR-ESTR-OIS"], payment_lag=0)
    monkeypatch.setattr(conventions, "SWAPS", {**conventions.SWAPS, "EUR-ESTR-OIS": ois})
    base, solved = market
    keys = CurveSet(TODAY, tuple((name, tuple(ore.KEYS)) for name in base.names))
    days = np.concatenate([curve.days for curve in keys.grid.curves])
    places = np.repeat(np.arange(2), len(ore.KEYS))
    x = np.log(base.grid.discount(base.grid.tables(places, days), solved.x))
    value, _, annuity = keys.instruments.at(x, np.zeros(len(keys.keys)))
    on_keys = keys.solve(-value / annuity)
    assert on_keys.x == pytest.approx(x, abs=1e-14)
    return keys, on_keys


def test_values_on_the_grid_are_those_of_ore(on_grid, block):
    curves, solved = on_grid
    npv = values_at(ready_on(block, curves), solved.x)
    assert npv == pytest.approx(list(ore.NPV_ON_GRID.values()), abs=ore.LADDER_TOLERANCE)


def expected(table: dict, name: str) -> list[float]:
    return [
        table[name, curve].get(tenor, 0.0)
        for curve in ("EUR-ESTR", "EUR-EURIBOR6M")
        for tenor in ore.KEYS
    ]


def zero_bumped(curves: CurveSet, solved: Solved) -> list[np.ndarray]:
    """Nodes with each key's zero rate 1 bp up, as ORE bumps."""
    years = curves.grid.node_years
    return [solved.x - t * ONE_BP * e for t, e in zip(years, np.eye(32), strict=True)]


@pytest.mark.parametrize(("row", "name"), [(0, "20Y"), (1, "12Y")])
def test_every_zero_ladder_entry_is_that_of_ore(on_grid, block, row, name):
    curves, solved = on_grid
    ready = ready_on(block, curves)
    moved = [values_at(ready, x)[row] for x in zero_bumped(curves, solved)]
    assert np.array(moved) - values_at(ready, solved.x)[row] == pytest.approx(
        expected(ore.ZERO_LADDER, name), abs=ore.LADDER_TOLERANCE
    )


def par_rates(curves: CurveSet, x: np.ndarray) -> np.ndarray:
    value, _, annuity = curves.instruments.at(x, np.zeros(len(curves.keys)))
    return -value / annuity


@pytest.mark.parametrize(("row", "name"), [(0, "20Y"), (1, "12Y")])
def test_every_par_ladder_entry_is_that_of_ore(on_grid, block, row, name):
    """ORE turns its zero ladder into a par ladder by the par rates' own zero ladders."""
    curves, solved = on_grid
    ready, bumped = ready_on(block, curves), zero_bumped(curves, solved)
    zero = np.array([values_at(ready, x)[row] for x in bumped]) - values_at(ready, solved.x)[row]
    rates = np.array([par_rates(curves, x) for x in bumped]) - par_rates(curves, solved.x)
    assert np.linalg.solve(rates / ONE_BP, zero) == pytest.approx(
        expected(ore.PAR_LADDER, name), abs=ore.LADDER_TOLERANCE
    )


def test_our_ladder_is_the_same_ladder_with_our_sign(on_grid, block):
    curves, solved = on_grid
    ladder = price_block(ready_on(block, curves), curves, solved).ladder_par
    # A forward difference is off by half a gamma: 0.1 % here.
    assert -ladder[0] == pytest.approx(expected(ore.PAR_LADDER, "20Y"), abs=20.0)
    assert ladder[0].sum() > 0  # a receiver swap earns when rates fall
