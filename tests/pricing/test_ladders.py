"""Ladders come back from their bytes as they were, in single precision."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from pricing.measures.ladder_codec import unpack
from risk.workers.block_result import pack

NUMBERS = st.sampled_from([0.0, -0.0, 1.5, -2e9, 1e-30, 1e-60, np.nan])
SHAPES = st.tuples(st.integers(0, 7), st.integers(1, 19))


@given(arrays(np.float64, SHAPES, elements=NUMBERS))
def test_every_entry_comes_back_in_its_place(table):
    found = unpack(pack(table), *table.shape)
    assert np.array_equal(found, table.astype(np.float32), equal_nan=True)


def test_what_is_zero_takes_a_bit():
    table = np.zeros((1000, 40))
    table[:, 3] = 1.0
    assert len(pack(table)) == 1000 * 4 + 1000 * 40 // 8
