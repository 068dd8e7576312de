"""Compare a published frame with the same frame priced by one process.

The oracle prices every block of the frame's own book version, quotes and date in this process,
one after the other, and adds them by the same code as a worker: every bit must be equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from feedbridge.bridge.dispatch import job_of
from risk.store.compiled_book import Books, Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.messages import FrameHeader
from risk.store.publication import publish_parts
from risk.store.results import PartColumns, PartSums, Rollup
from risk.workers.session import BookGone, Session
from tests.faults.watch import Seen

CLOCKS = ("started_ns", "finished_ns", "published_ns", "slowest_ns")
"""What two runs of the same frame cannot share."""


@dataclass
class _Shelf:
    """Stands in for Redis while a frame is added up: parts in, the roll-up out."""

    parts: list[PartSums]
    published: list[Rollup] = field(default_factory=list)

    def sums(self, *_: Any) -> list[PartSums]:
        return self.parts

    def publish(self, rollup: Rollup) -> str:
        carried = msgspec.msgpack.encode(rollup)  # as a reader of Redis gets it
        self.published.append(msgspec.msgpack.decode(carried, type=Rollup))
        return "PUBLISHED"


class Oracle:
    """One process, one thread; ``compared``, ``gone`` and ``largest`` say what it has done."""

    def __init__(self, url: str) -> None:
        """Hold nothing yet."""
        client = connect(url, timeout_s=5.0)
        self.frames, self.books = Frames(client), Books(client)
        self.session = Session(CompiledBooks(client))
        self.compared = self.trades = self.gone = 0
        self.largest = 0.0

    def differences(self, seen: Seen) -> list[str]:
        """What is not equal, a sentence each; nothing when all bits are."""
        rollup, header = seen.rollup, seen.header
        manifest = self.books.manifest(rollup.currency, rollup.book_version)
        if manifest is None:  # Redis has lost it: nobody can say any more
            self.gone += 1
            return []
        try:
            made, columns = self._price(header, rollup, manifest)
        except BookGone:
            self.gone += 1
            return []
        self.compared += 1
        self.trades += made.priced
        return self._unlike(rollup, made) + self._unlike_columns(rollup, columns)

    def _price(
        self, header: FrameHeader, rollup: Rollup, manifest: Manifest
    ) -> tuple[Rollup, list[PartColumns]]:
        parts = [
            self.session.price(job_of(header, block, 1))
            for block in range(header.blocks)
            if block not in rollup.missing
        ]
        shelf = _Shelf([sums for sums, _ in parts])
        publish_parts(shelf, header, manifest)  # type: ignore[arg-type]
        return shelf.published[0], [columns for _, columns in parts]

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
