"""Compiled books in Redis: the newest wins, versions never change, old ones fade."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing.errors import Failure
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_book
from risk.store.compiled_book import block_of, blocks_for
from risk.store.compiled_book_store import (
    KEEP_OLD_SECONDS,
    BlockBlob,
    CompiledBooks,
    StaleBook,
    decode_block,
    encode_block,
)
from risk.store.frames import Frames, key
from risk.store.publication import publish_parts
from tests.risk.made import DATE, bond, header, part, store, swap


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


def ttl(books, *name):
    return books.client.ttl(key("USD", *name))


def ttls_of(books, version, names):
    """Seconds until each value of a version expires; -1 is never."""
    kept = [ttl(books, kind, name) for kind in ("block", "trades") for name in names]
    return {ttl(books, "book", version), *kept}


def under_pointer(books, frame, version):
    """A published frame of a version."""
    frames, opened = Frames(books.client), header(frame, 1, book_version=version)
    frames.open(opened)
    frames.put("USD", frame, part(0))
    head = books.head("USD", version)
    assert publish_parts(frames, opened, head, books) == "PUBLISHED"


def test_what_is_stored_is_found_again(books):
    made = store(books, bond(), swap(), number=4, blocks=2, fixings={"SOFR": {DATE: 0.05}})
    assert books.newest("USD").version == made.version
    again = CompiledBooks(books.client)
    assert again.manifest("USD", made.version) == made
    for block, ids in enumerate(made.trade_ids):
        assert again.block("USD", made.version, block).trade_ids == tuple(ids)
    assert sorted(itertools.chain(*made.trade_ids)) == ["P1", "S1"]
    assert again.fixings("USD", made.fixings_name) == {"SOFR": {DATE: 0.05}}


@pytest.mark.parametrize(
    ("trades", "blocks"), [(0, 1), (1, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 4), (10**6, 512)]
)
def test_the_number_of_blocks_is_a_power_of_two_of_the_number_of_trades(trades, blocks):
    assert blocks_for(trades) == blocks


@given(st.text(max_size=64), st.integers(0, 20))
def test_twice_as_many_blocks_split_each_into_two_neighbours(trade_id, power):
    assert block_of(trade_id, 1) == 0
    assert block_of(trade_id, 2 << power) // 2 == block_of(trade_id, 1 << power)


def test_blocks_have_about_the_same_number_of_trades():
    counts = np.bincount([block_of(f"SWAP-{n:06}", 16) for n in range(16_000)], minlength=16)
    assert abs(counts - 1000).max() < 150  # five standard deviations


@given(st.permutations(["A", "B", "C", "D", "E"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_book_does_not_depend_on_the_order_of_its_trades(books, names):
    made = store(books, *map(swap, names), number=1, blocks=4)
    assert made.version == store(books, *map(swap, "ABCDE"), number=1, blocks=4).version
    assert all(ids == sorted(ids) for ids in made.trade_ids)


def test_a_slow_compiler_cannot_replace_a_newer_book_and_does_not_make_it_expire(books):
    newer = store(books, swap(), number=5)
    older = store(books, swap(notional=2e6), number=4)
    assert books.newest("USD").version == newer.version
    assert ttl(books, "book", newer.version) == -1
    assert 0 < ttl(books, "book", older.version) <= KEEP_OLD_SECONDS


def test_an_edit_writes_the_block_that_it_changes_and_lets_only_the_old_one_fade(books):
    def names(made):
        return books.head("USD", made.version).block_names

    before = store(books, swap("A"), swap("B"), number=1, blocks=2)
    after = store(books, swap("A"), swap("B", notional=2e6), number=2, blocks=2)
    touched = block_of("B", 2)
    assert names(after)[1 - touched] == names(before)[1 - touched]
    assert names(after)[touched] != names(before)[touched]
    assert 0 < ttl(books, "block", names(before)[touched]) <= KEEP_OLD_SECONDS
    assert 0 < ttl(books, "trades", names(before)[touched]) <= KEEP_OLD_SECONDS
    assert ttls_of(books, after.version, names(after)) == {-1}
    again = store(books, swap("A"), swap("B"), number=3, blocks=2)  # and back again
    assert ttls_of(books, again.version, names(before)) == {-1}


def test_a_reader_fetches_only_the_trades_of_the_block_that_an_edit_has_changed(books):
    terms = [swap("A"), swap("B")]
    reader = CompiledBooks(books.client)
    before = reader.manifest("USD", store(books, *terms, number=1, blocks=2).version)
    terms[1] = swap("B", book="B9")
    after = reader.manifest("USD", store(books, *terms, number=2, blocks=2).version)
    touched = block_of("B", 2)
    assert after.books[touched] == ["B9"]
    assert after.trade_ids[1 - touched] is before.trade_ids[1 - touched]
    assert after.fixings is before.fixings


def test_all_that_redis_has_lost_is_written_again(books):
    made = store(books, swap())
    for name in books.client.keys("*"):
        books.client.delete(name)
        assert store(books, swap()).version == made.version
        assert CompiledBooks(books.client).manifest("USD", made.version) == made, name
        assert len(books.block("USD", made.version, 0)) == 1, name
        assert books.newest("USD").version == made.version


def test_a_compiler_killed_at_any_call_leaves_the_old_book_or_the_new_one(books, monkeypatch):
    """And the next one repairs the rest: nothing of the newest fades, all else does."""
    old = store(books, swap("A"), swap("B"), number=1, blocks=2)
    real, left = books.client.execute_command, 0
    pipeline = type(books.client.pipeline())
    real_pipeline = pipeline.execute

    def killed(function):
        def call(*args, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return function(*args, **options)

        return call

    calls = 0
    for calls in range(1, 100):
        left = calls
        with monkeypatch.context() as patch:
            patch.setattr(books.client, "execute_command", killed(real))
            patch.setattr(pipeline, "execute", killed(real_pipeline))
            try:
                store(books, swap("A", notional=calls), swap("B"), number=1 + calls, blocks=2)
                break
            except KeyboardInterrupt:
                pass
        newest = CompiledBooks(books.client).newest("USD")
        assert CompiledBooks(books.client).manifest("USD", newest.version) is not None
        for block in range(2):
            assert books.block("USD", newest.version, block) is not None
    assert calls > 8
    new = store(books, swap("A", notional=7e6), swap("B"), number=200, blocks=2)
    names = books.head("USD", new.version).block_names
    assert ttls_of(books, new.version, names) == {-1}
    forever = {n.decode() for n in books.client.keys("*") if books.client.ttl(n) == -1}
    used = {key("USD", kind, name) for kind in ("block", "trades") for name in names}
    used |= {key("USD", *name) for name in (("books",), ("book",), ("book", "number"))}
    used |= {key("USD", "book", new.version), key("USD", "fixings", new.fixings_name)}
    assert forever == used
    assert books.newest("USD").version == new.version != old.version


def test_the_version_before_fades_and_stays_as_it_was_for_open_frames(books):
    before = store(books, swap(), number=1)
    after = store(books, swap(fixed_rate=0.05), number=2)
    assert before.version != after.version
    assert 0 < ttl(books, "book", before.version) <= KEEP_OLD_SECONDS
    assert CompiledBooks(books.client).manifest("USD", before.version) == before


def test_the_version_of_the_published_frame_does_not_expire(books):
    published = store(books, swap(), number=1)
    under_pointer(books, 1, published.version)
    newer = store(books, swap(fixed_rate=0.05), number=2)
    names = books.head("USD", published.version).block_names
    assert ttls_of(books, published.version, names) == {-1}
    under_pointer(books, 2, newer.version)
    books.retire("USD")
    assert min(ttls_of(books, published.version, names)) > 0


def test_a_version_published_after_it_was_replaced_no_longer_expires(books):
    late = store(books, swap(), number=1)
    store(books, swap(fixed_rate=0.05), number=2)
    names = books.head("USD", late.version).block_names
    assert min(ttls_of(books, late.version, names)) > 0
    under_pointer(books, 1, late.version)
    books.retire("USD")
    assert ttls_of(books, late.version, names) == {-1}


def test_the_version_of_the_frame_whose_trades_are_shown_does_not_expire(books):
    shown = store(books, swap(), number=1)
    under_pointer(books, 1, shown.version)
    books.client.set(key("USD", "detail"), 1)
    books.client.persist(key("USD", "rollup", 1))
    newer = store(books, swap(fixed_rate=0.05), number=2)
    under_pointer(books, 2, newer.version)
    books.client.persist(key("USD", "rollup", 1))
    books.retire("USD")
    names = books.head("USD", shown.version).block_names
    assert ttls_of(books, shown.version, names) == {-1}


def test_compiling_the_same_again_changes_no_name_and_lets_nothing_expire(books):
    first = store(books, swap(), number=3)
    again = CompiledBooks(books.client)
    assert store(again, swap(), number=4).version == first.version
    assert books.newest("USD").number == 4
    assert ttl(books, "book", first.version) == -1


def test_a_version_that_comes_back_no_longer_expires(books):
    one = store(books, swap(), bond(), number=3)
    store(books, swap(notional=2e6), bond(), number=3)
    assert ttl(books, "book", one.version) > 0
    assert store(books, swap(), bond(), number=3).version == one.version
    names = books.head("USD", one.version).block_names
    assert ttls_of(books, one.version, names) == {-1}


def test_a_book_of_another_release_is_not_there(books):
    made = store(books, swap())
    books.client.set(key("USD", "book", made.version), msgspec.msgpack.encode({"version": "x"}))
    assert books.manifest("USD", made.version) is None


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
    for name in ("ptr", "flows", "discount", "notional", "z_spread"):
        assert np.array_equal(getattr(back, name), getattr(block, name)), name


@pytest.mark.parametrize("names", ["curves", "indices"])
def test_a_block_of_a_release_with_other_conventions_is_refused(names):
    good, _ = compile_book([swap()])
    blob = msgspec.msgpack.decode(encode_block(make_block(good)), type=BlockBlob)
    other = msgspec.structs.replace(blob, **{names: ["GONE", *getattr(blob, names)]})
    with pytest.raises(StaleBook, match="compiled again"):
        decode_block(msgspec.msgpack.encode(other))
