"""What the benchmarks compute of what they see, by hand arithmetic."""

from __future__ import annotations

import datetime as dt
import mmap
import os

import pytest

from benchmarks.hops import WHOLE, detail_summary, summary
from benchmarks.memory import tree_bytes
from benchmarks.recorder import Published
from benchmarks.scale import LimitReached, Limits, Steps
from risk.store.results import Detail, HistoryLine

MS = 1_000_000


def line(frame, sent_ms, published_ms):
    steps = [sent_ms + (published_ms - sent_ms) * part / 5 for part in range(6)]
    stamps = ("sent_ns", "received_ns", "opened_ns", "started_ns", "finished_ns", "published_ns")
    return HistoryLine(
        frame=frame,
        as_of=dt.datetime(2024, 3, 5, tzinfo=dt.UTC),
        tick_to_published_ms=published_ms - sent_ms,
        npv=0.0,
        dv01_par=0.0,
        trades=7,
        priced=7,
        status="COMPLETE",
        **{name: round(at * MS) for name, at in zip(stamps, steps, strict=True)},
    )


def detail(frame, sent_ms, published_ms, error=0.0):
    return Detail(
        frame=frame,
        currency="USD",
        blocks=2,
        missing=[],
        sums_error=error,
        opened_ns=0,
        started_ns=(published_ms - 6) * MS,
        finished_ns=(published_ms - 1) * MS,
        published_ns=published_ms * MS,
        sent_ns=sent_ms * MS,
    )


def test_sums_of_three_frames_in_two_seconds():
    found = summary([line(1, 0, 10), line(2, 1_000, 1_020), line(3, 2_000, 2_010)])
    assert found["frames"] == found["complete"] == 3
    assert found["frames_per_s"] == 1.0  # two intervals in two seconds
    assert found["ms"][WHOLE]["p50"] == 10.0
    assert found["ms"][WHOLE]["max"] == 20.0
    assert found["ms"]["to_worker"]["max"] == 4.0


def test_frames_without_a_detail_are_conflated():
    found = detail_summary([detail(1, 1, 31), detail(3, 2_000, 2_050, error=1e-12)], frames=5)
    assert (found["details"], found["conflated"]) == (2, 3)
    assert found["ms"]["p50"] == 40.0
    assert found["work_ms"]["max"] == 5.0
    assert found["sums_error"] == 1e-12
    assert detail_summary([], frames=2) == {"details": 0, "conflated": 2}


def test_frames_of_another_phase_and_of_edits_are_left_out():
    made = Published()
    for one in (line(4, 1, 10), line(5, 1, 9), line(6, 1, 8)):
        made.lines["USD", one.frame] = one
    made.lines["USD", 7] = line(7, 0, 7)  # sent at 0: no tick has made it
    found = made.lines_after({"USD": 4})
    assert [one.frame for one in found] == [6, 5]


def test_memory_that_processes_share_counts_once():
    size = 64 << 20
    shared = mmap.mmap(-1, size)
    shared.write(b"x" * size)
    read, write = os.pipe()
    children = []
    before = tree_bytes([os.getpid()])
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.close(write)
            sum(shared[:: mmap.PAGESIZE])  # touch each page
            os.read(read, 1)
            os._exit(0)
        children.append(child)
    try:
        assert tree_bytes([os.getpid()]) - before < size
    finally:
        os.close(write)
        for child in children:
            os.waitpid(child, 0)


def test_after_a_limit_the_other_steps_are_left_out():
    clock = Limits(seconds=60.0, size=100)
    used = [50]
    steps = Steps(clock, lambda: used[0])
    steps.do("first", lambda: 1)

    def grow():
        used[0] = 200
        clock._look_at = 0.0
        steps.check()

    steps.do("second", grow)
    steps.do("third", lambda: 3)
    assert steps.found["first"] == 1
    assert steps.left_out == ["second", "third"]
    assert "memory is reached" in steps.why


def test_a_run_without_time_says_so():
    with pytest.raises(LimitReached, match="the limit of 0 minutes is reached"):
        Limits(seconds=0.0, size=1).check(lambda: 0)
