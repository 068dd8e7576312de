"""Positions in one instrument are solved together, and each as if it were alone."""

from __future__ import annotations

import datetime as dt
import types

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import Unpriceable
from pricing.measures.bond_analytics import price_security
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.terms import QUOTE
from risk.compiler.spreads import OF_FUTURE, OF_POSITION, solve_spreads
from tests.pricing.sample_baskets import basket, bond_future
from tests.risk.made import DATE, QUOTES, bond

CURVES = CurveSet(DATE, shape_of(QUOTES["USD"]))
SOLVED = CURVES.solve(CURVES.vector(QUOTES["USD"]))
MARKET = types.SimpleNamespace(valuation_date=DATE, curves=QUOTES["USD"])


def priced(name, price, **changes):
    return bond(name, clean_price=price, z_spread_bp=None, **changes)


def test_each_position_has_the_spread_that_it_has_alone():
    positions = [
        priced("A", 99.0),
        priced("B", 104.5, face_amount=-3e6, book="B7"),
        priced("C", 99.0, coupon_rate=0.05),
        priced("D", 99.0, maturity_date=dt.date(2031, 11, 15)),
        priced("E", 99.0, settlement_days=0),
    ]
    found, failures = solve_spreads(positions, MARKET, CurveOptions())
    assert failures == []
    assert len(set(found.values())) == len(positions)
    for terms in positions:
        alone, _ = solve_spreads([terms], MARKET, CurveOptions())
        assert found[terms.trade_id] == alone[terms.trade_id]
        again = msgspec.structs.replace(terms, clean_price=None)
        security = price_security(again, CURVES, SOLVED)
        dirty = security.dirty_per_100(found[terms.trade_id] / 1e4)
        assert dirty - security.accrued_per_100 == pytest.approx(terms.clean_price, abs=1e-11)


def test_a_wrong_price_of_one_position_is_no_fault_of_the_others():
    positions = [priced("A", 99.0), priced("B", 1e9), priced("C", 101.0)]
    found, failures = solve_spreads(positions, MARKET, CurveOptions())
    assert sorted(found) == ["A", "C"]
    assert [failure.trade_id for failure in failures] == ["B"]
    assert "no z-spread gives a clean price of 1e+09" in failures[0].message


def test_prices_solved_at_once_are_those_solved_one_by_one():
    security = price_security(bond(), CURVES, SOLVED)
    prices = np.array([1.0, 60.0, 99.5, 140.0, 300.0, 1e9])
    found = security.z_spreads_from_clean(prices)
    assert np.isnan(found).tolist() == [False] * 5 + [True]
    assert found[:5].tolist() == [security.z_spread_from_clean(price) for price in prices[:5]]
    with pytest.raises(Unpriceable):
        security.z_spread_from_clean(1e9)


def test_what_a_position_may_have_of_its_own_is_none_of_its_instrument_s():
    """A field that changes the flows, as the spreads of a note do, must not be among these."""
    assert set(BondTerms.__struct_fields__) > OF_POSITION
    assert set(FloatingRateNoteTerms.__struct_fields__) > OF_POSITION - set(QUOTE)
    assert "spread_schedule" not in OF_POSITION
    assert set(BondFutureTerms.__struct_fields__) > OF_FUTURE
    assert "deliverables" not in OF_FUTURE


def test_positions_in_one_future_have_the_option_value_of_their_own_price():
    """Beside a bond, and a price that is none: each is solved or refused by itself."""
    prices = {"A": 110.0, "B": 111.5, "C": 110.0, "D": 990.0}
    bonds = tuple(
        msgspec.structs.replace(each, discount_curve="USD-SOFR") for each in basket("USD")
    )
    positions = [
        bond_future(
            "USD",
            trade_id=name,
            contract="ZNM24",
            contracts=-5.0 - number,
            market_price=price,
            deliverables=bonds,
        )
        for number, (name, price) in enumerate(prices.items())
    ]
    found, failures = solve_spreads([*positions, priced("P", 99.0)], MARKET, CurveOptions())
    assert sorted(found) == ["A", "B", "C", "P"]
    assert found["A"] == found["C"]
    assert found["A"] - found["B"] == pytest.approx(1.5, abs=1e-11)
    assert [failure.trade_id for failure in failures] == ["D"]
    assert "market_price: 990" in failures[0].message
    assert "at most 100 points" in failures[0].message
