"""Compare a sample of a published frame's trades with plain QuantLib.

Runs beside the pricing workers, on the queue of compilations, so that the fast path is checked
against the slow reference at run time too. A difference raises an alarm and stops nothing.
"""

from __future__ import annotations

import bisect
import itertools
import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from instruments import trade_repository as master
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions
from pricing.markets import conventions
from pricing.products.terms import Terms
from pricing.reference import Reference, TradeRisk
from risk.store.compiled_book import BookRef, Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Detailed, Frames
from risk.store.results import CheckResult, PartColumns, Rollup

SAMPLE = 4
"""Number of trades in a check: each takes a few milliseconds, and some more at the next frame."""

NPV_LIMIT, LADDER_LIMIT = 1e-8, 1e-5
"""Tolerances relative to notional and gross DV01 (trades' ladders are in single precision)."""


def check_frame(
    frames: Frames,
    books: CompiledBooks,
    options: CurveOptions,
    currency: str,
) -> CheckResult | None:
    """Price a sample of the newest frame by trade with plain QuantLib, and store the differences.

    Args:
        frames: Store of the frame.
        books: Store of its book.
        options: Options of its curves.
        currency: Currency of the frame.

    Returns:
        None when there is nothing to check: no detail, or trades that have changed since.
    """
    detailed = frames.detailed(currency)
    rollup = detailed.rollup if detailed else None
    manifest = books.manifest(currency, rollup.book_version) if rollup else None
    if detailed is None or rollup is None or manifest is None:
        return None
    places = _sample(detailed, manifest)
    terms = _terms_of(manifest, books.newest(currency), [name for name, _, _ in places])
    found = [(terms[name], block, row) for name, block, row in places if name in terms]
    columns = {block: frames.columns(currency, rollup.frame, block) for _, block, _ in found}
    if not found or None in columns.values():
        return None
    truths = _reference(rollup, manifest, options).price([terms for terms, _, _ in found])
    result = _compare(rollup, found, truths, columns)
    frames.keep_check(result)
    return result


Place = tuple[Terms, int, int]


def _sample(detailed: Detailed, manifest: Manifest) -> list[tuple[str, int, int]]:
    """Ids with block and row: other trades at every frame, by the frame's number.

    Failed trades have nothing to check.
    """
    rollup, missing = detailed.rollup, detailed.detail.missing
    failed = {failure.trade_id for failure in rollup.failures}
    ends = list(itertools.accumulate(len(ids) for ids in manifest.trade_ids))
    found: list[tuple[str, int, int]] = []
    for number in range(min(SAMPLE, ends[-1])):
        place = (rollup.frame * SAMPLE + number) % ends[-1]
        block = bisect.bisect_right(ends, place)
        row = place - (ends[block] - len(manifest.trade_ids[block]))
        name = manifest.trade_ids[block][row]
        if name not in failed and block not in missing:
            found.append((name, block, row))
    return found


def _terms_of(
    manifest: Manifest, newest: BookRef | None, names: Collection[str]
) -> Mapping[str, Terms]:
    """Their terms; none where a trade was just edited: the next frame will match."""
    with master.reading() as now:
        if newest is None or (newest.version, newest.number) != (manifest.version, now.version):
            return {}
        return {n: found for n, found in now.trades(names) if not isinstance(found, str)}


def _reference(rollup: Rollup, manifest: Manifest, options: CurveOptions) -> Reference:
    fixings = {
        name: public_on(conventions.INDICES[name], rates, rollup.valuation_date)
        for name, rates in manifest.fixings.items()
    }
    return Reference(rollup.valuation_date, rollup.curves, fixings, options)


def _compare(
    rollup: Rollup,
    places: Sequence[Place],
    truths: Sequence[TradeRisk],
    columns: dict[int, PartColumns | None],
) -> CheckResult:
    npv_error = ladder_error = 0.0
    worst = ""
    for (terms, block, row), truth in zip(places, truths, strict=True):
        part = columns[block]
        if part is None or truth.failure is not None:
            continue
        gross = float(np.abs(truth.ladder_par).sum()) or 1.0
        error = abs(float(part.column("npv")[row]) - truth.npv) / terms.size
        if error >= npv_error:
            npv_error, worst = error, terms.trade_id
        moved = np.abs(part.ladder("ladder_par")[row] - truth.ladder_par).max() / gross
        ladder_error = max(ladder_error, float(moved))
    return CheckResult(
        currency=rollup.currency,
        frame=rollup.frame,
        trades=len(places),
        npv_error=npv_error,
        ladder_error=ladder_error,
        worst=worst,
        checked_ns=time.time_ns(),
        breach=npv_error > NPV_LIMIT or ladder_error > LADDER_LIMIT,
    )
