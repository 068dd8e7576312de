"""Small frames, parts, books and markets for the tests of pricing and of the bridge."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np

from pricing.errors import Failure
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_book
from risk.compiler.parallel_compile import name_of
from risk.store.compiled_book_store import CompiledBooks
from risk.store.messages import DetailJob, FrameHeader, PriceJob, SumsJob
from risk.store.results import (
    CHECKED_SUMS,
    BlockTotals,
    CellCheck,
    CellSums,
    PartColumns,
    PartSums,
)
from risk.workers.block_result import pack

DATE = dt.date(2024, 3, 5)
KEYS = [("USD-SOFR", "1Y"), ("USD-SOFR", "10Y")]
QUOTES = {
    "USD": {"USD-SOFR": {"1D": 0.053, "1Y": 0.05, "5Y": 0.042, "10Y": 0.041, "30Y": 0.04}},
    "EUR": {"EUR-ESTR": {"1D": 0.039, "1Y": 0.035, "10Y": 0.026}},
}


def as_of(date: dt.date = DATE) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(17), tzinfo=dt.UTC)


def header(frame: int, blocks: int = 2, **changes: Any) -> FrameHeader:
    usual: dict[str, Any] = {
        "frame": frame,
        "currency": "USD",
        "as_of": as_of(),
        "valuation_date": DATE,
        "curves": QUOTES["USD"],
        "labels": {"USD-SOFR": "proxy"},
        "book_version": "1-a",
        "blocks": blocks,
        "parts": blocks,
        "opened_ns": 1,
        "received_ns": 1,
        "fx": {"USD": 1.0, "EUR": 1.1},
    }
    return FrameHeader(**{**usual, **changes})


def cell(book: str = "B1", product: str = "swap", **changes: Any) -> CellSums:
    usual: dict[str, Any] = {
        "book": book,
        "product": product,
        "trades": 2,
        "failed": 0,
        "notional": 100.0,
        "notional_failed": 0.0,
        "npv": 1.0,
        "dv01_par": 2.0,
        "dv01_zero": 3.0,
        "gamma": 4.0,
        "pv01": 5.0,
        "ladder_par": [1.0, 1.0],
        "krd": [1.0, 2.0],
    }
    return CellSums(**{**usual, **changes})


def part(number: int, *cells: CellSums, **changes: Any) -> PartSums:
    usual: dict[str, Any] = {
        "part": number,
        "worker": "w",
        "started_ns": 10,
        "finished_ns": 20,
        "keys": KEYS,
        "curve_version": "c",
        "rate_error": 0.0,
        "zero_rates": [0.05, 0.04],
        "cells": list(cells or (cell(),)),
        "failures": [],
    }
    return PartSums(**{**usual, **changes})


def totals(block: int, *cells: CellSums, share: float = 1.0) -> BlockTotals:
    """A block whose trades add up to these sums, or to a share of them."""
    ladders = [np.array([getattr(each, name) for each in cells]) for name in ("ladder_par", "krd")]
    sums = [share * float(number) for ladder in ladders if cells for number in ladder.sum(axis=0)]
    return BlockTotals(
        block=block,
        worker="w",
        started_ns=10,
        finished_ns=20,
        cells=[check_of(each, share) for each in cells],
        ladders=sums,
        ladders_gross=[share * float(np.abs(ladder).sum()) for ladder in ladders],
    )


def check_of(each: CellSums, share: float) -> CellCheck:
    """Return what the trades of a cell add up to, or a share of it."""
    sums = [share * getattr(each, name) for name in CHECKED_SUMS]
    return CellCheck(
        book=each.book, product=each.product, sums=sums, gross=[abs(number) for number in sums]
    )


def columns(block: int, trades: int = 2) -> PartColumns:
    table = np.arange(5.0 * trades).reshape(5, trades)
    ladder = pack(np.ones((trades, 2)))
    return PartColumns(
        block=block, trades=trades, keys=2, numbers=table.tobytes(), ladder_par=ladder, krd=ladder
    )


def swap(name: str = "S1", **changes: Any) -> SwapTerms:
    usual: dict[str, Any] = {
        "trade_id": name,
        "book": "B1",
        "convention": "USD-SOFR-OIS",
        "pay_receive": "receive",
        "notional": 1e6,
        "effective_date": dt.date(2024, 3, 7),
        "termination_date": dt.date(2029, 3, 7),
        "fixed_rate": 0.04,
    }
    return SwapTerms(**{**usual, **changes})


def bond(name: str = "P1", **changes: Any) -> BondTerms:
    usual: dict[str, Any] = {
        "trade_id": name,
        "book": "B2",
        "convention": "US-TREASURY",
        "face_amount": 1e6,
        "issue_date": dt.date(2022, 11, 15),
        "maturity_date": dt.date(2032, 11, 15),
        "coupon_rate": 0.04125,
        "discount_curve": "USD-SOFR",
        "z_spread_bp": 10.0,
    }
    return BondTerms(**{**usual, **changes})


def store(
    books: CompiledBooks,
    *terms: Any,
    number: int = 1,
    blocks: int = 1,
    currency: str = "USD",
    failures: tuple[Failure, ...] = (),
    fixings: dict[str, dict[dt.date, float]] | None = None,
) -> Any:
    good, bad = compile_book(terms)
    by_id = {one.trade_id: name_of(one, indexed=False) for one in terms}
    good = [replace(trade, made_from=by_id[trade.trade_id]) for trade in good]
    return books.store(
        currency,
        number,
        good,
        blocks=blocks,
        desk_of_book={"B1": "RATES", "B2": "GOVIES"},
        failures=[*bad, *failures],
        fixings=fixings or {},
    )


def job(version: str, frame: int = 1, **changes: Any) -> PriceJob:
    usual: dict[str, Any] = {
        "currency": "USD",
        "frame": frame,
        "block": 0,
        **inputs(version),
    }
    return PriceJob(**{**usual, **changes})


def sums_job(version: str, frame: int = 1, **changes: Any) -> SumsJob:
    usual = {"currency": "USD", "frame": frame, "part": 0, "parts": 1, **inputs(version)}
    return SumsJob(**{**usual, **changes})


def detail_job(version: str, frame: int = 1, **changes: Any) -> DetailJob:
    usual = {"currency": "USD", "frame": frame, "work": [0], "needed": 1, **inputs(version)}
    return DetailJob(**{**usual, **changes})


def inputs(version: str) -> dict[str, Any]:
    return {
        "blocks": 1,
        "book_version": version,
        "valuation_date": DATE,
        "curves": QUOTES["USD"],
    }
