"""Compare a published frame with the same frame priced by one process.

The oracle makes the sums of the frame's own book version, quotes and date in this process, and
prices every block by trade, by the same code as a worker: every bit must be equal. What the trades
add up to must be the sums, to a billionth of gross.
"""

from __future__ import annotations

from typing import Any

import msgspec

from feedbridge.bridge.dispatch import inputs_of
from risk.store.compiled_book import BookHead
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.messages import FrameHeader, PriceJob, SumsJob
from risk.store.publication import SUMS_LIMIT, make_rollup, sums_error
from risk.store.results import BlockTotals, PartColumns, Rollup
from risk.workers.book_netter import BookNetter
from risk.workers.session import BookGone, Session
from tests.faults.watch import Seen

CLOCKS = ("started_ns", "finished_ns", "published_ns", "slowest_ns")
"""What two runs of the same frame cannot share."""


class Oracle:
    """One process, one thread; ``compared``, ``gone`` and ``largest`` say what it has done."""

    def __init__(self, url: str) -> None:
        """Hold nothing yet."""
        client = connect(url, timeout_s=5.0)
        self.frames, self.books = Frames(client), CompiledBooks(client)
        self.session = Session(self.books)
        self.netter = BookNetter(self.session)
        self.compared = self.trades = self.gone = self.details = 0
        self.largest = 0.0

    def differences(self, seen: Seen) -> list[str]:
        """Return what is not equal, a sentence each; nothing when all bits are."""
        rollup, header = seen.rollup, seen.header
        head = self.books.head(rollup.currency, rollup.book_version)
        if head is None:  # Redis has lost it: nobody can say any more
            self.gone += 1
            return []
        try:
            made, blocks = self._price(header, rollup, head)
        except BookGone:
            self.gone += 1
            return []
        self.compared += 1
        self.trades += made.priced
        columns = [columns for _, columns in blocks]
        return [
            *self._unlike(rollup, made),
            *self._unlike_columns(rollup, columns),
            *self._other_sums(rollup, [totals for totals, _ in blocks]),
        ]

    def _price(
        self, header: FrameHeader, rollup: Rollup, head: BookHead
    ) -> tuple[Rollup, list[tuple[BlockTotals, PartColumns]]]:
        inputs = inputs_of(header)
        jobs = [
            SumsJob(**inputs, part=part, parts=header.parts, excluded=rollup.missing)
            for part in range(header.parts)
        ]
        parts = [self.netter.sums(job) for job in jobs if job.included() or not rollup.missing]
        made = make_rollup(header, [part for part in parts if part], head, self.books)
        carried = msgspec.msgpack.encode(made)  # as a reader of Redis gets it
        blocks = [
            self.session.price(PriceJob(**inputs, block=block))
            for block in range(header.blocks)
            if block not in rollup.missing
        ]
        return msgspec.msgpack.decode(carried, type=Rollup), blocks

    def _other_sums(self, rollup: Rollup, totals: list[BlockTotals]) -> list[str]:
        error, where = sums_error(rollup, totals)
        if error <= SUMS_LIMIT:
            return []
        return [f"{rollup.currency} frame {rollup.frame}: {where} is {error:.1e} off its trades"]

    def _unlike(self, rollup: Rollup, made: Rollup) -> list[str]:
        there, here = (
            msgspec.to_builtins(msgspec.structs.replace(each, **dict.fromkeys(CLOCKS, 0)))
            for each in (rollup, made)
        )
        self.largest = max(self.largest, _gap(there["cells"], here["cells"]))
        name = f"{rollup.currency} frame {rollup.frame}"
        return [
            f"{name}: {field} is {str(there[field])[:200]}, expected {str(here[field])[:200]}"
            for field in there
            if there[field] != here[field]
        ]

    def _unlike_columns(self, rollup: Rollup, columns: list[PartColumns]) -> list[str]:
        """Numbers by trade, for as long as Redis keeps them."""
        wrong = []
        for made in columns:
            there = self.frames.columns(rollup.currency, rollup.frame, made.block)
            self.details += there is not None
            if there is not None and there != made:
                wrong.append(f"{rollup.currency} frame {rollup.frame} block {made.block}: trades")
        return wrong


def _gap(there: list[dict[str, Any]], here: list[dict[str, Any]]) -> float:
    """The largest difference of a sum, in money."""
    return max(
        (
            abs(a[name] - b[name])
            for a, b in zip(there, here, strict=False)
            for name in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01")
        ),
        default=0.0,
    )
