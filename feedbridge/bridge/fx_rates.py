"""Merge FX rates that are not in Redis yet, with the records they came from."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from feedbridge.bridge import decode
from feedbridge.bridge.decode import SourceRefused
from feedbridge.bridge.ledger import Ledger, Place
from feedbridge.handover.resets import ALL_CURRENCIES, Resets, reset_ns
from risk.store.fx import Fx, laid_over, write_fx
from risk.store.messages import FxTick

MAX_SOURCES = 8
MAX_FACTOR = 2.0
"""By how much a rate may move from the one before. The dollar's pairs with euro and sterling have
never moved by more than a tenth in a day; a factor of two is a mistaken pair or unit."""


@dataclass(frozen=True)
class _Mark:
    """The last tick of a source."""

    epoch: int
    seq: int
    digest: bytes
    since_ns: int


class PendingRates:
    """FX rates that are not yet stored in Redis.

    A rate stands until a tick carries it again, so the records of all merged ticks stay open
    until the write; then the newest one is published and the others are conflated. A source owns
    the rates that it publishes, until it is reset.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Start without a rate."""
        self._ledger = ledger
        self._resets: Resets = {}
        self._forget()

    def _forget(self) -> None:
        self._rates = Fx(usd={})
        self._places: list[Place] = []
        self._marks: dict[str, _Mark] = {}
        self._owners: dict[str, str] = {}
        self._standing: dict[str, float] = {}

    def take(self, place: Place, tick: FxTick) -> None:
        """Merge a tick, unless its source has sent it, or a newer one, before.

        Raises:
            SourceRefused: Its number leaps (see ``decode.check_order``), a rate is another
                source's (OWNED) or far from the one before (FX_JUMP).
            BadTick: With the code CONFLICT: its number came before with other rates.
        """
        now_ns, digest = time.time_ns(), _digest(tick)
        mark = self._marks.get(tick.source)
        decode.check_order(tick, (mark.epoch, mark.seq) if mark else None, now_ns)
        if mark is not None and (tick.epoch, tick.seq) <= (mark.epoch, mark.seq):
            self._end_known(place, tick, mark, digest)
            return
        self._check_owner(tick)
        self._check_moves(tick)
        since_ns = min(now_ns, tick.sent_ns or now_ns)
        self._marks[tick.source] = _Mark(tick.epoch, tick.seq, digest, since_ns)
        self._owners |= {name: tick.source for name in tick.usd if name != "USD"}
        self._standing |= tick.usd
        self._rates = laid_over(self._rates, tick)
        self._places.append(place)

    def _end_known(self, place: Place, tick: FxTick, mark: _Mark, digest: bytes) -> None:
        if (tick.epoch, tick.seq) < (mark.epoch, mark.seq):
            self._ledger.end(place, "stale")
        elif digest == mark.digest:
            self._ledger.end(place, "duplicate")
        else:
            reason = f"seq {tick.seq} of {tick.source} came before with other rates"
            raise decode.BadTick("CONFLICT", reason)

    def _check_owner(self, tick: FxTick) -> None:
        for name in tick.usd:
            owner = self._owners.get(name, tick.source)
            if owner != tick.source and not self._released(owner):
                raise SourceRefused(
                    "OWNED",
                    f"usd {name}: published by the source {owner}, not to be sent by {tick.source};"
                    f" to change the source, stop {owner} and run manage.py reset_source {owner}",
                )
        if tick.source not in self._marks and len(self._marks) >= MAX_SOURCES:
            why = f"source: {tick.source} would be one more than {MAX_SOURCES} of exchange rates"
            raise SourceRefused("TOO_MANY", f"{why}; release one: manage.py reset_source")

    def _check_moves(self, tick: FxTick) -> None:
        for name, rate in tick.usd.items():
            before = self._standing.get(name, rate)
            if not before / MAX_FACTOR <= rate <= before * MAX_FACTOR:
                raise SourceRefused(
                    "FX_JUMP",
                    f"usd {name}: {rate!r} is too far from {before!r}, the rate before; at most by "
                    f"a factor of {MAX_FACTOR:g}, or run manage.py reset_source {tick.source}",
                )

    def reset(self, resets: Resets) -> None:
        """Forget the numbers and release the rates of sources that were reset since."""
        self._resets = resets
        for source in list(self._marks):
            if self._released(source):
                del self._marks[source]
                for name in [n for n, owner in self._owners.items() if owner == source]:
                    del self._owners[name], self._standing[name]

    def _released(self, source: str) -> bool:
        mark = self._marks.get(source)
        return mark is None or mark.since_ns < reset_ns(self._resets, source, ALL_CURRENCIES)

    def write(self, client: Any) -> None:
        """Merge the pending rates into those in Redis.

        Raises:
            redis.RedisError: It is down; the rates stay pending.
        """
        if not self._places:
            return
        write_fx(client, self._rates)
        *before, newest = self._places
        self._rates, self._places = Fx(usd={}), []
        for place in before:
            self._ledger.end(place, "conflated")
        self._ledger.end(newest, "published")

    def release(self, partitions: set[tuple[str, int]]) -> None:
        """Forget the rates of lost partitions: their next bridge reads the records again."""
        if any(place[:2] in partitions for place in self._places):
            self._forget()


def _digest(tick: FxTick) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode((tick.as_of, tick.usd, tick.label))).digest()
