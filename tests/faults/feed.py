"""Send seeded ticks of three currencies to Kafka, and remember the expected outcome of each.

Whole markets and partial ones, a random walk around the curves of one history day.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from feedbridge.replay.history.daily import stored
from pricing.curves.quotes import CurveQuotes
from risk.store.messages import MarketTick

MARKET_DATE = dt.date(2024, 3, 5)
STEP = 0.0001
"""A quote moves by about a basis point a tick ..."""
WIDEST = 0.005
"""... and stays within half a percent of where it began."""

REMEMBERED = 2000
"""Ticks of a currency whose sending times are kept: minutes of a stream."""

POISON: tuple[tuple[bytes, str], ...] = (
    (b"", "EMPTY"),
    (b"\xff\xfe\x00", "JSON"),
    (b"{not json", "JSON"),
    (b"[" * 50, "TOO_DEEP"),
    (b"[]", "SCHEMA"),
)
"""What no tick looks like, and the code of its dead letter."""

SPOILT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"curves": {"{ccy}-NOSUCH": {"1Y": 0.01}}}, "UNKNOWN_CURVE"),
    ({"curves": {"{ccy}-GOVT": {"10Y": 2.5}}}, "RANGE"),
    ({"curves": {"{ccy}-GOVT": {"7Q": 0.02}}}, "UNKNOWN_TENOR"),
    ({"seq": -1}, "SEQ"),
    ({"as_of": "2024-03-05T17:00:00"}, "AS_OF_NAIVE"),
    ({"couponn": 1}, "UNKNOWN_FIELD"),
)
"""Good ticks with one thing wrong."""


class Feed:
    """One source. ``send`` and its kin may be called from one thread at a time."""

    def __init__(self, servers: str, source: str, seed: int, *, partial: float = 0.5) -> None:
        """Connect.

        Args:
            servers: Kafka.
            source: Name in every tick; each feed needs one of its own.
            seed: The same seed sends the same ticks.
            partial: Share of ticks that carry only some quotes.
        """
        self.source, self.seed, self.partial = source, seed, partial
        self.rng = random.Random(seed)
        self.epoch, self.seq = 0, 0
        self.base = {name: stored().day(name, MARKET_DATE) for name in CURRENCIES}
        self.quotes = {name: _copy(day.curves) for name, day in self.base.items()}
        self.bad: dict[bytes, str] = {}
        self.acknowledged: set[bytes] = set()
        self.times: dict[str, deque[tuple[int, tuple[int, int]]]] = {
            name: deque(maxlen=REMEMBERED) for name in CURRENCIES
        }
        self.sent = 0
        self.unsent = 0
        self.producer = KafkaProducer(
            bootstrap_servers=servers,
            delivery_timeout_ms=120_000,
            max_block_ms=60_000,
            reconnect_backoff_max_ms=500,
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # --- What is sent --------------------------------------------------------------------------

    def send(self, currency: str, *, whole: bool | None = None) -> MarketTick:
        """The next tick of a currency."""
        whole = self.rng.random() >= self.partial if whole is None else whole
        tick = self._tick(currency, self._moved(currency, whole), whole=whole)
        self.times[currency].append((tick.sent_ns, (tick.epoch, tick.seq)))
        self.put(currency, msgspec.json.encode(tick))
        return tick

    def send_all(self) -> None:
        """A whole market of every currency."""
        for name in CURRENCIES:
            self.send(name, whole=True)

    def first_since(self, moment_ns: int) -> dict[str, tuple[int, int]]:
        """By currency, (epoch, seq) of the first tick sent since a moment, if there is one."""
        found = {}
        for name, times in self.times.items():
            marks = [mark for sent_ns, mark in list(times) if sent_ns >= moment_ns]
            if marks:
                found[name] = marks[0]
        return found

    def change_market(self, currency: str, curves: CurveQuotes) -> None:
        """Go on with other instruments; a whole tick is due."""
        self.base[currency] = replace(self.base[currency], curves=curves)
        self.quotes[currency] = _copy(curves)

    def bury(self, currency: str, changes: dict[str, Any], code: str) -> None:
        """A tick with something wrong, that must become a dead letter with this code."""
        self._bury(currency, changes, code)

    def poison(self) -> None:
        """A record that must become a dead letter."""
        name = self.rng.choice(CURRENCIES)
        kinds = (*POISON, *SPOILT)
        self._bury(name, *kinds[self.rng.randrange(len(kinds))])

    def poison_all(self) -> None:
        """Every kind of rubbish once."""
        for changes, code in (*POISON, *SPOILT):
            self._bury(self.rng.choice(CURRENCIES), changes, code)

    def _bury(self, currency: str, rubbish: bytes | dict[str, Any], code: str) -> None:
        value = rubbish if isinstance(rubbish, bytes) else self._spoilt(currency, rubbish)
        self.bad[value] = code
        self.put(currency, value)

    def put(self, currency: str, value: bytes) -> None:
        """Any bytes under a currency's key."""
        self.sent += 1
        try:
            future = self.producer.send(YIELD_CURVE_TICKS, key=currency.encode(), value=value)
        except KafkaError:
            self.unsent += 1
            return
        future.add_callback(lambda _: self.acknowledged.add(value))

    def _tick(self, currency: str, curves: CurveQuotes, *, whole: bool = False) -> MarketTick:
        self.seq += 1
        return MarketTick(
            currency=currency,
            as_of=dt.datetime.combine(MARKET_DATE, dt.time(12), tzinfo=dt.UTC)
            + dt.timedelta(milliseconds=self.seq),
            source=self.source,
            epoch=self.epoch,
            seq=self.seq,
            curves=curves,
            labels=self.base[currency].labels,
            sent_ns=time.time_ns(),
            whole=whole,
        )

    def _moved(self, currency: str, whole: bool) -> CurveQuotes:
        now, base = self.quotes[currency], self.base[currency].curves
        names = list(now) if whole else [self.rng.choice(list(now))]
        shock = self.rng.gauss(0.0, STEP)
        carried: CurveQuotes = {}
        for name in names:
            tenors = list(now[name]) if whole else self.rng.sample(list(now[name]), 3)
            for tenor in tenors:
                moved = now[name][tenor] + shock + self.rng.gauss(0.0, STEP / 10)
                if abs(moved - base[name][tenor]) > WIDEST:
                    moved = base[name][tenor]
                now[name][tenor] = carried.setdefault(name, {})[tenor] = round(moved, 8)
        return carried

    def _spoilt(self, currency: str, changes: dict[str, Any]) -> bytes:
        tick = msgspec.to_builtins(self._tick(currency, _copy(self.quotes[currency])))
        text = msgspec.json.encode(changes).replace(b"{ccy}", currency.encode())
        return msgspec.json.encode(tick | msgspec.json.decode(text))

    # --- What a careless source sends ----------------------------------------------------------

    def again(self, tick: MarketTick, times: int = 1) -> None:
        """The same bytes once more, or a tick that was overtaken long ago."""
        for _ in range(times):
            self.put(tick.currency, msgspec.json.encode(tick))

    def contradict(self, tick: MarketTick) -> None:
        """The number of a tick, with other quotes."""
        curves = _copy(tick.curves)
        name = next(iter(curves))
        tenor = next(iter(curves[name]))
        curves[name][tenor] += STEP
        self.put(tick.currency, msgspec.json.encode(msgspec.structs.replace(tick, curves=curves)))

    def restart(self) -> None:
        """The source loses its memory: a new epoch, numbers from 1 again, whole markets first."""
        self.epoch, self.seq = self.epoch + 1, 0
        self.send_all()

    def burst(self, per_s: int, seconds: float) -> None:
        """Partial ticks as fast as asked for, a hundredth of a second's worth at a time."""
        self.partial = 1.0
        began = time.monotonic()
        for step in range(int(seconds * 100)):
            for _ in range(per_s // 100):
                self.send(self.rng.choice(CURRENCIES))
            time.sleep(max(0.0, began + (step + 1) / 100 - time.monotonic()))

    # --- A steady stream -----------------------------------------------------------------------

    def start(self, every_s: float = 0.05, poison: float = 0.0, echo: float = 0.0) -> None:
        """Send round the currencies from a thread of its own until ``pause``.

        Args:
            every_s: Between two ticks.
            poison: Share of ticks that have rubbish before them.
            echo: Share of ticks that are followed by themselves and by an old one.
        """
        self._stop.clear()
        shares = (every_s, poison, echo)
        self._thread = threading.Thread(target=self._run, args=shares, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """End the stream; the next ``start`` goes on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, every_s: float, poison: float, echo: float) -> None:
        due = time.monotonic()
        old: MarketTick | None = None
        while not self._stop.is_set():
            for name in CURRENCIES:
                if self.rng.random() < poison:
                    self.poison()
                tick = self.send(name)
                if self.rng.random() < echo:
                    self.again(tick)
                    if old is not None:
                        self.again(old)
                    old = tick
                due = max(due + every_s, time.monotonic() - 1.0)
                self._stop.wait(max(0.0, due - time.monotonic()))

    def flush(self, timeout_s: float = 60.0) -> None:
        """Wait until the broker has everything."""
        self.producer.flush(timeout=timeout_s)

    def close(self) -> None:
        """The end of it."""
        self.pause()
        self.producer.close(timeout=5)


def _copy(curves: Any) -> CurveQuotes:
    return {name: dict(quotes) for name, quotes in curves.items()}
