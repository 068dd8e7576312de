"""The newest market of each currency, and the order of each source's ticks."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from dataclasses import dataclass, field

import msgspec

from feedbridge.resets import Resets, reset_ns
from pricing.core.messages import CurveQuotes, Label, MarketTick


class Verdict(enum.Enum):
    """What a tick is, next to what its source sent before."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Market:
    """All quotes of one currency at one moment; never changed once made."""

    currency: str
    curves: CurveQuotes
    labels: dict[str, Label]
    as_of: dt.datetime
    source: str
    epoch: int
    seq: int

    @property
    def date(self) -> dt.date:
        """Valuation date: the tick's own."""
        return self.as_of.date()


@dataclass(frozen=True)
class _Mark:
    """The last tick of a source in a currency."""

    epoch: int
    seq: int
    digest: bytes | None  # None: known by number alone, from a published frame
    since_ns: int  # when it was taken or published, by this machine's clock


@dataclass
class Board:
    """Newest quotes by currency, and the last tick of each source.

    Order is the source's own (epoch, seq), never the clock's. ``resets`` are those that operators
    have asked for: a number from before one counts as never sent, and markets stand.
    """

    markets: dict[str, Market] = field(default_factory=dict)
    resets: Resets = field(default_factory=dict)
    _marks: dict[tuple[str, str], _Mark] = field(default_factory=dict)

    def judge(self, tick: MarketTick) -> Verdict:
        """What a tick is; changes nothing."""
        mark = self._mark(tick.source, tick.currency)
        if mark is None or (tick.epoch, tick.seq) > (mark.epoch, mark.seq):
            return Verdict.ACCEPTED
        if (tick.epoch, tick.seq) < (mark.epoch, mark.seq):
            return Verdict.STALE
        same = mark.digest in (None, _digest(tick))
        return Verdict.DUPLICATE if same else Verdict.CONFLICT

    def last_of(self, tick: MarketTick) -> tuple[int, int] | None:
        """Epoch and seq of the last tick of this source in this currency."""
        mark = self._mark(tick.source, tick.currency)
        return None if mark is None else (mark.epoch, mark.seq)

    def with_tick(self, tick: MarketTick) -> Market:
        """The market as it would be with this tick."""
        last = self.last_of(tick)
        anew = last is not None and tick.epoch > last[0]
        return lay(None if anew else self.markets.get(tick.currency), tick)

    def take(self, tick: MarketTick, market: Market | None = None, now_ns: int = 0) -> bool:
        """Lay an accepted tick over the market.

        A source that starts anew (a higher epoch) starts a new market: what it sent in its former
        life may belong to another day.

        Args:
            tick: An accepted tick.
            market: What ``with_tick`` has made of it, if that is known.
            now_ns: The clock's time, ns since 1970.

        Returns:
            Whether it starts a new market.
        """
        place = (tick.source, tick.currency)
        last = self.last_of(tick)
        self.markets[tick.currency] = market or self.with_tick(tick)
        self._marks[place] = _Mark(tick.epoch, tick.seq, _digest(tick), now_ns)
        return last is not None and tick.epoch > last[0]

    def restore(self, market: Market, published_ns: int = 0) -> None:
        """Put back the last published market, and know its tick by number."""
        self.markets[market.currency] = market
        source, currency = market.source, market.currency
        before = self._mark(source, currency)
        if before is None or (market.epoch, market.seq) > (before.epoch, before.seq):
            mark = _Mark(market.epoch, market.seq, None, published_ns)
            if published_ns >= reset_ns(self.resets, source, currency):
                self._marks[source, currency] = mark

    def _mark(self, source: str, currency: str) -> _Mark | None:
        """The last tick of a source, unless the source was reset after it."""
        mark = self._marks.get((source, currency))
        if mark is None or mark.since_ns < reset_ns(self.resets, source, currency):
            return None
        return mark

    def replace(self, currency: str, market: Market | None) -> None:
        """After a bad tick: the market without it, or none. The tick stays known."""
        self.markets.pop(currency, None)
        if market is not None:
            self.markets[currency] = market

    def forget(self, currency: str) -> None:
        """Another bridge has this currency now."""
        self.markets.pop(currency, None)
        self._marks = {k: v for k, v in self._marks.items() if k[1] != currency}


def lay(before: Market | None, tick: MarketTick) -> Market:
    """A tick over a market; what it does not carry stands."""
    curves = dict(before.curves) if before else {}
    for name, quotes in tick.curves.items():
        curves[name] = {**curves.get(name, {}), **quotes}
    return Market(
        currency=tick.currency,
        curves=curves,
        labels={**(before.labels if before else {}), **tick.labels},
        as_of=tick.as_of,
        source=tick.source,
        epoch=tick.epoch,
        seq=tick.seq,
    )


def _digest(tick: MarketTick) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode((tick.as_of, tick.curves))).digest()
