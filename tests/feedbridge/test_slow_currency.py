"""A currency that is slow to price has one block on its way, so that others are served."""

from __future__ import annotations

import msgspec

from feedbridge.bridge.frame_lifecycle import SLOW_FRAMES, SLOW_NS
from feedbridge.bridge.watchdog import Patience
from risk.store.messages import PriceJob
from risk.store.run_registry import RunRegistry
from tests.feedbridge.rig import at_rest, counted
from tests.risk.made import store, swap


def blocks_on_their_way(rig, seq):
    return [job["block"] for job in rig.queue.jobs if job["curves"]["USD-SOFR"]["1Y"] == seq / 100]


def test_after_a_slow_frame_blocks_are_sent_one_by_one_until_ten_are_quick(rig):
    store(rig.books, *(swap(f"S{n}") for n in range(3)), blocks=3)
    bridge = rig.ready(rig.bridge())
    rig.block_ns = 2 * SLOW_NS
    rig.send(rig.tick(1, 0.01))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    assert blocks_on_their_way(rig, 1) == [0, 1, 2]
    rig.run(at_rest(bridge, 1))
    rig.block_ns = 10
    rig.send(rig.tick(2, 0.02))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    for sent in ([0], [0, 1], [0, 1, 2]):
        rig.run(lambda sent=sent: blocks_on_their_way(rig, 2) == sent, works=False)
        rig.rounds(bridge, 0.1, works=False)
        assert blocks_on_their_way(rig, 2) == sent
        rig.work()
    rig.run(at_rest(bridge, 2))
    last = SLOW_FRAMES + 2
    for seq in range(3, last):
        rig.send(rig.tick(seq, seq / 100))
        rig.run(at_rest(bridge, seq))
    rig.send(rig.tick(last, last / 100))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    assert blocks_on_their_way(rig, last) == [0, 1, 2]
    rig.run(at_rest(bridge, last))
    assert counted(bridge) == {"published": last}
    assert rig.frames.current("USD").missing == []


def test_a_block_that_is_lost_among_those_sent_one_by_one_is_sent_again(rig):
    store(rig.books, *(swap(f"S{n}") for n in range(3)), blocks=3)
    bridge = rig.ready(rig.bridge())
    rig.block_ns = 2 * SLOW_NS
    rig.send(rig.tick(1, 0.01))
    rig.run(at_rest(bridge, 1))
    rig.send(rig.tick(2, 0.02))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    rig.worked = len(rig.queue.jobs)  # lost
    rig.run(at_rest(bridge, 2))
    assert rig.frames.current("USD").missing == []
    assert rig.frames.current("USD").frame == rig.frames.pointer("USD")


def test_a_block_that_a_worker_is_at_is_not_sent_again(rig):
    store(rig.books, *(swap(f"S{n}") for n in range(3)), blocks=3)
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 5.0)))
    rig.block_ns = 2 * SLOW_NS
    rig.send(rig.tick(1, 0.01))
    rig.run(at_rest(bridge, 1))
    rig.send(rig.tick(2, 0.02))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    job = msgspec.convert(rig.queue.jobs[-1], PriceJob)
    RunRegistry(rig.client).start(job)
    rig.rounds(bridge, 1.0, works=False)
    assert blocks_on_their_way(rig, 2) == [0]
    RunRegistry(rig.client).run_died(job)
    rig.run(lambda: blocks_on_their_way(rig, 2) == [0, 0], works=False)
    rig.run(at_rest(bridge, 2))
