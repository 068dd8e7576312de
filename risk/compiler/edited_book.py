"""The compiled book of one currency, as the compiler edits it.

It holds which trades are in which block, and what is in no block; flows stay in Redis. An edit
fetches, changes and writes the blocks of the trades that it names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np

from pricing.arrays import IntArray
from pricing.errors import Failure, SpreadNotSolved
from pricing.products.cash_flows import FlowBlock, last_payments, rows_of
from pricing.products.registry import as_quoted
from pricing.products.terms import Quoted, Terms
from risk.store.compiled_book import block_of, blocks_for
from risk.store.compiled_book_store import (
    BlockRef,
    CompiledBlock,
    CompiledBooks,
    MadeBlock,
    StaleBook,
)
from risk.store.results import UnpricedTrade

QUARANTINED = "QUARANTINED"
"""Failure code of a trade that is left out because it ended the process that priced it."""

CompileBlock = Callable[
    [Sequence[Terms], CompiledBlock | None], tuple[CompiledBlock, list[Failure]]
]


class HeldBlock(NamedTuple):
    """A block in Redis, and its trades in the order of their ids."""

    ref: BlockRef
    trade_ids: tuple[str, ...]
    books: frozenset[str]

    @classmethod
    def of(cls, made: MadeBlock, block: FlowBlock) -> HeldBlock:
        """Return what is to be known of a block that was made."""
        return cls(made.ref, block.trade_ids, frozenset(block.books))

    def has(self, trade_id: str) -> bool:
        """Return whether a trade is in it."""
        row = bisect_left(self.trade_ids, trade_id)
        return row < len(self.trade_ids) and self.trade_ids[row] == trade_id


class Matured(NamedTuple):
    """A trade that is left out because it has made its last payment, on that day number."""

    day: int
    book: str


class BlockLost(Exception):
    """A block is no longer in Redis: it must be compiled again."""


@dataclass
class EditedBook:
    """The trades of one currency, by whether they compiled, failed or matured.

    Attributes:
        currency: Currency of all its trades.
        books: Where its blocks are.
        compile: Compiles terms, which are sorted by id, into a block and failures; what the block
            that it is given was compiled from is taken from there.
        known: Names of the blocks of the newest book, for the first edit.
        blocks: Its blocks in Redis; empty before the first edit.
        failures: The trades that do not compile or are quarantined, by id.
        waiting: Those among them whose quote no market has made a number of yet.
        matured: The trades that are left out because they have made their last payment.
    """

    currency: str
    books: CompiledBooks
    compile: CompileBlock
    known: list[str] = field(default_factory=list)
    blocks: list[HeldBlock] = field(default_factory=list)
    failures: dict[str, UnpricedTrade] = field(default_factory=dict)
    waiting: dict[str, Quoted] = field(default_factory=dict)
    matured: dict[str, Matured] = field(default_factory=dict)

    def held(self, names: Collection[str]) -> set[str]:
        """Return those of some trades that belong to this currency, in a block or not."""
        asked = set(names)
        found = asked & (self.failures.keys() | self.matured.keys())
        if len(asked) < self._in_blocks():
            count = len(self.blocks)
            return found | {n for n in asked if self.blocks[block_of(n, count)].has(n)}
        return found.union(*(asked.intersection(block.trade_ids) for block in self.blocks))

    def _in_blocks(self) -> int:
        return sum(len(block.trade_ids) for block in self.blocks)

    def revived(self, today: int | None) -> set[str]:
        """Trades that are left out although they still pay on or after a day; None: any of them."""
        return {n for n, each in self.matured.items() if today is None or each.day > today}

    def books_used(self) -> set[str]:
        """The books of all its trades."""
        used = set[str]().union(*(block.books for block in self.blocks))
        used |= {each.book for each in self.failures.values() if each.book}
        return used | {each.book for each in self.matured.values()}

    def valid_from(self) -> int | None:
        """The last day on which a trade that is left out has paid; None when none is."""
        return max((each.day for each in self.matured.values()), default=None)

    def lost(self, blocks: Iterable[HeldBlock]) -> set[str]:
        """Forget blocks that are no longer in Redis; returns their trades, to be read again."""
        gone = list(blocks)
        self.blocks = [_empty() if block in gone else block for block in self.blocks]
        return {name for block in gone for name in block.trade_ids}

    def edit(
        self,
        written: Mapping[str, Terms | None],
        kept_out: Mapping[str, str],
        today: int | None,
    ) -> bool:
        """Take written trades over, and leave those out that have made their last payment.

        Args:
            written: Terms by id; None for a trade that is no longer of this currency.
            kept_out: Reasons of quarantined trades.
            today: Day number of the valuation date; None without a market: nothing is left out.

        Returns:
            Whether anything may have changed.
        """
        if not self.blocks:
            self.blocks = [_empty()] * blocks_for(len(written))
        self._make_room(written)
        new: dict[int, list[Terms]] = {}
        touched: dict[int, set[str]] = {
            place: set() for place, block in enumerate(self.blocks) if _must_be_made(block, today)
        }
        count = len(self.blocks)
        for name in sorted(written):
            terms, place = written[name], block_of(name, count)
            self.failures.pop(name, None)
            self.waiting.pop(name, None)
            self.matured.pop(name, None)
            if self.blocks[place].has(name):
                touched.setdefault(place, set()).add(name)
            if terms is None:
                continue
            if name in kept_out:
                self._fail(terms, QUARANTINED, kept_out[name])
                continue
            touched.setdefault(place, set())
            new.setdefault(place, []).append(terms)
        for place, gone in touched.items():
            self._make(place, gone, new.get(place, []), today)
        self.known = []
        needed = blocks_for(self._in_blocks())
        if needed != count:
            self._regroup(needed)
        return bool(touched or written)

    def _make_room(self, written: Mapping[str, Terms | None]) -> None:
        """Before an edit that adds many trades: deal the book into the blocks that they need."""
        before = self._in_blocks()
        if blocks_for(before + len(written)) <= len(self.blocks):
            return
        kept = {name for name, terms in written.items() if terms is not None}
        count = blocks_for(before + len(kept) - len(self.held(kept)))
        if count > len(self.blocks):
            self._regroup(count)

    def _make(self, place: int, gone: set[str], new: Sequence[Terms], today: int | None) -> None:
        """Make one block again, without some of its trades and with others."""
        parts: list[CompiledBlock] = []
        if self.blocks[place].trade_ids:
            parts.append(self._load(self.blocks[place]))
        known = self._known(place)
        made, failed = self.compile(new, known)
        if made is known and not parts and not _has_matured(made.block, today):
            self.blocks[place] = self._as_it_is(place, made.block)
            return
        parts.append(made)
        if failed:
            by_id = {terms.trade_id: terms for terms in new}
            for each in failed:
                self._fail(by_id[each.trade_id], each.code, each.message)
        rows = [
            _rows_where(part.block, lambda name: part is made or name not in gone)  # noqa: B023
            for part in parts
        ]
        if today is not None:
            pairs = list(zip(parts, rows, strict=True))
            rows = [self._unmatured(part.block, some, today) for part, some in pairs]
        self.blocks[place] = self._write(parts, rows)

    def _unmatured(self, block: FlowBlock, rows: IntArray, today: int) -> IntArray:
        """The rows of trades that still pay after a day; the others are noted as matured."""
        days = last_payments(block)
        for row in rows[days[rows] <= today].tolist():
            self.matured[block.trade_ids[row]] = Matured(int(days[row]), block.books[row])
        return rows[days[rows] > today]

    def _regroup(self, count: int) -> None:
        """Deal the trades into another number of blocks; both numbers are powers of two."""
        before, merged = self.blocks, max(1, len(self.blocks) // count)
        after: list[HeldBlock] = []
        for first in range(0, len(before), merged):
            held = before[first : first + merged]
            parts = [self._load(block) for block in held if block.ref.name]
            ids = [part.block.trade_ids for part in parts]
            places = [np.array([block_of(name, count) for name in each], int) for each in ids]
            end = (first + merged) * count // len(before)
            for place in range(first * count // len(before), end):
                rows = [np.flatnonzero(each == place) for each in places]
                after.append(self._write(parts, rows) if parts else _empty())
        self.blocks = after

    def _known(self, place: int) -> CompiledBlock | None:
        """The block of the newest book at a place, before the first edit."""
        if len(self.known) != len(self.blocks):
            return None
        if not self.books.has_block(self.currency, self.known[place]):
            return None
        try:
            return self.books.compiled_block(self.currency, self.known[place])
        except (StaleBook, msgspec.MsgspecError):
            return None

    def _as_it_is(self, place: int, block: FlowBlock) -> HeldBlock:
        """The block of the newest book at a place, of which nothing has changed."""
        ends = int(last_payments(block).min()) if len(block) else None
        ref = BlockRef(self.known[place], len(block), ends)
        return HeldBlock(ref, block.trade_ids, frozenset(block.books))

    def _load(self, block: HeldBlock) -> CompiledBlock:
        found = self.books.compiled_block(self.currency, block.ref.name)
        if found is None:
            raise BlockLost(f"{self.currency} block {block.ref.name}")
        return found

    def _write(self, parts: Sequence[CompiledBlock], rows: Sequence[IntArray]) -> HeldBlock:
        block, order = rows_of([part.block for part in parts], rows)
        names = [part.made_from[some] for part, some in zip(parts, rows, strict=True)]
        made = MadeBlock.of(CompiledBlock(block, np.concatenate(names)[order]))
        self.books.put_block(self.currency, made)
        return HeldBlock.of(made, block)

    def _fail(self, terms: Terms, code: str, message: str) -> None:
        self.failures[terms.trade_id] = UnpricedTrade(
            trade_id=terms.trade_id,
            code=code,
            message=message,
            book=terms.book,
            product=terms.product,
            notional=terms.size,
            headline=terms.headline,
        )
        quoted = as_quoted(terms) if code == SpreadNotSolved.code else None
        if quoted is not None:
            self.waiting[terms.trade_id] = quoted

    def no_spread(self, failures: Iterable[Failure]) -> None:
        """Say why the quotes of these waiting trades make no number."""
        for each in failures:
            if each.trade_id in self.waiting:
                bond = self.waiting.pop(each.trade_id)  # behind those that have not been tried
                self._fail(bond, each.code, each.message)
                self.waiting[each.trade_id] = bond


def _has_matured(block: FlowBlock, today: int | None) -> bool:
    """Return whether a trade has made its last payment by a day."""
    return today is not None and bool((last_payments(block) <= today).any())


def _rows_where(block: FlowBlock, keep: Callable[[str], bool]) -> IntArray:
    """The rows of the trades whose ids are to be kept."""
    return np.array([r for r, name in enumerate(block.trade_ids) if keep(name)], dtype=np.int64)


def _empty() -> HeldBlock:
    return HeldBlock(BlockRef("", 0, None), (), frozenset())


def _must_be_made(block: HeldBlock, today: int | None) -> bool:
    """Whether a block is not in Redis yet, or one of its trades has made its last payment."""
    if not block.ref.name:
        return True
    return today is not None and block.ref.ends is not None and block.ref.ends <= today
