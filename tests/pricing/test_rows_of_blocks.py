"""Rows of blocks make the block that their trades would make, whatever their history."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.products.cash_flows import FLOW, last_payments, make_block, rows_of
from pricing.products.flows import compile_block, compile_trade
from tests.risk.made import bond, swap

KINDS = (
    swap(convention="EUR-ESTR-OIS"),
    swap(convention="EUR-EURIBOR-6M", book="B7"),
    swap(convention="EUR-EURIBOR-3M", pay_receive="pay"),
    bond(convention="FR-OAT", discount_curve=None, coupon_rate=0.03),
    bond(convention="DE-BUND", discount_curve="EUR-GOVT", coupon_rate=0.02),
)


def assert_same(block, expected):
    for name in expected.__dataclass_fields__:
        mine, other = getattr(block, name), getattr(expected, name)
        assert np.array_equal(mine, other), name
        assert getattr(mine, "dtype", None) == getattr(other, "dtype", None), name


trades = st.dictionaries(
    st.text("abcXYZ019", min_size=1, max_size=4), st.sampled_from(KINDS), max_size=12
)


@given(trades, st.data())
def test_rows_of_any_blocks_make_the_block_of_their_trades(book, data):
    terms = [msgspec.structs.replace(kind, trade_id=name) for name, kind in book.items()]
    where = [data.draw(st.integers(0, 2)) for _ in terms]
    blocks = [
        compile_block([t for t, place in zip(terms, where, strict=True) if place == number])[0]
        for number in range(3)
    ]
    kept = {t.trade_id for t in terms if data.draw(st.booleans())}
    rows = [
        np.array([n for n, name in enumerate(b.trade_ids) if name in kept], dtype=np.int64)
        for b in blocks
    ]
    found, order = rows_of(blocks, rows)
    mine = sorted((t for t in terms if t.trade_id in kept), key=lambda t: t.trade_id)
    assert_same(found, make_block([compile_trade(t) for t in mine]))
    given_ids = [b.trade_ids[n] for b, some in zip(blocks, rows, strict=True) for n in some]
    assert tuple(given_ids[n] for n in order) == found.trade_ids
    assert last_payments(found).tolist() == [compile_trade(t).last_payment for t in mine]


def test_no_blocks_make_an_empty_one():
    assert_same(rows_of([], [])[0], make_block([]))
    assert rows_of([], [])[0].flows.dtype == FLOW
