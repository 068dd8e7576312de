"""Send rounds of ticks from stored curves to Kafka, on time or as fast as they are priced."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence

import msgspec

from feedbridge.kafka.producer import TickProducer
from feedbridge.replay import ticks
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES, stored
from risk.store.frames import CHANNEL, FrameNotice, Frames
from risk.store.messages import MarketTick

FIRST_DAY, LAST_DAY = dt.date(2024, 3, 5), dt.date(2024, 6, 3)
SEED, TICKS_A_DAY = 20_240_305, 4_000
QUIET_S, LIMIT_S, DETAIL_LIMIT_S = 0.5, 60.0, 20.0

Round = tuple[MarketTick, ...]
"""One tick of every currency."""


class Market:
    """An endless, seeded stream of rounds on one market day, and days that follow it.

    All ticks of a run have one source; ``seq`` rises.
    """

    def __init__(self, currencies: Sequence[str] = SAMPLE_CURRENCIES) -> None:
        """Start at the first day."""
        self.currencies = tuple(currencies)
        self._seq, self._day = 0, FIRST_DAY
        self._rounds = self._of_day()

    def next(self) -> Round:
        """The next round of the day."""
        self._seq += 1
        made = next(self._rounds)
        return tuple(msgspec.structs.replace(tick, seq=self._seq) for tick in made)

    def next_day(self) -> None:
        """Go on with the market day that follows."""
        self._day = next(day for day in stored().between(self._day, LAST_DAY) if day > self._day)
        self._rounds = self._of_day()

    def _of_day(self) -> Iterator[Round]:
        plan = ticks.ReplayPlan(
            currencies=self.currencies,
            start=self._day,
            end=self._day,
            run_id="bench",
            epoch=time.time_ns() // 10**6,
            ticks_per_day=TICKS_A_DAY,
            seed=SEED,
            loop=True,
        )
        stream = ticks.ticks(stored(), plan)
        while True:
            yield tuple(next(stream).tick for _ in self.currencies)


def send_on_time(producer: TickProducer, market: Market, rounds: int, interval_s: float) -> None:
    """Send one round per interval, its ticks spread evenly."""
    began = time.perf_counter()
    for number in range(rounds):
        for place, tick in enumerate(market.next()):
            due = began + (number + place / len(market.currencies)) * interval_s
            time.sleep(max(0.0, due - time.perf_counter()))
            producer.send(tick)
            producer.settle()
    producer.flush(LIMIT_S)


def send_when_priced(
    producer: TickProducer, market: Market, frames: Frames, seconds: float
) -> None:
    """Send a currency's next tick when its frame is published: one in flight per currency.

    Raises:
        TimeoutError: No frame came out for some seconds.
    """
    waiting: dict[str, list[MarketTick]] = {name: [] for name in market.currencies}
    listener = frames.client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(CHANNEL)
    listener.get_message(timeout=1.0)
    end = time.monotonic() + seconds

    def send(name: str) -> None:
        if not waiting[name]:
            for tick in market.next():
                waiting[tick.currency].append(tick)
        producer.send(waiting[name].pop(0))

    for name in market.currencies:
        send(name)
    while time.monotonic() < end:
        message = listener.get_message(timeout=LIMIT_S)
        if message is None:
            raise TimeoutError(f"no frame was published for {LIMIT_S:.0f} s")
        notice = msgspec.json.decode(message["data"], type=FrameNotice)
        producer.settle()
        send(notice.currency)
    listener.close()
    producer.flush(LIMIT_S)


def wait_until_priced(frames: Frames, market_after: dict[str, int]) -> None:
    """Wait until every currency has a newer frame than these, and no more come.

    Raises:
        TimeoutError: It takes too long.
    """
    end = time.monotonic() + LIMIT_S
    while late := [n for n, frame in market_after.items() if frames.pointer(n) <= frame]:
        if time.monotonic() > end:
            raise TimeoutError(f"no frame of {', '.join(late)} was published for {LIMIT_S:.0f} s")
        time.sleep(0.002)
    before: dict[str, int] = {}
    while before != (now := frames.pointers(list(market_after))):
        before = now
        time.sleep(QUIET_S)


def wait_until_detailed(frames: Frames, currencies: Sequence[str]) -> bool:
    """Wait until each published frame has its detail; return False if that takes too long."""
    end = time.monotonic() + DETAIL_LIMIT_S
    while any(frames.detail_pointer(name) < frames.pointer(name) for name in currencies):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
