"""Parts add up to a roll-up in block order, and missing parts are named."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import Failure
from pricing.markets.calendars import day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.table import MEASURES
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_book
from risk.store.publication import sums_error
from risk.store.results import UnpricedTrade, history_line, merge_cells, roll_up
from risk.workers.block_result import (
    CANCELLING,
    add_up,
    add_up_ladders,
    make_groups,
    pack_columns,
)
from tests.risk.made import QUOTES, cell, header, part, swap, totals


def rolled(*parts, blocks=2, trades=4, not_compiled=(), not_arrived=()):
    return roll_up(
        header(7, blocks),
        parts,
        desk_of_book={"B1": "RATES"},
        trades=trades,
        not_compiled=not_compiled,
        not_arrived=not_arrived,
        published_ns=2_000_000,
    )


def test_whoever_adds_the_parts_gets_the_same_bits():
    values = [0.1, 1e16, -1e16, 0.3]
    parts = [part(b, cell(npv=v, ladder_par=[v, v])) for b, v in enumerate(values)]
    sums = {repr(merge_cells(p, {})) for p in itertools.permutations(parts)}
    assert len(sums) == 1


def test_cells_of_a_book_and_product_become_one_and_carry_their_desk():
    cells, _ = merge_cells([part(0, cell("B2"), cell("B1")), part(1, cell("B1"))], {"B1": "D"})
    assert [(c.book, c.desk, c.trades, c.npv) for c in cells] == [
        ("B1", "D", 4, 2.0),
        ("B2", "", 2, 1.0),
    ]
    assert cells[0].ladder_par == [2.0, 2.0]


def test_a_frame_with_all_parts_is_complete():
    rollup = rolled(part(0), part(1))
    assert (rollup.status, rollup.missing, rollup.coverage) == ("COMPLETE", [], 1.0)
    assert rollup.priced == rollup.trades == 4


def test_a_missing_block_makes_a_frame_partial_and_is_named():
    rollup = rolled(part(1))
    assert (rollup.status, rollup.missing) == ("PARTIAL", [0])
    assert rollup.coverage == 0.5
    assert rollup.priced == 2


def lost(name, book="B1", notional=50.0, product="swap", code="MISSING_BLOCK"):
    return UnpricedTrade(
        trade_id=name, code=code, message="m", book=book, product=product, notional=notional
    )


def test_trades_of_a_missing_block_count_as_failed_in_their_books_and_change_no_sum():
    whole = rolled(part(1), trades=2, blocks=1)
    found = rolled(part(1), not_arrived=[lost("X"), lost("Y", "B9", 150.0, "bond")])
    assert [(c.book, c.desk, c.trades, c.failed, c.notional_failed) for c in found.cells] == [
        ("B1", "RATES", 3, 1, 50.0),
        ("B9", "", 1, 1, 150.0),
    ]
    assert (found.priced, found.trades) == (2, 4)
    assert found.coverage == pytest.approx(100.0 / 300.0)
    (before, after) = whole.cells[0], found.cells[0]
    for name in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01", "ladder_par", "krd"):
        assert getattr(before, name) == getattr(after, name)
    assert [f.trade_id for f in found.failures] == ["X", "Y"]


def test_a_trade_that_does_not_compile_is_failed_in_its_book_and_lowers_its_share_of_notional():
    found = rolled(part(0), part(1), trades=5, not_compiled=[lost("X", code="BAD_INPUT")])
    assert (found.status, found.cells[0].failed) == ("COMPLETE", 1)
    assert found.coverage == pytest.approx(0.8)


def test_failed_and_uncompiled_trades_lower_the_coverage_and_are_named():
    lost = Failure(trade_id="X", code="BAD_INPUT", message="m")
    failed = Failure(trade_id="Y", code="MISSING_FIXING", message="m")
    rollup = rolled(
        part(0, cell(failed=1, notional_failed=50.0), failures=[failed]),
        part(1),
        trades=5,
        not_compiled=[lost],
    )
    assert rollup.status == "COMPLETE"  # every block is there; two trades are not
    assert (rollup.priced, rollup.trades) == (3, 5)
    assert rollup.coverage == pytest.approx(0.6)
    assert [f.trade_id for f in rollup.failures] == ["Y", "X"]


def test_a_currency_without_trades_has_a_frame_of_zeros():
    rollup = rolled(part(0, cells=[]), blocks=1, trades=0)
    assert (rollup.status, rollup.coverage, rollup.cells) == ("COMPLETE", 1.0, [])
    assert history_line(rollup).npv == 0.0


def test_a_tick_without_the_senders_time_is_measured_from_its_reception():
    assert rolled(part(0), part(1)).tick_to_published_ms == pytest.approx(2.0, rel=1e-5)


def risk_of(npv, failures=()):
    n = len(npv)
    npv = np.array(npv)
    ladder = np.where(np.isnan(npv)[:, None], np.nan, np.ones((n, 2)))
    legs = np.stack([npv, npv * 0], axis=1)
    values = {name: npv.copy() for name in MEASURES}
    return BlockRisk(values, legs, ladder, ladder.copy(), tuple(failures))


def test_failed_trades_add_nothing_to_what_the_detail_adds_up_to():
    good, _ = compile_book([swap("A"), swap("B"), swap("C", book="B9")])
    risk, alive = risk_of([5.0, math.nan, math.nan]), np.zeros(3, dtype=bool)
    (first, second) = add_up(make_groups(make_block(good)), risk, alive)
    assert (first.book, first.sums[0]) == ("B1", 5.0)
    groups = make_groups(make_block(good))
    assert first.gross[0] == 5.0 + CANCELLING * groups.money[0]
    assert 1e6 < groups.money[0] < 1e8
    assert add_up_ladders(risk, alive) == ([1.0] * 4, [2.0, 2.0])
    assert (second.book, set(second.sums), set(second.gross)) == ("B9", {0.0}, {0.0})


def test_a_trade_that_has_made_its_last_payment_counts_no_more():
    """Until the book is compiled again it is in the block, worth 0, and no failure."""
    good, _ = compile_book([swap("A"), swap("B")])
    ended = dataclasses.replace(good[1], flows=good[1].flows.copy())
    ended.flows["pay"] = day_of(dt.date(2024, 3, 6))
    block = make_block([good[0], ended])
    curves = CurveSet(dt.date(2024, 3, 6), shape_of(QUOTES["USD"]))
    dated = roll_to(block, day_of(curves.today), {}, curves.names)
    solved = curves.solve(curves.vector(QUOTES["USD"]))
    risk = price_block(make_ready(dated, curves.grid), curves, solved)
    assert (dated.matured.tolist(), risk.npv[1], risk.failures) == ([False, True], 0.0, ())
    (check,) = add_up(make_groups(block), risk, dated.matured)
    assert check.sums[0] == risk.npv[0] != 0.0
    rollup = rolled(part(0, cell(trades=1), matured=1), blocks=1, trades=2)
    assert (rollup.trades, rollup.priced, rollup.coverage) == (1, 1, 1.0)


def test_a_trade_that_fails_has_not_matured():
    good, _ = compile_book([swap("A")])
    curves = CurveSet(dt.date(2090, 3, 6), shape_of({"USD-GOVT": {"1Y": 0.03}}))
    dated = roll_to(make_block(good), day_of(curves.today), {}, curves.names)
    assert dated.failed == {"A"}
    assert not dated.matured.any()
    empty = roll_to(make_block([]), day_of(curves.today), {}, curves.names)
    assert empty.matured.shape == (0,)


def test_a_failed_trade_is_nan_in_the_columns():
    packed = pack_columns(3, risk_of([5.0, math.nan]))
    assert packed.block == 3
    assert np.array_equal(packed.column("npv"), [5.0, math.nan], equal_nan=True)
    assert np.isnan(packed.ladder("krd")[1]).all()


def test_a_block_without_trades_adds_up_to_nothing():
    block = make_block([])
    assert add_up(make_groups(block), risk_of(np.empty(0)), np.zeros(0, dtype=bool)) == []
    assert pack_columns(0, risk_of(np.empty(0))).column("gamma").shape == (0,)


def detail_of(rollup, *shares):
    """The detail of a roll-up, of which each block has a share of the sums."""
    return [totals(block, *rollup.cells, share=share) for block, share in enumerate(shares)]


def test_a_detail_that_adds_up_to_the_sums_has_no_error():
    rollup = rolled(part(0), part(1))
    assert sums_error(rollup, detail_of(rollup, 0.25, 0.75))[0] < 1e-15


def test_a_detail_with_another_sum_is_told_by_measure_book_and_share_of_gross():
    rollup = rolled(part(0), part(1, cell("B9", npv=4.0)))
    (found,) = detail_of(rollup, 1.0)
    (first, second) = found.cells
    wrong = msgspec.structs.replace(second, sums=[4.5, *second.sums[1:]])
    made = msgspec.structs.replace(found, cells=[first, wrong])
    assert sums_error(rollup, [made]) == (0.125, "npv of B9 swap")


def test_a_detail_with_another_ladder_is_told_by_curve_tenor_and_share_of_gross():
    rollup = rolled(part(0), part(1, cell("B9", ladder_par=[1.0, 3.0])))
    (found,) = detail_of(rollup, 1.0)
    moved = [found.ladders[0], found.ladders[1] + 0.5, *found.ladders[2:]]
    made = msgspec.structs.replace(found, ladders=moved)
    assert sums_error(rollup, [made]) == (0.5 / 6.0, "ladder_par USD-SOFR 10Y")


def test_a_book_that_only_the_sums_have_is_an_error_whatever_its_size():
    rollup = rolled(part(0), part(1, cell("B9", npv=1e-9)))
    (made,) = detail_of(rollup, 1.0)
    error, where = sums_error(rollup, [msgspec.structs.replace(made, cells=made.cells[:1])])
    assert error == math.inf
    assert where.endswith("of B9 swap")


def test_a_book_that_only_the_detail_has_is_an_error():
    rollup = rolled(part(0))
    (made,) = detail_of(rolled(part(0), part(1, cell("B9", npv=4.0, ladder_par=[0.0, 0.0]))), 1.0)
    error, where = sums_error(rollup, [made])
    assert (error, where) == (1.0, "npv of B9 swap")


def test_a_currency_without_trades_has_no_error():
    rollup = rolled(msgspec.structs.replace(part(0), cells=[]))
    nothing = totals(0, share=1.0)
    made = msgspec.structs.replace(nothing, ladders=[0.0] * 2 * len(rollup.keys))
    assert sums_error(rollup, [made]) == (0.0, "ladder_par USD-SOFR 1Y")
