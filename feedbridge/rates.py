"""Exchange rates that Redis has not got yet, merged, with the records that they came in."""

from __future__ import annotations

import time
from typing import Any

from feedbridge import decode
from feedbridge.ledger import Ledger, Place
from feedbridge.resets import ALL_CURRENCIES, Resets, reset_ns
from pricing.core.messages import FxTick
from pricing.fx import Fx, laid_over, write_fx

NEVER = ("", -1, -1)


class WaitingRates:
    """Exchange rates on their way to Redis; they are kept until it has them.

    What a tick does not carry stands, so the records of all ticks that were merged stay
    open until the write: then the newest is published and the others are conflated.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Nothing waits."""
        self._ledger = ledger
        self._last: tuple[str, int, int] = NEVER
        self._last_ns = 0
        self._rates = Fx(usd={})
        self._places: list[Place] = []

    def take(self, place: Place, tick: FxTick) -> None:
        """Merge a tick, unless its source has sent it, or a newer one, before.

        Raises:
            SourceRefused: Its number leaps: see ``decode.check_order``.
        """
        last = self._last[1:] if tick.source == self._last[0] else None
        decode.check_order(tick, last, time.time_ns())
        mark = (tick.source, tick.epoch, tick.seq)
        if tick.source == self._last[0] and mark <= self._last:
            self._ledger.end(place, "duplicate" if mark == self._last else "stale")
            return
        self._last, self._last_ns = mark, time.time_ns()
        self._rates = laid_over(self._rates, tick)
        self._places.append(place)

    def reset(self, resets: Resets) -> None:
        """Forget the number of a source that was reset since; rates are of all currencies."""
        if self._last_ns < reset_ns(resets, self._last[0], ALL_CURRENCIES):
            self._last = NEVER

    def write(self, client: Any) -> None:
        """Merge what waits into what Redis has.

        Raises:
            redis.RedisError: It is away; everything waits on.
        """
        if not self._places:
            return
        write_fx(client, self._rates)
        *before, newest = self._places
        self._rates, self._places = Fx(usd={}), []
        for place in before:
            self._ledger.end(place, "conflated")
        self._ledger.end(newest, "published")

    def let_go(self, partitions: set[tuple[str, int]]) -> None:
        """Another bridge reads these now; what waits from there it reads again."""
        if any(place[:2] in partitions for place in self._places):
            self._rates, self._places, self._last = Fx(usd={}), [], NEVER
