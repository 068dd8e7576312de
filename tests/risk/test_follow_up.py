"""Work that follows frames takes a share of a process's time, whatever currency it is for."""

from __future__ import annotations

import heapq
from collections import Counter

import pytest
import redis

from risk.store.follow_up import INTERVAL_S, OPEN_S, FollowUp, ShareOfTime, countdown_s
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(share: ShareOfTime, clock: Clock, seconds: float) -> None:
    began = clock.now_s
    clock.now_s += seconds
    share.note(began)


def test_work_waits_until_time_has_paid_for_what_was_done(clock: Clock) -> None:
    share = ShareOfTime(0.25, clock)
    assert share.wait_s() == 0.0
    work(share, clock, 0.5)
    assert share.wait_s() == pytest.approx((0.5 * 0.75 - OPEN_S) / 0.25)
    clock.now_s += share.wait_s()
    assert share.wait_s() == pytest.approx(0.0, abs=1e-9)


def test_short_work_does_not_wait(clock: Clock) -> None:
    share = ShareOfTime(0.25, clock)
    for _ in range(100):
        assert share.wait_s() == 0.0
        work(share, clock, 0.002)
        clock.now_s += 0.01


@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0])
def test_in_the_long_run_work_takes_its_share(clock: Clock, seconds: float) -> None:
    share, done, began = ShareOfTime(0.3, clock), 0.0, clock.now_s
    while clock.now_s < began + 600.0:
        clock.now_s += max(share.wait_s(), 0.001)
        if share.wait_s() == 0.0:
            work(share, clock, seconds)
            done += seconds
    assert done / (clock.now_s - began) == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("costs", [(0.3, 0.3, 0.3), (0.5, 0.2, 0.002), (2.0, 0.3, 0.3, 0.01)])
def test_no_currency_is_kept_from_its_turn(clock: Clock, costs: tuple[float, ...]) -> None:
    """One process takes what is due first; the same one must not be first again and again."""
    share, runs = ShareOfTime(0.3, clock), Counter[int]()
    due = [(clock.now_s + place / 10, place) for place in range(len(costs))]
    end = clock.now_s + 300.0
    while clock.now_s < end:
        at, place = heapq.heappop(due)
        clock.now_s = max(clock.now_s, at)
        if share.refuses(str(place)):
            heapq.heappush(due, (clock.now_s + countdown_s(share.wait_s()), place))
            continue
        work(share, clock, costs[place])
        runs[place] += 1
        heapq.heappush(due, (clock.now_s + INTERVAL_S, place))
    assert min(runs[place] for place in range(len(costs))) > 300.0 * 0.3 / sum(costs) / 3


def test_a_claim_may_be_asked_for_twice_and_has_one_owner(redis_client: redis.Redis) -> None:
    """The client repeats what was not answered, and the first one may have arrived."""
    made = FollowUp(redis_client, "explain")
    assert [made.claim("USD", "a"), made.claim("USD", "a")] == [True, True]
    assert not made.claim("USD", "b")
    assert [made.begin("USD", "b"), made.begin("USD", "a")] == [False, True]
    assert not made.begin("USD", "a")
    assert made.claim("USD", "b")


def test_one_that_was_refused_and_does_not_come_again_is_not_waited_for(clock: Clock) -> None:
    share = ShareOfTime(0.3, clock)
    work(share, clock, 0.3)
    assert share.refuses("USD")
    clock.now_s += 1.0
    assert share.refuses("EUR"), "it is the turn of the other"
    clock.now_s += 5.5
    assert not share.refuses("EUR")
