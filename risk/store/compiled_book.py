"""The index of compiled books in Redis; ``compiled_book_store.py`` keeps the blocks themselves.

risk:{USD}:book          the newest version: its name and number of blocks
risk:{USD}:book:number   its database version, so that an older one cannot replace it
risk:{USD}:book:V        the head of version V: the names of its blocks and of its fixings
risk:{USD}:books         hash: the versions that are there, each with the names that it uses
risk:{USD}:block:N       the compiled block of that name
risk:{USD}:trades:N      ids, books, products, notionals and headlines of the trades of that block
risk:{USD}:fixings:N     the index histories of that name

The block of a trade follows from its id, so an edit changes one block. Blocks, lists of trades and
fixings are named by their content: versions share what an edit leaves as it is.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Self

import msgspec
import numpy as np
import redis

from pricing.headlines import RECORD, Headlines
from pricing.markets.conventions import CURRENCIES
from risk.store.frames import key
from risk.store.results import UnpricedTrade

TRADES_PER_BLOCK = 2_000
"""Largest number of trades in a block, on average over the blocks of a book."""

HASH_BYTES = 4
"""Bytes of the hash of a trade id, which limits the number of blocks to two to the power of its
bits."""

VERSIONS_KEPT = 3
"""Versions of a currency's book that a reading process keeps, so that it need not read
them again."""

Decode = Callable[[bytes], Any]
FixingsByIndex = dict[str, dict[dt.date, float]]


def blocks_for(trades: int) -> int:
    """Return the number of blocks of that many trades: a power of two."""
    return 1 << max(0, -(-trades // TRADES_PER_BLOCK) - 1).bit_length()


def block_of(trade_id: str, blocks: int) -> int:
    """Return the block of a trade among that many: the first bits of a hash of its id.

    Twice as many blocks split each block into two neighbours.
    """
    digest = blake2b(trade_id.encode(), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest) * blocks >> 8 * HASH_BYTES


class BookRef(msgspec.Struct, frozen=True, kw_only=True):
    """The newest compiled book of a currency, with what a frame needs to be opened.

    ``number`` is the database's book version that it holds for: the head's, or a later one
    that changed nothing in this currency.
    """

    version: str
    number: int
    blocks: int
    trades: int


class BookHead(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled book of one currency without its lists of trades.

    ``number`` is the database's book version that it was made of, ``content`` a fingerprint of all
    below; ``version`` is made of both. An edit that leaves the content leaves the version.
    ``block_names`` and ``sizes`` are, by block, the name of its content and its number of trades.
    ``failures`` are the trades that are in no block; ``fixings_name`` names the index histories
    that the trades need, so that a frame is one book version with all that belongs to it.

    Trades that had made their last payment by the valuation date are left out. The book is thus
    complete for valuation dates from ``valid_from`` (None: from any) until before
    ``valid_until``, the first date on which another trade has made its last payment.
    """

    version: str
    number: int
    currency: str
    block_names: list[str]
    sizes: list[int]
    desk_of_book: dict[str, str]
    failures: list[UnpricedTrade]
    fixings_name: str
    content: str
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.block_names)

    @property
    def trades(self) -> int:
        """Trades of the book, compiled or not."""
        return sum(self.sizes) + len(self.failures)

    def is_for(self, valuation_date: dt.date) -> bool:
        """Return whether a book compiled on this valuation date would hold the same trades."""
        return is_between(valuation_date, self.valid_from, self.valid_until)


class BlockTrades(msgspec.Struct, frozen=True, kw_only=True):
    """The trades of one block, in the order of their ids, which is that of its rows.

    ``notional`` is unsigned, in the trade's currency. ``headlines`` is None where nobody made them.
    """

    trade_ids: list[str]
    books: list[str]
    products: list[str]
    notional: list[float]
    headlines: Headlines | None = None

    def unpriced(self, code: str, message: str) -> list[UnpricedTrade]:
        """Each trade as one without numbers, with the reason given."""
        return [
            UnpricedTrade(
                trade_id=name,
                code=code,
                message=message,
                book=book,
                product=product,
                notional=notional,
            )
            for name, book, product, notional in zip(
                self.trade_ids, self.books, self.products, self.notional, strict=True
            )
        ]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled book of one currency: its head joined with its lists of trades.

    ``trade_ids``, ``books``, ``products``, ``notional`` and ``headlines`` are by block and row; of
    a block, ``headlines`` may be None. The other fields are those of ``BookHead``; ``fixings`` are
    the index histories themselves.
    """

    version: str
    number: int
    currency: str
    blocks: int
    trade_ids: list[list[str]]
    books: list[list[str]]
    products: list[list[str]]
    desk_of_book: dict[str, str]
    failures: list[UnpricedTrade]
    fixings: FixingsByIndex
    notional: list[list[float]] = []
    headlines: list[Headlines | None] = []
    fixings_name: str = ""
    content: str = ""
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None

    def is_for(self, valuation_date: dt.date) -> bool:
        """Return whether a book compiled on this valuation date would hold the same trades."""
        return is_between(valuation_date, self.valid_from, self.valid_until)

    @property
    def trades(self) -> int:
        """Trades of the book, compiled or not."""
        return sum(len(ids) for ids in self.trade_ids) + len(self.failures)

    def trades_of(self, block: int, code: str, message: str) -> list[UnpricedTrade]:
        """The trades of a block that did not arrive, with the reason given."""
        ids = self.trade_ids[block]
        return BlockTrades(
            trade_ids=ids,
            books=self.books[block],
            products=self.products[block],
            notional=self.notional[block] if self.notional else [0.0] * len(ids),
        ).unpriced(code, message)

    def place_of(self, trade_id: str) -> tuple[int, int] | None:
        """Block and row of a trade; None when it did not compile or is not there."""
        block = block_of(trade_id, self.blocks)
        ids = self.trade_ids[block]
        row = bisect_left(ids, trade_id)
        return (block, row) if row < len(ids) and ids[row] == trade_id else None


def is_between(date: dt.date, first: dt.date | None, end: dt.date | None) -> bool:
    """Whether a date is on or after the first and before the end; None is without a limit."""
    return (first is None or date >= first) and (end is None or date < end)


class HeadlineBytes(msgspec.Struct, frozen=True, kw_only=True):
    """``Headlines`` as bytes. ``record_bytes`` is the size of a record: releases may differ."""

    names: list[str]
    records: bytes
    record_bytes: int

    @classmethod
    def of(cls, made: Headlines) -> Self:
        """The bytes of headlines."""
        records = made.records.tobytes()
        return cls(names=list(made.names), records=records, record_bytes=RECORD.itemsize)

    @property
    def is_current(self) -> bool:
        """Return whether this release can read them."""
        return self.record_bytes == RECORD.itemsize

    def decoded(self) -> Headlines:
        """The headlines of these bytes."""
        return Headlines(tuple(self.names), np.frombuffer(self.records, dtype=RECORD))


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """``BlockTrades`` as bytes: each book and product once, and places among them by trade."""

    trade_ids: list[str]
    books: list[str]
    products: list[str]
    book_of: bytes
    product_of: bytes
    notional: bytes
    headlines: HeadlineBytes | None = None


encode = msgspec.msgpack.Encoder().encode
decode_ref = msgspec.msgpack.Decoder(BookRef).decode
_head = msgspec.msgpack.Decoder(BookHead)
_piece = msgspec.msgpack.Decoder(_Piece)
_fixings = msgspec.msgpack.Decoder(FixingsByIndex)


def encode_block_trades(trades: BlockTrades) -> bytes:
    """Bytes of the trades of a block."""
    books, products = sorted(set(trades.books)), sorted(set(trades.products))
    return encode(
        _Piece(
            trade_ids=trades.trade_ids,
            books=books,
            products=products,
            book_of=_places(trades.books, books),
            product_of=_places(trades.products, products),
            notional=np.array(trades.notional, dtype=np.float64).tobytes(),
            headlines=HeadlineBytes.of(trades.headlines) if trades.headlines is not None else None,
        )
    )


def decode_block_trades(raw: bytes) -> BlockTrades:
    """The trades of a block of these bytes."""
    piece = _piece.decode(raw)
    found = piece.headlines
    return BlockTrades(
        trade_ids=piece.trade_ids,
        books=_named(piece.books, piece.book_of),
        products=_named(piece.products, piece.product_of),
        notional=np.frombuffer(piece.notional).tolist(),
        headlines=found.decoded() if found is not None and found.is_current else None,
    )


def _places(names: Sequence[str], among: Sequence[str]) -> bytes:
    place = {name: number for number, name in enumerate(among)}
    return np.array([place[name] for name in names], dtype=np.uint32).tobytes()


def _named(names: Sequence[str], places: bytes) -> list[str]:
    return [names[place] for place in np.frombuffer(places, dtype=np.uint32).tolist()]


class Books:
    """Compiled books behind one Redis client, for reading."""

    def __init__(self, client: redis.Redis) -> None:
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._pieces: dict[str, dict[str, dict[str, Any]]] = {}

    def newest(self, currency: str) -> BookRef | None:
        """The newest compiled book of a currency."""
        return self.newest_of([currency])[currency]

    def newest_of(self, currencies: Sequence[str]) -> dict[str, BookRef | None]:
        """The newest compiled books of several currencies, in one round trip."""
        with self.client.pipeline(transaction=False) as pipe:
            for name in currencies:
                pipe.get(key(name, "book"))
            found = zip(currencies, pipe.execute(), strict=True)
        return {name: decode_ref(raw) if raw else None for name, raw in found}

    def served(self) -> tuple[str, ...]:
        """Return the currencies that this system has trades in.

        The conventions of a process may know more currencies, of which no frames are expected.
        """
        found = self.newest_of(CURRENCIES)
        return tuple(name for name, book in found.items() if book is not None and book.trades)

    def head(self, currency: str, version: str) -> BookHead | None:
        """The head of one version; None when it is not there in this release's form."""
        raw = self.client.get(key(currency, "book", version))
        try:
            return _head.decode(raw) if raw else None
        except msgspec.ValidationError:
            return None

    def fixings(self, currency: str, name: str) -> FixingsByIndex | None:
        """The index histories of that name."""
        raw = self.client.get(key(currency, "fixings", name))
        return _fixings.decode(raw) if raw else None

    def trades_of_block(self, currency: str, name: str) -> BlockTrades | None:
        """The trades of the block of that name."""
        raw = self.client.get(key(currency, "trades", name))
        return decode_block_trades(raw) if raw else None

    def manifest(self, currency: str, version: str) -> Manifest | None:
        """The head of one version, with all that it names joined; None when any is not there.

        Only what has another name than in the versions read before is fetched and decoded.
        """
        head = self.head(currency, version)
        if head is None:
            return None
        kept = self._pieces.get(currency, {})
        known = {name: piece for pieces in kept.values() for name, piece in pieces.items()}
        wanted: dict[str, tuple[str, Decode]] = dict.fromkeys(
            head.block_names, ("trades", decode_block_trades)
        )
        wanted[head.fixings_name] = ("fixings", _fixings.decode)
        new = {name: kind for name, kind in wanted.items() if name not in known}
        if new:
            found = self.client.mget([key(currency, kind, name) for name, (kind, _) in new.items()])
            if not all(found):
                return None
            known |= {
                n: decode(raw) for (n, (_, decode)), raw in zip(new.items(), found, strict=True)
            }
        # Replaced as a whole, because threads read it.
        others = [(v, pieces) for v, pieces in kept.items() if v != version]
        newest = {name: known[name] for name in wanted}
        self._pieces[currency] = dict(others[1 - VERSIONS_KEPT :]) | {version: newest}
        trades = [known[name] for name in head.block_names]
        return join(head, trades, known[head.fixings_name])


def join(head: BookHead, trades: Sequence[BlockTrades], fixings: FixingsByIndex) -> Manifest:
    """The manifest of a head and of all that it names."""
    return Manifest(
        version=head.version,
        number=head.number,
        currency=head.currency,
        blocks=head.blocks,
        trade_ids=[each.trade_ids for each in trades],
        books=[each.books for each in trades],
        products=[each.products for each in trades],
        desk_of_book=head.desk_of_book,
        failures=head.failures,
        fixings=fixings,
        notional=[each.notional for each in trades],
        headlines=[each.headlines for each in trades],
        fixings_name=head.fixings_name,
        content=head.content,
        valid_from=head.valid_from,
        valid_until=head.valid_until,
    )
