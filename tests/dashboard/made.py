"""Publish small frames in a real Redis, with numbers that are easy to add up by hand.

In each currency's own money, with EUR at 2 and GBP at 4 dollars:

            bonds (book B, desk D1)    swaps (book S, desk D2)    together    in USD
    USD     NPV 1,000  DV01 100        NPV -100  DV01 -20         900   80      900   80
    EUR     NPV 2,000  DV01  30        NPV  500  DV01  40        2500   70     5000  140
    GBP     NPV 4,000  DV01   5        NPV    0  DV01   0        4000    5    16000   20
"""

from __future__ import annotations

import datetime as dt
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import redis

from dashboard.blotter import Trades, trades_of
from pricing.curves.sanity import CurveWarning
from pricing.errors import Failure
from risk.store.compiled_book import (
    BlockTrades,
    BookHead,
    Manifest,
    encode,
    encode_block_trades,
)
from risk.store.frames import Frames, key
from risk.store.heartbeats import BRIDGES_KEY, BridgePulse, write_worker
from risk.store.messages import FrameHeader
from risk.store.publication import publish_detail
from risk.store.results import CellSums, PartColumns, PartSums, Rollup, roll_up
from risk.workers.block_result import pack
from tests.risk.made import totals

DAY = dt.date(2024, 3, 5)
FX = {"USD": 1.0, "EUR": 2.0, "GBP": 4.0}
DESKS = {"B": "D1", "S": "D2"}
USUAL_DESKS = dict(DESKS)

KEYS = {
    "USD": [("USD-SOFR", "2Y"), ("USD-SOFR", "10Y"), ("USD-GOVT", "10Y")],
    "EUR": [("EUR-ESTR", "2Y"), ("EUR-EURIBOR6M", "10Y")],
    "GBP": [("GBP-SONIA", "30Y")],
}
ZEROS = {"USD": [0.04, 0.042, 0.041], "EUR": [0.02, 0.025], "GBP": [0.05]}

NPV = {"USD": (1000.0, -100.0), "EUR": (2000.0, 500.0), "GBP": (4000.0, 0.0)}
KRD = {
    "USD": ([10.0, 0.0, 90.0], [5.0, -25.0, 0.0]),
    "EUR": ([30.0, 0.0], [-10.0, 50.0]),
    "GBP": ([5.0], [0.0]),
}


def cell(product: str, npv: float, krd: Sequence[float], failed: int) -> CellSums:
    """One trade, priced, and as many failed ones as are asked for."""
    return CellSums(
        book="B" if product == "bond" else "S",
        product=product,
        trades=1 + failed,
        failed=failed,
        notional=1e6,
        notional_failed=0.0,
        npv=npv,
        dv01_par=sum(krd),
        dv01_zero=sum(krd),
        gamma=0.5,
        pv01=1.0,
        ladder_par=list(krd),
        krd=list(krd),
    )


def columns(block: int, npv: float, krd: Sequence[float]) -> PartColumns:
    """The same trade by itself."""
    numbers = np.array([[npv], [sum(krd)], [sum(krd)], [0.5], [1.0]])
    ladder = pack(np.array([krd], dtype=float))
    return PartColumns(
        block=block,
        trades=1,
        keys=len(krd),
        numbers=numbers.tobytes(),
        ladder_par=ladder,
        krd=ladder,
    )


def header(currency: str, frame: int, **more: object) -> FrameHeader:
    """A frame of two blocks: bonds, swaps."""
    now = time.time_ns()
    fields: dict[str, object] = {
        "frame": frame,
        "currency": currency,
        "as_of": dt.datetime.combine(DAY, dt.time(9), dt.UTC) + dt.timedelta(minutes=frame),
        "valuation_date": DAY,
        "curves": {},
        "labels": {curve: "synthetic" for curve, _ in KEYS[currency]},
        "book_version": "1-abc",
        "blocks": 2,
        "sent_ns": now - 20_000_000,
        "received_ns": now - 15_000_000,
        "opened_ns": now - 14_000_000,
        "fx": FX,
        "fx_label": "synthetic",
        **more,
    }
    return msgspec.convert(fields, FrameHeader)


@dataclass(frozen=True)
class Made:
    """A frame: the part of its sums, the numbers by trade of its blocks, and its roll-up."""

    header: FrameHeader
    sums: PartSums
    columns: list[PartColumns]
    rollup: Rollup

    def trades(self, failures: Sequence[Failure] = ()) -> Trades:
        """Its detail as the dashboard reads it."""
        parts = {table.block: table for table in self.columns}
        return trades_of(self.rollup, manifest(self.rollup.currency, failures), parts)


def make(
    currency: str,
    frame: int = 1,
    *,
    gain: float = 0.0,
    zeros: Sequence[float] | None = None,
    failures: Sequence[Failure] = (),
    not_compiled: Sequence[Failure] = (),
    missing: Sequence[int] = (),
    warnings: Sequence[CurveWarning] = (),
    published_ago_s: float = 0,
    **more: object,
) -> Made:
    """One frame; ``gain`` is added to the NPV of the bond."""
    head = header(currency, frame, **{"book_version": version_of(not_compiled), **more})
    now = time.time_ns() - int(published_ago_s * 1e9)
    cells, tables = [], []
    for block in (block for block in (0, 1) if block not in missing):
        npv, krd = NPV[currency][block] + (0.0 if block else gain), KRD[currency][block]
        lost = [] if block else list(failures)
        cells.append(cell("swap" if block else "bond", npv, krd, len(lost)))
        tables.append(columns(block, npv, krd))
    sums = PartSums(
        part=0,
        worker="w",
        started_ns=now - 10_000_000,
        finished_ns=now - 3_000_000,
        keys=KEYS[currency],
        curve_version="c",
        rate_error=0.0,
        zero_rates=list(zeros or ZEROS[currency]),
        cells=cells,
        failures=[] if 0 in missing else list(failures),
        excluded=list(missing),
        warnings=list(warnings),
    )
    rollup = roll_up(
        head,
        [sums],
        desk_of_book=DESKS,
        trades=2 + len(failures) + len(not_compiled),
        not_compiled=not_compiled,
        published_ns=now,
    )
    return Made(head, sums, tables, rollup)


def publish(
    client: redis.Redis,
    currency: str,
    frame: int = 1,
    *,
    detail: bool = True,
    late: Sequence[int] = (),
    **more: Any,
) -> Rollup:
    """Write one frame through the store that the workers write through.

    Args:
        client: Where to.
        currency: Which of the three.
        frame: Its number.
        detail: False publishes its sums only.
        late: Blocks that the detail leaves out.
        **more: As ``make``.
    """
    frames, made = Frames(client), make(currency, frame, **more)
    frames.open(made.header)
    frames.put(currency, frame, made.sums)
    book = manifest(currency, more.get("not_compiled", ()), made.rollup.book_version)
    store_book(client, book)
    assert frames.publish(made.rollup) == "PUBLISHED"
    if detail:
        publish_trades(client, made, late)
    return made.rollup


def publish_trades(client: redis.Redis, made: Made, late: Sequence[int] = ()) -> None:
    """Write the detail of a published frame, without the late blocks."""
    frames, rollup = Frames(client), made.rollup
    assert frames.open_detail(rollup.currency, rollup.frame) == "OPENED"
    for table, each in zip(made.columns, made.sums.cells, strict=True):
        if table.block not in late:
            added = msgspec.structs.replace(
                totals(table.block, each),
                started_ns=made.sums.started_ns,
                finished_ns=made.sums.finished_ns,
            )
            frames.put_detail(rollup.currency, rollup.frame, added, table)
    assert publish_detail(frames, rollup, late) == "PUBLISHED"


def version_of(failures: Sequence[Failure]) -> str:
    """The version of a book with these failures and desks: its content decides, as always."""
    if not failures and DESKS == USUAL_DESKS:
        return "1-abc"
    return f"1-{zlib.crc32(repr((failures, sorted(DESKS.items()))).encode()):x}"


def manifest(currency: str, failures: Sequence[Failure] = (), version: str = "") -> Manifest:
    """A book of two blocks with a trade each: USD-bond and USD-swap."""
    return Manifest(
        version=version or version_of(failures),
        number=1,
        currency=currency,
        blocks=2,
        trade_ids=[[f"{currency}-bond"], [f"{currency}-swap"]],
        books=[["B"], ["S"]],
        products=[["bond"], ["swap"]],
        desk_of_book=DESKS,
        failures=list(failures),
        fixings={},
    )


def store_book(client: redis.Redis, book: Manifest) -> None:
    """Write a book's index, without compiled blocks."""
    names = [f"{book.currency}-{number}" for number in range(book.blocks)]
    head = BookHead(
        version=book.version,
        number=book.number,
        currency=book.currency,
        block_names=names,
        sizes=[len(ids) for ids in book.trade_ids],
        desk_of_book=book.desk_of_book,
        failures=book.failures,
        fixings_name="none",
        content="c",
    )
    client.set(key(book.currency, "book", book.version), encode(head))
    client.set(key(book.currency, "fixings", "none"), encode(book.fixings))
    for number, name in enumerate(names):
        trades = BlockTrades(
            trade_ids=book.trade_ids[number],
            books=book.books[number],
            products=book.products[number],
            notional=[1e6],
        )
        client.set(key(book.currency, "trades", name), encode_block_trades(trades))


def publish_all(client: redis.Redis, frame: int = 1, **more: Any) -> None:
    """A frame of each currency, and a bridge and a worker that are alive."""
    for currency in KEYS:
        publish(client, currency, frame, **more)
    beat(client)


AHEAD_NS = 20 * 10**9
"""A busy machine may take longer to draw a page than a bridge may be silent."""


def pulse(**more: object) -> BridgePulse:
    """Return what a healthy bridge says."""
    fields: dict[str, object] = {
        "name": "bridge-1",
        "sent_ns": time.time_ns() + AHEAD_NS,
        "broker": "a broker",
        "consumed": 12,
        "in_flight": 0,
        "states": {"published": 9, "conflated": 2, "dead_lettered": 1},
        "frames": {"USD": 3, "EUR": 3, "GBP": 3},
        "open_frames": 0,
        "resent": 4,
        "lag": 5,
        "waiting_for": "",
        **more,
    }
    return msgspec.convert(fields, BridgePulse)


def beat(client: redis.Redis, **more: object) -> None:
    """A bridge and a worker speak now."""
    client.hset(BRIDGES_KEY, "bridge-1", msgspec.json.encode(pulse(**more)))
    write_worker(client, "sums@here", 2, ["sums"])
    write_worker(client, "detail@here", 1, ["detail"])
