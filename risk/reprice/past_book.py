"""Compile the book of an earlier time into this process; Redis is not needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pricing.curves.quotes import CurveOptions
from pricing.errors import Failure
from pricing.markets.calendars import date_of, day_of
from pricing.products import flows
from pricing.products.cash_flows import FlowBlock, last_payments, rows_of
from pricing.products.terms import Terms
from risk.compiler.edited_book import QUARANTINED
from risk.compiler.parallel_compile import name_of, prepare_templates
from risk.store.compiled_book import (
    BlockTrades,
    BookHead,
    FixingsByIndex,
    Manifest,
    block_of,
    blocks_for,
    join,
)
from risk.store.compiled_book_store import (
    NAME_BYTES,
    BlockRef,
    CompiledBlock,
    CompiledBooks,
    MadeBlock,
    make_head,
    name_of_fixings,
)
from risk.store.results import UnpricedTrade


class PastBook(CompiledBooks):
    """One compiled book, which is read as those in Redis are."""

    def __init__(
        self,
        made: BookHead,
        blocks: Mapping[str, FlowBlock],
        fixings: FixingsByIndex,
        made_from: Mapping[str, bytes],
    ) -> None:
        """Hold a book.

        Args:
            made: Its head.
            blocks: Its blocks by name.
            fixings: All fixings of its currency that were known.
            made_from: By trade, the name of the terms that it was compiled from.
        """
        self.made, self.blocks, self.known_fixings = made, blocks, fixings
        self.made_from = made_from

    def head(self, currency: str, version: str) -> BookHead | None:
        """The head, if it is that version's."""
        return self.made if version == self.made.version else None

    def fixings(self, currency: str, name: str) -> FixingsByIndex | None:
        """The index histories, if they have that name."""
        return self.known_fixings if name == self.made.fixings_name else None

    def block_named(self, currency: str, name: str) -> FlowBlock | None:
        """The block of that name."""
        return self.blocks.get(name)

    def trades_of_block(self, currency: str, name: str) -> BlockTrades | None:
        """The trades of the block of that name."""
        block = self.blocks.get(name)
        if block is None:
            return None
        return BlockTrades(
            trade_ids=list(block.trade_ids),
            books=list(block.books),
            products=list(block.products),
            notional=block.notional.tolist(),
            headlines=block.headlines,
        )

    def manifest(self, currency: str, version: str) -> Manifest | None:
        """The manifest, if it is that version's."""
        if version != self.made.version:
            return None
        trades = [self.trades_of_block(currency, name) for name in self.made.block_names]
        return join(self.made, [each for each in trades if each is not None], self.known_fixings)

    def with_fixings(self, fixings: FixingsByIndex, number: int) -> PastBook:
        """Return the same trades with other fixings, as a book of that version."""
        head = self.made
        refs = [
            BlockRef(name, size, _first_end(self.blocks[name]))
            for name, size in zip(head.block_names, head.sizes, strict=True)
        ]
        made = make_head(
            head.currency,
            number,
            refs,
            desk_of_book=head.desk_of_book,
            failures=head.failures,
            fixings_name=name_of_fixings(fixings),
            valid_from=head.valid_from,
        )
        return PastBook(made, self.blocks, fixings, self.made_from)


def _first_end(block: FlowBlock) -> int | None:
    return int(last_payments(block).min()) if len(block) else None


def compile_past(
    currency: str,
    number: int,
    trades: Mapping[str, Terms],
    *,
    desk_of_book: Mapping[str, str],
    fixings: FixingsByIndex,
    options: CurveOptions,
    processes: int,
    paid_by: dt.date | None,
    lost: Sequence[UnpricedTrade] | None = None,
    kept_out: Mapping[str, str] | None = None,
) -> PastBook:
    """Compile a book as the compiler of live books would, with the same bits.

    Args:
        currency: Currency of the trades.
        number: The version of the tables that they are of.
        trades: Terms by trade.
        desk_of_book: The desk of each book; those of books without trades are left out.
        fixings: All fixings of the currency that were known.
        options: How curves and flows are made.
        processes: Processes that make the templates of many trades.
        paid_by: Trades that have made their last payment by then are left out; None: none is.
        lost: The trades without numbers, as the compiler of then has named them; None to find out.
        kept_out: Reasons of quarantined trades; of no use where ``lost`` is given.
    """
    out = dict(kept_out or {})
    names = {one.trade_id for one in lost or ()}
    good = [trades[name] for name in sorted(trades) if name not in names and name not in out]
    failures = [_unpriced(trades[n], QUARANTINED, out[n]) for n in sorted(out) if n in trades]
    prepare_templates(good, indexed=options.indexed, processes=processes)
    blocks, failed, matured = _blocks(good, paid_by, options)
    flows.templates(indexed=options.indexed).resize()
    failures += [_unpriced(trades[f.trade_id], f.code, f.message) for f in failed]
    used = {book for made in blocks for book in made.block.books}
    used |= {one.book for one in (*(lost or ()), *failures) if one.book}
    used |= {trades[name].book for name in matured}
    made = [MadeBlock.of(block) for block in blocks]
    head = make_head(
        currency,
        number,
        [each.ref for each in made],
        desk_of_book={name: desk_of_book.get(name, "") for name in sorted(used)},
        failures=[*(lost or ()), *sorted(failures, key=lambda one: one.trade_id)],
        fixings_name=name_of_fixings(fixings),
        valid_from=max(matured.values(), default=None),
    )
    named = {each.ref.name: block.block for each, block in zip(made, blocks, strict=True)}
    names_of_terms = {name: terms.tobytes() for block in blocks for name, terms in _named(block)}
    return PastBook(head, named, fixings, names_of_terms)


def _named(made: CompiledBlock) -> Iterator[tuple[str, np.void]]:
    return zip(made.block.trade_ids, made.made_from, strict=True)


def _unpriced(terms: Terms, code: str, message: str) -> UnpricedTrade:
    return UnpricedTrade(
        trade_id=terms.trade_id,
        code=code,
        message=message,
        book=terms.book,
        product=terms.product,
        notional=terms.size,
        headline=terms.headline,
    )


def _blocks(
    good: Sequence[Terms], paid_by: dt.date | None, options: CurveOptions
) -> tuple[list[CompiledBlock], list[Failure], dict[str, dt.date]]:
    """The blocks, the trades that do not compile, and the last payments of those left out."""
    failed: list[Failure] = []
    matured: dict[str, dt.date] = {}
    left = list(good)
    while True:
        count = blocks_for(len(left))
        piles: list[list[Terms]] = [[] for _ in range(count)]
        for terms in left:
            piles[block_of(terms.trade_id, count)].append(terms)
        made = [_block(pile, paid_by, options, failed, matured) for pile in piles]
        kept = sum(len(each.block) for each in made)
        if blocks_for(kept) == count:
            return made, failed, matured
        gone = {one.trade_id for one in failed} | matured.keys()
        left = [terms for terms in left if terms.trade_id not in gone]


def _block(
    pile: Sequence[Terms],
    paid_by: dt.date | None,
    options: CurveOptions,
    failed: list[Failure],
    matured: dict[str, dt.date],
) -> CompiledBlock:
    """Compile one block; adds to the trades that fail and to those that have matured."""
    block, lost = flows.compile_block(pile, indexed=options.indexed)
    failed += lost
    rows = np.arange(len(block), dtype=np.int64)
    if paid_by is not None and len(block):
        days = last_payments(block)
        over = days <= day_of(paid_by)
        for row in np.flatnonzero(over).tolist():
            matured[block.trade_ids[row]] = date_of(int(days[row]))
        rows = rows[~over]
    names = {one.trade_id: name_of(one, indexed=options.indexed) for one in pile}
    ordered, order = rows_of([block], [rows])
    made_from = b"".join(names[block.trade_ids[rows[place]]] for place in order.tolist())
    return CompiledBlock(ordered, np.frombuffer(made_from, dtype=f"V{NAME_BYTES}"))
