"""Store and fetch compiled blocks in Redis as immutable values.

A block's name is a hash of its content, so an edit writes, fetches and prepares only the blocks
that it changes. A version becomes the newest after all that it names has been written; all of it is
safe to do twice and to be ended anywhere. The keys are listed in ``compiled_book.py``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import operator
from collections.abc import Sequence
from typing import NamedTuple, Self

import msgspec
import numpy as np
import redis
from numpy.typing import NDArray

from pricing.errors import Failure
from pricing.markets.calendars import date_of
from pricing.markets.conventions import CURVES, INDICES
from pricing.products.cash_flows import (
    FLOW,
    CompiledTrade,
    FlowBlock,
    last_payments,
    make_block,
)
from risk.store.compiled_book import (
    BlockTrades,
    BookHead,
    BookRef,
    Books,
    FixingsByIndex,
    HeadlineBytes,
    Manifest,
    block_of,
    blocks_for,
    decode_block_trades,
    decode_ref,
    encode,
    encode_block_trades,
    join,
)
from risk.store.frames import key, script
from risk.store.results import UnpricedTrade

NAME_LENGTH = 24
KEEP_OLD_SECONDS = 600
"""Seconds for which a replaced version is kept: longer than any frame that was opened with it."""

KEEP_UNNAMED_SECONDS = 3_600
"""Seconds for which a block that no book uses yet is kept: longer than it takes to compile a whole
book."""

NAME_BYTES = 16
"""Bytes of the hash that names the terms of a trade."""


class BlockBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A FlowBlock as bytes, with the names of the curves and indices that it uses.

    ``flow_bytes`` is the size of a flow: a release with others cannot read it.
    """

    trade_ids: list[str]
    products: list[str]
    books: list[str]
    curves: list[str]
    indices: list[str]
    ptr: bytes
    flows: bytes
    flow_bytes: int
    discount: bytes
    notional: bytes
    z_spread: bytes
    headlines: HeadlineBytes
    made_from: bytes


_blob = msgspec.msgpack.Decoder(BlockBlob)


def encode_block(block: FlowBlock, made_from: bytes = b"") -> bytes:
    """Bytes of a block; ``made_from`` are the names of its trades' terms, one after another."""
    return encode(
        BlockBlob(
            trade_ids=list(block.trade_ids),
            products=list(block.products),
            books=list(block.books),
            curves=list(block.curves),
            indices=list(block.indices),
            ptr=block.ptr.astype(np.int64).tobytes(),
            flows=block.flows.tobytes(),
            flow_bytes=FLOW.itemsize,
            discount=block.discount.astype(np.int32).tobytes(),
            notional=block.notional.tobytes(),
            z_spread=block.z_spread.tobytes(),
            headlines=HeadlineBytes.of(block.headlines),
            made_from=made_from,
        )
    )


class StaleBook(Exception):
    """A compiled book was made by a release with other conventions: compile it again."""


def decode_block(raw: bytes) -> FlowBlock:
    """The block of these bytes.

    Raises:
        StaleBook: Another release made it, with other fields, or with a curve or an index that
            this process does not know.
    """
    return _block_of(_decode_blob(raw))


def decode_compiled(raw: bytes) -> CompiledBlock:
    """The block of these bytes, with the names of the terms of its trades.

    Raises:
        StaleBook: Another release made it, with other fields, or with a curve or an index that
            this process does not know.
    """
    blob = _decode_blob(raw)
    block = _block_of(blob)
    return CompiledBlock(block, np.frombuffer(blob.made_from, dtype=f"V{NAME_BYTES}"))


def _decode_blob(raw: bytes) -> BlockBlob:
    try:
        blob = _blob.decode(raw)
    except msgspec.ValidationError as error:
        raise StaleBook(f"it has another release's fields ({error}): compile it again") from None
    if blob.flow_bytes != FLOW.itemsize or not blob.headlines.is_current:
        raise StaleBook("it has another release's flows: it must be compiled again")
    return blob


def _block_of(blob: BlockBlob) -> FlowBlock:
    unknown = [*set(blob.curves) - CURVES.keys(), *set(blob.indices) - INDICES.keys()]
    if unknown:
        reason = f"it uses {', '.join(sorted(unknown))}, which this process does not know"
        raise StaleBook(f"{reason}: it must be compiled again")
    return FlowBlock(
        trade_ids=tuple(blob.trade_ids),
        products=tuple(blob.products),
        books=tuple(blob.books),
        curves=tuple(blob.curves),
        indices=tuple(blob.indices),
        ptr=np.frombuffer(blob.ptr, dtype=np.int64),
        flows=np.frombuffer(blob.flows, dtype=FLOW),
        discount=np.frombuffer(blob.discount, dtype=np.int32),
        notional=np.frombuffer(blob.notional, dtype=np.float64),
        z_spread=np.frombuffer(blob.z_spread, dtype=np.float64),
        headlines=blob.headlines.decoded(),
    )


class CompiledBlock(NamedTuple):
    """A block, and the name of the terms that each of its trades was compiled from.

    ``made_from`` holds NAME_BYTES bytes a trade, or is of no length where nobody asked.
    """

    block: FlowBlock
    made_from: NDArray[np.void]


class BlockRef(NamedTuple):
    """A block in Redis: its name, its number of trades, and the first last payment among them.

    ``ends`` is a day number; None without trades.
    """

    name: str
    size: int
    ends: int | None


class MadeBlock(NamedTuple):
    """A block as bytes: compiled, and what a reader needs of its trades."""

    ref: BlockRef
    blob: bytes
    trades: bytes

    @classmethod
    def of(cls, made: CompiledBlock) -> Self:
        """The bytes of a block whose trades are sorted by id."""
        block = made.block
        blob = encode_block(block, made.made_from.tobytes())
        listed = BlockTrades(
            trade_ids=list(block.trade_ids),
            books=list(block.books),
            products=list(block.products),
            notional=block.notional.tolist(),
            headlines=block.headlines,
        )
        ends = int(last_payments(block).min()) if len(block) else None
        ref = BlockRef(_name(blob), len(block), ends)
        return cls(ref, blob, encode_block_trades(listed))


class BookLost(Exception):
    """Redis has lost a part of a version while it was written: compile again."""


class CompiledBooks(Books):
    """Compiled books behind one Redis client, for writing and for their blocks."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script; nothing is sent yet."""
        super().__init__(client)
        self._set_if_newer = script(client, "set_if_newer")

    def store(
        self,
        currency: str,
        number: int,
        trades: Sequence[CompiledTrade],
        *,
        desk_of_book: dict[str, str],
        failures: Sequence[Failure],
        fixings: FixingsByIndex,
        blocks: int | None = None,
        valid_from: dt.date | None = None,
    ) -> Manifest:
        """Write a whole book; see ``name_version``.

        ``blocks`` is a power of two; None takes ``blocks_for``.
        """
        piles: list[list[CompiledTrade]] = [[] for _ in range(blocks or blocks_for(len(trades)))]
        for trade in sorted(trades, key=operator.attrgetter("trade_id")):
            piles[block_of(trade.trade_id, len(piles))].append(trade)
        made = [MadeBlock.of(_compiled(pile)) for pile in piles]
        for block in made:
            self.put_block(currency, block)
        head = self.name_version(
            currency,
            number,
            [block.ref for block in made],
            desk_of_book=desk_of_book,
            failures=failures,
            fixings_name=self.put_fixings(currency, fixings),
            valid_from=valid_from,
        )
        return join(head, [decode_block_trades(block.trades) for block in made], fixings)

    def put_block(self, currency: str, made: MadeBlock) -> None:
        """Write a block unless it is there; it expires unless a version names it by then."""
        self._put(currency, "block", made.ref.name, made.blob)
        self._put(currency, "trades", made.ref.name, made.trades)

    def put_fixings(self, currency: str, fixings: FixingsByIndex) -> str:
        """Write index histories unless they are there; returns their name."""
        name = name_of_fixings(fixings)
        self._put(currency, "fixings", name, encode(fixings))
        return name

    def _put(self, currency: str, kind: str, name: str, raw: bytes) -> None:
        self.client.set(key(currency, kind, name), raw, nx=True, ex=KEEP_UNNAMED_SECONDS)

    def name_version(
        self,
        currency: str,
        number: int,
        blocks: Sequence[BlockRef],
        *,
        desk_of_book: dict[str, str],
        failures: Sequence[Failure],
        fixings_name: str,
        valid_from: dt.date | None = None,
    ) -> BookHead:
        """Make a version of what is written, and the newest book unless a newer one exists.

        An unchanged book keeps its version, so that an edit elsewhere causes no frame
        of it; the newest book's ``number`` is the database version it was last compared with.

        Args:
            currency: Currency of the book.
            number: The database version that it was made of.
            blocks: Its blocks in order, written by ``put_block``.
            desk_of_book: The desk of each book with trades.
            failures: The trades that are in no block.
            fixings_name: The index histories, written by ``put_fixings``.
            valid_from: The last payment among the trades that were left out as matured.

        Raises:
            BookLost: A block or the index histories are not there any more.
        """
        made = make_head(
            currency,
            number,
            blocks,
            desk_of_book=desk_of_book,
            failures=failures,
            fixings_name=fixings_name,
            valid_from=valid_from,
        )
        head = self._unchanged(currency, made.content) or made
        # Named first: the next pass of `retire` lets go of what is kept for a version that is not.
        self.client.hset(key(currency, "books"), head.version, encode(_names(head)))
        self._expire(currency, head.version, _names(head), None)
        self.client.set(key(currency, "book", head.version), encode(head))
        if self.lost_blocks(head):
            raise BookLost(f"{currency} book {head.version} was lost while it was written")
        self._name_newest(number, head)
        self.retire(currency)
        return head

    def confirm(self, number: int, head: BookHead) -> bool:
        """Say that a book holds for a later database version; False when it is not the newest."""
        newest = self.newest(head.currency)
        if newest is None or newest.version != head.version:
            return False
        if not self.client.exists(key(head.currency, "book", head.version)):
            return False
        self._name_newest(number, head)
        return True

    def lost_blocks(self, head: BookHead) -> list[str]:
        """Names of what a version names and Redis does not have: its blocks and its fixings."""
        names = _names(head)
        keys = [key(head.currency, *name) for name in names]
        if self.client.exists(*keys) == len(keys):
            return []
        with self.client.pipeline(transaction=False) as pipe:
            for each in keys:
                pipe.exists(each)
            found = pipe.execute()
        gone = (name for (_, name), there in zip(names, found, strict=True) if not there)
        return list(dict.fromkeys(gone))

    def _unchanged(self, currency: str, content: str) -> BookHead | None:
        """The head of the newest book if it has this content: the version stays as it is."""
        newest = self.newest(currency)
        head = self.head(currency, newest.version) if newest else None
        return head if head and head.content == content else None

    def _name_newest(self, number: int, head: BookHead) -> None:
        keys = [key(head.currency, "book", "number"), key(head.currency, "book")]
        ref = BookRef(version=head.version, number=number, blocks=head.blocks, trades=head.trades)
        self._set_if_newer(keys=keys, args=[number, encode(ref)])

    def retire(self, currency: str) -> None:
        """Let versions that nothing uses expire, with what only they name.

        In use are the newest version, those of the published frames (of the sums and of the
        numbers by trade), and those of the closes that moves are explained from. A frame may be
        published after its version has ceased to be the newest, and the version may then be about
        to expire. So this is called after publications, too: it makes what is in use stay for good.
        """
        live = {
            version.decode(): _decode_names(raw)
            for version, raw in self.client.hgetall(key(currency, "books")).items()
        }
        used = self._in_use(currency)
        back = [self.head(currency, version) for version in used - live.keys()]
        returned = {head.version: _names(head) for head in back if head is not None}
        for version, names in returned.items():
            self.client.hset(key(currency, "books"), version, encode(names))
            self._expire(currency, version, names, None)
        kept = {name for version in used for name in {**live, **returned}.get(version, ())}
        for version in live.keys() - used:
            self._expire(currency, version, [n for n in live[version] if n not in kept])
            self.client.hdel(key(currency, "books"), version)

    def _in_use(self, currency: str) -> set[str]:
        """The newest version, those of the frames under the pointers, and those of closes."""
        newest, *frames = self.client.mget(
            key(currency, "book"),
            key(currency, "pointer"),
            key(currency, "detail"),
            key(currency, "detail", "open"),
        )
        rollups = [key(currency, "rollup", frame.decode()) for frame in frames if frame]
        found = self.client.mget(rollups) if rollups else []
        found = [*found, *self.client.hvals(key(currency, "closes"))]
        versions = {_decode_version(raw).book_version for raw in found if raw}
        return versions | ({decode_ref(newest).version} if newest else set())

    def _expire(
        self,
        currency: str,
        version: str,
        names: Sequence[tuple[str, str]],
        seconds: int | None = KEEP_OLD_SECONDS,
    ) -> None:
        """Let a version and the values of these names expire; None: keep them for good."""
        with self.client.pipeline(transaction=False) as pipe:
            for name in [("book", version), *names]:
                if seconds is None:
                    pipe.persist(key(currency, *name))
                else:
                    pipe.expire(key(currency, *name), seconds)
            pipe.execute()

    def block_name(self, currency: str, version: str, block: int) -> str | None:
        """Return the name of one block of one version; equal names mean equal content."""
        head = self.head(currency, version)
        return head.block_names[block] if head else None

    def block_named(self, currency: str, name: str) -> FlowBlock | None:
        """The block of that name."""
        raw = self.client.get(key(currency, "block", name))
        return decode_block(raw) if raw else None

    def block(self, currency: str, version: str, block: int) -> FlowBlock | None:
        """One block of one version."""
        name = self.block_name(currency, version, block)
        return self.block_named(currency, name) if name else None

    def has_block(self, currency: str, name: str) -> bool:
        """Return whether a block is there, with the list of its trades."""
        return int(self.client.exists(*(key(currency, n, name) for n in ("block", "trades")))) == 2

    def compiled_block(self, currency: str, name: str) -> CompiledBlock | None:
        """The block of that name with the names of its terms; None when it is not there.

        Raises:
            StaleBook: Another release made it, with other fields, or with a curve or an index that
            this process does not know.
        """
        raw = self.client.get(key(currency, "block", name))
        return decode_compiled(raw) if raw else None


class _OfVersion(msgspec.Struct):
    """What a roll-up says of its compiled book."""

    book_version: str


_decode_version = msgspec.msgpack.Decoder(_OfVersion).decode
_decode_names = msgspec.msgpack.Decoder(list[tuple[str, str]]).decode


def make_head(
    currency: str,
    number: int,
    blocks: Sequence[BlockRef],
    *,
    desk_of_book: dict[str, str],
    failures: Sequence[Failure],
    fixings_name: str,
    valid_from: dt.date | None = None,
) -> BookHead:
    """The head of a book with this content; see ``CompiledBooks.name_version``."""
    names = [block.name for block in blocks]
    lost = [_lost(failure) for failure in failures]
    content = _content(names, desk_of_book, lost, fixings_name, valid_from)
    return BookHead(
        version=f"{number}-{content[:12]}",
        number=number,
        currency=currency,
        block_names=names,
        sizes=[block.size for block in blocks],
        desk_of_book=desk_of_book,
        failures=lost,
        fixings_name=fixings_name,
        content=content,
        valid_from=valid_from,
        valid_until=_first_end(blocks),
    )


def name_of_fixings(fixings: FixingsByIndex) -> str:
    """Return what index histories are stored under: equal names mean equal content."""
    return _name(encode(fixings))


def _compiled(trades: Sequence[CompiledTrade]) -> CompiledBlock:
    names = b"".join(trade.made_from for trade in trades)
    return CompiledBlock(make_block(trades), np.frombuffer(names, dtype=f"V{NAME_BYTES}"))


def _names(head: BookHead) -> list[tuple[str, str]]:
    """The keys of all that a version names, without the currency."""
    kinds = itertools.product(("block", "trades"), dict.fromkeys(head.block_names))
    return [*kinds, ("fixings", head.fixings_name)]


def _name(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:NAME_LENGTH]


def _lost(failure: Failure) -> UnpricedTrade:
    """Return a failure as a trade without a block, with its book if the failure names it."""
    if isinstance(failure, UnpricedTrade):
        return failure
    return UnpricedTrade(trade_id=failure.trade_id, code=failure.code, message=failure.message)


def _first_end(blocks: Sequence[BlockRef]) -> dt.date | None:
    """The first date on which a trade of these blocks has made its last payment."""
    ends = [block.ends for block in blocks if block.ends is not None]
    return date_of(min(ends)) if ends else None


def _content(
    blocks: Sequence[str],
    desk_of_book: dict[str, str],
    failures: Sequence[UnpricedTrade],
    fixings: str,
    valid_from: dt.date | None,
) -> str:
    """A fingerprint of all that a book holds; its number is no part of it."""
    digest = hashlib.sha256(" ".join(blocks).encode())
    digest.update(encode((fixings, sorted(desk_of_book.items()), failures, valid_from)))
    return digest.hexdigest()
