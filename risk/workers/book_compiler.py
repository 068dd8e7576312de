"""Compile the database's trades into books in Redis, each trade version once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from instruments import trade_repository as master
from pricing.curves.quotes import CurveOptions
from pricing.errors import Failure, SpreadNotSolved
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.products.cash_flows import CompiledTrade
from pricing.products.terms import Terms
from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.fx import stand_in
from risk.store.results import UnpricedTrade
from risk.workers.parallel_compile import Outcome, compile_all, name_of
from risk.workers.spreads import solve_spreads, waiting_bond

QUARANTINED = "QUARANTINED"
"""Code of a trade that is kept out because it ended the process that priced it."""


class Compiler:
    """Compiles what has changed since it last ran; after a start, since the newest book."""

    def __init__(
        self, books: CompiledBooks, frames: Frames, options: CurveOptions, processes: int
    ) -> None:
        """Compile in that many processes."""
        self.books, self.frames = books, frames
        self.options, self.processes = options, processes
        self._done: dict[str, tuple[Terms, Outcome]] = {}
        self._loaded: master.LoadedBook | None = None

    def run(self) -> list[Manifest]:
        """Solve spreads that wait for a market, compile, and store one book per currency."""
        unsolvable, loaded = self._solve_waiting(self.load())
        fixings, kept_out = master.load_fixings(), master.quarantined()
        self._compile([trade.terms for trade in loaded.trades], unsolvable)
        for name in kept_out.keys() & self._done.keys():
            failure = Failure(trade_id=name, code=QUARANTINED, message=kept_out[name])
            self._done[name] = (self._done[name][0], failure)
        stand_in(self.books.client, master.load_fx())
        trades: dict[str, list[master.BookTrade]] = {name: [] for name in conventions.CURRENCIES}
        for trade in loaded.trades:
            trades[str(trade.terms.currency)].append(trade)
        return [self._store(name, mine, loaded, fixings) for name, mine in trades.items()]

    def load(self) -> master.LoadedBook:
        """The database's trades; only what has changed since the last time is read in full."""
        self._loaded = master.load_trades(self._loaded)
        return self._loaded

    def _solve_waiting(
        self, loaded: master.LoadedBook
    ) -> tuple[dict[str, Failure], master.LoadedBook]:
        """Store the spreads of new prices; returns those that no spread explains, and the book."""
        bonds = [bond for trade in loaded.trades if (bond := waiting_bond(trade.terms))]
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
            return unsolvable, self.load()
        return unsolvable, loaded

    def _compile(self, trades: Sequence[Terms], unsolvable: dict[str, Failure]) -> None:
        """What has changed; the rest stays. Nothing is known yet after a start."""
        indexed = self.options.indexed
        before = self._done or self._of_last_life(trades)
        new = [t for t in trades if not _same(before.get(t.trade_id), t)]
        made = compile_all(new, indexed=indexed, processes=self.processes)
        done = before | {t.trade_id: (t, made[t.trade_id]) for t in new}
        self._done = {
            t.trade_id: (t, unsolvable.get(t.trade_id) or done[t.trade_id][1]) for t in trades
        }

    def _of_last_life(self, trades: Sequence[Terms]) -> dict[str, tuple[Terms, Outcome]]:
        """What a compiler before this one has made of the same terms, with the same code."""
        kept = [trade for name in conventions.CURRENCIES for trade in self.books.trades(name)]
        by_name = {trade.made_from: trade for trade in kept if trade.made_from}
        named = [(t, name_of(t, indexed=self.options.indexed)) for t in trades if by_name]
        return {t.trade_id: (t, by_name[name]) for t, name in named if name in by_name}

    def _store(
        self,
        currency: str,
        mine: list[master.BookTrade],
        loaded: master.LoadedBook,
        fixings: dict[str, dict[dt.date, float]],
    ) -> Manifest:
        made = [(trade.terms, self._done[trade.terms.trade_id][1]) for trade in mine]
        compiled = [trade for _, trade in made if isinstance(trade, CompiledTrade)]
        good, valid_from = self._unmatured(currency, compiled)
        bad = [_lost(terms, found) for terms, found in made if isinstance(found, Failure)]
        if currency == conventions.CURRENCIES[0]:
            # A row that makes no terms has no currency either; it must be named somewhere.
            bad += [
                UnpricedTrade(trade_id=i, code="BAD_INPUT", message=m) for i, m in loaded.rejected
            ]
        own = [row.name for row in conventions.INDICES.values() if row.currency == currency]
        return self.books.store(
            currency,
            loaded.version,
            good,
            desk_of_book={trade.terms.book: trade.desk for trade in mine},
            failures=bad,
            fixings={name: fixings[name] for name in own if name in fixings},
            valid_from=valid_from,
        )

    def _unmatured(
        self, currency: str, trades: list[CompiledTrade]
    ) -> tuple[list[CompiledTrade], dt.date | None]:
        """The trades that still pay after the valuation date; the last payment of the others.

        Without a market there is no valuation date, and all trades stay.
        """
        market = self.frames.current(currency)
        if market is None:
            return trades, None
        today = day_of(market.valuation_date)
        left_out = [trade.last_payment for trade in trades if trade.last_payment <= today]
        if not left_out:
            return trades, None
        good = [trade for trade in trades if trade.last_payment > today]
        return good, date_of(max(left_out))


def _same(before: tuple[Terms, Outcome] | None, terms: Terms) -> bool:
    """The terms are those of before, and compiled for good: not kept out, not without a price."""
    if before is None or (before[0] is not terms and before[0] != terms):
        return False
    return not isinstance(before[1], Failure)


def _lost(terms: Terms, failure: Failure) -> UnpricedTrade:
    """A trade that is in no block, with what its book has to know of it."""
    return UnpricedTrade(
        trade_id=failure.trade_id,
        code=failure.code,
        message=failure.message,
        book=terms.book,
        product=terms.product,
        notional=terms.size,
    )


def waits_for_market(failures: Sequence[Failure]) -> bool:
    """True when a book has prices whose spreads the next market can solve."""
    return any(failure.code == SpreadNotSolved.code for failure in failures)
