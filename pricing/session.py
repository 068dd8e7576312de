"""What one worker process holds: curve sets by date, compiled blocks by version.

A job in, a part out. Everything here is derived and can be thrown away: a new process
fetches the compiled book by its version and builds the rest.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from pricing.books import Manifest
from pricing.compiled import CompiledBooks
from pricing.core import conventions
from pricing.core.curves import CurveSet
from pricing.core.fixings import Fixings, day_of, public_on
from pricing.core.flows import FlowBlock
from pricing.core.measures import ReadyBlock, make_ready, price_block
from pricing.core.messages import PriceJob
from pricing.core.parts import Groups, make_groups, pack_columns, sum_cells
from pricing.core.quotes import CurveOptions, curve_version, shape_of
from pricing.core.results import PartColumns, PartSums
from pricing.core.roll import roll_to

T = TypeVar("T")


class BookGone(Exception):
    """The book version of a job is no longer in Redis: the bridge opens the next frame anew."""


class Kept(OrderedDict[Hashable, Any]):
    """The last few things made, by key."""

    def __init__(self, size: int) -> None:
        """Keep at most ``size``."""
        super().__init__()
        self.size = size

    def get_or(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for the key, or made now."""
        if key in self:
            self.move_to_end(key)
            return self[key]  # type: ignore[no-any-return]
        made = self[key] = make()
        while len(self) > self.size:
            self.popitem(last=False)
        return made


class Session:
    """State of one worker process; not for threads (QuantLib's date is process-wide)."""

    def __init__(self, books: CompiledBooks, options: CurveOptions = CurveOptions()) -> None:
        """Hold nothing yet."""
        self.books, self.options = books, options
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        # Sizes: a few currencies, each on its date and the one it rolls to.
        self._manifests, self._blocks = Kept(16), Kept(32)
        self._curves, self._ready, self._groups = Kept(16), Kept(32), Kept(32)

    def price(self, job: PriceJob) -> tuple[PartSums, PartColumns]:
        """Price one block of one frame.

        Raises:
            BootstrapFailed: The quotes admit no curve.
            BookGone: The book version is no longer there.
        """
        started = time.time_ns()
        curves, ready, groups = self.prepare(job)
        solved = curves.solve(curves.vector(job.curves))
        risk = price_block(ready, curves, solved)
        sums = PartSums(
            block=job.block,
            worker=self.name,
            started_ns=started,
            finished_ns=time.time_ns(),
            keys=[(key.curve, key.tenor) for key in curves.keys],
            curve_version=curve_version(job.curves, job.valuation_date, self.options),
            rate_error=solved.rate_error,
            zero_rates=(-solved.x / curves.grid.node_years()).tolist(),
            cells=sum_cells(groups, risk),
            failures=list(risk.failures),
        )
        return sums, pack_columns(job.block, risk)

    def prepare(self, job: PriceJob) -> tuple[CurveSet, ReadyBlock, Groups]:
        """All that a job needs besides its quotes; made once per date and version."""
        name, version, date = job.currency, job.book_version, job.valuation_date
        shape = shape_of(job.curves)
        place = (name, version, job.block)
        curves = self._curves.get_or(
            (name, version, date, shape),
            lambda: CurveSet(date, shape, self._fixings(name, version, date), self.options),
        )
        ready = self._ready.get_or((*place, date, shape), lambda: self._make_ready(job, curves))
        groups = self._groups.get_or(place, lambda: make_groups(self._block(job)))
        return curves, ready, groups

    def manifest(self, currency: str, version: str) -> Manifest:
        """What a book version holds.

        Raises:
            BookGone: It is no longer there.
        """

        def fetch() -> Manifest:
            found = self.books.manifest(currency, version)
            if found is None:
                raise BookGone(f"{currency} book {version} is not in Redis")
            return found

        return self._manifests.get_or((currency, version), fetch)

    def _fixings(self, currency: str, version: str, date: dt.date) -> Fixings:
        stored = self.manifest(currency, version).fixings
        return {
            name: public_on(conventions.INDICES[name], rates, date)
            for name, rates in stored.items()
        }

    def _block(self, job: PriceJob) -> FlowBlock:
        def fetch() -> FlowBlock:
            found = self.books.block(job.currency, job.book_version, job.block)
            if found is None:
                raise BookGone(f"{job.currency} block {job.block} of {job.book_version}")
            return found

        return self._blocks.get_or((job.currency, job.book_version, job.block), fetch)

    def _make_ready(self, job: PriceJob, curves: CurveSet) -> ReadyBlock:
        fixings = self._fixings(job.currency, job.book_version, job.valuation_date)
        dated = roll_to(self._block(job), day_of(job.valuation_date), fixings, curves.names)
        return make_ready(dated, curves.grid)
