"""What one worker process holds: curve sets by date, compiled blocks by version.

It prices blocks by trade. Everything here is derived and can be discarded: a new process fetches
the compiled book by its version and builds the rest, or maps what another process of the host has
built (``host_cache.py``). Compiled blocks are not kept: only what a date makes of them.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, CurveQuotes, Shape, shape_of
from pricing.curves.sanity import SanityLimits
from pricing.errors import PricingError
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.analytics import PricedBlock, make_analytics
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.bond_block import BondFlows
from pricing.measures.delivery.basis import FutureFlows
from pricing.measures.theta import curves_of_next_day
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock
from risk.store.block_analytics import BlockAnalytics
from risk.store.compiled_book import BookHead, FixingsByIndex
from risk.store.compiled_book_store import CompiledBooks, StaleBook
from risk.store.messages import FrameInputs, PriceJob
from risk.store.results import BlockTotals, PartColumns
from risk.workers.block_result import add_up, add_up_ladders, make_groups, pack_columns
from risk.workers.host_cache import Content, HostCache
from risk.workers.prepared_block import PreparedBlock, pack_prepared, unpack_prepared

T = TypeVar("T")


class BookGone(Exception):
    """The book version of a job is no longer in Redis; the bridge opens a new frame."""


NO_SUCH_BOOK = (BookGone, StaleBook, msgspec.MsgspecError)
"""Errors of a compiled book that is not in Redis, or not in the form of this release."""

CRASHES = (RuntimeError, ArithmeticError, ValueError, LookupError, TypeError)
"""Errors of pricing itself (RuntimeError is QuantLib's). They are reported as the result of the
frame: without a result, its task would be sent again for ever."""

EXPECTED = (PricingError, *NO_SUCH_BOOK, *CRASHES)
"""All that may go wrong with a job, but for a server that does not answer."""


class Kept:
    """The last few objects made for each key: memory grows with the keys, not with time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._made: dict[Hashable, OrderedDict[Hashable, Any]] = {}

    def get_or(self, place: Hashable, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for the key, or made now."""
        here = self._made.get(place, OrderedDict())
        if key in here:
            here.move_to_end(key)
            return here[key]  # type: ignore[no-any-return]
        return self.put(place, key, make())

    def put(self, place: Hashable, key: Hashable, made: T) -> T:
        """Keep what was made for the key, instead of what was made before."""
        here = self._made.setdefault(place, OrderedDict())
        here[key] = made
        here.move_to_end(key)
        while len(here) > self.size:
            here.popitem(last=False)
        return made

    def get(self, place: Hashable, key: Hashable) -> Any:
        """Return what was made for the key; None where nothing was."""
        return self._made.get(place, OrderedDict()).get(key)

    def has(self, place: Hashable, key: Hashable) -> bool:
        """Return whether it is there already."""
        return key in self._made.get(place, ())

    def others(self, place: Hashable, key: Hashable) -> dict[Any, Any]:
        """What was made at the place for other keys."""
        return {k: made for k, made in self._made.get(place, {}).items() if k != key}

    def items(self) -> Iterator[tuple[Any, Any, Any]]:
        """All that is there: place, key, and what was made for it."""
        for place, made in self._made.items():
            for key, one in made.items():
                yield place, key, one

    def drop(self, place: Hashable, key: Hashable) -> None:
        """Keep what was made for the key no longer."""
        self._made.get(place, OrderedDict()).pop(key, None)


class Session:
    """State of one worker process; not for threads (QuantLib's date is process-wide)."""

    def __init__(
        self,
        books: CompiledBooks,
        options: CurveOptions = CurveOptions(),
        files: HostCache | None = None,
        sanity: SanityLimits = SanityLimits(),
    ) -> None:
        """Hold nothing yet.

        Args:
            books: Where compiled books are.
            options: How curves are made.
            files: What the processes of a host share; None to keep all in memory.
            sanity: What curves may be without a warning.
        """
        self.books, self.options, self.files, self.sanity = books, options, files, sanity
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        # Frames of the version before an edit may still be open.
        self._heads, self._fixings = Kept(2), Kept(2)
        # Also on the dates before and after.
        self._curves, self._prepared = Kept(3), Kept(3)
        self._first = True  # whether the block priced last was new, or its instruments were
        self._last_day: dict[Hashable, Hashable] = {}
        self._instruments: dict[str, Hashable] = {}  # of the frame before, by currency
        self._shaped: tuple[CurveQuotes, Shape] | None = None
        self._next_days, self._block = Kept(2), Kept(1)
        self._priced: tuple[PriceJob, BlockRisk] | None = None
        self._solved = Kept(1)  # blocks of one frame that this process prices

    def price(self, job: PriceJob) -> tuple[BlockTotals, PartColumns]:
        """Price one block of one frame by trade.

        Raises:
            BootstrapFailed: The quotes admit no curve.
            BookGone: The book version no longer exists.
        """
        started = time.time_ns()
        place, day = (job.currency, job.block), self.day(job)
        self._first = not self._prepared.has(place, day) or self._last_day.get(place) != day
        if self._last_day.get(place) != day:
            self._give_back_others(job)
        self._last_day[place] = day
        curves, (ready, groups) = self.prepare(job)
        solved = self.solve(job, curves)
        risk = price_block(ready, curves, solved)
        self._priced = (job, risk)
        ladders, ladders_gross = add_up_ladders(risk, ready.matured)
        totals = BlockTotals(
            block=job.block,
            worker=self.name,
            started_ns=started,
            finished_ns=time.time_ns(),
            cells=add_up(groups, risk, ready.matured),
            ladders=ladders,
            ladders_gross=ladders_gross,
        )
        return totals, pack_columns(job.block, risk)

    def prepare(self, job: PriceJob) -> tuple[CurveSet, PreparedBlock]:
        """All that a job needs besides its quotes; made once per date and version."""
        place, day, curves = (job.currency, job.block), self.day(job), self.curves(job)
        content, prepared = self._prepared.get_or(
            place, day, lambda: self._load(job, curves, lambda: self._make(job, curves))
        )
        if self.files is not None and not self.files.touch(content):
            # Its file was removed while no process used it: the next one needs it again.
            made = self._load(job, curves, lambda: content)
            _, prepared = self._prepared.put(place, day, made)
        return curves, prepared

    def _give_back_others(self, job: PriceJob) -> None:
        """Give back the pages of a block's other versions, and of a currency's other dates."""
        for content, _ in self._prepared.others((job.currency, job.block), self.day(job)).values():
            content.give_back()
        instruments = self.curves_of(job)
        if self._instruments.get(job.currency) == instruments:
            return
        self._instruments[job.currency] = instruments
        for (currency, _), key, (content, _) in self._prepared.items():
            if currency == job.currency and key[1:] != instruments:
                content.give_back()

    def make_file(self, job: PriceJob) -> bool:
        """Make the file that ``prepare`` maps, if it is not there, and keep nothing of it.

        Returns:
            False when it cannot be written.
        """
        curves = self.curves(job)
        made = self.shared("prepared", job, self.day(job), lambda: self._make(job, curves))
        return made.path is not None

    def has_file(self, job: PriceJob) -> bool:
        """Whether the file that ``prepare`` maps is there; it is kept for as long as one in use."""
        return self.keeps_shared("prepared", job, self.day(job))

    @property
    def is_settled(self) -> bool:
        """Whether the block priced last was priced before with the same instruments."""
        return not self._first

    def analytics(
        self,
        job: PriceJob,
        as_of: dt.datetime,
        prepared: Mapping[int, BondFlows | FutureFlows],
        reasons: Mapping[int, str],
    ) -> BlockAnalytics | None:
        """The measures of a lower cadence of the block that was priced last; None for another.

        Args:
            job: The job that was priced last.
            as_of: The market's time of its frame.
            prepared: By row, what the date makes of each bond and bond future that is prepared.
            reasons: By row, why one is not.
        """
        if self._priced is None or self._priced[0] != job:
            return None
        risk = self._priced[1]
        curves, block = self.curves(job), self.block(job)
        priced = PricedBlock(
            block=block,
            npv=risk.npv,
            curves=curves,
            solved=self.solve(job, curves),
            fixings=self.fixings(job),
            next_day=lambda: self.next_day(job, curves),
            bonds={row: one for row, one in prepared.items() if isinstance(one, BondFlows)},
            futures={row: one for row, one in prepared.items() if isinstance(one, FutureFlows)},
        )
        values = make_analytics(priced)
        return BlockAnalytics(
            block=job.block,
            book_version=job.book_version,
            frame=job.frame,
            as_of=as_of,
            valuation_date=job.valuation_date,
            worker=self.name,
            trades=len(block),
            columns={name: column.tobytes() for name, column in values.items()},
            reasons=dict(reasons),
        )

    def next_day(self, job: PriceJob, curves: CurveSet) -> CurveSet:
        """The curves of the next calendar day, without quotes; made once."""
        key = self.curves_of(job)
        return self._next_days.get_or(job.currency, key, lambda: curves_of_next_day(curves))

    def day(self, job: PriceJob) -> Hashable:
        """All that a block with its weights depends on."""
        return (self.block_name(job, job.block), *self.curves_of(job))

    def curves_of(self, job: FrameInputs) -> tuple[Hashable, ...]:
        """All that a job's curves depend on besides quotes."""
        head = self.head(job.currency, job.book_version)
        return (head.fixings_name, job.valuation_date, self._shape(job.curves))

    def _shape(self, curves: CurveQuotes) -> Shape:
        """The tenors of quotes; all blocks of a task have the same quotes."""
        if self._shaped is None or self._shaped[0] is not curves:
            self._shaped = (curves, shape_of(curves))
        return self._shaped[1]

    def solve(self, job: FrameInputs, curves: CurveSet) -> Solved:
        """The curves at a job's quotes."""
        vector = curves.vector(job.curves)
        key = (*self.curves_of(job), vector.tobytes())
        return self._solved.get_or(job.currency, key, lambda: curves.solve(vector))

    def curves(self, job: FrameInputs) -> CurveSet:
        """The curves of a job's date, without its quotes; made once."""
        date, shape = job.valuation_date, self._shape(job.curves)
        return self._curves.get_or(
            job.currency,
            self.curves_of(job),
            lambda: CurveSet(date, shape, self.fixings(job), self.options),
        )

    def head(self, currency: str, version: str) -> BookHead:
        """Return what a book version is made of.

        Raises:
            BookGone: It is no longer there.
        """

        def fetch() -> BookHead:
            found = self.books.head(currency, version)
            if found is None:
                raise BookGone(f"{currency} book {version} is not in Redis")
            return found

        return self._heads.get_or(currency, version, fetch)

    def fixings(self, job: FrameInputs) -> Fixings:
        """The fixings of a job's book version that are public on its date.

        Raises:
            BookGone: They are no longer there.
        """
        name = self.head(job.currency, job.book_version).fixings_name

        def fetch() -> FixingsByIndex:
            found = self.books.fixings(job.currency, name)
            if found is None:
                raise BookGone(f"{job.currency} fixings of {job.book_version}")
            return found

        stored = self._fixings.get_or(job.currency, name, fetch)
        return {
            name: public_on(conventions.INDICES[name], rates, job.valuation_date)
            for name, rates in stored.items()
        }

    def block(self, job: PriceJob) -> FlowBlock:
        """The compiled block of a job; only the last one is kept.

        Raises:
            BookGone: It is no longer there.
        """
        name = self.block_name(job, job.block)
        return self._block.get_or(None, name, lambda: self.fetch_block(job, job.block))

    def fetch_block(self, job: FrameInputs, block: int) -> FlowBlock:
        """A compiled block of a job's book, which is not kept.

        Raises:
            BookGone: It is no longer there.
        """
        found = self.books.block_named(job.currency, self.block_name(job, block))
        if found is None:
            raise BookGone(f"{job.currency} block {block} of {job.book_version}")
        return found

    def block_name(self, job: FrameInputs, block: int) -> str:
        """Return what a block is kept under: an edit elsewhere leaves it as it is.

        Raises:
            BookGone: The book version is no longer there.
        """
        return self.head(job.currency, job.book_version).block_names[block]

    def shared(
        self, kind: str, job: FrameInputs, key: Hashable, make: Callable[[], Content]
    ) -> Content:
        """Arrays that the processes of the host share.

        Args:
            kind: What they are.
            job: The job that needs them.
            key: All that they depend on beside conventions and options.
            make: Makes them.
        """
        if self.files is None:
            return make()
        return self.files.get_or(kind, self._file_key(job, key), make)

    def find_shared(self, kind: str, job: FrameInputs, key: Hashable) -> Content | None:
        """Return what ``shared`` has made; None where nothing was."""
        return self.files.find(kind, self._file_key(job, key)) if self.files else None

    def share_later(
        self, kind: str, job: FrameInputs, key: Hashable, make: Callable[[], Content]
    ) -> None:
        """Have the other processes of the host share what this one has."""
        if self.files is not None:
            self.files.keep_later(kind, self._file_key(job, key), make)

    def keeps_shared(self, kind: str, job: FrameInputs, key: Hashable) -> bool:
        """Whether the file of ``shared`` is there; it is kept for as long as one in use."""
        return self.files is not None and self.files.still_has(kind, self._file_key(job, key))

    def _file_key(self, job: FrameInputs, key: Hashable) -> Hashable:
        """All that the contents of a file depend on."""
        options = (self.options.indexed, tuple(sorted(self.options.interpolation.items())))
        return (job.currency, conventions.digest(job.currency), options, key)

    def _load(
        self, job: PriceJob, curves: CurveSet, make: Callable[[], Content]
    ) -> tuple[Content, PreparedBlock]:
        content = self.shared("prepared", job, self.day(job), make)
        return content, unpack_prepared(content, curves.grid)

    def _make(self, job: PriceJob, curves: CurveSet) -> Content:
        block = self.fetch_block(job, job.block)
        dated = roll_to(block, day_of(job.valuation_date), self.fixings(job), curves.names)
        return pack_prepared(PreparedBlock(make_ready(dated, curves.grid), make_groups(block)))


def next_weekday(date: dt.date) -> dt.date:
    """Return the next weekday; holidays do not matter here."""
    return date + dt.timedelta(days={4: 3, 5: 2}.get(date.weekday(), 1))
