"""Ticks at their time, a broker that goes away, a stop: with a sink and a clock of our own."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from feedbridge.replay.history.daily import CurveHistory
from feedbridge.replay.playback import MAX_PENDING, Playback
from feedbridge.replay.ticks import Due, ReplayPlan, ticks
from risk.store.messages import MarketTick

PlanOf = Callable[..., ReplayPlan]


class FakeTime(threading.Event):
    """A clock that moves when somebody waits, and the event that stops a playback."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.stop_at = 100.0, float("inf")

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        if self.now >= self.stop_at:
            self.set()
        return self.is_set()


class FakeSink:
    """Acknowledges at once, except while it is away."""

    def __init__(self, time: FakeTime, away: tuple[float, float] = (0.0, 0.0)) -> None:
        self.sent, self.failed, self.last_error = 0, 0, "gone"
        self.time, self.away = time, away
        self.at: list[float] = []
        self.most_pending = 0

    @property
    def pending(self) -> int:
        return len(self.at) - self.sent

    def oldest_s(self) -> float:
        return self.time.now - self.at[self.sent] if self.pending else 0.0

    def send(self, tick: MarketTick) -> None:
        self.at.append(self.time.now)
        self.most_pending = max(self.most_pending, self.pending)

    def settle(self) -> None:
        if not self.away[0] <= self.time.now < self.away[1]:
            self.sent = len(self.at)

    def flush(self, timeout_s: float) -> bool:
        self.settle()
        if self.pending:
            self.time.wait(timeout_s)
        return not self.pending


class Watcher:
    def __init__(self) -> None:
        self.ticks, self.said = 0, []

    def tick(self, sent: int, tick: MarketTick) -> None:
        self.ticks = sent

    def outage(self, error: str) -> None:
        self.said.append(error)

    def back(self, waited_s: float) -> None:
        self.said.append("back")


def play(stream: list[Due], sink: FakeSink, watcher: Watcher | None = None):
    time = sink.time
    return Playback(sink, watcher or Watcher(), time, clock=time.clock).run(stream)


def test_each_tick_goes_out_when_it_is_due(history: CurveHistory, plan_of: PlanOf):
    stream = list(ticks(history, plan_of(interval_s=0.3)))
    sink = FakeSink(FakeTime())
    summary = play(stream, sink)
    assert [round(at - 100.0, 6) for at in sink.at] == [round(due.due_s, 6) for due in stream]
    assert (summary.handed_over, summary.acknowledged, summary.unconfirmed) == (48, 48, 0)
    assert summary.last_day == dt.date(2024, 1, 5)
    assert not summary.stopped


def test_a_stop_ends_it_between_two_ticks_with_everything_acknowledged(
    history: CurveHistory, plan_of: PlanOf
):
    time = FakeTime()
    time.stop_at = 105.5
    summary = play(list(ticks(history, plan_of(currencies=("USD",)))), FakeSink(time))
    assert (summary.handed_over, summary.acknowledged, summary.stopped) == (6, 6, True)
    assert "stopped: 6 ticks acknowledged" in str(summary)


def test_an_outage_is_said_once_and_then_it_goes_on(history: CurveHistory, plan_of: PlanOf):
    time, watcher = FakeTime(), Watcher()
    sink = FakeSink(time, away=(103.0, 140.0))
    stream = list(ticks(history, plan_of(currencies=("USD",))))
    summary = play(stream, sink, watcher)
    assert watcher.said == ["gone", "back"]
    assert summary.acknowledged == len(stream) == 16
    assert sink.most_pending <= 3


def test_after_an_outage_the_timetable_moves_and_no_burst_follows(
    history: CurveHistory, plan_of: PlanOf
):
    sink = FakeSink(FakeTime(), away=(103.0, 140.0))
    play(list(ticks(history, plan_of(currencies=("USD",)))), sink)
    after = [at for at in sink.at if at >= 140.0]
    assert len([at for at in after if at < 142.0]) <= 4  # a second is caught up, not 37


def test_an_outage_at_the_end_is_waited_out(history: CurveHistory, plan_of: PlanOf):
    sink = FakeSink(FakeTime(), away=(114.5, 150.0))
    watcher = Watcher()
    summary = play(list(ticks(history, plan_of(currencies=("USD",)))), sink, watcher)
    assert (summary.acknowledged, summary.unconfirmed) == (16, 0)
    assert watcher.said == ["gone", "back"]


def test_a_stop_in_an_outage_ends_it_and_says_what_is_unconfirmed(
    history: CurveHistory, plan_of: PlanOf
):
    time = FakeTime()
    time.stop_at = 120.0
    sink = FakeSink(time, away=(103.0, 1e9))
    summary = play(list(ticks(history, plan_of(currencies=("USD",)))), sink)
    assert summary.stopped
    assert summary.unconfirmed == sink.pending > 0
    assert time.now < 130


def test_as_fast_as_possible_keeps_what_is_unacknowledged_bounded(
    history: CurveHistory, plan_of: PlanOf
):
    sink = FakeSink(FakeTime(), away=(100.0, 101.0))
    plan = plan_of(interval_s=0.0, loop=True, limit=3 * MAX_PENDING)
    summary = play(list(ticks(history, plan)), sink)
    assert summary.acknowledged == 3 * MAX_PENDING
    assert sink.most_pending == MAX_PENDING
