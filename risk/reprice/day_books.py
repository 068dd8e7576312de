"""Hold the compiled books of some stored closes in this process, to be read as those in Redis."""

from __future__ import annotations

from collections.abc import Iterable

from pricing.products.cash_flows import FlowBlock
from risk.reprice.past_book import PastBook
from risk.store.compiled_book import BlockTrades, BookHead, BookRef, FixingsByIndex
from risk.store.compiled_book_store import CompiledBooks


class DayBooks(CompiledBooks):
    """Books of several currencies and versions; the last one of a currency is its newest."""

    def __init__(self, books: Iterable[PastBook]) -> None:
        """Hold the books, each currency's from old to new."""
        self.of: dict[str, list[PastBook]] = {}
        for book in books:
            self.of.setdefault(book.made.currency, []).append(book)

    def newest(self, currency: str) -> BookRef | None:
        """The last book of a currency."""
        found = self.of.get(currency)
        if not found:
            return None
        made = found[-1].made
        return BookRef(
            version=made.version, number=made.number, blocks=made.blocks, trades=made.trades
        )

    def head(self, currency: str, version: str) -> BookHead | None:
        """The head of a version."""
        heads = (book.head(currency, version) for book in self.of.get(currency, ()))
        return next((head for head in heads if head is not None), None)

    def fixings(self, currency: str, name: str) -> FixingsByIndex | None:
        """The index histories of that name."""
        every = (book.fixings(currency, name) for book in self.of.get(currency, ()))
        return next((found for found in every if found is not None), None)

    def block_named(self, currency: str, name: str) -> FlowBlock | None:
        """The block of that name."""
        blocks = (book.block_named(currency, name) for book in self.of.get(currency, ()))
        return next((block for block in blocks if block is not None), None)

    def trades_of_block(self, currency: str, name: str) -> BlockTrades | None:
        """The trades of the block of that name."""
        every = (book.trades_of_block(currency, name) for book in self.of.get(currency, ()))
        return next((found for found in every if found is not None), None)
