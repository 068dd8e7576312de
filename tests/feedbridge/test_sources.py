"""Several sources, business dates and whole markets, through real Kafka and Redis."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
from django.core.management import CommandError

from feedbridge.bridge.frame_lifecycle import MAX_BEHIND
from feedbridge.handover.resets import read_resets, write_reset
from feedbridge.management.commands import replay
from feedbridge.replay.readiness import owners_of
from feedbridge.replay.ticks import ReplayPlan
from tests.feedbridge.rig import at_rest, counted
from tests.risk.made import store, swap

GOVT = {"USD-GOVT": {"10Y": 0.042}}


def letters(rig):
    return [headers["reason"].decode() for _, headers in rig.letters()]


def shown(rig):
    return rig.frames.current("USD").curves


def next_day(rig, seq, rate=0.04, **changes):
    return rig.tick(seq, rate, as_of=rig.tick(seq).as_of + dt.timedelta(days=1), **changes)


@pytest.fixture
def bridge(rig):
    store(rig.books, swap())
    return rig.ready(rig.bridge())


def test_a_second_source_of_a_curve_is_refused_by_name(rig, bridge):
    rig.send(rig.tick(1), rig.tick(1, 0.09, source="rogue"), rig.tick(2, 0.05))
    rig.run(at_rest(bridge, 3))
    assert shown(rig) == {"USD-SOFR": {"1Y": 0.05}}
    assert counted(bridge)["dead_lettered"] == 1
    assert "OWNED" in letters(rig)
    assert not bridge.invalid_record_limit.exceeded()


def test_sources_of_two_curves_make_one_market_also_after_a_restart(rig, bridge):
    rig.send(rig.tick(1), rig.tick(7, source="govt", curves=GOVT))
    rig.run(at_rest(bridge, 2))
    assert shown(rig) == {"USD-SOFR": {"1Y": 0.04}} | GOVT
    assert owners_of(rig.frames, ["USD"]) == {("feed", "USD"), ("govt", "USD")}
    bridge.close()
    rig.bridges.clear()
    again = rig.ready(rig.bridge())
    rig.send(
        rig.tick(1),
        rig.tick(7, source="govt", curves=GOVT),
        rig.tick(1, source="rogue", curves=GOVT),
        rig.tick(2, 0.05),
    )
    rig.run(at_rest(again, 4))
    assert counted(again) == {"duplicate": 2, "dead_lettered": 1, "published": 1}
    assert shown(rig) == {"USD-SOFR": {"1Y": 0.05}} | GOVT


def test_a_released_source_makes_room_for_another(rig, bridge):
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    write_reset(rig.client, "feed", "USD")
    bridge.reset_sources(read_resets(rig.client))
    rig.send(rig.tick(1, curves={"USD-SOFR": {"5Y": 0.03}}, source="new"), rig.tick(2))
    rig.run(at_rest(bridge, 3))
    assert shown(rig) == {"USD-SOFR": {"5Y": 0.03, "1Y": 0.04}}


def test_a_new_business_date_begins_with_a_whole_market(rig, bridge):
    rig.send(rig.tick(1, curves={"USD-SOFR": {"1Y": 0.04, "5Y": 0.03}}), next_day(rig, 2, 0.05))
    rig.run(at_rest(bridge, 2))
    assert counted(bridge) == {"published": 1, "not_whole": 1}
    assert rig.frames.current("USD").valuation_date == rig.tick(1).as_of.date()
    rig.send(next_day(rig, 3, 0.06, whole=True))
    rig.run(at_rest(bridge, 3))
    assert shown(rig) == {"USD-SOFR": {"1Y": 0.06}}
    assert rig.frames.current("USD").valuation_date == next_day(rig, 3).as_of.date()


def test_a_date_that_only_one_source_has_begun_waits_and_edits_are_priced(rig, bridge):
    rig.send(rig.tick(1), rig.tick(1, source="govt", curves=GOVT))
    rig.run(at_rest(bridge, 2))
    before = rig.frames.current("USD")
    count = MAX_BEHIND + 5
    rig.send(*(next_day(rig, n, 0.05 + n / 1e6, whole=True) for n in range(2, 2 + count)))
    rig.run(lambda: bridge.ledger.consumed == 2 + count)
    rig.rounds(bridge)
    assert rig.frames.current("USD").valuation_date == before.valuation_date
    assert "whole market of USD" in bridge.waiting_for
    assert bridge.waiting_for.endswith("from govt")
    assert len(bridge.currencies["USD"].waiting) <= MAX_BEHIND
    edited = store(rig.books, swap(), swap("S2"), number=2)
    rig.run(lambda: rig.frames.current("USD").book_version == edited.version)
    assert shown(rig) == before.curves
    rig.send(next_day(rig, 2, source="govt", curves=GOVT))
    rig.run(at_rest(bridge, 3 + count))
    assert rig.frames.current("USD").valuation_date == next_day(rig, 2).as_of.date()
    assert shown(rig) == {"USD-SOFR": {"1Y": pytest.approx(0.05 + (1 + count) / 1e6)}} | GOVT
    assert bridge.waiting_for == ""


def test_books_are_asked_for_though_no_feed_sends(rig):
    """Redis was emptied while no bridge ran; the feed waits for books, the bridge for the feed."""
    bridge = rig.ready(rig.bridge())
    rig.run(lambda: rig.asked == 1, seconds=10)
    rig.rounds(bridge)
    assert rig.asked == 1


def test_a_source_of_which_nothing_is_accepted_is_named_until_something_is(rig, bridge):
    old = [rig.tick(n) for n in range(1, 11)]
    rig.send(rig.tick(100), *old, *(rig.tick(n, source="rogue") for n in range(1, 12)))
    rig.run(at_rest(bridge, 22))
    assert bridge.intake.refused == [
        "the last 10 ticks of USD from feed were refused: stale",
        "the last 11 ticks of USD from rogue were refused: OWNED",
    ]
    rig.send(rig.tick(101))
    rig.run(at_rest(bridge, 23))
    assert [text.split(" from ")[1] for text in bridge.intake.refused] == [
        "rogue were refused: OWNED"
    ]


def test_a_source_whose_exchange_rates_are_refused_is_named_until_one_is_taken(rig, bridge):
    rig.send_fx(1, usd=1.1)
    for n in range(2, 13):
        rig.send_fx(n, usd=110.0)
    rig.run(at_rest(bridge, 12))
    assert bridge.intake.refused == [
        "the last 11 ticks of exchange rates from feed were refused: FX_JUMP"
    ]
    rig.send_fx(13, usd=1.2)
    rig.run(at_rest(bridge, 13))
    assert bridge.intake.refused == []


def test_a_source_takes_over_from_one_that_goes_on_sending_and_gives_back(rig, bridge):
    """As `replay --take-over` does beside the replay of a demo."""
    now = time.time_ns()
    rig.send(rig.tick(1, sent_ns=now))
    rig.run(at_rest(bridge, 1))
    write_reset(rig.client, "feed", for_s=5.0)
    bridge.reset_sources(read_resets(rig.client))
    rig.send(rig.tick(2, 0.041, sent_ns=now + 10**9))  # it is not told of it
    rig.run(at_rest(bridge, 2))
    other = {"USD-SOFR": {"1Y": 0.06, "5Y": 0.05}}
    rig.send(
        next_day(rig, 1, source="replay", curves=other, whole=True),
        rig.tick(3, 0.042, sent_ns=now + 2 * 10**9, whole=True),
    )
    rig.run(at_rest(bridge, 4))
    assert shown(rig) == other
    write_reset(rig.client, "replay")
    bridge.reset_sources(read_resets(rig.client))
    rig.send(rig.tick(4, 0.043, sent_ns=now + 3 * 10**9, whole=True))
    rig.run(at_rest(bridge, 5))
    assert shown(rig) == {"USD-SOFR": {"1Y": 0.043}}
    assert counted(bridge)["dead_lettered"] == 1


def test_a_replay_is_refused_where_another_source_publishes(rig, bridge):
    rig.send(rig.tick(1))
    rig.run(at_rest(bridge, 1))
    day = dt.date(2024, 1, 2)
    plan = ReplayPlan(currencies=("USD", "EUR"), start=day, end=day, run_id="x", epoch=1)
    stop = threading.Event()
    stop.set()
    with pytest.raises(CommandError, match="USD is published by the source feed: add --take-over"):
        replay._release_others(rig.client, plan, stop, take_over=False)
    replay._release_others(rig.client, plan, stop, take_over=True)
    assert owners_of(rig.frames, ["USD"]) == set()
    replay._release_others(rig.client, plan, stop, take_over=False)
