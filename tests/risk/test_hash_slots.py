"""One currency's keys lie in one slot of a Redis Cluster, and scripts are told every key."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from redis.crc import key_slot

from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, key
from risk.store.publication import publish_detail, publish_parts
from risk.store.run_registry import RunRegistry
from tests.risk.made import (
    cell,
    columns,
    detail_job,
    header,
    part,
    store,
    sums_job,
    swap,
    totals,
)

SCRIPTS = sorted(file.name for file in resources.files("risk.store").joinpath("lua").iterdir())
FIRST_KEY = re.compile(r"redis\.call\('(\w+)',\s*([^,)]+)")
NO_KEY = {"PUBLISH", "TIME"}


def live(client):
    """Two published frames, one that failed, and two versions of a book."""
    books, frames, trials = CompiledBooks(client), Frames(client), RunRegistry(client)
    store(books, swap(), number=1)
    made = store(books, swap(fixed_rate=0.05), number=2)
    head = books.head("USD", made.version)
    assert head is not None
    for number in (1, 2):
        a_header = header(number, 1, book_version=made.version)
        frames.open(a_header)
        trials.start_sums(sums_job(made.version, number))
        frames.put("USD", number, part(0))
        assert publish_parts(frames, a_header, head, books) == "PUBLISHED"
        assert frames.open_detail("USD", number) == "OPENED"
        work = detail_job(made.version, number)
        trials.start_block(work, 0)
        frames.put_detail("USD", number, totals(0, cell()), columns(0), trials.next_run(work, 1))
        rollup = frames.rollup("USD", number)
        assert rollup is not None
        assert publish_detail(frames, rollup) == "PUBLISHED"
    frames.fail("USD", 3, "BOOTSTRAP", "no curve")


def test_every_key_of_a_currencys_frames_and_books_has_one_slot(redis_client):
    redis_client.flushdb()
    live(redis_client)
    found = [name.decode() for name in redis_client.keys("*")]
    assert len(found) > 10
    assert {key_slot(name.encode()) for name in found} == {key_slot(key("USD", "pointer").encode())}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_touches_only_keys_that_it_was_given(name):
    text = resources.files("risk.store").joinpath(f"lua/{name}").read_text()
    touched = [place for command, place in FIRST_KEY.findall(text) if command not in NO_KEY]
    assert touched
    assert all(re.fullmatch(r"KEYS\[\d+\]", place.strip()) for place in touched), touched


def test_a_frame_is_not_published_over_one_that_its_publisher_has_not_seen(
    redis_client, monkeypatch
):
    redis_client.flushdb()
    books, frames = CompiledBooks(redis_client), Frames(redis_client)
    made = store(books, swap())
    for number in (1, 2):
        frames.open(header(number, 1))
        frames.put("USD", number, part(0))
    head = books.head("USD", made.version)
    assert head is not None
    real, told = frames.pointer, []

    def late(currency):
        """Another one publishes between the question and the call, once."""
        found = real(currency)
        told.append(found)
        if len(told) == 1:
            assert publish_parts(Frames(redis_client), header(1, 1), head, books) == "PUBLISHED"
        return found

    monkeypatch.setattr(frames, "pointer", late)
    assert publish_parts(frames, header(2, 1), head, books) == "PUBLISHED"
    assert told == [0, 1]
    assert 0 < redis_client.ttl(key("USD", "rollup", 1)) <= 20
    assert redis_client.ttl(key("USD", "rollup", 2)) == -1
