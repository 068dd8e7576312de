"""Measure each step of pricing a block and of publishing a frame, in microseconds."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from pricing import kernel
from pricing.arrays import FloatArray
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.quotes import CurveQuotes
from pricing.measures.block import ReadyBlock, parallel_values, price_block
from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.messages import FrameHeader, FrameInputs, PriceJob, SumsJob
from risk.store.publication import publish_detail, publish_parts
from risk.workers.block_result import Groups, add_up, pack_columns
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session

REPEATS = 15


def pricing_parts(
    ready: ReadyBlock, groups: Groups, curves: CurveSet, vector: FloatArray
) -> dict[str, float]:
    """Microseconds of each step from quotes to the bytes of numbers by trade, medians."""
    solved = curves.solve(vector)
    discount = ready.grid.discount(ready.tables, solved.x)
    flows, tables, size = ready.flows, ready.tables, ready.grid.size
    found = kernel.value_and_gradients(flows, discount, tables, size)
    risk = price_block(ready, curves, solved)
    columns, encode = pack_columns(0, risk), msgspec.msgpack.Encoder().encode
    steps: dict[str, Callable[[], Any]] = {
        "quantlib_bootstrap": lambda: curves.bootstrap(vector),
        "curves_and_jacobian": lambda: curves.solve(vector),
        "discount_grid": lambda: ready.grid.discount(tables, solved.x),
        "loop": lambda: kernel.value_and_gradients(flows, discount, tables, size),
        "chain_rule": lambda: found.node @ (solved.jacobian * -ONE_BP),
        "gamma": lambda: parallel_values(ready, curves, solved),
        "price_block": lambda: price_block(ready, curves, solved),
        "sums": lambda: add_up(groups, risk, ready.matured),
        "pack": lambda: pack_columns(0, risk),
        "encode": lambda: encode(columns),
    }
    return {name: microseconds(step) for name, step in steps.items()}


def frame_parts(
    frames: Frames, books: CompiledBooks, day: dt.date, quotes: CurveQuotes, manifest: Manifest
) -> dict[str, float]:
    """Microseconds of the steps of a frame of a book of one block in Redis, medians.

    ``put`` and ``publish`` are of the sums, ``put_detail`` and ``publish_detail`` of the numbers by
    trade.
    """
    head = books.head(manifest.currency, manifest.version)
    session = Session(books)
    inputs = FrameInputs(
        currency=manifest.currency,
        frame=1,
        blocks=1,
        book_version=manifest.version,
        valuation_date=day,
        curves=quotes,
    )
    fields = msgspec.structs.asdict(inputs)
    sums = BookNetter(session).sums(SumsJob(**fields, part=0, parts=1))
    totals, columns = session.price(PriceJob(**fields, block=0))
    assert head is not None
    assert sums is not None
    taken: dict[str, list[float]] = {}
    currency = manifest.currency
    for number in range(1, REPEATS + 1):
        header = _header(number, inputs)
        steps: dict[str, Callable[[], Any]] = {
            "open": lambda h=header: frames.open(h),
            "put": lambda n=number: frames.put(currency, n, sums),
            "publish": lambda h=header: publish_parts(frames, h, head, books),
            "open_detail": lambda n=number: frames.open_detail(currency, n),
            "put_detail": lambda n=number: frames.put_detail(currency, n, totals, columns),
            "publish_detail": lambda n=number: _publish_detail(frames, currency, n),
        }
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            taken.setdefault(name, []).append((time.perf_counter() - began) * 1e6)
    return {name: round(statistics.median(values), 1) for name, values in taken.items()}


def _publish_detail(frames: Frames, currency: str, frame: int) -> None:
    rollup = frames.rollup(currency, frame)
    assert rollup is not None
    assert publish_detail(frames, rollup) == "PUBLISHED"


def _header(number: int, inputs: FrameInputs) -> FrameHeader:
    return FrameHeader(
        frame=number,
        currency=inputs.currency,
        as_of=dt.datetime.combine(inputs.valuation_date, dt.time(17), tzinfo=dt.UTC),
        valuation_date=inputs.valuation_date,
        curves=inputs.curves,
        labels={},
        book_version=inputs.book_version,
        blocks=1,
        opened_ns=1,
        received_ns=1,
    )


def microseconds(step: Callable[[], Any]) -> float:
    """Median wall time of a step, after one that warms."""
    step()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        step()
        taken.append(time.perf_counter() - began)
    return round(float(np.median(taken)) * 1e6, 1)
