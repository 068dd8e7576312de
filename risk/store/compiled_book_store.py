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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import msgspec
import numpy as np
import redis

from pricing.errors import Failure
from pricing.markets.calendars import date_of
from pricing.markets.conventions import CURVES, INDICES
from pricing.products.cash_flows import (
    FLOW,
    CompiledTrade,
    FlowBlock,
    make_block,
    trades_of,
)
from risk.store.compiled_book import (
    BlockTrades,
    BookHead,
    BookRef,
    Books,
    FixingsByIndex,
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
"""A version that is no longer used outlives every frame that was opened with it."""


class BlockBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A FlowBlock as bytes, with the names of the curves and indices that it uses."""

    trade_ids: list[str]
    products: list[str]
    books: list[str]
    curves: list[str]
    indices: list[str]
    ptr: bytes
    flows: bytes
    discount: bytes
    forecast: bytes
    notional: bytes
    z_spread: bytes
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
            discount=block.discount.astype(np.int32).tobytes(),
            forecast=block.forecast.astype(np.int32).tobytes(),
            notional=block.notional.tobytes(),
            z_spread=block.z_spread.tobytes(),
            made_from=made_from,
        )
    )


class StaleBook(Exception):
    """A compiled book was made by a release with other conventions: compile it again."""


def decode_block(raw: bytes) -> FlowBlock:
    """The block of these bytes.

    Raises:
        StaleBook: It uses a curve or an index that this process does not know.
    """
    return _block_of(_blob.decode(raw))


def decode_trades(raw: bytes) -> list[CompiledTrade]:
    """The trades of a block's bytes, each by itself, with the names of their terms.

    Raises:
        StaleBook: It uses a curve or an index that this process does not know.
    """
    blob = _blob.decode(raw)
    block = _block_of(blob)
    size = len(blob.made_from) // max(len(block), 1)
    return [
        replace(trade, made_from=blob.made_from[row * size : (row + 1) * size])
        for row, trade in enumerate(trades_of(block))
    ]


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
        forecast=np.frombuffer(blob.forecast, dtype=np.int32),
        notional=np.frombuffer(blob.notional, dtype=np.float64),
        z_spread=np.frombuffer(blob.z_spread, dtype=np.float64),
    )


class MadeBlock(NamedTuple):
    """A block as bytes, with its name and what a reader needs of its trades.

    ``ends`` is the day number of the first last payment among its trades; None without trades.
    """

    name: str
    blob: bytes
    trades: bytes
    size: int
    ends: int | None

    @classmethod
    def of(cls, trades: Sequence[CompiledTrade]) -> Self:
        """The block of these trades, which are sorted by id."""
        blob = encode_block(make_block(trades), b"".join(trade.made_from for trade in trades))
        listed = BlockTrades(
            trade_ids=[trade.trade_id for trade in trades],
            books=[trade.book for trade in trades],
            products=[trade.product for trade in trades],
            notional=[trade.notional for trade in trades],
        )
        ends = min((trade.last_payment for trade in trades), default=None)
        return cls(_name(blob), blob, encode_block_trades(listed), len(trades), ends)


class CompiledBooks(Books):
    """Compiled books behind one Redis client, for writing and for their blocks."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script; nothing is sent yet."""
        super().__init__(client)
        self._set_if_newer = script(client, "set_if_newer")
        self._last: dict[tuple[str, int], tuple[Sequence[CompiledTrade], MadeBlock]] = {}

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
        """Write a version and all that it names, then make it the newest unless a newer one exists.

        An unchanged book keeps its version, so that an edit elsewhere causes no frame
        of it; the newest book's ``number`` is the database version it was last compared with.
        ``blocks`` is a power of two; None takes ``blocks_for``.
        ``valid_from`` is the last payment among the trades that were left out as matured.
        """
        piles: list[list[CompiledTrade]] = [[] for _ in range(blocks or blocks_for(len(trades)))]
        for trade in sorted(trades, key=operator.attrgetter("trade_id")):
            piles[block_of(trade.trade_id, len(piles))].append(trade)
        made = [self._made(currency, place, pile) for place, pile in enumerate(piles)]
        raw_fixings = encode(fixings)
        lost = [_lost(failure) for failure in failures]
        named = (desk_of_book, lost, _name(raw_fixings), valid_from)
        content = _content([block.name for block in made], *named)
        head = self._unchanged(currency, content) or BookHead(
            version=f"{number}-{content[:12]}",
            number=number,
            currency=currency,
            block_names=[block.name for block in made],
            sizes=[block.size for block in made],
            desk_of_book=desk_of_book,
            failures=lost,
            fixings_name=_name(raw_fixings),
            content=content,
            valid_from=valid_from,
            valid_until=_first_end(made),
        )
        # After kill -9 in between the next pass finds the version here and lets it expire.
        self.client.hset(key(currency, "books"), head.version, encode(_names(head)))
        self._keep(currency, {key(currency, "fixings", head.fixings_name): raw_fixings})
        for block in made:
            names = {"block": block.blob, "trades": block.trades}
            self._keep(currency, {key(currency, n, block.name): raw for n, raw in names.items()})
        self._keep(currency, {key(currency, "book", head.version): encode(head)})
        self._name_newest(number, head)
        self.retire(currency)
        trades_of = [decode_block_trades(block.trades) for block in made]
        return join(head, trades_of, fixings)

    def _unchanged(self, currency: str, content: str) -> BookHead | None:
        """The head of the newest book if it has this content: the version stays as it is."""
        newest = self.newest(currency)
        head = self.head(currency, newest.version) if newest else None
        return head if head and head.content == content else None

    def _name_newest(self, number: int, head: BookHead) -> None:
        keys = [key(head.currency, "book", "number"), key(head.currency, "book")]
        ref = BookRef(version=head.version, number=number, blocks=head.blocks, trades=head.trades)
        self._set_if_newer(keys=keys, args=[number, encode(ref)])

    def _made(self, currency: str, place: int, pile: Sequence[CompiledTrade]) -> MadeBlock:
        """A block of these trades; the one made last, if they are the same objects."""
        before = self._last.get((currency, place))
        if before is None or not _are_the_same(pile, before[0]):
            before = self._last[currency, place] = pile, MadeBlock.of(pile)
        return before[1]

    def _keep(self, currency: str, values: Mapping[str, bytes]) -> None:
        """Write the values that are not there; those that are stay for good."""
        with self.client.pipeline(transaction=False) as pipe:
            for name in values:
                pipe.persist(name)
                pipe.exists(name)
            there = pipe.execute()[1::2]
        for (name, raw), found in zip(values.items(), there, strict=True):
            if not found:
                self.client.set(name, raw)

    def retire(self, currency: str) -> None:
        """Let versions that nothing uses expire, with what only they name.

        In use are the newest version and those of the published frames: of the sums and of the
        numbers by trade. A frame may be published after its version has ceased to be the newest,
        and the version may then be about to expire. So this is called after publications, too: it
        makes what is in use stay for good.
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
        """The newest version and those of the frames under the pointers."""
        newest, *frames = self.client.mget(
            key(currency, "book"), key(currency, "pointer"), key(currency, "detail")
        )
        rollups = [key(currency, "rollup", frame.decode()) for frame in frames if frame]
        found = self.client.mget(rollups) if rollups else []
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

    def trades(self, currency: str) -> list[CompiledTrade]:
        """All compiled trades of the newest book; none when there is none of this release."""
        ref = self.newest(currency)
        head = self.head(currency, ref.version) if ref else None
        try:
            names = head.block_names if head else []
            found = [self.client.get(key(currency, "block", name)) for name in names]
            return [trade for raw in found if raw for trade in decode_trades(raw)]
        except (StaleBook, msgspec.MsgspecError):
            return []


class _OfVersion(msgspec.Struct):
    """What a roll-up says of its compiled book."""

    book_version: str


_decode_version = msgspec.msgpack.Decoder(_OfVersion).decode
_decode_names = msgspec.msgpack.Decoder(list[tuple[str, str]]).decode


def _names(head: BookHead) -> list[tuple[str, str]]:
    """The keys of all that a version names, without the currency."""
    kinds = itertools.product(("block", "trades"), dict.fromkeys(head.block_names))
    return [*kinds, ("fixings", head.fixings_name)]


def _name(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:NAME_LENGTH]


def _are_the_same(some: Sequence[CompiledTrade], others: Sequence[CompiledTrade]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _lost(failure: Failure) -> UnpricedTrade:
    """Return a failure as a trade without a block, with its book if the failure names it."""
    if isinstance(failure, UnpricedTrade):
        return failure
    return UnpricedTrade(trade_id=failure.trade_id, code=failure.code, message=failure.message)


def _first_end(blocks: Sequence[MadeBlock]) -> dt.date | None:
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
