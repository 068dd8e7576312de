"""An isolation run: every trade named before it is priced, the block priced as always after."""

from __future__ import annotations

import msgspec
import pytest

from pricing import kernel
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import OPEN_SECONDS, Frames
from risk.store.messages import PriceJob
from risk.store.publication import publish_parts
from risk.store.run_registry import RunRegistry
from risk.workers import isolation, tasks
from risk.workers.isolation import price_each_alone
from risk.workers.session import Session
from tests.risk.made import (
    bond,
    cell,
    columns,
    detail_job,
    header,
    job,
    part,
    store,
    sums_job,
    swap,
    totals,
)


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


@pytest.fixture
def a_job(books):
    made = store(books, swap("A"), bond("B"), swap("C", notional=5e6))
    return job(made.version)


@pytest.mark.parametrize("thorough", [False, True])
def test_each_trade_is_named_before_it_is_priced_and_nobody_after_the_last(books, a_job, thorough):
    named = []
    price_each_alone(Session(books), a_job, named.append, thorough=thorough)
    assert named == ["A", "B", "C", ""]


def test_a_trade_alone_goes_through_the_kernel_with_its_own_numbers(books, a_job, monkeypatch):
    """What dies in the block must die here too: the same flows over the same factors."""
    whole = kernel.value_and_gradients
    alone = []

    def noted(flows, *args):
        found = whole(flows, *args)
        alone.append(found.leg_npv.sum())
        return found

    session = Session(books)
    session.solve(a_job, session.curves(a_job))  # the bootstrap uses the kernel too
    monkeypatch.setattr(isolation.kernel, "value_and_gradients", noted)
    price_each_alone(session, a_job, lambda _: None)
    _, columns = session.price(a_job)
    assert alone[:3] == pytest.approx(list(columns.column("npv")), rel=1e-12)


@pytest.fixture
def frames(redis_client, settings, redis_url):
    settings.REDIS_URL = redis_url
    for made in (tasks._frames, tasks._books, tasks._session, tasks._run_registry):
        made.cache_clear()
    return Frames(redis_client)


def payload(of: PriceJob) -> dict[str, object]:
    found = msgspec.to_builtins(of)
    assert isinstance(found, dict)
    return found


def test_an_isolation_run_passes_and_a_second_one_is_refused(frames, a_job):
    frames.open(header(1, 1, book_version=a_job.book_version))
    assert tasks.price_block_carefully(payload(a_job)) == "PASSED"
    trial = RunRegistry(frames.client).isolation_run("USD", a_job.book_version, 0)
    assert (trial.trade_id, trial.verdict) == ("", "PASSED")
    assert tasks.price_block_carefully(payload(a_job)) == "BUSY"


def test_a_block_is_run_twice_in_a_frame_and_not_a_third_time(frames, a_job):
    frames.open(header(1, 1, book_version=a_job.book_version))
    registry, detail = RunRegistry(frames.client), detail_job(a_job.book_version)
    assert [registry.start_block(detail, 0), registry.start_block(detail, 0)] == [1, 2]
    assert tasks.price_detail(msgspec.to_builtins(detail)) == "TRIED"


def test_a_run_that_starts_is_not_the_one_that_died_before_it(frames, a_job):
    registry, work = RunRegistry(frames.client), detail_job(a_job.book_version, work=[0, 1])
    for block in work.work:
        registry.start_block(work, block)
    registry.run_died(work)
    assert registry.runs_of_blocks("USD", 1, [0, 1]) == {0: (1, False, None), 1: (1, True, None)}
    registry.start_block(work, 1)
    assert registry.runs_of_blocks("USD", 1, [1, 2]) == {1: (2, False, None), 2: (0, False, None)}


def test_a_run_that_begins_as_the_block_before_is_put_is_counted_like_any_other(frames, a_job):
    registry = RunRegistry(frames.client)
    work = detail_job(a_job.book_version, work=[0, 1], needed=2, blocks=2)
    opened(frames, a_job, 1)
    registry.start_block(work, 0)
    put = frames.put_detail("USD", 1, totals(0, cell()), columns(0), registry.next_run(work, 1))
    assert (put.code, put.present, put.begun) == ("PUT", 1, 1)
    assert registry.runs_of_blocks("USD", 1, [0, 1]) == {0: (1, False, None), 1: (1, False, None)}
    registry.run_died(work)
    assert registry.runs_of_blocks("USD", 1, [0, 1]) == {0: (1, False, None), 1: (1, True, None)}
    again = frames.put_detail("USD", 1, totals(0, cell()), columns(0), registry.next_run(work, 1))
    assert (again.code, again.begun) == ("DUPLICATE", 2)
    assert registry.runs_of_blocks("USD", 1, [1]) == {1: (2, False, None)}
    assert frames.put_detail("USD", 1, totals(1, cell()), columns(1)).begun == 0
    assert 0 < frames.client.ttl(registry.next_run(work, 1).starts) <= OPEN_SECONDS


def test_nothing_begins_after_a_block_of_a_detail_that_is_over(frames, a_job):
    registry = RunRegistry(frames.client)
    work = detail_job(a_job.book_version, work=[0, 1], needed=2, blocks=2)
    opened(frames, a_job, 1)
    opened(frames, a_job, 2)
    put = frames.put_detail("USD", 1, totals(0, cell()), columns(0), registry.next_run(work, 1))
    assert (put.code, put.begun) == ("UNKNOWN", 0)
    assert registry.runs_of_blocks("USD", 1, [1]) == {1: (0, False, None)}
    assert tasks.price_detail(msgspec.to_builtins(work)) == "UNKNOWN"
    assert registry.runs_of_blocks("USD", 1, [1]) == {1: (0, False, None)}


def opened(frames, a_job, number):
    """Publish the sums of a frame of two blocks, and open its detail."""
    a_header = header(number, 1, book_version=a_job.book_version)
    frames.open(a_header)
    frames.put("USD", number, part(0))
    books = CompiledBooks(frames.client)
    head = books.head("USD", a_job.book_version)
    assert publish_parts(frames, a_header, head, books) == "PUBLISHED"
    assert frames.open_detail("USD", number) == "OPENED"


def test_sums_that_died_say_at_which_block(frames, a_job):
    registry, sums = RunRegistry(frames.client), sums_job(a_job.book_version)
    assert registry.start_sums(sums).runs == (1, False, None)
    registry.netting(sums, 7)
    registry.run_died(sums)
    assert registry.runs_of_parts("USD", 1, [0]) == {0: (1, True, 7)}
    assert registry.start_sums(sums).runs == (2, False, 7)
    registry.netting(sums, None)
    registry.run_died(sums)
    assert registry.runs_of_parts("USD", 1, [0]) == {0: (2, True, None)}
