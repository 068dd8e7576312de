"""Send ticks in some way, and sum up what was published of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.hops import WHOLE, detail_summary, summary
from benchmarks.machine import load_average
from benchmarks.memory import tree_bytes
from benchmarks.recorder import Recorder
from benchmarks.system import PRICING, System
from benchmarks.ticks import (
    Market,
    send_on_time,
    send_when_priced,
    wait_until_detailed,
    wait_until_priced,
)
from feedbridge.kafka.producer import TickProducer

WARM_ROUNDS = 5


class Run:
    """One system and one market, with what is recorded of them."""

    def __init__(
        self, system: System, producer: TickProducer, recorder: Recorder, seconds: float
    ) -> None:
        """Prepare a run whose steady phase takes ``seconds``."""
        self.system, self.producer, self.recorder = system, producer, recorder
        self.seconds, self.market = seconds, Market(system.currencies)

    def phase(self, send: Callable[[], None]) -> dict[str, Any]:
        """Send, wait for quiet, and sum up the sums and details that came out.

        Raises:
            TimeoutError: No frame was published for some time.
        """
        frames, names = self.system.frames, self.system.currencies
        before, cpu = frames.pointers(names), self.system.cpu_seconds()
        send()
        wait_until_priced(frames, before)
        done = wait_until_detailed(frames, names)
        after = self.system.cpu_seconds()
        self.recorder.catch_up()
        lines = self.recorder.published.lines_after(before)
        if not lines:
            raise TimeoutError("no tick of this phase has become a frame")
        return {
            **summary(lines),
            "cpu_ms_a_frame": {
                name: round((after[name] - cpu[name]) / len(lines) * 1e3, 2) for name in after
            },
            "load_average": load_average(),
            "last_frames_detailed": done,
            "detail": detail_summary(self.recorder.published.details_after(before), len(lines)),
        }

    def warm(self) -> None:
        """Price first frames: they fetch the book and bring it to its date."""
        before = self.system.frames.pointers(self.system.currencies)
        send_on_time(self.producer, self.market, WARM_ROUNDS, 0.5)
        wait_until_priced(self.system.frames, before)
        wait_until_detailed(self.system.frames, self.system.currencies)

    def steady(self) -> dict[str, Any]:
        """Send one tick a second for each currency."""
        rounds = round(self.seconds)
        return self.phase(lambda: send_on_time(self.producer, self.market, rounds, 1.0))

    def saturated(self) -> dict[str, Any]:
        """Send the next tick when the sums of the last one are published."""
        frames, seconds = self.system.frames, self.seconds / 4
        return self.phase(lambda: send_when_priced(self.producer, self.market, frames, seconds))

    def new_days(self, days: int) -> dict[str, Any]:
        """The first frame of each currency on some days."""
        firsts = []
        for _ in range(days):
            self.market.next_day()
            firsts.append(self.phase(lambda: send_on_time(self.producer, self.market, 1, 1.0)))
            self.warm()
        worst = [first["ms"][WHOLE]["max"] for first in firsts]
        typical = [first["ms"][WHOLE]["p50"] for first in firsts]
        return {"days": days, "p50": statistics.median(typical), "max": max(worst)}

    def book(self) -> dict[str, dict[str, int]]:
        """Return what the published sums of each currency are made of.

        ``terms`` are netted flows, and ``groups`` pairs of book and product.
        """
        found = self.system.frames.current_all(self.system.currencies)
        return {
            name: {
                "trades": rollup.trades,
                "priced": rollup.priced,
                "groups": len(rollup.cells),
                "terms": rollup.terms,
                "parts": rollup.parts,
                "blocks": rollup.blocks,
            }
            for name, rollup in found.items()
        }

    def pricing_bytes(self) -> int:
        """Memory of all processes that price, sums and detail."""
        return tree_bytes(self.system.children[name].pid for name in PRICING)

    def memory(self, trades: int, empty: int) -> dict[str, int]:
        """Memory of a host's pricing processes, and of Redis.

        Args:
            trades: Of the book.
            empty: What the same processes took with an empty book.
        """
        now, redis = self.pricing_bytes(), self.system.client.info("memory")
        return {
            "pricing_bytes": now,
            "empty_bytes": empty,
            "bytes_a_trade": round((now - empty) / trades),
            "redis_bytes": int(redis["used_memory"]),
        }

    def checks(self, before: dict[str, int]) -> dict[str, Any]:
        """The largest differences of published frames: from plain QuantLib, and between products.

        ``sums_error`` is the largest difference of the sums of a detail from the sums of its frame,
        as a share of gross; the system's own samples of trades are those of the others.
        """
        self.recorder.catch_up()
        published = self.recorder.published
        made, details = published.checks_after(before), published.details_after(before)
        return {
            "trades": sum(check.trades for check in made),
            "currencies": len({check.currency for check in made}),
            "npv_error": max((check.npv_error for check in made), default=None),
            "ladder_error": max((check.ladder_error for check in made), default=None),
            "details": len(details),
            "sums_error": max((detail.sums_error for detail in details), default=None),
        }
