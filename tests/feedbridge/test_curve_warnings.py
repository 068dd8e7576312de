"""A quote that moves far between two frames is named in the next frame's jobs, through Kafka."""

from __future__ import annotations

import msgspec

from risk.store.messages import SumsJob
from tests.feedbridge.rig import Rig
from tests.risk.made import store, swap


def sums_jobs(rig: Rig) -> list[SumsJob]:
    return [msgspec.convert(job, SumsJob) for job in rig.queue.jobs]


def test_an_absurd_quote_is_named_in_the_frame_of_its_tick(rig: Rig) -> None:
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1, 0.04, whole=True))
    rig.run(lambda: bridge.lifecycle.published["USD"] == 1)
    rig.send(rig.tick(2, 0.0404))
    rig.run(lambda: bridge.lifecycle.published["USD"] == 2)
    rig.send(rig.tick(3, 0.0504))
    rig.run(lambda: bridge.lifecycle.published["USD"] == 3)
    first, second, third = sums_jobs(rig)
    assert (first.moved, second.moved, first.strict) == ([], [], False)
    (warning,) = third.moved
    assert (warning.curve, warning.quote, warning.check) == ("USD-SOFR", "1Y", "move")
    assert warning.message == "USD-SOFR 1Y has moved by +100.0 bp to 0.0504 since the last frame"


def test_a_strict_bridge_says_so_to_the_workers(rig: Rig) -> None:
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    bridge.dispatcher.strict = True
    rig.send(rig.tick(1, 0.04, whole=True))
    rig.run(lambda: bridge.lifecycle.published["USD"] == 1)
    assert [job.strict for job in sums_jobs(rig)] == [True]
