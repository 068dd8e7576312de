"""Ticks from real Kafka to frames in real Redis: counted, committed, and what servers do to it."""

from __future__ import annotations

import time
import uuid

import pytest

from feedbridge.bridge import frame_lifecycle
from feedbridge.bridge.dispatch import EPOCH_SHIFT
from feedbridge.bridge.watchdog import Patience
from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from risk.store.fx import read_fx
from tests.feedbridge.rig import BAD_RATE, at_rest, counted
from tests.risk.made import store, swap


def test_a_burst_becomes_one_frame_and_every_tick_of_it_is_counted(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    rig.send(*(rig.tick(n, 0.04 + n / 1e4) for n in range(2, 41)))
    rig.run(lambda: len(bridge.currencies["USD"].waiting) == 39, works=False)
    rig.run(at_rest(bridge, 40))
    assert counted(bridge) == {"published": 2, "conflated": 38}
    assert rig.seq() == 40
    assert rig.frames.header("USD", rig.frames.pointer("USD")).ticks == 39


def test_a_bad_tick_is_dead_lettered_and_its_neighbours_are_priced(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    junk = f"{{not json {uuid.uuid4()}".encode()
    rig.send(rig.tick(1), junk, rig.tick(2), rig.tick(2), rig.tick(1), rig.tick(2, 0.01))
    rig.run(at_rest(bridge, 6))
    states = counted(bridge)
    assert states.pop("published") + states.pop("conflated", 0) == 2
    assert states == {"dead_lettered": 1, "duplicate": 1, "stale": 1, "conflict": 1}
    assert rig.seq() == 2
    (headers,) = [h for value, h in rig.letters() if value == junk]
    assert headers["reason"] == b"JSON"
    assert headers["original_topic"] == YIELD_CURVE_TICKS.encode()


def test_a_tick_that_bootstraps_no_curve_is_found_among_good_ones_and_rejected_alone(rig):
    """It was conflated with seven good ones; none of those may go with it."""
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1, curves={"USD-SOFR": {"5Y": 0.03}}))
    rig.run(at_rest(bridge, 1))
    held = [rig.tick(n, curves={"USD-SOFR": {f"{n}Y": 0.04}}) for n in range(11, 19)]
    held[2] = rig.tick(13, curves={"USD-SOFR": {"40Y": BAD_RATE}})
    rig.send(rig.tick(2))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    rig.send(*held)
    rig.run(lambda: len(bridge.currencies["USD"].waiting) == len(held), works=False)
    rig.run(at_rest(bridge, 10))
    assert counted(bridge)["dead_lettered"] == 1
    shown = rig.frames.current("USD").curves["USD-SOFR"]
    assert set(shown) == {"5Y", "1Y", *(f"{n}Y" for n in (11, 12, 14, 15, 16, 17, 18))}
    assert bridge.board.markets["USD"].curves["USD-SOFR"] == shown


def test_after_a_first_tick_that_bootstraps_no_curve_the_board_is_empty_again(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1, curves={"USD-SOFR": {"40Y": BAD_RATE}}))
    rig.run(at_rest(bridge, 1))
    rig.send(rig.tick(2))
    rig.run(at_rest(bridge, 2))
    assert counted(bridge) == {"dead_lettered": 1, "published": 1}
    assert rig.frames.current("USD").curves == {"USD-SOFR": {"1Y": 0.04}}


def test_ticks_wait_for_the_first_compiled_book_and_it_is_asked_for(rig):
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: rig.asked and bridge.ledger.in_flight == 1)
    assert not rig.queue.jobs
    store(rig.books, swap())
    rig.run(at_rest(bridge, 1))
    assert rig.seq() == 1


def test_a_redis_that_loses_its_books_twice_within_a_minute_is_asked_for_them_twice(rig):
    """Who has just asked waits with the next request, but not after a book has come."""
    made = store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    for times in (1, 2):
        rig.client.flushall()
        rig.run(lambda times=times: rig.asked == times, seconds=10)
        rig.rounds(bridge)
        assert rig.asked == times, "once is enough until the book is there"
        store(rig.books, swap(), number=made.number + times)
        rig.send(rig.tick(1 + times))
        rig.run(at_rest(bridge, 1 + times))


def test_a_book_that_has_gone_is_asked_for_and_the_frame_opened_anew(rig):
    """Its tick is not at fault, and must neither be dead-lettered nor wait for ever."""
    made = store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.client.delete(f"risk:{{USD}}:book:{made.version}")
    rig.send(rig.tick(1))
    rig.run(lambda: rig.asked)
    assert bridge.ledger.in_flight == 1
    store(rig.books, swap())
    rig.run(at_rest(bridge, 1))
    assert counted(bridge) == {"published": 1}


def test_a_queue_that_fails_half_way_loses_no_tick(rig):
    store(rig.books, swap("A"), swap("B"), blocks=2)
    rig.parts = 2
    bridge = rig.ready(rig.bridge())
    rig.queue.fails_at = {2}
    rig.send(rig.tick(1))
    rig.run(lambda: bridge.outage)
    assert rig.frames.current("USD") is None
    rig.run(at_rest(bridge, 1))
    assert rig.frames.current("USD").status == "COMPLETE"
    assert bridge.outage is None


def test_a_lost_task_is_sent_again(rig):
    store(rig.books, swap("A"), swap("B"), blocks=2)
    rig.parts = 2
    bridge = rig.ready(rig.bridge(patience=Patience(0.1, 60.0)))
    rig.send(rig.tick(1))
    rig.run(lambda: len(rig.queue.jobs) == 2, works=False)
    rig.queue.jobs.pop(0)
    rig.run(at_rest(bridge, 1))
    assert rig.frames.current("USD").status == "COMPLETE"
    assert bridge.lifecycle.resent >= 1


def test_a_block_that_never_comes_makes_a_partial_frame_that_is_tried_again(rig, monkeypatch):
    monkeypatch.setattr(frame_lifecycle, "PARTIAL_AGAIN_S", 0.5)
    store(rig.books, swap("A"), swap("B"), blocks=2)
    rig.parts = 2
    bridge = rig.ready(rig.bridge())
    rig.idle_blocks = {1}
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rollup = rig.frames.current("USD")
    assert (rollup.status, rollup.missing) == ("PARTIAL", [1])
    rig.idle_blocks = set()
    rig.run(lambda: rig.frames.current("USD").status == "COMPLETE")
    assert rig.seq() == 1
    assert counted(bridge) == {"published": 1}


def test_workers_that_come_back_after_the_header_has_expired_still_price_the_frame(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: rig.queue.jobs, works=False)
    rig.client.delete(f"risk:{{USD}}:frame:{bridge.currencies['USD'].open_frame.number}")
    rig.run(at_rest(bridge, 1))
    assert rig.seq() == 1


def test_an_edited_trade_is_priced_without_a_new_tick(rig):
    store(rig.books, swap(), number=1)
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    newer = store(rig.books, swap(notional=5e6), number=2)
    rig.run(lambda: rig.frames.current("USD").book_version == newer.version)
    assert rig.seq() == 1
    assert counted(bridge) == {"published": 1}


def test_an_edited_trade_is_priced_after_a_restart_in_a_quiet_market(rig):
    store(rig.books, swap(), number=1)
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    bridge.close()
    rig.bridges.clear()
    rig.bridge()
    newer = store(rig.books, swap(notional=5e6), number=2)
    rig.run(lambda: rig.frames.current("USD").book_version == newer.version)
    assert rig.seq() == 1


def test_a_redis_that_lost_its_data_gets_the_market_again(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    before = rig.frames.pointer("USD")
    rig.client.flushdb()
    rig.run(lambda: rig.asked)
    store(rig.books, swap())
    rig.run(lambda: rig.frames.current("USD"))
    assert rig.frames.pointer("USD") > before
    assert rig.seq() == 1


def test_nothing_is_committed_while_redis_is_away(rig, proxy):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge(url=proxy.url))
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    rig.rounds(bridge)
    before = rig.committed()
    proxy.cut()
    rig.send(*(rig.tick(n) for n in range(2, 6)))
    rig.send_fx(1)
    rig.run(lambda: bridge.outage)
    rig.rounds(bridge)
    assert rig.committed() == before
    proxy.mend()
    rig.run(lambda: at_rest(bridge, 6)() and bridge.outage is None)
    rig.run(lambda: rig.committed().total() == before.total() + 5)
    assert rig.seq() == 5
    assert read_fx(rig.client).usd["EUR"] == 1.1


def test_a_bridge_that_starts_without_redis_lays_its_first_tick_over_the_published_market(
    rig, proxy
):
    """A partial tick on an empty board would make a market of one quote."""
    store(rig.books, swap())
    first = rig.ready(rig.bridge())
    rig.send(rig.tick(1, curves={"USD-SOFR": {"1Y": 0.05, "10Y": 0.04}}))
    rig.run(at_rest(first, 1))
    first.close()
    rig.bridges.clear()
    proxy.cut()
    second = rig.bridge(url=proxy.url)
    rig.run(lambda: second.outage, second)
    rig.send(rig.tick(2, 0.06))
    rig.rounds(second)
    proxy.mend()
    rig.run(at_rest(second, 1), second)
    assert rig.frames.current("USD").curves == {"USD-SOFR": {"1Y": 0.06, "10Y": 0.04}}


def test_a_restart_goes_on_from_what_is_committed_and_what_is_published(rig):
    store(rig.books, swap())
    first = rig.ready(rig.bridge())
    rig.send(rig.tick(1, curves={"USD-SOFR": {"1Y": 0.05, "10Y": 0.04}}))
    rig.run(at_rest(first, 1))
    first.close()
    rig.bridges.clear()
    rig.send(rig.tick(1, curves={"USD-SOFR": {"1Y": 0.05, "10Y": 0.04}}), rig.tick(2, 0.06))
    second = rig.bridge()
    rig.run(at_rest(second, 2))
    assert counted(second) == {"duplicate": 1, "published": 1}
    assert rig.frames.current("USD").curves == {"USD-SOFR": {"1Y": 0.06, "10Y": 0.04}}


def test_an_older_bridge_that_takes_over_from_a_newer_one_is_not_refused(rig):
    """The newer one's numbers are higher: the older one's frames would all be late."""
    store(rig.books, swap())
    old = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(at_rest(old, 1))
    rig.client.set("risk:{USD}:pointer", (900 << EPOCH_SHIFT) + 5)  # another one has published
    rig.send(rig.tick(2))
    rig.run(at_rest(old, 2))
    assert rig.seq() == 2
    assert rig.frames.pointer("USD") > (900 << EPOCH_SHIFT) + 5
    assert counted(old) == {"published": 2}


def test_a_frame_that_was_overtaken_while_it_was_open_is_not_counted_as_published(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    rig.client.set("risk:{USD}:pointer", (950 << EPOCH_SHIFT) + 5)
    rig.run(at_rest(bridge, 1))
    assert rig.seq() == 1
    assert counted(bridge) == {"published": 1}


@pytest.mark.parametrize("held", [False, True])
def test_a_rebalance_that_gives_the_same_partitions_back_loses_no_open_tick(rig, held):
    """The client keeps its place then: behind the ticks that the bridge has let go."""
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    rig.send(rig.tick(1))
    rig.run(lambda: bridge.currencies["USD"].open_frame, works=False)
    rig.queue.jobs.clear()  # the frame of before is never priced
    rig.send(*(rig.tick(n) for n in (2, 3)))
    if not held:
        rig.run(lambda: len(bridge.currencies["USD"].waiting) == 2, works=False)
    bridge.consumer._coordinator.request_rejoin()
    before = bridge.dispatcher.numbers.next()
    rig.run(lambda: bridge.dispatcher.numbers._last > before + 1000, works=False)  # a new epoch
    rig.run(at_rest(bridge, 3))
    assert rig.seq() == 3
    rig.run(lambda: rig.committed()[YIELD_CURVE_TICKS] == rig.ends())


def test_a_rebalance_between_the_end_of_a_tick_and_its_commit_leaves_nothing_uncommitted(rig):
    """Else the group's offset would stand before the tick until the next one comes."""
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    bridge.commits.clock = lambda: 0.0  # it is never time
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    bridge.consumer._coordinator.request_rejoin()
    before = bridge.dispatcher.numbers.next()
    rig.run(lambda: bridge.dispatcher.numbers._last > before + 1000)  # a new epoch
    bridge.commits.clock = time.monotonic
    rig.run(lambda: rig.committed()[YIELD_CURVE_TICKS] == rig.ends())
    assert counted(bridge) == {"published": 1, "duplicate": 1}


def test_two_bridges_share_the_partitions_and_one_goes_on_alone(rig):
    for number, name in enumerate(("USD", "EUR", "GBP")):
        store(rig.books, currency=name, number=number + 1)
    first = rig.ready(rig.bridge())
    second = rig.bridge()
    rig.run(
        lambda: (
            all(b.consumer.assignment() for b in rig.bridges)
            and not first.consumer.assignment() & second.consumer.assignment()
        )
    )

    def send(seq: int) -> None:
        for name, curve in (("USD", "USD-SOFR"), ("EUR", "EUR-ESTR"), ("GBP", "GBP-SONIA")):
            rig.send(rig.tick(seq, currency=name, curves={curve: {"1Y": 0.04}}))

    def shown(seq: int) -> bool:
        current = rig.frames.current_all(("USD", "EUR", "GBP"))
        headers = [rig.frames.header(n, r.frame) for n, r in current.items()]
        return len(headers) == 3 and all(h is not None and h.seq == seq for h in headers)

    send(1)
    rig.run(lambda: shown(1) and not any(b.ledger.in_flight for b in rig.bridges))
    assert first.ledger.consumed + second.ledger.consumed >= 3
    second.close()
    rig.bridges.remove(second)
    send(2)
    rig.run(lambda: shown(2) and not first.ledger.in_flight)
    counted(first)


def test_exchange_rates_are_written_and_older_ones_are_not(rig):
    bridge = rig.ready(rig.bridge())
    for seq in (3, 3, 2):
        rig.send_fx(seq, usd=1.0 + seq / 10)
    rig.run(at_rest(bridge, 3))
    assert counted(bridge) == {"published": 1, "duplicate": 1, "stale": 1}
    assert read_fx(rig.client).usd == {"USD": 1.0, "EUR": 1.3}
