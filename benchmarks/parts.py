"""Measure each step of pricing a block, in microseconds."""

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
from pricing.curves.quotes import CurveQuotes, curve_version
from pricing.measures.block import ReadyBlock, parallel_values, price_block
from risk.store.compiled_book import Manifest
from risk.store.frames import Frames
from risk.store.messages import FrameHeader
from risk.store.publication import publish_parts
from risk.store.results import PartSums
from risk.workers.block_result import make_groups, pack_columns, sum_cells

REPEATS = 15


def pricing_parts(ready: ReadyBlock, curves: CurveSet, vector: FloatArray) -> dict[str, float]:
    """Microseconds of each step from quotes to bytes, medians."""
    solved = curves.solve(vector)
    discount = ready.grid.discount(ready.tables, solved.x)
    flows, tables, size = ready.dated.flows, ready.tables, ready.grid.size
    found = kernel.value_and_gradients(flows, discount, tables, size)
    risk, groups = price_block(ready, curves, solved), make_groups(ready.dated.block)
    columns, encode = pack_columns(0, risk), msgspec.msgpack.Encoder().encode
    steps: dict[str, Callable[[], Any]] = {
        "quantlib_bootstrap": lambda: curves.bootstrap(vector),
        "curves_and_jacobian": lambda: curves.solve(vector),
        "discount_grid": lambda: ready.grid.discount(tables, solved.x),
        "loop": lambda: kernel.value_and_gradients(flows, discount, tables, size),
        "chain_rule": lambda: found.node @ (solved.jacobian * -ONE_BP),
        "gamma": lambda: parallel_values(ready, curves, solved),
        "price_block": lambda: price_block(ready, curves, solved),
        "sums": lambda: sum_cells(groups, risk),
        "pack": lambda: pack_columns(0, risk),
        "encode": lambda: encode(columns),
    }
    return {name: microseconds(step) for name, step in steps.items()}


def frame_parts(
    frames: Frames,
    ready: ReadyBlock,
    curves: CurveSet,
    quotes: CurveQuotes,
    manifest: Manifest,
) -> dict[str, float]:
    """Microseconds of opening, putting and publishing a frame of this block, medians."""
    risk = price_block(ready, curves, curves.solve(curves.vector(quotes)))
    columns = pack_columns(0, risk)
    sums = PartSums(
        block=0,
        worker="bench",
        started_ns=1,
        finished_ns=2,
        keys=[(key.curve, key.tenor) for key in curves.keys],
        curve_version=curve_version(quotes, curves.today),
        rate_error=0.0,
        zero_rates=[0.0] * len(curves.keys),
        cells=sum_cells(make_groups(ready.dated.block), risk),
        failures=[],
    )
    taken: dict[str, list[float]] = {"open": [], "put": [], "publish": []}
    for number in range(1, REPEATS + 1):
        header = _header(number, curves.today, quotes, manifest)
        for name, step in (
            ("open", lambda header=header: frames.open(header)),
            ("put", lambda n=number: frames.put(manifest.currency, n, sums, columns)),
            ("publish", lambda header=header: publish_parts(frames, header, manifest)),
        ):
            began = time.perf_counter()
            step()
            taken[name].append((time.perf_counter() - began) * 1e6)
    return {name: round(statistics.median(values), 1) for name, values in taken.items()}


def _header(number: int, today: dt.date, quotes: CurveQuotes, manifest: Manifest) -> FrameHeader:
    return FrameHeader(
        frame=number,
        currency=manifest.currency,
        as_of=dt.datetime.combine(today, dt.time(17), tzinfo=dt.UTC),
        valuation_date=today,
        curves=quotes,
        labels={},
        book_version=manifest.version,
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
