"""Send ticks when they are due, and wait while the broker is down."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from feedbridge.kafka.producer import TickProducer
from feedbridge.replay.history.fx import fx_tick
from feedbridge.replay.ticks import Due
from pricing.markets.business_dates import business_date
from risk.store.messages import MarketTick

OUTAGE_S = 2.0
"""Seconds without acknowledgement after which the broker counts as down."""

MAX_PENDING = 1000
CATCH_UP_S = 1.0
"""Seconds of delay that are caught up at most; a longer delay shifts the timetable."""

POLL_S = 0.05
FLUSH_S = 5.0


class Sink(Protocol):
    """What a playback needs of a producer."""

    sent: int
    failed: int
    last_error: str

    @property
    def pending(self) -> int:
        """Ticks that are not acknowledged yet."""

    def oldest_s(self) -> float:
        """Age of the oldest of them in seconds."""

    def send(self, tick: MarketTick) -> None:
        """Hand over one tick."""

    def settle(self) -> None:
        """Count what is acknowledged, repeat what is lost."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is pending."""


class FxFeed:
    """A producer that sends exchange rates too, once for every market moment."""

    def __init__(self, producer: TickProducer) -> None:
        self._producer, self._seq = producer, 0
        self._moment: dt.datetime | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is the producer's."""
        return getattr(self._producer, name)

    def send(self, tick: MarketTick) -> None:
        """Rates first, so that the frame of this tick finds them."""
        if tick.as_of != self._moment:
            self._moment, self._seq = tick.as_of, self._seq + 1
            self._producer.send_fx(fx_tick(tick.as_of, tick.source, tick.epoch, self._seq))
        self._producer.send(tick)


class Watcher(Protocol):
    """Receives the progress of a playback."""

    def tick(self, sent: int, tick: MarketTick) -> None:
        """A tick was handed over; ``sent`` counts them."""

    def outage(self, error: str) -> None:
        """Called once per outage, when the broker stops acknowledging."""

    def back(self, waited_s: float) -> None:
        """It does again."""


@dataclass(frozen=True)
class Summary:
    """What a playback did. ``unconfirmed`` ticks may or may not have arrived."""

    handed_over: int
    acknowledged: int
    failed: int
    unconfirmed: int
    seconds: float
    last_day: dt.date | None
    stopped: bool

    def __str__(self) -> str:
        rate = self.handed_over / self.seconds if self.seconds > 0 else 0.0
        how = "stopped" if self.stopped else "done"
        text = f"{how}: {self.acknowledged} ticks acknowledged in {self.seconds:.1f} s"
        text += f" ({rate:.1f}/s), {self.failed} failed, {self.unconfirmed} unconfirmed"
        return text if self.last_day is None else f"{text}, last market day {self.last_day}"


class Playback:
    """Plays a stream of ticks to a sink until it ends or ``stop`` is set."""

    def __init__(
        self,
        sink: Sink,
        watcher: Watcher,
        stop: threading.Event,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink, self._watcher, self._stop, self._clock = sink, watcher, stop, clock
        self._started = clock()

    def run(self, stream: Iterable[Due]) -> Summary:
        """Send every tick at its time; returns what became of them."""
        self._started = began = self._clock()
        handed_over, last_day = 0, None
        for due_s, tick in stream:
            self._wait_for(due_s)
            self._wait_for_broker()
            if self._stop.is_set():
                break
            self._sink.send(tick)
            self._sink.settle()
            handed_over += 1
            last_day = business_date(tick.currency, tick.as_of)
            self._watcher.tick(handed_over, tick)
        self._finish()
        return Summary(
            handed_over=handed_over,
            acknowledged=self._sink.sent,
            failed=self._sink.failed,
            unconfirmed=self._sink.pending,
            seconds=self._clock() - began,
            last_day=last_day,
            stopped=self._stop.is_set(),
        )

    def _wait_for(self, due_s: float) -> None:
        late_s = self._clock() - self._started - due_s
        if late_s > CATCH_UP_S:
            self._started += late_s - CATCH_UP_S
        while (left_s := self._started + due_s - self._clock()) > 0:
            if self._stop.wait(min(left_s, POLL_S)):
                return
            self._sink.settle()

    def _wait_for_broker(self) -> None:
        while self._sink.pending >= MAX_PENDING and self._sink.oldest_s() < OUTAGE_S:
            if self._stop.wait(0.001):
                return
            self._sink.settle()
        if self._sink.oldest_s() < OUTAGE_S:
            return
        self._sit_out_outage()

    def _sit_out_outage(self) -> None:
        began = self._clock()
        self._watcher.outage(self._sink.last_error)
        while self._sink.pending and not self._stop.wait(POLL_S):
            self._sink.settle()
        if not self._sink.pending:
            self._watcher.back(self._clock() - began)

    def _finish(self) -> None:
        # At the normal end an outage is waited out too; after a stop there is a limit.
        while not self._stop.is_set() and not self._sink.flush(POLL_S):
            self._wait_for_broker()
        self._sink.flush(FLUSH_S)
