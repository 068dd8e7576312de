"""Follow the database's trades with compiled books in Redis: what was written is compiled."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

import msgspec
import numpy as np

from instruments import trade_repository as master
from instruments.models import Fixing, FxRate
from instruments.row_changes import delete_old
from pricing.curves.quotes import CurveOptions
from pricing.errors import Failure, SpreadNotSolved
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.products import flows
from pricing.products.cash_flows import rows_of
from pricing.products.terms import Terms
from risk.compiler.edited_book import BlockLost, EditedBook
from risk.compiler.parallel_compile import CompilingFailed, name_of, prepare_templates
from risk.compiler.spreads import solve_spreads
from risk.store.compiled_book import BookHead, FixingsByIndex
from risk.store.compiled_book_store import (
    NAME_BYTES,
    BookLost,
    CompiledBlock,
    CompiledBooks,
    StaleBook,
)
from risk.store.frames import Frames
from risk.store.fx import stand_in
from risk.store.results import UnpricedTrade

SOLVE_AT_ONCE = 50_000
"""Number of spreads that one run solves; later runs, which frames of the book ask for, solve the
rest."""

DELETE_NOTES_S = 3_600.0

Written = dict[str, dict[str, Terms | None]]
"""Terms of written trades by currency and trade id; None for a trade that the currency no longer
has.
"""


class Compiler:
    """Compiles what was written since it last ran; after a start, since the newest book.

    What it holds follows from the database and Redis. A run that fails forgets it, and the next
    one reads everything.
    """

    def __init__(
        self, books: CompiledBooks, frames: Frames, options: CurveOptions, processes: int
    ) -> None:
        """Compile in that many processes."""
        self.books, self.frames = books, frames
        self.options, self.processes = options, processes
        self._delete_at = 0.0
        self._forget()

    def _forget(self) -> None:
        self._snapshot: str | None = None
        self._edited: dict[str, EditedBook] = {}
        self._rejected: dict[str, str] = {}
        self._kept_out: dict[str, str] = {}
        self._desks: dict[str, str] = {}
        self._fixings: FixingsByIndex = {}
        self._fx: dict[str, float] = {}
        self._fixings_names: dict[str, str] = {}
        self._heads: dict[str, BookHead] = {}

    def run(self) -> list[BookHead]:
        """Solve spreads that wait for a market, compile, and store one book per currency."""
        try:
            heads = self._run()
        except (BlockLost, BookLost, CompilingFailed):
            # A block expired or Redis was emptied during the run, or a process of it ended.
            heads = self._run()
        if time.monotonic() >= self._delete_at:
            self._delete_at = time.monotonic() + DELETE_NOTES_S
            delete_old()
        return heads

    def _run(self) -> list[BookHead]:
        done = False
        try:
            tried: set[str] = set()
            heads = self._follow(self._solve(tried))
            changed = self._solve(tried)
            if changed:
                heads = self._follow(changed)
            done = True
        finally:
            flows.templates(indexed=self.options.indexed).resize()
            if not done:
                self._forget()
        return heads

    # --- One pass: read, edit, store -----------------------------------------------------------

    def _follow(self, changed: set[str]) -> list[BookHead]:
        """Take over what was written; ``changed`` are currencies that have changed already."""
        today = {name: self._valuation_day(name) for name in conventions.CURRENCIES}
        again = self._lost()
        for name, book in self._edited.items():
            again |= book.revived(today[name])
        kept_out = master.quarantined()
        again |= {name for name, _ in kept_out.items() ^ self._kept_out.items()}
        rejected = dict(self._rejected)
        with master.reading(self._snapshot) as now:
            names = now.changed_trades()
            written = self._start(now) if names is None else self._read(now, names | again)
            desks = now.desks()
            if now.written.any_of(Fixing):
                self._fixings, self._fixings_names = master.load_fixings(), {}
            if now.written.any_of(FxRate):
                self._fx = master.load_fx()
        stand_in(self.books.client, self._fx)
        if desks != self._desks:
            changed = set(conventions.CURRENCIES)
        if self._rejected != rejected:
            changed.add(conventions.CURRENCIES[0])
        self._kept_out, self._desks = kept_out, desks
        self._prepare(written, first=names is None)
        for name in conventions.CURRENCIES:
            mine = written.pop(name, {})  # a large book's terms are not kept
            if self._edited[name].edit(mine, kept_out, today[name]):
                changed.add(name)
        heads = [self._store(name, now.version, changed) for name in conventions.CURRENCIES]
        self._snapshot = now.written.snapshot
        return heads

    def _valuation_day(self, currency: str) -> int | None:
        market = self.frames.current(currency)
        return None if market is None else day_of(market.valuation_date)

    def _lost(self) -> set[str]:
        """Trades of blocks that Redis has lost: they are read and compiled again."""
        again: set[str] = set()
        for name, head in self._heads.items():
            gone = set(self.books.lost_blocks(head))
            if gone:
                self._fixings_names.pop(name, None)
                book = self._edited[name]
                again |= book.lost([block for block in book.blocks if block.ref.name in gone])
        return again

    def _start(self, now: master.Reading) -> Written:
        """Read all trades into books that hold nothing yet."""
        self._forget()
        for name in conventions.CURRENCIES:
            self._edited[name] = EditedBook(name, self.books, self._compile)
        return self._read(now, None)

    def _read(self, now: master.Reading, names: Collection[str] | None) -> Written:
        """Read trades; all where ``names`` is None."""
        written: Written = {name: {} for name in conventions.CURRENCIES}
        for name in names or ():
            self._rejected.pop(name, None)
        for currency, book in self._edited.items():
            written[currency] = dict.fromkeys(book.held(names or ()))
        read: set[str] = set()
        for name, found in now.trades(names) if names is None or names else ():
            if isinstance(found, str):
                self._rejected[name] = found
            elif name in read:
                self._rejected[name] = master.TWICE
            else:
                read.add(name)
                written[str(found.currency)][name] = found
        return written

    def _store(self, currency: str, number: int, changed: Collection[str]) -> BookHead:
        """Name the version that the edited book is, or confirm that it is as it was."""
        head, book = self._heads.get(currency), self._edited[currency]
        same = currency not in changed and currency in self._fixings_names
        if head is not None and same and self.books.confirm(number, head):
            return head
        failures = [book.failures[name] for name in sorted(book.failures)]
        if currency == conventions.CURRENCIES[0]:
            # A row that makes no terms has no currency either; it must be named somewhere.
            failures += [
                UnpricedTrade(trade_id=name, code="BAD_INPUT", message=message)
                for name, message in sorted(self._rejected.items())
            ]
        day = book.valid_from()
        made = self.books.name_version(
            currency,
            number,
            [block.ref for block in book.blocks],
            desk_of_book={name: self._desks[name] for name in sorted(book.books_used())},
            failures=failures,
            fixings_name=self._name_fixings(currency),
            valid_from=None if day is None else date_of(day),
        )
        self._heads[currency] = made
        return made

    def _name_fixings(self, currency: str) -> str:
        if currency not in self._fixings_names:
            own = [row.name for row in conventions.INDICES.values() if row.currency == currency]
            mine = {name: self._fixings[name] for name in own if name in self._fixings}
            self._fixings_names[currency] = self.books.put_fixings(currency, mine)
        return self._fixings_names[currency]

    # --- Terms into blocks ----------------------------------------------------------------------

    def _compile(
        self, terms: Sequence[Terms], known: CompiledBlock | None = None
    ) -> tuple[CompiledBlock, list[Failure]]:
        """Compile terms; those that ``known`` was compiled from are taken from there."""
        indexed = self.options.indexed
        names = {one.trade_id: name_of(one, indexed=indexed) for one in terms}
        rows = _rows_by_name(known) if known is not None else {}
        new = [one for one in terms if names[one.trade_id] not in rows]
        if known is not None and not new and len(terms) == len(known.block):
            return known, []
        block, failures = flows.compile_block(new, indexed=indexed)
        if known is not None and len(new) < len(terms):
            taken = np.array(sorted(rows[n] for n in names.values() if n in rows), dtype=np.int64)
            block, _ = rows_of([known.block, block], [taken, np.arange(len(block))])
        made_from = b"".join(names[name] for name in block.trade_ids)
        return CompiledBlock(block, np.frombuffer(made_from, dtype=f"V{NAME_BYTES}")), failures

    def _prepare(self, written: Written, *, first: bool) -> None:
        """Make many templates; before the first edit, find the blocks of the newest books."""
        new: list[Terms] = []
        for currency, mine in written.items():
            newest = self.books.newest(currency) if first else None
            head = self.books.head(currency, newest.version) if newest else None
            if head is not None and self._is_current(head, mine):
                self._edited[currency].known = head.block_names
            else:
                new += [terms for terms in mine.values() if terms is not None]
        prepare_templates(new, indexed=self.options.indexed, processes=self.processes)

    def _is_current(self, head: BookHead, mine: Mapping[str, Terms | None]) -> bool:
        """Whether trades of a book's first block were compiled by this release of these terms."""
        try:
            known = self.books.compiled_block(head.currency, head.block_names[0])
        except (StaleBook, msgspec.MsgspecError):
            return False
        rows = _rows_by_name(known) if known is not None else {}
        ids = known.block.trade_ids[:50] if known is not None else ()
        found = [terms for name in ids if (terms := mine.get(name)) is not None]
        return any(name_of(terms, indexed=self.options.indexed) in rows for terms in found)

    # --- Spreads --------------------------------------------------------------------------------

    def _solve(self, tried: set[str]) -> set[str]:
        """Store the spreads of prices that wait; returns the currencies of which some do.

        Args:
            tried: Bonds that are not tried; those that are tried now are added.
        """
        spreads: dict[str, float] = {}
        changed: set[str] = set()
        for name, book in self._edited.items():
            market = self.frames.current(name) if book.waiting else None
            if market is None:
                continue
            bonds = [bond for one, bond in book.waiting.items() if one not in tried]
            bonds = bonds[:SOLVE_AT_ONCE]
            if not bonds:
                continue
            tried |= {bond.trade_id for bond in bonds}
            solved, failures = solve_spreads(bonds, market, self.options, self._fixings)
            book.no_spread(failures)
            spreads |= solved
            changed.add(name)
        if spreads:
            master.store_spreads(spreads)
        return changed


def _rows_by_name(known: CompiledBlock) -> dict[bytes, int]:
    """Rows of a block by the names of the terms of its trades."""
    if len(known.made_from) != len(known.block):
        return {}
    return {name.tobytes(): row for row, name in enumerate(known.made_from)}


def waits_for_market(failures: Sequence[Failure]) -> bool:
    """True when a book has prices whose spreads the next market can solve."""
    return any(failure.code == SpreadNotSolved.code for failure in failures)
