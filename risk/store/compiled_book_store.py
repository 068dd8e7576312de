"""Store and fetch compiled blocks in Redis as immutable values.

A block's name is a hash of its content, so an edit writes, fetches and prepares only the blocks
that it changes. The keys are listed in ``compiled_book.py``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

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
    split_evenly,
    trades_of,
)
from risk.store.compiled_book import BookRef, Books, Manifest, decode_ref
from risk.store.frames import key, script
from risk.store.results import UnpricedTrade

NAME_LENGTH = 24
KEEP_OLD_SECONDS = 600
"""An old version outlives every frame that was opened with it."""


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


_encode = msgspec.msgpack.Encoder().encode
_blob = msgspec.msgpack.Decoder(BlockBlob)


def encode_block(block: FlowBlock, made_from: bytes = b"") -> bytes:
    """Bytes of a block; ``made_from`` are the names of its trades' terms, one after another."""
    return _encode(
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
    """A block as it was made last, and of what."""

    pile: Sequence[CompiledTrade]
    blob: bytes
    name: str

    def is_of(self, pile: Sequence[CompiledTrade]) -> bool:
        """Whether it was made of these very trades."""
        return len(pile) == len(self.pile) and all(map(operator.is_, pile, self.pile))


class CompiledBooks(Books):
    """Compiled books behind one Redis client, for writing and for their blocks."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script; nothing is sent yet."""
        super().__init__(client)
        self._set_if_newer = script(client, "set_if_newer")
        self._last: dict[tuple[str, int], MadeBlock] = {}
        self._stored: dict[str, Manifest] = {}

    def store(
        self,
        currency: str,
        number: int,
        trades: Sequence[CompiledTrade],
        *,
        blocks: int,
        desk_of_book: dict[str, str],
        failures: Sequence[Failure],
        fixings: dict[str, dict[dt.date, float]],
        valid_from: dt.date | None = None,
    ) -> Manifest:
        """Write a version's blobs, then make it the newest unless a newer one exists.

        An unchanged book keeps its version, so that an edit elsewhere causes no frame
        of it; the newest book's ``number`` is the database version it was last compared with.
        ``valid_from`` is the last payment among the trades that were left out as matured.
        """
        piles = split_evenly(trades, blocks)
        made = [self._made(currency, place, pile) for place, pile in enumerate(piles)]
        names = [block.name for block in made]
        lost = [_lost(failure) for failure in failures]
        self._keep(currency, made)
        before = self._stored.get(currency)
        content = _content(names, fixings, desk_of_book, lost, valid_from)
        if before and before.content == content and self._is_newest(currency, before):
            self._name_newest(currency, number, before)
            return before
        manifest = Manifest(
            version=f"{number}-{content[:12]}",
            number=number,
            currency=currency,
            blocks=len(made),
            trade_ids=[[trade.trade_id for trade in pile] for pile in piles],
            books=[[trade.book for trade in pile] for pile in piles],
            products=[[trade.product for trade in pile] for pile in piles],
            desk_of_book=desk_of_book,
            failures=lost,
            fixings=fixings,
            notional=[[trade.notional for trade in pile] for pile in piles],
            fixings_name=hashlib.sha256(_encode(fixings)).hexdigest()[:NAME_LENGTH],
            content=content,
            valid_from=valid_from,
            valid_until=_first_end(trades),
        )
        with self.client.pipeline(transaction=False) as pipe:
            for block, name in enumerate(names):
                pipe.set(key(currency, "book", manifest.version, block), name)
            pipe.set(key(currency, "book", manifest.version), _encode(manifest))
            pipe.execute()
        self._name_newest(currency, number, manifest)
        self._stored[currency] = manifest
        return manifest

    def _is_newest(self, currency: str, manifest: Manifest) -> bool:
        """Whether Redis has it, and as the newest: it may have lost its data, or another's."""
        newest = self.newest(currency)
        names = [key(currency, "book", manifest.version, block) for block in range(manifest.blocks)]
        there = self.client.exists(key(currency, "book", manifest.version), *names)
        return bool(newest and newest.version == manifest.version and there == 1 + manifest.blocks)

    def _name_newest(self, currency: str, number: int, manifest: Manifest) -> None:
        keys = [key(currency, "book", "number"), key(currency, "book")]
        ref = BookRef(
            version=manifest.version,
            number=number,
            blocks=manifest.blocks,
            trades=manifest.trades,
        )
        code, before = self._set_if_newer(keys=keys, args=[number, _encode(ref)])
        # The loser goes: the one before, or this one when a newer came first.
        other = decode_ref(before) if before else None
        if other and other.version != ref.version:
            loser, winner = (ref, other) if code == b"OLD" else (other, ref)
            self._retire(currency, loser, winner)

    def _made(self, currency: str, place: int, pile: Sequence[CompiledTrade]) -> MadeBlock:
        """A block of these trades; the one made last, if they are the same objects."""
        before = self._last.get((currency, place))
        if before is None or not before.is_of(pile):
            blob = encode_block(make_block(pile), b"".join(trade.made_from for trade in pile))
            name = hashlib.sha256(blob).hexdigest()[:NAME_LENGTH]
            before = self._last[currency, place] = MadeBlock(pile, blob, name)
        return before

    def _keep(self, currency: str, blocks: Sequence[MadeBlock]) -> None:
        """Write the blocks that are not there; those that are stay for good."""
        with self.client.pipeline(transaction=False) as pipe:
            for block in blocks:
                pipe.persist(key(currency, "block", block.name))
                pipe.exists(key(currency, "block", block.name))
            there = pipe.execute()[1::2]
        for block, found in zip(blocks, there, strict=True):
            if not found:
                self.client.set(key(currency, "block", block.name), block.blob)

    def _retire(self, currency: str, loser: BookRef, winner: BookRef) -> None:
        """Let a version fade, and the blocks that only it has."""
        lost = set(self._names(currency, loser)) - set(self._names(currency, winner))
        with self.client.pipeline(transaction=False) as pipe:
            for block in range(loser.blocks):
                pipe.expire(key(currency, "book", loser.version, block), KEEP_OLD_SECONDS)
            for name in lost:
                pipe.expire(key(currency, "block", name), KEEP_OLD_SECONDS)
            pipe.expire(key(currency, "book", loser.version), KEEP_OLD_SECONDS)
            pipe.execute()

    def _names(self, currency: str, ref: BookRef) -> list[str]:
        keys = [key(currency, "book", ref.version, block) for block in range(ref.blocks)]
        found = [raw for raw in self.client.mget(keys) if raw and len(raw) == NAME_LENGTH]
        return [raw.decode() for raw in found]

    def block_name(self, currency: str, version: str, block: int) -> str | None:
        """Return the name of one block of one version; equal names mean equal content.

        Raises:
            StaleBook: It has no name, because another release made it.
        """
        raw = self.client.get(key(currency, "book", version, block))
        if raw and len(raw) != NAME_LENGTH:
            raise StaleBook("made by another release: it must be compiled again")
        return raw.decode() if raw else None

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
        try:
            names = self._names(currency, ref) if ref else []
            found = [self.client.get(key(currency, "block", name)) for name in names]
            return [trade for raw in found if raw for trade in decode_trades(raw)]
        except (StaleBook, msgspec.MsgspecError):
            return []


def _lost(failure: Failure) -> UnpricedTrade:
    """Return a failure as a trade without a block, with its book if the failure names it."""
    if isinstance(failure, UnpricedTrade):
        return failure
    return UnpricedTrade(trade_id=failure.trade_id, code=failure.code, message=failure.message)


def _first_end(trades: Sequence[CompiledTrade]) -> dt.date | None:
    """The first date on which one of these trades has made its last payment."""
    return date_of(min(trade.last_payment for trade in trades)) if trades else None


def _content(
    blocks: Sequence[str],
    fixings: dict[str, dict[dt.date, float]],
    desk_of_book: dict[str, str],
    failures: Sequence[UnpricedTrade],
    valid_from: dt.date | None,
) -> str:
    """A fingerprint of all that a book holds; its number is no part of it."""
    digest = hashlib.sha256(" ".join(blocks).encode())
    digest.update(_encode((fixings, sorted(desk_of_book.items()), failures, valid_from)))
    return digest.hexdigest()
