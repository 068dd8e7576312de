"""Where the time of published frames goes, by stretch of the way."""

from __future__ import annotations

import pytest

from feedbridge.bridge.latency import Hops
from risk.store.heartbeats import HOP_BUCKETS_MS, HOPS
from risk.store.results import HistoryLine
from tests.risk.made import as_of

MS = 1_000_000


def line(sent, received, opened, started, finished, published):
    stamps = (sent, received, opened, started, finished, published)
    names = ("sent_ns", "received_ns", "opened_ns", "started_ns", "finished_ns", "published_ns")
    return HistoryLine(
        frame=1,
        as_of=as_of(),
        tick_to_published_ms=0.0,
        npv=0.0,
        dv01_par=0.0,
        trades=0,
        priced=0,
        status="COMPLETE",
        **{name: stamp * MS for name, stamp in zip(names, stamps, strict=True)},
    )


def test_each_stretch_is_counted_where_it_lies_and_the_whole_is_their_sum():
    hops = Hops()
    hops.add(line(1000, 1001, 1003, 1010, 1030, 1031))
    assert hops.sums_ms == {
        "to_bridge": 1.0,
        "to_open": 2.0,
        "to_worker": 7.0,
        "to_priced": 20.0,
        "to_published": 1.0,
        "tick_to_published": 31.0,
    }
    assert hops.counts["to_worker"][HOP_BUCKETS_MS.index(10)] == 1
    assert [sum(hops.counts[hop]) for hop in HOPS] == [1] * 6


def test_what_takes_longer_than_all_buckets_is_in_the_last_place():
    hops = Hops()
    hops.add(line(1, 2, 3, 4, 9000, 9001))
    assert hops.counts["to_priced"][-1] == 1


def test_a_tick_without_its_senders_time_is_measured_from_the_bridge():
    hops = Hops()
    hops.add(line(0, 1001, 1003, 1010, 1030, 1031))
    assert sum(hops.counts["to_bridge"]) == 0
    assert hops.sums_ms["tick_to_published"] == 30.0


def test_a_senders_clock_that_is_ahead_makes_no_negative_time():
    hops = Hops()
    hops.add(line(1005, 1001, 1003, 1010, 1030, 1031))
    assert hops.sums_ms["to_bridge"] == 0.0
    assert hops.sums_ms["tick_to_published"] == pytest.approx(26.0)
