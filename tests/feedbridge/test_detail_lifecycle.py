"""The detail of frames: behind their sums, one at a time, and never in their way."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from feedbridge.bridge import detail_lifecycle
from feedbridge.bridge.loop import FRAME_POLL_MS
from feedbridge.bridge.watchdog import Patience
from risk.store.frames import Frames
from risk.store.messages import DetailJob
from risk.store.run_registry import RunRegistry
from tests.feedbridge.rig import at_rest
from tests.risk.made import store, swap

CURVES = {"USD": "USD-SOFR", "EUR": "EUR-ESTR", "GBP": "GBP-SONIA"}


def details(bridge):
    return bridge.lifecycle.details


def detail_of(rig):
    """The frame whose detail is shown; 0 when there is none."""
    return rig.frames.detail_pointer("USD")


def shown(rig):
    return rig.frames.pointer("USD")


def caught_up(rig):
    return lambda: 0 < detail_of(rig) == shown(rig)


def sent_blocks(rig, after=0):
    return [job["work"] for job in rig.detail_queue.jobs[after:]]


def every_block(rig):
    return sorted(block for work in sent_blocks(rig) for block in work)


def test_the_detail_of_a_frame_begins_when_its_sums_are_published(rig):
    store(rig.books, *(swap(f"S{n}") for n in range(4)), blocks=4)
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: rig.queue.jobs, works=False)
    rig.rounds(bridge, 0.2, works=False)
    assert not rig.detail_queue.jobs
    rig.run(at_rest(bridge, 1))
    rig.run(caught_up(rig))
    assert every_block(rig) == [0, 1, 2, 3]
    rig.run(lambda: details(bridge).published == {"USD": 1})


def test_frames_published_while_a_detail_is_under_way_get_none_but_the_newest(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge(patience=Patience(5.0, 60.0)))
    rig.idle_blocks = set()
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(caught_up(rig))
    first = detail_of(rig)
    rig.detail_works = False
    frames = []
    for seq in range(2, 6):
        rig.send(rig.tick(seq))
        rig.run(at_rest(bridge, seq))
        rig.rounds(bridge, 0.05)
        frames.append(shown(rig))
    assert (detail_of(rig), len(rig.detail_queue.jobs)) == (first, 2)
    rollup = rig.frames.detailed("USD").rollup
    assert rollup.frame == first, "the sums under the detail's pointer stay"
    rig.detail_works = True
    rig.run(caught_up(rig))
    made = [job["frame"] for job in rig.detail_queue.jobs[1:]]
    assert made == [frames[0], frames[-1]]
    assert details(bridge).conflated == 2


def test_a_large_book_has_no_more_tasks_at_the_workers_than_its_window(rig, monkeypatch):
    monkeypatch.setattr(detail_lifecycle, "BLOCKS_PER_TASK", 2)
    store(rig.books, *(swap(f"S{n}") for n in range(20)), blocks=16)
    bridge = rig.ready(rig.bridge(patience=Patience(30.0, 60.0)))
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.rounds(bridge, 0.2)
    assert sent_blocks(rig) == [[0, 1], [2, 3]]
    rig.work_detail(tasks=1)
    rig.rounds(bridge, 0.2)
    assert sent_blocks(rig, 2) == [[4, 5]]
    rig.detail_works = True
    rig.run(caught_up(rig))
    assert every_block(rig) == list(range(16))


def test_workers_that_join_get_tasks_of_a_large_book_at_once(rig, monkeypatch):
    monkeypatch.setattr(detail_lifecycle, "BLOCKS_PER_TASK", 2)
    store(rig.books, *(swap(f"S{n}") for n in range(20)), blocks=16)
    bridge = rig.ready(rig.bridge(patience=Patience(30.0, 60.0)))
    details(bridge).count_processes(4)
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.rounds(bridge, 0.2)
    assert sent_blocks(rig) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]  # four at work, one waits
    details(bridge).count_processes(0)
    rig.work_detail(tasks=2)
    rig.rounds(bridge, 0.2)
    assert len(sent_blocks(rig)) == 5, "workers left: nothing more until there is room"
    rig.detail_works = True
    rig.run(caught_up(rig))
    assert every_block(rig) == list(range(16))


def test_a_lost_task_of_a_detail_is_sent_again(rig):
    store(rig.books, swap("A"), swap("B"), blocks=2)
    bridge = rig.ready(rig.bridge(patience=Patience(0.2, 60.0)))
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(lambda: len(rig.detail_queue.jobs) == 2)
    rig.detail_worked = 1  # the first one is lost
    rig.detail_works = True
    rig.run(caught_up(rig))
    assert details(bridge).resent >= 1
    assert rig.frames.detailed("USD").detail.missing == []


def test_a_block_that_ends_its_process_twice_is_left_out_and_looked_into(rig):
    store(rig.books, swap("A"), swap("B"), blocks=2)
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 60.0)))
    rig.idle_detail = {1}
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(lambda: any(1 in work for work in sent_blocks(rig)))
    job = next(j for j in rig.detail_queue.jobs if 1 in j["work"])
    job = msgspec.convert(job, DetailJob)
    registry = RunRegistry(rig.client)
    for _ in range(2):
        registry.start_block(job, 1)
    registry.run_died(job)
    rig.run(lambda: rig.isolation_runs)
    rig.run(lambda: detail_of(rig) > 0)
    assert rig.frames.detailed("USD").detail.missing == [1]
    assert rig.frames.current("USD").status == "COMPLETE", "the sums do not suffer"
    registry.begin(msgspec.structs.replace(bridge_job(rig), block=1))
    isolated = bridge.lifecycle.poison_trades
    assert isolated.isolated_blocks("USD", job.book_version) == {1}


def bridge_job(rig):
    return msgspec.convert(rig.detail_queue.jobs[0], DetailJob).of_block(0)


def test_a_detail_of_which_nothing_comes_gives_way_to_the_newest(rig, monkeypatch):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 0.5)))
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(lambda: "nobody begins the blocks of USD" in bridge.waiting_for)
    rig.send(rig.tick(2))
    rig.run(at_rest(bridge, 2))
    rig.run(lambda: details(bridge).abandoned == 1)
    rig.detail_worked = len(rig.detail_queue.jobs)
    rig.detail_works = True
    rig.run(caught_up(rig))
    rig.run(lambda: bridge.waiting_for == "")


def test_a_detail_that_does_not_add_up_is_given_up_and_the_one_before_stays(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 0.5)))
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(caught_up(rig))
    first = detail_of(rig)
    rig.detail_share = 0.5
    rig.send(rig.tick(2))
    rig.run(at_rest(bridge, 2))
    rig.run(lambda: details(bridge).abandoned == 1)
    assert detail_of(rig) == first < shown(rig)
    rig.detail_share = 1.0
    rig.send(rig.tick(3))
    rig.run(caught_up(rig))


def test_a_detail_is_left_to_the_worker_of_its_last_block_for_one_look(rig, monkeypatch):
    """Reading what all blocks of a large book add up to takes longer than a tick may wait."""
    store(rig.books, swap("A"), swap("B"), blocks=2)
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 60.0)))
    looks = []
    ask = Frames.blocks_present
    monkeypatch.setattr(
        Frames, "blocks_present", lambda *which: looks.append(ask(*which)) or looks[-1]
    )
    rig.detail_publishes = False  # the worker ends before it publishes
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.run(lambda: looks and looks[-1] == {0, 1})
    assert detail_of(rig) == 0
    rig.run(lambda: detail_of(rig) > 0)
    assert looks[-2:] == [{0, 1}, {0, 1}]


def test_one_round_does_not_look_after_the_details_of_all_currencies(rig, monkeypatch):
    """A tick may have come meanwhile; what is left is done in the next rounds, which come soon."""
    monkeypatch.setattr(detail_lifecycle, "SUPERVISE_S", -1.0)  # one currency takes longer
    for name, curve in CURVES.items():
        store(rig.books, swap(name, convention=f"{curve}-OIS"), currency=name)
    bridge = rig.ready(rig.bridge())
    rig.detail_works = False
    for name, curve in CURVES.items():
        rig.send(rig.tick(1, currency=name, curves={curve: {"1Y": 0.04}}))
    rig.run(lambda: all(rig.frames.pointer(name) for name in CURVES))
    begun, end = len(details(bridge).open_details), time.monotonic() + 20.0
    while begun < len(CURVES) and time.monotonic() < end:
        rig.work()
        bridge.step()
        before, begun = begun, len(details(bridge).open_details)
        assert begun <= before + 1
        if details(bridge).has_work:
            assert bridge._poll_ms() == FRAME_POLL_MS, "the next round comes soon"
    assert begun == len(CURVES)
    rig.detail_works = True
    rig.run(lambda: all(rig.frames.detail_pointer(name) for name in CURVES))
    rig.run(lambda: not details(bridge).has_work and not details(bridge).open_details)


def test_a_bridge_that_starts_has_the_detail_made_of_what_is_published(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    bridge.close()
    rig.bridges.remove(bridge)
    rig.detail_worked = len(rig.detail_queue.jobs)  # lost with the first bridge
    rig.detail_works = True
    rig.ready(rig.bridge())
    rig.run(caught_up(rig))


def test_large_books_share_the_tasks_at_the_workers_and_none_is_left_without_one(rig, monkeypatch):
    """Tasks that wait behind those of many currencies would count as lost, and be sent again."""
    monkeypatch.setattr(detail_lifecycle, "BLOCKS_PER_TASK", 2)
    names = tuple(CURVES)
    for name, curve in CURVES.items():
        trades = (swap(f"{name}{n}", convention=f"{curve}-OIS") for n in range(20))
        store(rig.books, *trades, currency=name, blocks=16)
    bridge = rig.ready(rig.bridge(patience=Patience(30.0, 60.0)))
    rig.detail_works = False
    for name in names:
        rig.send(rig.tick(1, currency=name, curves={CURVES[name]: {"1Y": 0.04}}))
    rig.run(lambda: all(rig.frames.pointer(name) for name in names))
    rig.rounds(bridge, 0.3)
    out = [job["currency"] for job in rig.detail_queue.jobs]
    assert sorted(set(out)) == sorted(names)
    assert len(out) <= details(bridge).window + len(names) - 1
    rig.detail_works = True
    rig.run(lambda: all(rig.frames.detail_pointer(name) for name in names))
    blocks = Counter((j["currency"], b) for j in rig.detail_queue.jobs for b in j["work"])
    assert blocks == Counter({(name, block): 1 for name in names for block in range(16)})


def test_a_block_that_nobody_has_begun_waits_while_workers_are_busy_but_not_for_ever(
    rig, monkeypatch
):
    monkeypatch.setattr(detail_lifecycle, "BLOCKS_PER_TASK", 1)
    store(rig.books, *(swap(f"S{n}") for n in range(20)), blocks=16)
    bridge = rig.ready(rig.bridge(patience=Patience(0.4, 4.0, 0.4)))
    rig.idle_detail = {1}  # its task waits, or is lost: nobody begins it
    rig.detail_works = False
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    sent_at = time.monotonic()
    while time.monotonic() - sent_at < 1.1:  # a block each now and then: workers are busy
        rig.work_detail(tasks=1)
        rig.rounds(bridge, 0.08)
    assert every_block(rig).count(1) == 1
    rig.idle_detail = set()
    rig.detail_works = True
    rig.run(caught_up(rig))
    assert every_block(rig).count(1) >= 2
    assert rig.frames.detailed("USD").detail.missing == []
