"""Flows that depend on the market in the same way are added, block after block."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import Failure
from pricing.markets.calendars import day_of
from pricing.measures.netted_terms import (
    MAX_CURVES,
    growth_key,
    growth_points,
    point_key,
    point_of,
)
from pricing.measures.netting import NettedBlock, merge, net
from pricing.measures.value_date import roll_to
from pricing.netting_kernel import add_up, number_keys
from pricing.products.cash_flows import CompiledTrade, make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade

TODAY = dt.date(2025, 2, 11)
CURVES = ("EUR-ESTR", "EUR-GOVT")


def bond(name: str, face: float, book: str = "a") -> CompiledTrade:
    """A bond that pays a coupon on 2026-01-04, and coupon and face on 2027-01-04."""
    terms = BondTerms(
        trade_id=name,
        book=book,
        face_amount=face,
        convention="DE-BUND",
        issue_date=dt.date(2025, 1, 4),
        maturity_date=dt.date(2027, 1, 4),
        coupon_rate=0.03,
        z_spread_bp=0.0,
    )
    return compile_trade(terms)


def swap(name: str, notional: float, side: str = "receive") -> CompiledTrade:
    terms = SwapTerms(
        trade_id=name,
        book="a",
        convention="EUR-ESTR-OIS",
        pay_receive=side,
        notional=notional,
        effective_date=dt.date(2025, 3, 4),
        termination_date=dt.date(2027, 3, 4),
        fixed_rate=0.02,
    )
    return compile_trade(terms)


def netted(*trades: CompiledTrade, today: dt.date = TODAY, exclude=()) -> NettedBlock:
    dated = roll_to(make_block(trades), day_of(today), {}, CURVES)
    return net(dated, CURVES, exclude)


def test_two_bonds_with_the_same_dates_are_one():
    both = netted(bond("x", 1e6), bond("y", -250_000.0))
    days = [day_of(dt.date(2026, 1, 4)), day_of(dt.date(2027, 1, 4))]
    # Sunday 4 January 2026 is paid on Monday.
    curve, paid = point_of(both.cash_key)
    assert curve.tolist() == [1, 1]
    assert paid.tolist() == [days[0] + 1, days[1]]
    assert both.cash_money[:, 0] == pytest.approx([22_500.0, 772_500.0], rel=1e-15)
    assert both.cash_money[:, 1] == pytest.approx([750_000.0, 750_000.0], rel=1e-15)
    assert (both.trades.tolist(), both.notional.tolist()) == ([2], [1_250_000.0])
    assert len(both.growth_key) == 0


def test_opposite_swaps_leave_nothing():
    both = netted(swap("x", 1e6), swap("y", 1e6, "pay"))
    assert len(both.growth_key) == 2
    assert np.all(both.growth_alpha == 0.0)
    assert np.all(both.cash_money == 0.0)


def test_books_and_products_are_kept_apart():
    block = netted(bond("x", 1e6), swap("y", 1e6), bond("z", 1e6, "b"))
    assert block.groups == (("a", "bond"), ("a", "swap"), ("b", "bond"))
    assert np.diff(block.growth_ptr).tolist() == [0, 2, 0]
    assert np.diff(block.cash_ptr).tolist() == [2, 2, 2]


def test_an_excluded_trade_is_counted_as_failed_and_adds_nothing():
    failure = Failure(trade_id="x", code="NOT_A_NUMBER", message="for a test")
    elsewhere = Failure(trade_id="not here", code="NOT_A_NUMBER", message="for a test")
    block = netted(bond("x", 1e6), bond("y", 5e5), exclude=[failure, elsewhere])
    alone = netted(bond("y", 5e5))
    assert block.cash_money.tolist() == alone.cash_money.tolist()
    assert (block.trades.tolist(), block.failed.tolist()) == ([2], [1])
    assert (block.notional.tolist(), block.notional_failed.tolist()) == ([1.5e6], [1e6])
    assert block.failures == (failure,)


def test_a_trade_that_fails_on_the_date_is_counted_as_failed():
    lost = dataclasses.replace(bond("x", 1e6), discount="EUR-NONE")
    block = netted(lost, bond("y", 5e5))
    assert (block.trades.tolist(), block.failed.tolist()) == ([2], [1])
    assert [(f.trade_id, f.code) for f in block.failures] == [("x", "MISSING_CURVE")]
    assert block.cash_money.tolist() == netted(bond("y", 5e5)).cash_money.tolist()


def test_a_matured_trade_is_in_no_count_but_its_own():
    block = netted(bond("x", 1e6), today=dt.date(2027, 1, 4))
    assert (block.trades.tolist(), block.matured.tolist()) == ([0], [1])
    assert (block.notional.tolist(), block.terms) == ([0.0], 0)


def test_one_block_is_itself():
    block = netted(bond("x", 1e6))
    assert merge([block]) is block


def test_blocks_of_other_dates_are_not_added():
    with pytest.raises(ValueError, match="one date"):
        merge([netted(bond("x", 1e6)), netted(bond("y", 1e6), today=dt.date(2025, 2, 12))])
    with pytest.raises(ValueError, match="one date"):
        merge([])


def test_merging_adds_in_the_order_of_blocks():
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in binary: each order is added by hand."""
    blocks = [netted(bond(f"b{n}", n * 0.1), swap(f"s{n}", n * 0.1)) for n in (1, 2, 3, 4, 5, 6, 7)]
    for order in itertools.islice(itertools.permutations(blocks), 0, 5040, 601):
        found = merge(order)
        cash, growth = order[0].cash_money, order[0].growth_alpha
        for block in order[1:]:
            cash, growth = cash + block.cash_money, growth + block.growth_alpha
        assert found.cash_money.tobytes() == cash.tobytes()
        assert found.growth_alpha.tobytes() == growth.tobytes()
        assert found.trades.tolist() == [7, 7]


def test_blocks_without_a_group_add_nothing_to_it():
    whole = merge([netted(bond("x", 1e6)), netted(swap("y", 1e6)), netted(bond("z", 1e6, "b"))])
    at_once = netted(bond("x", 1e6), swap("y", 1e6), bond("z", 1e6, "b"))
    assert whole.groups == at_once.groups
    for name in ("cash_ptr", "cash_key", "cash_money", "growth_ptr", "growth_key", "growth_alpha"):
        assert getattr(whole, name).tobytes() == getattr(at_once, name).tobytes()


def bytes_of(block: NettedBlock) -> dict[str, object]:
    columns = {field.name: getattr(block, field.name) for field in dataclasses.fields(block)}
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in columns.items()
    }


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_only_changed_groups_are_added_anew_and_the_bits_are_the_same(data):
    """Trades come, go, change and move between books in some of the blocks."""
    trade = st.tuples(st.sampled_from("bs"), st.integers(1, 9), st.sampled_from("ab"))
    pile = st.lists(trade, min_size=1, max_size=4)

    def block(content):
        made = [
            bond(f"t{n}", size * 0.1, book) if kind == "b" else swap(f"t{n}", size * 0.1)
            for n, (kind, size, book) in enumerate(content)
        ]
        return netted(*made)

    count = data.draw(st.integers(2, 4))
    old = [block(data.draw(pile)) for _ in range(count)]
    new = [block(data.draw(pile)) if data.draw(st.booleans()) else kept for kept in old]
    assert bytes_of(merge(new, (old, merge(old)))) == bytes_of(merge(new))


DAYS = st.integers(day_of(dt.date(1901, 1, 1)), day_of(dt.date(2199, 12, 31)))
PLACES = st.integers(0, MAX_CURVES - 1)


@given(PLACES, DAYS, PLACES, DAYS, DAYS)
def test_keys_keep_every_curve_and_every_day_of_quantlib(pays, pay, grows, start, end):
    points = [
        point_key(np.array([curve]), np.array([day]))
        for curve, day in ((pays, pay), (grows, start), (grows, end))
    ]
    key = growth_key(*points)
    assert key[0] >= 0
    assert [p.tolist() for p in growth_points(key)] == [p.tolist() for p in points]
    assert [int(x[0]) for x in point_of(points[0])] == [pays, pay]


@pytest.mark.parametrize(("curve", "day"), [(MAX_CURVES, 0), (-1, 0), (0, 106_000)])
def test_curves_and_days_beyond_the_keys_are_refused(curve, day):
    with pytest.raises(ValueError, match="64 curves"):
        point_key(np.array([curve]), np.array([day]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**63 - 1) | st.integers(0, 9))))
def test_rows_are_added_as_a_dictionary_adds_them(rows):
    expected: dict[tuple[int, int], float] = {}
    for place, pair in enumerate(rows):
        expected[pair] = expected[pair] + place * 0.1 if pair in expected else place * 0.1
    group = np.array([g for g, _ in rows], dtype=np.int32)
    key = np.array([k for _, k in rows], dtype=np.int64)
    found = add_up(group, key, np.arange(len(rows))[:, None] * 0.1, 4)
    pairs = list(zip(np.repeat(np.arange(4), np.diff(found.ptr)), found.key, strict=True))
    assert pairs == sorted(expected)
    assert found.money[:, 0].tolist() == [expected[pair] for pair in sorted(expected)]


def test_many_keys_are_numbered_as_numpy_numbers_them():
    key = np.random.default_rng(7).integers(0, 2**63 - 1, 5000)
    key = np.concatenate((key, key[::3], key[:10]))
    distinct, place = number_keys(key)
    expected, inverse = np.unique(key, return_inverse=True)
    assert distinct.tolist() == expected.tolist()
    assert place.tolist() == inverse.tolist()
