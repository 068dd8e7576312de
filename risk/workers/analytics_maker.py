"""Make the measures of a lower cadence of published frames, apart from the pricing workers.

Runs on the queue of compilations: frames do not wait for it. A frame's blocks are priced again from
its own quotes. What a date makes of a bond, which only QuantLib knows, is prepared once, a share of
the bonds at each run.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Mapping
from typing import cast

from instruments import trade_repository as master
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from pricing.measures.bond_analytics import price_security
from pricing.measures.bond_block import BondFlows
from pricing.measures.delivery.basis import FutureFlows, prepare_future
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.registry import PRODUCTS, as_security
from pricing.products.terms import Terms
from risk.compiler.parallel_compile import name_of
from risk.store.block_analytics import NOT_MADE_YET, AnalyticsStore
from risk.store.compiled_book import BookHead
from risk.store.compiled_book_store import CompiledBooks
from risk.store.follow_up import ShareOfTime
from risk.store.frames import Frames
from risk.store.messages import PriceJob
from risk.store.results import Rollup
from risk.workers.host_cache import HostCache
from risk.workers.session import Session

PREPARE_S = 0.2
"""Seconds for the bonds of a block that are not yet prepared for the valuation date."""

SHARE = 0.3
"""Largest share of the process's time for all currencies; compilations wait in the same queue."""

BLOCKS_S = 0.2
"""Seconds after which a run begins no further block; the next one continues. An edit waits for so
long, and for the last block."""

PREPARE_AT_ONCE = 100
"""Number of bonds whose terms one query reads from the database."""

BOND_PRODUCTS = frozenset(
    name for name, row in PRODUCTS.items() if {"z_spread_bp", "future_price"} & {*row.measures}
)
"""Products whose trades are prepared: securities and bond futures."""

Prepared = BondFlows | FutureFlows | str
"""The flows of a trade on a date, or the code of the reason why it has no price."""


class AnalyticsMaker:
    """Makes the measures that follow a frame, and keeps what the next run can use again."""

    def __init__(
        self,
        frames: Frames,
        books: CompiledBooks,
        options: CurveOptions,
        load: Callable[[Collection[str]], Mapping[str, Terms]] = master.terms_of_trades,
        files: HostCache | None = None,
    ) -> None:
        """Make analytics of the frames of these stores.

        Args:
            frames: Where published frames are.
            books: Where compiled books are.
            options: How their curves are made.
            load: Gives the terms of trades by id, as the database has them now.
            files: What the processes of a host share; None to keep all in memory.
        """
        self.frames, self.books, self.options, self.load = frames, books, options, load
        self.session = Session(books, options, files)
        self.store = AnalyticsStore(frames.client)
        self.time = ShareOfTime(SHARE)
        self._prepared: dict[str, dict[bytes, Prepared]] = {}
        self._basis: dict[str, tuple[dt.date, str]] = {}  # of what is prepared: date and fixings
        self._names: dict[str, dict[str, list[bytes]]] = {}
        # The next block, the frame of the first one, and whether any block has bonds left.
        self._turns: dict[str, tuple[int, int, bool]] = {}

    def run(self, currency: str) -> str:
        """Make analytics of the published frame: MADE, NOTHING to make, or another run is needed.

        The latter is EARLY (the last run was too short a while ago) or MORE (blocks are left, or
        bonds to be prepared, or an edit is under way).
        """
        started = time.monotonic()
        if self.time.refuses(currency):
            return "EARLY"
        self.books.retire(currency)  # the frame may be of a version that was to expire
        rollup = self.frames.current(currency)
        head = self.books.head(currency, rollup.book_version) if rollup else None
        if rollup is None or head is None:
            return "NOTHING"
        basis = (rollup.valuation_date, head.fixings_name)
        if self._basis.get(currency) != basis:
            self._basis[currency], self._prepared[currency] = basis, {}
        names = self._names.get(currency, {})
        self._names[currency] = {name: names[name] for name in head.block_names if name in names}
        try:
            left = self._make_some(rollup, head, started)
            self._forget_others(currency, head)
        finally:
            self.time.note(started)
        return "MORE" if left else "MADE"

    def _make_some(self, rollup: Rollup, head: BookHead, started: float) -> bool:
        """Make blocks in turn, for a share of a second; returns whether any is left."""
        currency = rollup.currency
        first, frame, left = self._turns.pop(currency, (0, rollup.frame, False))
        for block in range(min(first, head.blocks), head.blocks):
            if block > first and time.monotonic() > started + BLOCKS_S:
                self._turns[currency] = (block, frame, left)
                return True
            if block not in rollup.missing:
                left |= self._make(rollup, head, block)
        return left or frame != rollup.frame  # the first blocks are of an older frame

    def _forget_others(self, currency: str, head: BookHead) -> None:
        """Keep what is prepared of the trades of this version alone, once all are known."""
        if len(self._names[currency]) == head.blocks:
            kept = {name for names in self._names[currency].values() for name in names}
            prepared = self._prepared[currency]
            self._prepared[currency] = {n: made for n, made in prepared.items() if n in kept}

    def _make(self, rollup: Rollup, head: BookHead, block: int) -> bool:
        """Make the analytics of one block; returns whether bonds are left to be prepared."""
        currency = rollup.currency
        job = PriceJob(
            currency=currency,
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
        flows = self.session.block(job)
        names, prepared = (
            self._names_of(currency, head.block_names[block]),
            self._prepared[currency],
        )
        rows = [row for row, product in enumerate(flows.products) if product in BOND_PRODUCTS]
        missing = [row for row in rows if row < len(names) and names[row] not in prepared]
        until, ready = time.monotonic() + PREPARE_S, len(prepared)
        while missing and time.monotonic() < until:
            some, missing = missing[:PREPARE_AT_ONCE], missing[PREPARE_AT_ONCE:]
            terms = self.load([flows.trade_ids[row] for row in some])
            for row in some:
                bond = self._as_compiled(terms.get(flows.trade_ids[row]), names[row])
                # However long reading took, the next run is not to begin here again.
                if bond is not None and (time.monotonic() < until or len(prepared) == ready):
                    prepared[names[row]] = _prepare(bond, curves, solved)
        bonds: dict[int, BondFlows | FutureFlows] = {}
        reasons: dict[int, str] = {}
        for row in rows:
            made = prepared.get(names[row]) if row < len(names) else None
            if isinstance(made, BondFlows | FutureFlows):
                bonds[row] = made
            else:
                reasons[row] = made or NOT_MADE_YET
        analytics = self.session.analytics(job, rollup.as_of, bonds, reasons)
        if analytics is not None:
            self.store.put(currency, analytics)
        return NOT_MADE_YET in reasons.values()

    def _as_compiled(self, terms: Terms | None, name: bytes) -> Terms | None:
        """The terms of a trade if the block was compiled from them; None after an edit since."""
        if terms is None or name_of(terms, indexed=self.options.indexed) != name:
            return None
        return terms

    def _names_of(self, currency: str, block_name: str) -> list[bytes]:
        """The names of the terms that the trades of a block were compiled from."""
        kept = self._names[currency]
        if block_name not in kept:
            found = self.books.compiled_block(currency, block_name)
            if found is None:
                return []
            kept[block_name] = [name.tobytes() for name in found.made_from]
        return kept[block_name]


def _prepare(terms: Terms, curves: CurveSet, solved: Solved) -> Prepared:
    bond = as_security(terms)
    try:
        if bond is None:
            return prepare_future(cast(BondFutureTerms, terms), curves, solved)
        return price_security(bond, curves, solved).flows()
    except PricingError as error:
        return error.code
