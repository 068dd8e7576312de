"""Make the measures of a lower cadence of published frames, apart from the pricing workers.

Runs on the queue of compilations: frames do not wait for it. A frame's blocks are priced again from
its own quotes. What a date makes of a bond, which only QuantLib knows, is prepared once, a share of
the bonds at each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from instruments import trade_repository as master
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from pricing.measures.bond_analytics import PricedBond
from pricing.measures.bond_block import BondFlows
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.registry import as_bond
from risk.store.block_analytics import NOT_MADE_YET, AnalyticsStore
from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.messages import PriceJob
from risk.store.results import Rollup
from risk.workers.session import Session

PREPARE_S = 0.5
"""Of each run, for bonds that are not prepared for the valuation date yet."""

SHARE = 0.3
"""Of a process's time, at most, for all currencies: compilations wait in the same queue."""

Prepared = BondFlows | str
"""What the date makes of a bond, or the code of the reason why it has no price."""


class AnalyticsMaker:
    """What one process holds to make analytics."""

    def __init__(
        self,
        frames: Frames,
        books: CompiledBooks,
        options: CurveOptions,
        load: Callable[[], master.LoadedBook],
    ) -> None:
        """Make analytics of the frames of these stores.

        Args:
            frames: Where published frames are.
            books: Where compiled books are.
            options: How their curves are made.
            load: Gives the database's trades; a compiler reads only what has changed.
        """
        self.frames, self.books, self.load = frames, books, load
        self.session, self.store = Session(books, options), AnalyticsStore(frames.client)
        self._not_before: dict[str, float] = {}
        self._left: dict[str, int] = {}
        self._prepared: dict[str, dict[tuple[object, BondTerms], Prepared]] = {}

    def run(self, currency: str) -> str:
        """Make analytics of the published frame: MADE, NOTHING to make, or another run is needed.

        The latter is EARLY (the last run was too short a while ago) or MORE (bonds are left to be
        prepared, or an edit is under way).
        """
        self.store.begin(currency)
        started = time.monotonic()
        if started < self._not_before.get(currency, 0.0):
            return "EARLY"
        rollup = self.frames.current(currency)
        manifest = self.books.manifest(currency, rollup.book_version) if rollup else None
        if rollup is None or manifest is None:
            return "NOTHING"
        terms = self._bond_terms(manifest)
        if terms is None:
            self._left[currency] = 1
            terms = {}
        until = started + PREPARE_S
        kept = self._prepared.get(currency, {})
        self._prepared[currency] = {}
        for block in range(rollup.blocks):
            if block not in rollup.missing:
                self._make(rollup, manifest, block, terms, kept, until)
        taken_s = time.monotonic() - started
        currencies = len({*self._not_before, currency})
        self._not_before[currency] = started + taken_s * currencies / SHARE
        return "MORE" if self._left.pop(currency, 0) else "MADE"

    def _bond_terms(self, manifest: Manifest) -> Mapping[str, BondTerms] | None:
        """Terms by trade; None while an edit is under way that the frame's book does not have."""
        loaded, newest = self.load(), self.books.newest(manifest.currency)
        if newest is None or (newest.version, newest.number) != (manifest.version, loaded.version):
            return None
        bonds = (as_bond(trade.terms) for trade in loaded.trades)
        return {bond.trade_id: bond for bond in bonds if bond is not None}

    def _make(
        self,
        rollup: Rollup,
        manifest: Manifest,
        block: int,
        terms: Mapping[str, BondTerms],
        kept: Mapping[tuple[object, BondTerms], Prepared],
        until: float,
    ) -> None:
        job = PriceJob(
            currency=rollup.currency,
            frame=rollup.frame,
            block=block,
            blocks=rollup.blocks,
            book_version=rollup.book_version,
            valuation_date=rollup.valuation_date,
            curves=rollup.curves,
        )
        self.session.price(job)
        curves = self.session.curves(job)
        solved = self.session.solve(job, curves)
        bonds: dict[int, BondFlows] = {}
        reasons: dict[int, str] = {}
        for row, name in enumerate(manifest.trade_ids[block]):
            bond = terms.get(name)
            if bond is None:
                reasons[row] = NOT_MADE_YET
                continue
            key = (rollup.valuation_date, bond)
            made = kept.get(key)
            if made is None and time.monotonic() < until:
                made = _prepare(bond, curves, solved)
            if made is not None:
                self._prepared[rollup.currency][key] = made
            if isinstance(made, BondFlows):
                bonds[row] = made
            else:
                reasons[row] = made or NOT_MADE_YET
            if made is None:
                self._left[rollup.currency] = self._left.get(rollup.currency, 0) + 1
        analytics = self.session.analytics(job, rollup.as_of, bonds, reasons)
        if analytics is not None:
            self.store.put(rollup.currency, analytics)


def _prepare(bond: BondTerms, curves: CurveSet, solved: Solved) -> Prepared:
    try:
        return PricedBond(bond, curves, solved).flows()
    except PricingError as error:
        return error.code
