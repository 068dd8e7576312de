"""Open a frame of a market, and send the Celery tasks of its sums and of its detail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from feedbridge.bridge import decode
from feedbridge.bridge.ledger import Place
from feedbridge.bridge.market_state import NEAR_DAYS, Board, Market
from feedbridge.dead_letters.producer import DeadLetter
from pricing.curves.sanity import CurveWarning, SanityLimits, moved_quotes
from risk.store.compiled_book import BookRef, Books
from risk.store.frames import Frames
from risk.store.fx import Fx, read_fx
from risk.store.messages import (
    DetailJob,
    FrameHeader,
    FrameInputs,
    MarketTick,
    SumsJob,
    blocks_of_part,
    parts_for,
)

EPOCH_SHIFT = 32
"""Bits of the counter in a frame number, which is epoch x 2^32 + counter. So frame numbers rise
across restarts, also those of a Redis that lost its data."""


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


@dataclass(kw_only=True)
class SentTasks:
    """Which tasks of one product of a frame were sent, when, and how often.

    The keys of ``sent_s`` and ``attempts`` are parts of the sums, or blocks of the detail.
    ``opened_s`` is when the product was opened, or last made progress. ``excluded`` are blocks that
    it leaves out, ``check_at`` is when missing results are looked at again, and ``exhausted_s``
    when a block was first seen to have had all its ordinary runs; ``untouched`` is set when the
    product is late and no worker has begun any task.
    """

    header: FrameHeader
    opened_s: float
    sent_s: dict[int, float] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    excluded: set[int] = field(default_factory=set)
    check_at: float = 0.0
    exhausted_s: dict[int, float] = field(default_factory=dict)
    untouched: bool = False

    @property
    def number(self) -> int:
        """S."""
        return self.header.frame

    def note_sent(self, unit: int, now_s: float) -> None:
        """Count a task. Only what was sent counts: an outage of the queue costs no patience."""
        self.sent_s[unit], self.attempts[unit] = now_s, self.attempts.get(unit, 0) + 1


@dataclass(kw_only=True)
class OpenFrame(SentTasks):
    """A frame whose sums were dispatched and are not published yet; by part.

    ``moved`` warns of quotes that are far from those of the frame before. ``netting`` is the block
    that each part was seen to be at, when its worker adds up the flows of a new book; -1 for none.
    Sums that ``give_way`` are made by the detail's processes, which yield to those of other sums.
    """

    market: Market
    ticks: list[AcceptedTick]
    give_way: bool = False
    moved: list[CurveWarning] = field(default_factory=list)
    netting: dict[int, int] = field(default_factory=dict)

    def part_of(self, block: int) -> int:
        """The part that covers a block."""
        header = self.header
        ranges = [blocks_of_part(p, header.parts, header.blocks) for p in range(header.parts)]
        return next(part for part, blocks in enumerate(ranges) if block in blocks)

    def leaves_out(self, part: int) -> bool:
        """Return whether the frame leaves out every block of a part."""
        blocks = blocks_of_part(part, self.header.parts, self.header.blocks)
        return all(block in self.excluded for block in blocks)


@dataclass(kw_only=True)
class OpenDetail(SentTasks):
    """The detail of a published frame that is not published yet; by block.

    ``needed`` are the blocks that the frame has, ``unsent`` those that wait until others are done.
    ``present`` blocks were done at the last look and ``tasks_out`` tasks were at the workers;
    ``fill_at`` is when there may be room for more.
    """

    needed: list[int]
    unsent: list[int]
    present: int = 0
    tasks_out: int = 0
    fill_at: float = 0.0


def new_instruments(before: Market | None, market: Market) -> int:
    """How many instruments a market has that the one before had not."""
    known = {} if before is None else before.curves
    return sum(
        len(quotes.keys() - known.get(name, {}).keys()) for name, quotes in market.curves.items()
    )


def inputs_of(header: FrameHeader) -> dict[str, Any]:
    """Return what a job of a frame carries of its header."""
    return {name: getattr(header, name) for name in FrameInputs.__struct_fields__}


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
    """Opens frames and details, and sends their tasks.

    ``send_sums`` and ``send_detail`` take payloads for the tasks ``price_sums`` and
    ``price_detail`` of ``risk.workers.tasks`` and queue them. Sums also say whether they give way.
    """

    def __init__(
        self,
        frames: Frames,
        books: Books,
        send_sums: Callable[[dict[str, Any], bool], None],
        send_detail: Callable[[dict[str, Any]], None],
        numbers: FrameNumbers,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        parts_of: Callable[[int], int] = parts_for,
        sanity: SanityLimits = SanityLimits(),
        strict: bool = False,
    ) -> None:
        """Send nothing yet.

        ``parts_of`` gives the parts of the sums of a book from its trades. ``sanity`` says how far
        a quote may move from frame to frame without a warning; with ``strict`` a market with a
        warning of any kind is refused.
        """
        self.sanity, self.strict = sanity, strict
        self.frames, self.books, self.numbers = frames, books, numbers
        self.parts_of = parts_of
        self.send_sums, self.send_detail = send_sums, send_detail
        self.clock, self.wall_ns = clock, wall_ns

    # --- Sums --------------------------------------------------------------------------------

    def open(
        self,
        market: Market,
        ticks: list[AcceptedTick],
        excluded_blocks: Callable[[str, str], set[int]] = lambda currency, version: set(),
        before: Market | None = None,
        give_way: bool = False,
    ) -> OpenFrame:
        """Open a frame of a market for the ticks it stands for, and send the tasks of its sums.

        Args:
            market: All quotes of a currency.
            ticks: What the frame stands for; none when the book has moved.
            excluded_blocks: Gives the blocks of a currency and book version to leave out.
            before: The market of the frame before, whose quotes these are compared with.
            give_way: Whether its sums are slow, so that those of other currencies go first.

        Raises:
            NoBook: Nothing is compiled for the currency.
            Overtaken: The number is not above the published one; nothing was sent.
            redis.RedisError, kombu.exceptions.OperationalError: A server is down; the
                frame may be open and half-sent, and opening another is safe.
        """
        book = self.books.newest(market.currency)
        if book is None:
            raise NoBook(market.currency)
        header = self._header(market, ticks, book, read_fx(self.frames.client))
        frame = OpenFrame(
            header=header, market=market, ticks=ticks, opened_s=self.clock(), give_way=give_way
        )
        if before is not None and abs((market.date - before.date).days) <= NEAR_DAYS:
            frame.moved = moved_quotes(before.curves, market.curves, self.sanity)
        if not self.frames.open(header):
            raise Overtaken(f"{header.currency} frame {header.frame} is below the published one")
        frame.excluded = excluded_blocks(header.currency, header.book_version)
        for part in range(header.parts):
            self._send_part(frame, part)
        return frame

    def send_again(self, frame: OpenFrame, parts: Iterable[int]) -> None:
        """Send parts again; reopen the frame in Redis, as its header may have expired."""
        self.frames.open(frame.header)
        for part in parts:
            self._send_part(frame, part)

    def _send_part(self, frame: OpenFrame, part: int) -> None:
        if frame.leaves_out(part):
            return
        job = SumsJob(
            **inputs_of(frame.header),
            part=part,
            parts=frame.header.parts,
            excluded=sorted(frame.excluded),
            attempt=frame.attempts.get(part, 0) + 1,
            moved=frame.moved,
            strict=self.strict,
        )
        self.send_sums(msgspec.to_builtins(job), frame.give_way)
        frame.note_sent(part, self.clock())

    # --- Detail ------------------------------------------------------------------------------

    def open_detail(self, header: FrameHeader, blocks: list[int]) -> OpenDetail | None:
        """Open the detail of a published frame, without sending a task; None when it is over.

        Raises:
            redis.RedisError: Redis is down.
        """
        if self.frames.open_detail(header.currency, header.frame) != "OPENED":
            return None
        return OpenDetail(header=header, opened_s=self.clock(), needed=blocks, unsent=list(blocks))

    def send_blocks(self, detail: OpenDetail, blocks: list[int]) -> None:
        """Send one task for some blocks of a detail; errors as ``open``."""
        job = DetailJob(
            **inputs_of(detail.header),
            work=blocks,
            needed=len(detail.needed),
            attempt=1 + max(detail.attempts.get(block, 0) for block in blocks),
        )
        self.send_detail(msgspec.to_builtins(job))
        for block in blocks:
            detail.note_sent(block, self.clock())

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
            parts=self.parts_of(book.trades),
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
