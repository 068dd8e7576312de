"""What one worker process holds: curve sets by date, compiled blocks by version.

It prices blocks by trade. Everything here is derived and can be discarded: a new process fetches
the compiled book by its version and builds the rest.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import msgspec

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.analytics import PricedBlock, make_analytics
from pricing.measures.block import BlockRisk, ReadyBlock, make_ready, price_block
from pricing.measures.bond_block import BondFlows
from pricing.measures.theta import curves_of_next_day
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock
from risk.store.block_analytics import BlockAnalytics
from risk.store.compiled_book import BookHead, FixingsByIndex
from risk.store.compiled_book_store import CompiledBooks
from risk.store.messages import FrameInputs, PriceJob
from risk.store.results import BlockTotals, PartColumns
from risk.workers.block_result import (
    Groups,
    add_up,
    make_groups,
    pack_columns,
)

T = TypeVar("T")


class BookGone(Exception):
    """The book version of a job is no longer in Redis: the bridge opens the next frame anew."""


class Kept:
    """The last few things made for each place: what it holds grows with places, not with time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._made: dict[Hashable, OrderedDict[Hashable, Any]] = {}

    def get_or(self, place: Hashable, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for the key, or made now."""
        here = self._made.setdefault(place, OrderedDict())
        if key in here:
            here.move_to_end(key)
            return here[key]  # type: ignore[no-any-return]
        made = here[key] = make()
        while len(here) > self.size:
            here.popitem(last=False)
        return made

    def has(self, place: Hashable, key: Hashable) -> bool:
        """Whether it is there already."""
        return key in self._made.get(place, ())


class Session:
    """State of one worker process; not for threads (QuantLib's date is process-wide)."""

    def __init__(self, books: CompiledBooks, options: CurveOptions = CurveOptions()) -> None:
        self.books, self.options = books, options
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        # Frames of the version before an edit may still be open.
        self._heads, self._fixings, self._blocks = Kept(2), Kept(2), Kept(2)
        # Each also on the date that it rolls to.
        self._curves, self._ready, self._groups = Kept(3), Kept(3), Kept(2)
        self._first = True  # whether the block priced last was new, or its instruments were
        self._last_day: dict[Hashable, Hashable] = {}
        self._next_days = Kept(2)
        self._priced: tuple[PriceJob, BlockRisk] | None = None
        self._solved = Kept(1)  # blocks of one frame that this process prices

    def price(self, job: PriceJob) -> tuple[BlockTotals, PartColumns]:
        """Price one block of one frame by trade.

        Raises:
            BootstrapFailed: The quotes admit no curve.
            BookGone: The book version no longer exists.
        """
        started = time.time_ns()
        place, day = (job.currency, job.block), self._day(job)
        self._first = not self._ready.has(place, day) or self._last_day.get(place) != day
        self._last_day[place] = day
        curves, ready, groups = self.prepare(job)
        solved = self.solve(job, curves)
        risk = price_block(ready, curves, solved)
        self._priced = (job, risk)
        totals = BlockTotals(
            block=job.block,
            worker=self.name,
            started_ns=started,
            finished_ns=time.time_ns(),
            cells=add_up(groups, risk, ready.dated.matured),
        )
        return totals, pack_columns(job.block, risk)

    def prepare(self, job: PriceJob) -> tuple[CurveSet, ReadyBlock, Groups]:
        """All that a job needs besides its quotes; made once per date and version."""
        place, curves = (job.currency, job.block), self.curves(job)
        ready = self._ready.get_or(place, self._day(job), lambda: self._make_ready(job, curves))
        name = self.block_name(job, job.block)
        groups = self._groups.get_or(place, name, lambda: make_groups(self.block(job)))
        return curves, ready, groups

    def prepare_next_day(self, job: PriceJob) -> None:
        """Prepare a priced block for the next weekday: its first tick need not wait for that.

        Not after the first frame of a block or of its instruments, which has taken long enough.
        """
        if not self._first:
            date = next_weekday(job.valuation_date)
            self.prepare(msgspec.structs.replace(job, valuation_date=date))

    def analytics(
        self,
        job: PriceJob,
        as_of: dt.datetime,
        bonds: Mapping[int, BondFlows],
        reasons: Mapping[int, str],
    ) -> BlockAnalytics | None:
        """The measures of a lower cadence of the block that was priced last; None for another.

        Args:
            job: The job that was priced last.
            as_of: The market's time of its frame.
            bonds: By row, what the date makes of each bond that is prepared.
            reasons: By row, why a bond is not.
        """
        if self._priced is None or self._priced[0] != job:
            return None
        risk = self._priced[1]
        curves, ready, _ = self.prepare(job)
        block = ready.dated.block
        priced = PricedBlock(
            block=block,
            npv=risk.npv,
            curves=curves,
            solved=self.solve(job, curves),
            fixings=self.fixings(job),
            next_day=lambda: self._next_day(job, curves),
            bonds=bonds,
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

    def _next_day(self, job: PriceJob, curves: CurveSet) -> CurveSet:
        """The curves of the next calendar day, without quotes; made once."""
        key = (job.valuation_date, shape_of(job.curves))
        return self._next_days.get_or(job.currency, key, lambda: curves_of_next_day(curves))

    def _day(self, job: PriceJob) -> Hashable:
        """All that a block with its weights depends on."""
        return (self.block_name(job, job.block), *self.curves_of(job))

    def curves_of(self, job: FrameInputs) -> tuple[Hashable, ...]:
        """All that a job's curves depend on besides quotes."""
        head = self.head(job.currency, job.book_version)
        return (head.fixings_name, job.valuation_date, shape_of(job.curves))

    def solve(self, job: FrameInputs, curves: CurveSet) -> Solved:
        """The curves at a job's quotes."""
        vector = curves.vector(job.curves)
        key = (*self.curves_of(job), vector.tobytes())
        return self._solved.get_or(job.currency, key, lambda: curves.solve(vector))

    def curves(self, job: FrameInputs) -> CurveSet:
        """The curves of a job's date, without its quotes; made once."""
        date, shape = job.valuation_date, shape_of(job.curves)
        return self._curves.get_or(
            job.currency,
            self.curves_of(job),
            lambda: CurveSet(date, shape, self.fixings(job), self.options),
        )

    def head(self, currency: str, version: str) -> BookHead:
        """What a book version is made of.

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
        """The compiled block of a job.

        Raises:
            BookGone: It is no longer there.
        """
        name = self.block_name(job, job.block)
        return self._blocks.get_or(
            (job.currency, job.block), name, lambda: self.fetch_block(job, job.block)
        )

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
        """What a block is kept under: an edit elsewhere leaves it as it is.

        Raises:
            BookGone: The book version is no longer there.
        """
        return self.head(job.currency, job.book_version).block_names[block]

    def _make_ready(self, job: PriceJob, curves: CurveSet) -> ReadyBlock:
        dated = roll_to(
            self.block(job), day_of(job.valuation_date), self.fixings(job), curves.names
        )
        return make_ready(dated, curves.grid)


def next_weekday(date: dt.date) -> dt.date:
    """The next day that is no Saturday or Sunday; whether it is a holiday matters little here."""
    return date + dt.timedelta(days={4: 3, 5: 2}.get(date.weekday(), 1))
