"""Messages between a replay and its pricing processes: a length, then MessagePack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import msgspec

from pricing.curves.quotes import CurveOptions
from risk.reprice.past_book import PastBook
from risk.store.compiled_book import BookHead, FixingsByIndex
from risk.store.compiled_book_store import decode_block, encode_block
from risk.store.messages import FrameHeader

LENGTH = 8
_encode = msgspec.msgpack.Encoder().encode


class BookSent(msgspec.Struct, frozen=True):
    """A compiled book as bytes."""

    head: BookHead
    blocks: dict[str, bytes]
    fixings: FixingsByIndex

    @classmethod
    def of(cls, book: PastBook) -> BookSent:
        """The bytes of a book."""
        blocks = {name: encode_block(block) for name, block in book.blocks.items()}
        return cls(book.made, blocks, book.known_fixings)

    def book(self) -> PastBook:
        """The book of the bytes."""
        blocks = {name: decode_block(raw) for name, raw in self.blocks.items()}
        return PastBook(self.head, blocks, self.fixings, {})


class Setup(msgspec.Struct, frozen=True):
    """Data that a process needs before the first frame: books by currency, and curve options."""

    books: dict[str, BookSent]
    indexed: bool
    interpolation: dict[str, str]

    @classmethod
    def of(cls, books: Mapping[str, PastBook], options: CurveOptions) -> Setup:
        """Make the setup of these books."""
        sent = {currency: BookSent.of(book) for currency, book in books.items()}
        return cls(sent, options.indexed, dict(options.interpolation))

    def options(self) -> CurveOptions:
        """How curves are made."""
        return CurveOptions(indexed=self.indexed, interpolation=self.interpolation)


class Priced(msgspec.Struct, frozen=True):
    """A priced frame: its roll-up as bytes, or the reason why its quotes cannot be priced."""

    rollup: bytes = b""
    failure: str = ""


decode_setup = msgspec.msgpack.Decoder(Setup).decode
decode_header = msgspec.msgpack.Decoder(FrameHeader).decode
decode_priced = msgspec.msgpack.Decoder(Priced).decode


def write(stream: IO[bytes], message: Setup | FrameHeader | Priced) -> None:
    """Write one message. OSError: the other end is gone."""
    raw = _encode(message)
    stream.write(len(raw).to_bytes(LENGTH, "big") + raw)
    stream.flush()


def read(stream: IO[bytes]) -> bytes:
    """The bytes of the next message; empty when the other end has closed."""
    length = stream.read(LENGTH)
    if len(length) < LENGTH:
        return b""
    size = int.from_bytes(length, "big")
    raw = stream.read(size)
    return raw if len(raw) == size else b""
