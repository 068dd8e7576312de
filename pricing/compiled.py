"""Compiled trades in; immutable blobs in Redis out, one per block and version, and back.

Keys stand in ``books.py``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
import redis

from pricing.books import BookRef, Books, Manifest, decode_ref
from pricing.core.flows import (
    CURVE_NAMES,
    FLOW,
    INDEX_NAMES,
    CompiledTrade,
    FlowBlock,
    make_block,
    split_evenly,
)
from pricing.core.messages import Failure
from pricing.frames import key, script

KEEP_OLD_SECONDS = 600
"""An old version outlives every frame that was opened with it."""


class BlockBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A FlowBlock as bytes. Names travel along: a reader of other rows refuses it."""

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


_encode = msgspec.msgpack.Encoder().encode
_blob = msgspec.msgpack.Decoder(BlockBlob)


def encode_block(block: FlowBlock) -> bytes:
    """Bytes of a block."""
    return _encode(
        BlockBlob(
            trade_ids=list(block.trade_ids),
            products=list(block.products),
            books=list(block.books),
            curves=list(CURVE_NAMES),
            indices=list(INDEX_NAMES),
            ptr=block.ptr.astype(np.int64).tobytes(),
            flows=block.flows.tobytes(),
            discount=block.discount.astype(np.int32).tobytes(),
            forecast=block.forecast.astype(np.int32).tobytes(),
            notional=block.notional.tobytes(),
            z_spread=block.z_spread.tobytes(),
        )
    )


class StaleBook(Exception):
    """A compiled book was made by a release with other conventions: compile it again."""


def decode_block(raw: bytes) -> FlowBlock:
    """The block of these bytes.

    Raises:
        StaleBook: It was made with other tables of curves or indices.
    """
    blob = _blob.decode(raw)
    if tuple(blob.curves) != CURVE_NAMES or tuple(blob.indices) != INDEX_NAMES:
        raise StaleBook("made by another release: it must be compiled again")
    return FlowBlock(
        trade_ids=tuple(blob.trade_ids),
        products=tuple(blob.products),
        books=tuple(blob.books),
        ptr=np.frombuffer(blob.ptr, dtype=np.int64),
        flows=np.frombuffer(blob.flows, dtype=FLOW),
        discount=np.frombuffer(blob.discount, dtype=np.int32),
        forecast=np.frombuffer(blob.forecast, dtype=np.int32),
        notional=np.frombuffer(blob.notional, dtype=np.float64),
        z_spread=np.frombuffer(blob.z_spread, dtype=np.float64),
    )


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
        blocks: int,
        desk_of_book: dict[str, str],
        failures: Sequence[Failure],
        fixings: dict[str, dict[dt.date, float]],
    ) -> Manifest:
        """Write a version's blobs, then make it the newest unless a newer one is there."""
        made = [make_block(pile) for pile in split_evenly(trades, blocks)]
        blobs = [encode_block(block) for block in made]
        manifest = Manifest(
            version=_name(number, blobs, fixings, desk_of_book),
            number=number,
            currency=currency,
            blocks=len(made),
            trade_ids=[list(block.trade_ids) for block in made],
            books=[list(block.books) for block in made],
            products=[list(block.products) for block in made],
            desk_of_book=desk_of_book,
            failures=list(failures),
            fixings=fixings,
        )
        with self.client.pipeline(transaction=False) as pipe:
            for block, blob in enumerate(blobs):
                pipe.set(key(currency, "book", manifest.version, block), blob)
            pipe.set(key(currency, "book", manifest.version), _encode(manifest))
            pipe.execute()
        keys = [key(currency, "book", "number"), key(currency, "book")]
        ref = BookRef(
            version=manifest.version, number=number, blocks=len(made), trades=manifest.trades
        )
        code, before = self._set_if_newer(keys=keys, args=[number, _encode(ref)])
        # The loser goes: the one before, or this one when a newer came first.
        loser = ref if code == b"OLD" else before and decode_ref(before)
        if loser and (code == b"OLD" or loser.version != ref.version):
            self._retire(currency, loser)
        return manifest

    def _retire(self, currency: str, ref: BookRef) -> None:
        with self.client.pipeline(transaction=False) as pipe:
            for block in range(ref.blocks):
                pipe.expire(key(currency, "book", ref.version, block), KEEP_OLD_SECONDS)
            pipe.expire(key(currency, "book", ref.version), KEEP_OLD_SECONDS)
            pipe.execute()

    def block(self, currency: str, version: str, block: int) -> FlowBlock | None:
        """One block of one version."""
        raw = self.client.get(key(currency, "book", version, block))
        return decode_block(raw) if raw else None


def _name(
    number: int,
    blobs: Sequence[bytes],
    fixings: dict[str, dict[dt.date, float]],
    desk_of_book: dict[str, str],
) -> str:
    """The database's number and a fingerprint of the content."""
    digest = hashlib.sha256()
    for blob in blobs:
        digest.update(blob)
    digest.update(_encode(fixings))
    digest.update(repr(sorted(desk_of_book.items())).encode())
    return f"{number}-{digest.hexdigest()[:12]}"
