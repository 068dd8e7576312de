"""Open a frame of a market and send one Celery task per block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from feedbridge.bridge import decode
from feedbridge.bridge.ledger import Place
from feedbridge.bridge.market_state import Board, Market
from feedbridge.dead_letters.producer import DeadLetter
from risk.store.compiled_book import BookRef, Books
from risk.store.frames import Frames
from risk.store.fx import Fx, read_fx
from risk.store.messages import FrameHeader, MarketTick, PriceJob

EPOCH_SHIFT = 32
"""S = epoch x 2^32 + counter: rises across restarts, also of a Redis that lost its data."""


@dataclass
class AcceptedTick:
    """A checked tick, with what its frame, the ledger and a dead letter need of its record.

    The board has its quotes; here they stay bytes, as thousands of ticks may wait. ``anew`` says
    that its source has started a new market with it.
    """

    place: Place
    key: bytes | None
    value: bytes
    received_ns: int
    sent_ns: int
    anew: bool = False

    @property
    def tick(self) -> MarketTick:
        """The tick, decoded again."""
        return decode.checked_tick(self.value)

    @property
    def since_ns(self) -> int:
        """When it was sent, or received if the sender's clock is later or not known."""
        return min(self.received_ns, self.sent_ns or self.received_ns)

    def dead_letter(self, code: str, reason: str) -> DeadLetter:
        """This tick as a dead letter."""
        return DeadLetter(self.place, self.key, self.value, code, reason)


def apply_ticks(
    board: Board, market: Market | None, ticks: Iterable[AcceptedTick]
) -> Market | None:
    """A market with some waiting ticks applied to it, oldest first."""
    for waiting in ticks:
        market = board.apply(market, waiting.tick, waiting.since_ns, waiting.anew)
    return market


@dataclass
class OpenFrame:
    """A frame that was dispatched and is not published yet.

    ``partial`` is set when the watchdog has published it with blocks missing. ``excluded`` are
    blocks that it leaves out, ``check_at`` is when missing blocks are looked at again, and
    ``exhausted_s`` when a block was first seen to have had all its ordinary runs; ``untouched``
    is set when the frame is late and no worker has begun any block. ``unsent`` are blocks of a slow
    currency that wait until the block before is priced.
    """

    header: FrameHeader
    market: Market
    ticks: list[AcceptedTick]
    opened_s: float
    sent_s: dict[int, float] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    partial: bool = False
    excluded: set[int] = field(default_factory=set)
    check_at: float = 0.0
    exhausted_s: dict[int, float] = field(default_factory=dict)
    untouched: bool = False
    unsent: list[int] = field(default_factory=list)

    @property
    def number(self) -> int:
        """S."""
        return self.header.frame


def job_of(header: FrameHeader, block: int, attempt: int) -> PriceJob:
    """The job of one block of a frame."""
    return PriceJob(
        currency=header.currency,
        frame=header.frame,
        block=block,
        blocks=header.blocks,
        book_version=header.book_version,
        valuation_date=header.valuation_date,
        curves=header.curves,
        attempt=attempt,
    )


class FrameNumbers:
    """Frame numbers: an epoch that no other bridge has, and a counter.

    The former owner of a currency may have had a higher epoch. Redis would refuse numbers below
    its last one as old, so a new epoch is taken with every new assignment.
    """

    def __init__(self, epoch: int, new_epoch: Callable[[int], int]) -> None:
        """Start after the epoch's own number; ``new_epoch`` gives one above another."""
        self._last, self._new_epoch = epoch << EPOCH_SHIFT, new_epoch

    def renew(self, above: int) -> None:
        """Continue above a frame's number, and above all numbers that any bridge has used."""
        self._last = self._new_epoch(above >> EPOCH_SHIFT) << EPOCH_SHIFT

    def next(self) -> int:
        """A number above all before."""
        self._last += 1
        return self._last


class NoBook(Exception):
    """The currency has no compiled book yet."""


class Overtaken(Exception):
    """A higher frame of the currency exists: another bridge had or has its partition."""


class Dispatcher:
    """Opens frames and sends their blocks.

    ``send`` takes a payload for ``risk.workers.tasks.price_block`` and queues it.
    """

    def __init__(
        self,
        frames: Frames,
        books: Books,
        send: Callable[[dict[str, Any]], None],
        numbers: FrameNumbers,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Send nothing yet."""
        self.frames, self.books, self.send = frames, books, send
        self.numbers, self.clock, self.wall_ns = numbers, clock, wall_ns

    def open(
        self,
        market: Market,
        ticks: list[AcceptedTick],
        excluded_blocks: Callable[[str, str], set[int]] = lambda currency, version: set(),
        *,
        one_by_one: bool = False,
    ) -> OpenFrame:
        """Open a frame of a market for the ticks it stands for, and send its blocks.

        Args:
            market: All quotes of a currency.
            ticks: What the frame stands for; none when the book has moved.
            excluded_blocks: Gives the blocks of a currency and book version to leave out.
            one_by_one: Send the first block only; ``send_next`` sends the others.

        Raises:
            NoBook: Nothing is compiled for the currency.
            Overtaken: The number is not above the published one; nothing was sent.
            redis.RedisError, kombu.exceptions.OperationalError: A server is away; the
                frame may be open and half-sent, and opening another is safe.
        """
        book = self.books.newest(market.currency)
        if book is None:
            raise NoBook(market.currency)
        header = self._header(market, ticks, book, read_fx(self.frames.client))
        frame = OpenFrame(header, market, ticks, self.clock())
        if not self.frames.open(header):
            raise Overtaken(f"{header.currency} frame {header.frame} is below the published one")
        frame.excluded = excluded_blocks(header.currency, header.book_version)
        blocks = [block for block in range(header.blocks) if block not in frame.excluded]
        now = blocks[:1] if one_by_one else blocks
        frame.unsent = blocks[len(now) :]
        for block in now:
            self._send_block(frame, block)
        return frame

    def send_next(self, frame: OpenFrame) -> None:
        """Send the next block of a frame sent one by one, and restart the frame's timeout."""
        self._send_block(frame, frame.unsent[0])
        del frame.unsent[0]
        frame.opened_s = self.clock()

    def send_again(self, frame: OpenFrame, blocks: Iterable[int]) -> None:
        """Send missing blocks again; reopen the frame in Redis, as its header may have expired."""
        self.frames.open(frame.header)
        for block in blocks:
            self._send_block(frame, block)

    def _send_block(self, frame: OpenFrame, block: int) -> None:
        attempt = frame.attempts.get(block, 0) + 1
        job = job_of(frame.header, block, attempt)
        self.send(msgspec.to_builtins(job))
        # Only what was sent counts: an outage of the queue must not lengthen the patience.
        frame.sent_s[block], frame.attempts[block] = self.clock(), attempt

    def _header(
        self, market: Market, ticks: list[AcceptedTick], book: BookRef, fx: Fx
    ) -> FrameHeader:
        last = ticks[-1] if ticks else None
        now = self.wall_ns()
        return FrameHeader(
            frame=self.numbers.next(),
            currency=market.currency,
            as_of=market.last.as_of,
            valuation_date=market.date,
            curves=market.curves,
            labels=market.labels,
            book_version=book.version,
            blocks=book.blocks,
            opened_ns=now,
            received_ns=last.received_ns if last else now,
            sent_ns=last.sent_ns if last else 0,
            source=market.newest,
            epoch=market.last.epoch,
            seq=market.last.seq,
            ticks=len(ticks),
            fx=fx.usd,
            fx_label=fx.label,
            sources=market.sources(),
        )
