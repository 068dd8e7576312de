"""Work that follows frames takes a share of a process's time, whatever currency it is for."""

from __future__ import annotations

import pytest

from risk.store import follow_up
from risk.store.follow_up import OPEN_S, ShareOfTime


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(follow_up, "time", made)
    return made


def work(share: ShareOfTime, clock: Clock, seconds: float) -> None:
    began = clock.now
    clock.now += seconds
    share.note(began)


def test_work_waits_until_time_has_paid_for_what_was_done(clock: Clock) -> None:
    share = ShareOfTime(0.25)
    assert share.wait_s() == 0.0
    work(share, clock, 0.5)
    assert share.wait_s() == pytest.approx((0.5 * 0.75 - OPEN_S) / 0.25)
    clock.now += share.wait_s()
    assert share.wait_s() == pytest.approx(0.0, abs=1e-9)


def test_short_work_does_not_wait(clock: Clock) -> None:
    share = ShareOfTime(0.25)
    for _ in range(100):
        assert share.wait_s() == 0.0
        work(share, clock, 0.002)
        clock.now += 0.01


@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0])
def test_in_the_long_run_work_takes_its_share(clock: Clock, seconds: float) -> None:
    share, done, began = ShareOfTime(0.3), 0.0, clock.now
    while clock.now < began + 600.0:
        clock.now += max(share.wait_s(), 0.001)
        if share.wait_s() == 0.0:
            work(share, clock, seconds)
            done += seconds
    assert done / (clock.now - began) == pytest.approx(0.3, rel=0.02)
