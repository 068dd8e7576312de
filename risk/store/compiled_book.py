"""The index of compiled books in Redis; ``compiled_book_store.py`` keeps the blocks themselves.

risk:{USD}:book          the newest version: its name and number of blocks
risk:{USD}:book:number   its database version, so that an older one cannot replace it
risk:{USD}:book:V        the manifest of version V, with the fixings it was compiled with
risk:{USD}:book:V:B      the name of block B of version V
risk:{USD}:block:N       the compiled block of that name
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from pricing.markets.conventions import CURRENCIES
from risk.store.frames import key
from risk.store.results import UnpricedTrade


class BookRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which compiled book is the newest: what a frame needs to be opened.

    ``number`` is the database's book version that it holds for: the manifest's, or a later one
    that changed nothing in this currency.
    """

    version: str
    number: int
    blocks: int
    trades: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a compiled book of one currency holds.

    ``number`` is the database's book version that it was made of, ``content`` a fingerprint of all
    below; ``version`` is made of both. An edit that leaves the content leaves the version.
    ``fixings`` are the index histories its trades need, so that a frame is one book version with
    all that belongs to it. ``notional`` is unsigned, by block and trade as ``trade_ids``;
    ``failures`` are the trades that are in no block; ``fixings_name`` names the histories.

    Trades that had made their last payment by the valuation date are left out. The book is thus
    complete for valuation dates from ``valid_from`` (None: from any) until before
    ``valid_until``, the first date on which another trade has made its last payment.
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
    fixings: dict[str, dict[dt.date, float]]
    notional: list[list[float]] = []
    fixings_name: str = ""
    content: str = ""
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None

    def is_for(self, valuation_date: dt.date) -> bool:
        """Whether a book compiled on this valuation date would hold the same trades."""
        if self.valid_from is not None and valuation_date < self.valid_from:
            return False
        return self.valid_until is None or valuation_date < self.valid_until

    @property
    def trades(self) -> int:
        """Trades of the book, compiled or not."""
        return sum(len(ids) for ids in self.trade_ids) + len(self.failures)

    def trades_of(self, block: int, code: str, message: str) -> list[UnpricedTrade]:
        """The trades of a block that did not arrive, with the reason given."""
        sizes = self.notional[block] if self.notional else [0.0] * len(self.trade_ids[block])
        columns = (self.trade_ids[block], self.books[block], self.products[block], sizes)
        return [
            UnpricedTrade(
                trade_id=name,
                code=code,
                message=message,
                book=book,
                product=product,
                notional=notional,
            )
            for name, book, product, notional in zip(*columns, strict=True)
        ]

    def place_of(self, trade_id: str) -> tuple[int, int] | None:
        """Block and row of a trade; None when it did not compile or is not there."""
        for block, ids in enumerate(self.trade_ids):
            if trade_id in ids:
                return block, ids.index(trade_id)
        return None


decode_ref = msgspec.msgpack.Decoder(BookRef).decode
_manifest = msgspec.msgpack.Decoder(Manifest)


class Books:
    """Compiled books behind one Redis client, for reading."""

    def __init__(self, client: redis.Redis) -> None:
        self.client: Any = client  # its types say bytes or str; ours are bytes

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

    def manifest(self, currency: str, version: str) -> Manifest | None:
        """The manifest of one version."""
        raw = self.client.get(key(currency, "book", version))
        return _manifest.decode(raw) if raw else None
