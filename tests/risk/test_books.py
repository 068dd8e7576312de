"""Compiled books in Redis: the newest wins, versions never change, old ones fade."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pricing.errors import Failure
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_book
from risk.store.compiled_book_store import (
    KEEP_OLD_SECONDS,
    BlockBlob,
    CompiledBooks,
    StaleBook,
    decode_block,
    encode_block,
)
from risk.store.frames import key
from tests.risk.made import bond, store, swap


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


def ttl(books, version, *block):
    return books.client.ttl(key("USD", "book", version, *block))


def test_what_is_stored_is_found_again(books):
    made = store(books, bond(), swap(), number=4, blocks=2)
    assert books.newest("USD").version == made.version
    assert books.manifest("USD", made.version) == made
    assert [books.block("USD", made.version, b).trade_ids for b in range(2)] == [("P1",), ("S1",)]


def test_a_slow_compiler_cannot_replace_a_newer_book_and_does_not_make_it_expire(books):
    newer = store(books, swap(), number=5)
    older = store(books, swap(notional=2e6), number=4)
    assert books.newest("USD").version == newer.version
    assert ttl(books, newer.version) == ttl(books, newer.version, 0) == -1
    assert 0 < ttl(books, older.version, 0) <= KEEP_OLD_SECONDS


def test_an_edit_writes_the_blocks_that_it_changes_and_lets_only_the_old_ones_fade(books):
    def names(made):
        return [books.block_name("USD", made.version, block) for block in range(2)]

    def left_s(name):
        return books.client.ttl(key("USD", "block", name))

    before = store(books, swap("A"), swap("B"), number=1, blocks=2)
    after = store(books, swap("A"), swap("B", notional=2e6), number=2, blocks=2)
    assert names(after)[0] == names(before)[0]
    assert names(after)[1] != names(before)[1]
    assert 0 < left_s(names(before)[1]) <= KEEP_OLD_SECONDS
    assert [left_s(name) for name in names(after)] == [-1, -1]
    store(books, swap("A"), swap("B"), number=3, blocks=2)  # and back again
    assert [left_s(name) for name in names(before)] == [-1, -1]


def test_a_block_that_redis_has_lost_is_written_again(books):
    trades = compile_book([swap()])[0]

    def stored():
        return books.store(
            "USD", 1, trades, blocks=1, desk_of_book={}, failures=[], fixings={}
        ).version

    stored()
    books.client.flushdb()
    assert len(books.block("USD", stored(), 0)) == 1


def test_the_version_before_fades_and_stays_as_it_was_for_open_frames(books):
    before = store(books, swap(), number=1)
    after = store(books, swap(fixed_rate=0.05), number=2)
    assert before.version != after.version
    assert 0 < ttl(books, before.version) <= KEEP_OLD_SECONDS
    assert 0 < ttl(books, before.version, 0) <= KEEP_OLD_SECONDS
    assert books.manifest("USD", before.version) == before


def test_compiling_the_same_again_changes_no_name_and_lets_nothing_expire(books):
    first = store(books, swap(), number=3)
    again = store(books, swap(), number=3)
    assert again.version == first.version
    assert ttl(books, first.version) == -1


def test_a_version_that_comes_back_no_longer_expires(books):
    one = store(books, swap(), bond(), number=3, blocks=1)
    store(books, swap(), bond(), number=3, blocks=2)  # another number of worker processes
    assert ttl(books, one.version) > 0
    assert store(books, swap(), bond(), number=3, blocks=1).version == one.version
    assert ttl(books, one.version) == ttl(books, one.version, 0) == -1


@pytest.mark.parametrize("change", ["flows", "fixings", "desk"])
def test_all_that_a_frame_depends_on_is_in_the_versions_name(books, change):
    first = store(books, swap(), number=3)
    if change == "flows":
        other = store(books, swap(fixed_rate=0.05), number=3)
    elif change == "fixings":
        other = store(books, swap(), number=3, fixings={"SOFR": {}})
    else:
        good, _ = compile_book([swap()])
        other = books.store(
            "USD", 3, good, blocks=1, desk_of_book={"B1": "X"}, failures=[], fixings={}
        )
    assert other.version != first.version


def test_a_currency_without_trades_has_a_book_of_one_empty_block(books):
    lost = Failure(trade_id="X", code="BAD_INPUT", message="m")
    made = store(books, failures=(lost,))
    assert (made.blocks, made.trades, made.trade_ids) == (1, 1, [[]])
    assert len(books.block("USD", made.version, 0)) == 0


def test_a_trade_is_found_by_block_and_row(books):
    made = store(books, swap("A"), swap("B"), swap("C"), blocks=2)
    places = {name: made.place_of(name) for name in "ABCX"}
    assert places["X"] is None
    for name in "ABC":
        block, row = places[name]
        assert made.trade_ids[block][row] == name


def test_a_block_is_the_same_after_it_was_bytes():
    good, _ = compile_book([swap(), bond()])
    block = make_block(good)
    back = decode_block(encode_block(block))
    assert (back.trade_ids, back.products, back.books) == (
        block.trade_ids,
        block.products,
        block.books,
    )
    for name in ("ptr", "flows", "discount", "forecast", "notional", "z_spread"):
        assert np.array_equal(getattr(back, name), getattr(block, name)), name


@pytest.mark.parametrize("names", ["curves", "indices"])
def test_a_block_of_a_release_with_other_conventions_is_refused(names):
    good, _ = compile_book([swap()])
    blob = msgspec.msgpack.decode(encode_block(make_block(good)), type=BlockBlob)
    other = msgspec.structs.replace(blob, **{names: ["GONE", *getattr(blob, names)]})
    with pytest.raises(StaleBook, match="compiled again"):
        decode_block(msgspec.msgpack.encode(other))
