"""When a block is late, and when a frame goes out as it is."""

from __future__ import annotations

import pytest

from feedbridge.bridge.dispatch import OpenFrame
from feedbridge.bridge.market_state import Market
from feedbridge.bridge.watchdog import Patience, Watchdog
from tests.risk.made import as_of, header

MARKET = Market.of("USD", as_of().date(), "feed", {})
PATIENCE = Patience(resend_s=0.5, give_up_s=3.0)


def frame(opened_s: float = 0.0, **attempts: int) -> OpenFrame:
    made = OpenFrame(header=header(1), market=MARKET, ticks=[], opened_s=opened_s)
    made.sent_s = {0: opened_s, 1: opened_s}
    made.attempts = {0: 1, 1: 1}
    return made


def test_nothing_is_overdue_within_the_patience():
    assert Watchdog(PATIENCE).overdue(frame(), 0.49) == []


def test_a_block_is_overdue_after_it():
    late = frame()
    late.sent_s[1] = 0.4
    assert Watchdog(PATIENCE).overdue(late, 0.6) == [0]


def test_each_attempt_doubles_the_wait_up_to_the_time_to_give_up():
    """Workers that come back after an hour find a fresh task within seconds."""
    late, dog = frame(), Watchdog(PATIENCE)
    late.attempts = {0: 2, 1: 4000}
    assert dog.overdue(late, 0.9) == []
    assert dog.overdue(late, 1.1) == [0]
    assert dog.overdue(late, 2.9) == [0]
    assert dog.overdue(late, 3.1) == [0, 1]


def test_slow_frames_lengthen_the_patience():
    dog = Watchdog(PATIENCE)
    for _ in range(100):
        dog.published(frame(), 0.4)
    assert dog.resend_after_s() == pytest.approx(0.8)


def test_frames_that_vary_are_given_longer_than_steady_ones():
    """One frame in five takes 1 s: sending its blocks again at 0.5 s would double the load."""
    dog = Watchdog(PATIENCE)
    for taken in [0.1, 0.1, 0.1, 0.1, 1.0] * 20:
        dog.published(frame(), taken)
    assert dog.resend_after_s() > 1.0


def test_a_spell_of_slow_frames_is_forgotten_after_some_quick_ones():
    """A lost task would else wait for seconds, long after its server is well again."""
    dog = Watchdog(Patience())
    for taken in [0.02] * 50 + [2.0] * 50 + [0.02] * 30:
        dog.published(frame(), taken)
    assert dog.resend_after_s() < 0.5


def test_first_frames_have_longer_than_later_ones():
    """They fetch their book; a second sending would keep another process busy with the same."""
    dog = Watchdog(Patience())
    assert dog.overdue(frame(), 0.4) == []
    for _ in range(10):
        dog.published(frame(), 0.03)
    assert dog.overdue(frame(), 0.19) == []
    assert dog.overdue(frame(), 0.21) == [0, 1]


def sent_again() -> OpenFrame:
    made = frame()
    made.attempts = {0: 1, 1: 2}
    return made


def test_frames_that_had_to_be_sent_again_do_not_lengthen_the_estimate():
    """They took as long as the watchdog itself waited."""
    dog = Watchdog(PATIENCE)
    for _ in range(100):
        dog.published(sent_again(), 2.0)
    dog.published(frame(), 0.1)
    assert dog.resend_after_s() == PATIENCE.resend_s


def test_each_frame_in_a_row_that_was_sent_again_doubles_the_wait_of_the_next():
    """Up to half of the time to give up: what is lost is sent again before that."""
    dog, waits = Watchdog(PATIENCE), []
    for _ in range(5):
        dog.published(sent_again(), 2.0)
        waits.append(dog.resend_after_s())
    assert waits == [1.0, 1.5, 1.5, 1.5, 1.5]


def test_on_a_machine_that_is_too_slow_few_tasks_are_sent_again():
    """Each frame takes 0.9 s: the estimate comes to know it, though the first are sent again."""
    dog, again = Watchdog(Patience()), 0
    for _ in range(30):
        late = frame()
        for tenth in range(9):
            for unit in dog.overdue(late, tenth / 10):
                late.attempts[unit] += 1
                late.sent_s[unit] = tenth / 10
                again += 1
        dog.published(late, 0.9)
    assert again <= 4


def test_one_slow_frame_at_the_start_does_not_lame_the_watchdog():
    dog = Watchdog(PATIENCE)
    dog.published(frame(), 60.0)  # workers were starting
    assert dog.resend_after_s() == PATIENCE.give_up_s


def test_a_frame_is_given_up_by_its_own_age_whatever_was_sent_since():
    dog, late = Watchdog(PATIENCE), frame()
    late.sent_s[1] = 2.9
    assert not dog.given_up(late, 3.0)
    assert dog.given_up(late, 3.1)
