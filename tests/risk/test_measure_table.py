"""Records in Redis and answers follow the table of measures."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pricing.measures import formulas
from pricing.measures.table import LIVE, LIVE_SUMMED, MEASURES, SUMMED, TABLE, total, with_new_names
from risk.api import schemas
from risk.queries.trade_numbers import made_of, no_numbers, numbers
from risk.store.results import REQUIRED_NUMBERS, CellSums, PartColumns
from tests.risk.made import cell, columns

OF_THE_RELEASE_BEFORE = ("npv", "dv01_par", "dv01_zero", "gamma", "pv01")


def test_every_row_of_a_frame_has_its_function_and_a_name_of_its_own():
    assert all(callable(getattr(formulas, name)) for name in MEASURES)
    assert len({row.name for row in TABLE}) == len({row.label for row in TABLE}) == len(TABLE)


def test_a_part_of_the_release_before_is_read_and_so_is_ours_by_that_release():
    assert REQUIRED_NUMBERS == OF_THE_RELEASE_BEFORE  # a change needs another field in Redis
    old = {"block": 0, "trades": 2, "keys": 2, "numbers": np.arange(10.0).tobytes()}
    raw = msgspec.msgpack.encode(old | {"ladder_par": b"", "krd": b""})
    part = msgspec.msgpack.decode(raw, type=PartColumns)
    assert [part.column(name).tolist() for name in OF_THE_RELEASE_BEFORE] == [
        [2.0 * row, 2.0 * row + 1.0] for row in range(5)
    ]
    assert len(columns(0).numbers) == 5 * 2 * 8


def test_a_cell_of_the_release_before_has_no_sum_of_a_new_measure():
    names = ("book", "product", "trades", "failed", "notional", "notional_failed", "krd")
    ours = msgspec.to_builtins(cell())
    old = {name: ours[name] for name in (*names, "ladder_par", *OF_THE_RELEASE_BEFORE)}
    read = msgspec.convert(old, CellSums)
    assert read.npv == 1.0
    assert [getattr(read, n) for n in SUMMED if n not in OF_THE_RELEASE_BEFORE] == [None] * (
        len(SUMMED) - len(OF_THE_RELEASE_BEFORE)
    )
    with pytest.raises(msgspec.ValidationError, match="npv"):
        msgspec.convert({n: v for n, v in old.items() if n != "npv"}, CellSums)


def test_a_sum_over_parts_of_which_one_lacks_the_measure_is_none():
    assert total([("swap", 1.0), ("bond", 2.0)], "npv") == 3.0
    assert total([("swap", 1.0), ("bond", None)], "npv") is None
    assert total([], "npv") == 0.0


def test_a_renamed_measure_is_answered_under_both_names():
    assert with_new_names({"npv": 1, "pv01": 2}) == {"npv": 1, "pv01": 2, "annuity_bp": 2}


def test_answers_have_a_documented_field_for_each_measure():
    fields = set(schemas.TradeRisk().fields)
    assert {*LIVE, "annuity_bp", "unavailable"} <= fields
    assert {*LIVE_SUMMED, "annuity_bp"} <= set(schemas.Group().fields)
    assert set(no_numbers()) == set(numbers(made_of(columns(0), 0), "swap", None, 0)) <= fields
