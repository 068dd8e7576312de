"""The database's trades in; compiled books in Redis out, once per trade version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from instruments import book as master
from pricing.books import Manifest
from pricing.compiled import CompiledBooks
from pricing.core import conventions
from pricing.core.errors import PricingError, SpreadNotSolved
from pricing.core.flows import CompiledTrade, compile_trade
from pricing.core.messages import Failure
from pricing.core.quotes import CurveOptions
from pricing.core.terms import BondTerms, Terms
from pricing.frames import Frames
from pricing.spreads import solve_spreads, waiting

TRADES_PER_BLOCK = 250
"""Below this a second task costs more than it saves."""

Outcome = CompiledTrade | Failure


class Compiler:
    """Compiles what has changed since it last ran, in its process."""

    def __init__(
        self, books: CompiledBooks, frames: Frames, options: CurveOptions, processes: int
    ) -> None:
        """Compile for that many pricing processes."""
        self.books, self.frames = books, frames
        self.options, self.processes = options, processes
        self._done: dict[str, tuple[Terms, Outcome]] = {}

    def run(self) -> list[Manifest]:
        """Solve spreads that wait for a market, compile, and store one book per currency."""
        unsolvable = self._solve_waiting()
        loaded = master.load_trades()
        fixings = master.load_fixings()
        self._done = {t.terms.trade_id: self._compiled(t.terms, unsolvable) for t in loaded.trades}
        return [self._store(name, loaded, fixings) for name in conventions.CURRENCIES]

    def _solve_waiting(self) -> dict[str, Failure]:
        """Store the spreads of new prices; returns those that no spread explains."""
        found = [t.terms for t in master.load_trades().trades if waiting(t.terms)]
        bonds = [terms for terms in found if isinstance(terms, BondTerms)]
        spreads: dict[str, float] = {}
        unsolvable: dict[str, Failure] = {}
        for name in {str(bond.currency) for bond in bonds}:
            market = self.frames.current(name)
            if market is not None:
                mine = [bond for bond in bonds if bond.currency == name]
                solved, failures = solve_spreads(mine, market, self.options)
                spreads |= solved
                unsolvable |= {f.trade_id: f for f in failures}
        if spreads:
            master.store_spreads(spreads)
        return unsolvable

    def _compiled(self, terms: Terms, unsolvable: dict[str, Failure]) -> tuple[Terms, Outcome]:
        name = terms.trade_id
        if name in unsolvable:
            return terms, unsolvable[name]
        before = self._done.get(name)
        if before is not None and before[0] == terms:
            return before
        try:
            return terms, compile_trade(terms, indexed=self.options.indexed)
        except PricingError as error:
            return terms, Failure(trade_id=name, code=error.code, message=str(error))

    def _store(
        self,
        currency: str,
        loaded: master.LoadedBook,
        fixings: dict[str, dict[dt.date, float]],
    ) -> Manifest:
        mine = [t.terms for t in loaded.trades if t.terms.currency == currency]
        made = [self._done[terms.trade_id][1] for terms in mine]
        good = [trade for trade in made if isinstance(trade, CompiledTrade)]
        bad = [failure for failure in made if isinstance(failure, Failure)]
        if currency == conventions.CURRENCIES[0]:
            # A row that makes no terms has no currency either; it must be named somewhere.
            bad += [Failure(trade_id=i, code="BAD_INPUT", message=m) for i, m in loaded.rejected]
        own = [row.name for row in conventions.INDICES.values() if row.currency == currency]
        return self.books.store(
            currency,
            loaded.version,
            good,
            blocks=blocks_for(len(good), self.processes),
            desk_of_book={t.terms.book: t.desk for t in loaded.trades},
            failures=bad,
            fixings={name: fixings[name] for name in own if name in fixings},
        )


def blocks_for(trades: int, processes: int) -> int:
    """How many tasks a frame of that many trades is worth."""
    return max(1, min(processes, -(-trades // TRADES_PER_BLOCK)))


def waits_for_market(failures: Sequence[Failure]) -> bool:
    """True when a book has prices whose spreads the next market can solve."""
    return any(failure.code == SpreadNotSolved.code for failure in failures)
