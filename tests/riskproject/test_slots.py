"""Requests in progress: limits by user and process, and one at a time of each user."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from riskproject.web.slots import NoTurn, Slots, TooMany, Turns
from tests.waiting import until


def test_a_user_and_a_process_have_their_limits() -> None:
    slots = Slots("previews", own_hint="wait", hint="try later", retry_after_s=1)
    mine = slots.take("ann", 1, 2)
    with pytest.raises(TooMany, match="You have 1 open previews"):
        slots.take("ann", 1, 2)
    slots.take("bob", 1, 2)
    with pytest.raises(TooMany, match="2 previews are open"):
        slots.take("eve", 1, 2)
    slots.release(mine)
    slots.release(mine)
    slots.take("eve", 1, 2)


def test_a_user_s_second_request_waits_for_the_first_and_another_user_s_does_not() -> None:
    turns, ended = Turns(), threading.Event()
    order: list[str] = []

    def work(user: str, name: str, wait: bool) -> None:
        with turns.of(user, 30.0):
            order.append(name)
            if wait:
                assert ended.wait(30.0)

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(work, "ann", "first", True)]
        until(lambda: order == ["first"])
        calls.append(pool.submit(work, "ann", "second", False))
        pool.submit(work, "bob", "other", False).result(30.0)
        assert order == ["first", "other"]
        ended.set()
        for call in calls:
            call.result(30.0)
    assert order == ["first", "other", "second"]


def test_who_gets_no_turn_in_time_is_told() -> None:
    turns = Turns()
    with turns.of("ann", 1.0), pytest.raises(NoTurn), turns.of("ann", 0.01):
        pytest.fail("two requests of one user work at once")
    with turns.of("ann", 0.01):
        pass
