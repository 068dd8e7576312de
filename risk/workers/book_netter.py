"""Add up a book by group from netted flows: the sums of a frame.

What one worker process holds: the netted flows of each block, and of each part of a book. They are
made once per block and date on a host (``host_cache.py``), and depend on nothing that came before:
a process that starts makes the same. After an edit, only the groups of a part whose terms have
changed are added anew, with the same bits. Numbers by trade are made elsewhere (``session.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import msgspec

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.fixings import Histories
from pricing.curves.quotes import curve_version
from pricing.curves.sanity import CurveWarning, check_curves
from pricing.errors import CurveRefused, Failure, PricingError
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.groups import (
    GroupSums,
    ReadyGroups,
    make_ready_groups,
    not_numbers,
    price_groups,
)
from pricing.measures.netting import Group, NettedBlock, merge, net
from pricing.measures.next_day import (
    NettedNextDay,
    NextDayFixings,
    ReadyNextDay,
    make_ready_next_day,
    merge_next_day,
    net_next_day,
)
from pricing.measures.table import BY_NAME, LIVE_SUMMED
from pricing.measures.theta import curves_of_next_day, forecast_of_today
from pricing.measures.value_date import DatedBlock, roll_to
from risk.store.messages import SumsJob
from risk.store.results import CellSums, FrameNodes, PartSums
from risk.workers.host_cache import TOUCH_S, Content, give_back_freed
from risk.workers.prepared_block import (
    NettedPair,
    pack_netted,
    pack_ready,
    unpack_netted,
    unpack_ready,
)
from risk.workers.session import Kept, Session, next_weekday

NET_S = 0.5
"""Longest time in seconds for which a run nets blocks; then its job goes back to the queue, so that
other currencies do not wait."""


PartKey = tuple[Any, ...]
"""What a part depends on: names of its blocks, trades left out, and what its curves depend on."""


class _Part(NamedTuple):
    """The netted flows of a part, and these with their weights, today and on the next day.

    ``next_day`` is None where the curves of the next day cannot be made. ``content`` is the file
    that they are in; None for those that this process has made.
    """

    netted: NettedPair
    today: ReadyGroups
    next_day: ReadyNextDay | None
    content: Content | None = None


class _Block(NamedTuple):
    """The netted flows of a block, and the arrays that they are in."""

    content: Content
    netted: NettedPair


class _Merged(NamedTuple):
    """The netted blocks of a part, and what they add up to."""

    today: Sequence[NettedBlock]
    next_day: Sequence[NettedNextDay]
    added: NettedPair


class PricedGroups(NamedTuple):
    """Groups of a frame, priced."""

    curves: CurveSet
    solved: Solved
    netted: NettedBlock
    sums: GroupSums


MAP_S = 0.02
"""Seconds after each frame for mapping the blocks of a part that another process has added up."""

QUIET_S = 5.0
"""Seconds without another edit after which an edited part is written to a file, to be in memory
once for all processes of a host."""

TRIM_S = 60.0
"""Seconds after which freed memory is given back to the system again."""

MANY_BLOCKS = 16
"""Number of blocks from which they are added in another turn than the last of them is netted."""

TRIES = 3
"""Number of passes that look for trades without a finite value: removing some may reveal others."""


def nodes_of(curves: CurveSet, solved: Solved) -> list[FrameNodes]:
    """The nodes of the curves whose quotes end on other days."""
    grid = curves.grid
    return [
        FrameNodes(
            curve=nodes.name,
            interpolation=nodes.interpolation,
            days=nodes.days.tolist(),
            log_discount=solved.x[offset : offset + len(nodes)].tolist(),
            ends=nodes.layout.ends.tolist(),
            keys=nodes.layout.keys.tolist(),
            flat=nodes.layout.flat,
            turns=[(int(first), int(last)) for first, last in nodes.layout.turns],
        )
        for nodes, offset in zip(grid.curves, grid.offsets, strict=False)
        if nodes.layout is not None
    ]


class BookNetter:
    """Keeps the netted flows of a process; not for threads (QuantLib's date is process-wide)."""

    def __init__(self, session: Session) -> None:
        """Net nothing yet."""
        self.session = session
        # Frames of the version before an edit may still be open; each also on its next date.
        self._blocks, self._parts = Kept(3), Kept(3)
        self._known, self._merged = Kept(3), Kept(2)
        self._left_out = Kept(3)  # by part and date: trades by block
        self._keep_at: dict[Hashable, float] = {}
        # By part: what was summed last, and since when.
        self._newest: dict[Hashable, tuple[PartKey | None, float]] = {}
        self._trim_at = 0.0
        self._before: dict[Hashable, Hashable] = {}  # instruments of the frame before, by part

    def sums(
        self,
        job: SumsJob,
        say: Callable[[int | None], None] = lambda block: None,
        net_s: float | None = None,
    ) -> PartSums | None:
        """The sums of one part of a frame; None when its blocks take longer to net than allowed.

        What has been netted is kept: another run of the same job goes on from there.

        Args:
            job: The part.
            say: Called with each block before it is netted, and with None after the last.
            net_s: How long netting may take; None for as long as it needs.

        Raises:
            BootstrapFailed: The quotes admit no curve.
            CurveRefused: Their curves are doubtful, and the job is strict.
            BookGone: The book version no longer exists.
        """
        started = time.time_ns()
        curves = self.session.curves(job)
        there = self._parts.has(self._place(job), self._part_key(job)) or self._take_over(
            job, curves
        )
        if not there and not self._net_blocks(job, curves, say, net_s):
            return None
        solved = self.session.solve(job, curves)
        warnings = self._warnings(job, curves, solved)
        netted, sums = self._price(job, curves, solved)
        return PartSums(
            part=job.part,
            worker=self.session.name,
            started_ns=started,
            finished_ns=time.time_ns(),
            keys=[(key.curve, key.tenor) for key in curves.keys],
            curve_version=curve_version(job.curves, job.valuation_date, self.session.options),
            rate_error=solved.rate_error,
            zero_rates=curves.grid.zero_rates(solved.x).tolist(),
            cells=cells_of(netted, sums),
            failures=list(netted.failures),
            node_days=curves.grid.key_days().tolist(),
            residuals_bp=(solved.residuals / ONE_BP).tolist(),
            weights=curves.weights.tolist() if curves.fitted else [],
            nodes=nodes_of(curves, solved),
            warnings=warnings,
            conventions=conventions.digest(job.currency),
            matured=int(netted.matured.sum()),
            excluded=[block for block in job.blocks_of_part() if block in job.excluded],
            terms=netted.terms,
        )

    def _warnings(self, job: SumsJob, curves: CurveSet, solved: Solved) -> list[CurveWarning]:
        """Return what makes the curves of a job doubtful.

        Raises:
            CurveRefused: Something does, and the job is strict.
        """
        limits = self.session.sanity
        found = [
            *job.moved,
            *check_curves(curves.grid, curves.keys, solved.x, solved.residuals, limits),
        ]
        if job.strict and found:
            raise CurveRefused(tuple(warning.message for warning in found))
        return found

    def priced(self, job: SumsJob) -> PricedGroups:
        """The groups of one part of a frame with their curves, for what is made beside its sums.

        Raises:
            BootstrapFailed: The quotes admit no curve.
            BookGone: The book version no longer exists.
        """
        curves = self.session.curves(job)
        solved = self.session.solve(job, curves)
        return PricedGroups(curves, solved, *self._price(job, curves, solved))

    def tidy(self, job: SumsJob) -> None:
        """Give up the memory that the frames before this one needed; its sums are out.

        Parts of other versions of the book are dropped with their files. Where there are files,
        parts of this version and other dates that are in none are dropped too; of the rest, only
        pages are given back. A part that this process has added up after an edit is written by a
        thread, and mapped when it is there.
        """
        place, key, now = self._place(job), self._part_key(job), time.monotonic()
        part: _Part | None = self._parts.get(place, key)
        if part is None:
            return
        newest, since = self._newest.get(place, (None, 0.0))
        if newest != key:
            since = now
            self._newest[place] = (key, since)
            self._drop_others(job, key)
        if newest != key or now > self._trim_at:
            self._trim_at = now + TRIM_S
            give_back_freed()
        if part.content is None and len(job.included()) > 1:
            self._share(job, part, since)

    def _drop_others(self, job: SumsJob, key: PartKey) -> None:
        place, files, day = self._place(job), self.session.files, self.session.curves_of(job)
        names = set(key[0])
        for other, part in self._parts.others(place, key).items():
            of_book, of_day, content = other[0] == key[0], other[2:] == day, part.content
            many = len(other[0]) > 1
            if not of_book or (files is not None and content is None and many and not of_day):
                self._parts.drop(place, other)
            if content is None or files is None:
                continue
            # A block that is left out for a while comes back: both files are of one version.
            if names <= set(other[0]) or names >= set(other[0]):
                content.give_back()
            else:
                files.remove(content)
        for date in self._merged.others(place, day) if files is not None else ():
            self._merged.drop(place, date)

    def _share(self, job: SumsJob, part: _Part, since: float) -> None:
        """Map a part that this process has made; have its file written if nobody has."""
        if self.session.files is None:
            return
        key, curves = self._part_key(job), self.session.curves(job)
        if self._take_over(job, curves):
            self._forget_added(job, part, self._parts.get(self._place(job), key))
            give_back_freed()
        elif time.monotonic() > since + QUIET_S:
            self.session.share_later(
                "part", job, key, lambda: pack_ready(part.netted, part.today, part.next_day)
            )

    def missing_next_day(self, job: SumsJob) -> SumsJob | None:
        """Take over what has been made of a part for the next weekday, if it has.

        Not after the first frame of a market's instruments: those of the next day may be others.

        Returns:
            The job whose files are to be made (``make_files``); None when nothing is missing.
        """
        self._note_use(job)
        place, instruments = self._place(job), self.session.curves_of(job)
        before, self._before[place] = self._before.get(place), instruments
        if before != instruments or self.session.files is None:
            return None
        self._expect_edit(job, self.session.curves(job))
        date = next_weekday(job.valuation_date)
        later = msgspec.structs.replace(job, valuation_date=date)
        if self._parts.has(self._place(later), self._part_key(later)):
            self._keep_files(later)
            return None
        return None if self._take_over(later, self.session.curves(later)) else later

    def make_files(self, job: SumsJob) -> bool:
        """Make the files of a part that are not there: of its blocks, and of what they add up to.

        They are the same whatever the quotes of the job.

        Returns:
            False when one cannot be written; the rest is then not made, and memory stays small.
        """
        curves = self.session.curves(job)
        if self._take_over(job, curves):
            return True
        for block in job.included():
            if self._netted(job, curves, block).content.path is None:
                return False
        part = self._part(job, curves)  # that of several blocks is written as it is made
        return bool(part.content or self._written(job, curves, part).content)

    def _note_use(self, job: SumsJob) -> None:
        """Keep the files of a part for processes that start: this one reads none again."""
        files = self.session.files
        if files is None:
            return
        used = [self._blocks.get((job.currency, b), self._key(job, b)) for b in job.included()]
        used.append(self._parts.get(self._place(job), self._part_key(job)))
        for each in used:
            if each is not None and each.content is not None:
                files.touch(each.content)

    def _keep_files(self, later: SumsJob) -> None:
        """Keep the files of a part for its day: until then, nobody uses them."""
        place, now = self._place(later), time.monotonic()
        if now < self._keep_at.get(place, 0.0):
            return
        self._keep_at[place] = now + TOUCH_S
        self.session.keeps_shared("part", later, self._part_key(later))
        for block in later.included():
            self.session.keeps_shared("netted", later, self._key(later, block))

    # --- Netting -----------------------------------------------------------------------------

    def _net_blocks(
        self,
        job: SumsJob,
        curves: CurveSet,
        say: Callable[[int | None], None],
        net_s: float | None,
    ) -> bool:
        """Net the blocks of a part that are not netted yet; False when the turn is over."""
        until = None if net_s is None else time.monotonic() + net_s
        told = False
        for block in job.included():
            if self._blocks.has((job.currency, block), self._key(job, block)):
                continue
            if told and until is not None and time.monotonic() > until:
                say(None)
                return False
            say(block)
            told = True
            self._netted(job, curves, block)
        if told:
            say(None)
        # Adding many blocks takes a turn of its own.
        return not (told and until is not None and len(job.included()) > MANY_BLOCKS)

    def _netted(self, job: SumsJob, curves: CurveSet, block: int) -> _Block:
        """The netted flows of a block, and the arrays that they are in."""

        def make() -> Content:
            dated, left_out = self._dated(job, curves, block), self._left_out_of(job, block)
            tomorrow = self._fixings(job, curves)[1]
            return pack_netted(
                NettedPair(
                    net(dated, curves.names, left_out),
                    net_next_day(dated, tomorrow, curves.names, left_out),
                )
            )

        key = self._key(job, block)

        def load() -> _Block:
            content = self.session.shared("netted", job, key, make)
            return _Block(content, unpack_netted(content))

        return self._blocks.get_or((job.currency, block), key, load)

    def _find_netted(self, job: SumsJob, block: int) -> _Block | None:
        """The netted flows of a block, if they are in a file; it is kept mapped."""
        place, key = (job.currency, block), self._key(job, block)
        if not self._blocks.has(place, key):
            content = self.session.find_shared("netted", job, key)
            if content is None:
                return None
            self._blocks.put(place, key, _Block(content, unpack_netted(content)))
        found: _Block = self._blocks.get(place, key)
        return found

    def _dated(self, job: SumsJob, curves: CurveSet, block: int) -> DatedBlock:
        compiled = self.session.fetch_block(job, block)
        known = self._fixings(job, curves)[0]
        return roll_to(compiled, day_of(job.valuation_date), known, curves.names)

    def _fixings(self, job: SumsJob, curves: CurveSet) -> tuple[Histories, NextDayFixings]:
        """Return what is known of fixings on the date of a job, and on the next day."""

        def make() -> tuple[Histories, NextDayFixings]:
            fixings = self.session.fixings(job)
            indices = forecast_of_today(curves, fixings).indices
            return (
                Histories(fixings, day_of(job.valuation_date)),
                NextDayFixings.of(fixings, job.valuation_date, indices),
            )

        return self._known.get_or(job.currency, self.session.curves_of(job), make)

    def _part(self, job: SumsJob, curves: CurveSet) -> _Part:
        """The netted flows of a part with their weights on the grids of its curves."""

        def make() -> _Part:
            made = [self._netted(job, curves, block) for block in job.included()]
            edited = self._merged.has(self._place(job), self.session.curves_of(job))
            merged = self._merge(job, [block.netted for block in made])
            for block in made:
                block.content.give_back()  # until the next edit
            today = make_ready_groups(merged.today, curves.grid)
            part = _Part(merged, today, self._ready_next_day(job, curves, merged.next_day))
            if len(made) == 1 or edited:  # an edit must not wait for the file
                return part
            return self._written(job, curves, part)

        return self._parts.get_or(self._place(job), self._part_key(job), make)

    def _written(self, job: SumsJob, curves: CurveSet, part: _Part) -> _Part:
        """Write the file of a part; returns the part in it, which the processes of a host share."""
        content = self.session.shared(
            "part",
            job,
            self._part_key(job),
            lambda: pack_ready(part.netted, part.today, part.next_day),
        )
        if content.path is None:
            return part
        mapped = self._mapped(job, curves, content)
        self._forget_added(job, part, mapped)
        return mapped

    def _forget_added(self, job: SumsJob, part: _Part, mapped: _Part) -> None:
        """Keep no arrays of a part for the next edit that are in its file.

        Blocks that were added since make another part: theirs stay.
        """
        place, key = self._place(job), self.session.curves_of(job)
        merged: _Merged | None = self._merged.get(place, key)
        if merged is not None and merged.added is part.netted:
            self._merged.put(place, key, merged._replace(added=mapped.netted))

    def _take_over(self, job: SumsJob, curves: CurveSet) -> bool:
        """Map the file of a part; False when there is none."""
        key = self._part_key(job)
        content = self.session.find_shared("part", job, key)
        if content is None:
            return False
        self._parts.put(self._place(job), key, self._mapped(job, curves, content))
        return True

    def _mapped(self, job: SumsJob, curves: CurveSet, content: Content) -> _Part:
        forecast = forecast_of_today(curves, self.session.fixings(job))
        netted, today, next_day = unpack_ready(
            content, curves.grid, forecast, lambda: curves_of_next_day(curves)
        )
        content.give_back()  # a tick does not read what is kept for edits
        return _Part(netted, today, next_day, content)

    def _expect_edit(self, job: SumsJob, curves: CurveSet) -> None:
        """Map the blocks of a part that was taken over: an edit is added to what was before it.

        It makes none: the next frames would wait.
        """
        place, key, until = self._place(job), self.session.curves_of(job), time.monotonic() + MAP_S
        part: _Part | None = self._parts.get(place, self._part_key(job))
        if self._merged.has(place, key) or part is None or part.content is None:
            return
        blocks = []
        for block in job.included():
            if time.monotonic() > until:
                return
            found = self._find_netted(job, block)
            if found is None:
                return
            blocks.append(found)
        for mapped in blocks:
            mapped.content.give_back()
        before = [block.netted.today for block in blocks], [b.netted.next_day for b in blocks]
        self._merged.put(place, key, _Merged(*before, part.netted))

    def _part_key(self, job: SumsJob) -> PartKey:
        """All that the netted flows of a part depend on."""
        names = self.session.head(job.currency, job.book_version).block_names
        left_out = tuple(
            failure.trade_id
            for block in job.included()
            for failure in self._left_out_of(job, block)
        )
        blocks = tuple(names[block] for block in job.included())
        return (blocks, left_out, *self.session.curves_of(job))

    def _merge(self, job: SumsJob, blocks: Sequence[NettedPair]) -> NettedPair:
        """Add the blocks of a part; of groups that are as they were, what was added before."""
        place, key = self._place(job), self.session.curves_of(job)
        today, later = [pair.today for pair in blocks], [pair.next_day for pair in blocks]
        before: _Merged | None = self._merged.get(place, key)
        added = NettedPair(
            merge(today, before and (before.today, before.added.today)),
            merge_next_day(later, before and (before.next_day, before.added.next_day)),
        )
        self._merged.put(place, key, _Merged(today, later, added))
        return added

    def _ready_next_day(
        self, job: SumsJob, curves: CurveSet, netted: NettedNextDay
    ) -> ReadyNextDay | None:
        forecast = forecast_of_today(curves, self.session.fixings(job))
        try:
            later = curves_of_next_day(curves)
        except PricingError:  # the same tenors admit no curves on the next day
            return None
        return make_ready_next_day(netted, forecast, later)

    def _key(self, job: SumsJob, block: int) -> Hashable:
        """All that the netted flows of a block depend on."""
        left_out = tuple(failure.trade_id for failure in self._left_out_of(job, block))
        return (self.session.block_name(job, block), left_out, *self.session.curves_of(job))

    # --- Pricing -----------------------------------------------------------------------------

    def _price(
        self, job: SumsJob, curves: CurveSet, solved: Solved
    ) -> tuple[NettedBlock, GroupSums]:
        """The sums of a part, without the trades that are not numbers at these quotes."""
        # What the market before left out may have a value at this one.
        left_out: dict[int, tuple[Failure, ...]] = {}
        self._left_out.put(self._place(job), job.valuation_date, left_out)
        part = self._part(job, curves)
        sums = price_groups(part.today, curves, solved, part.next_day)
        for _ in range(TRIES):
            if not sums.not_finite:
                break
            found = self._not_numbers(job, curves, solved, sums.not_finite)
            if not found:
                break
            for block, failures in found.items():
                left_out[block] = (*left_out.get(block, ()), *failures)
            part = self._part(job, curves)
            sums = price_groups(part.today, curves, solved, part.next_day)
        if sums.not_finite:
            raise ArithmeticError(f"the sums of {sums.not_finite} are not finite numbers")
        return part.today.netted, sums

    def _not_numbers(
        self, job: SumsJob, curves: CurveSet, solved: Solved, groups: Sequence[Group]
    ) -> dict[int, list[Failure]]:
        """Trades of some groups that are not numbers, by block; other blocks are not fetched."""
        found: dict[int, list[Failure]] = {}
        for block in job.included():
            if set(groups).isdisjoint(self._netted(job, curves, block).netted.today.groups):
                continue
            failures = not_numbers([self._dated(job, curves, block)], curves, solved, groups)
            if failures:
                found[block] = failures
        return found

    def _left_out_of(self, job: SumsJob, block: int) -> Sequence[Failure]:
        """Trades of a block that are not numbers at the market of that date priced last."""
        by_block: dict[int, tuple[Failure, ...]] | None = self._left_out.get(
            self._place(job), job.valuation_date
        )
        return by_block.get(block, ()) if by_block else ()

    @staticmethod
    def _place(job: SumsJob) -> Hashable:
        return (job.currency, job.part)


def cells_of(netted: NettedBlock, sums: GroupSums) -> list[CellSums]:
    """The cells of a part of the sums.

    A measure is None where the product does not have it, and where a trade has no number.
    """
    names = [name for name in LIVE_SUMMED if name in sums.values]
    measures = zip(*(sums.values[name].tolist() for name in names), strict=True)
    own = {
        product: [BY_NAME[name].supports(product) for name in names]
        for product in {product for _, product in netted.groups}
    }
    rows = zip(
        netted.groups,
        netted.trades.tolist(),
        netted.failed.tolist(),
        netted.notional.tolist(),
        netted.notional_failed.tolist(),
        sums.ladder_par.tolist(),
        sums.krd.tolist(),
        measures,
        strict=True,
    )
    return [
        CellSums(
            book=book,
            product=product,
            trades=trades,
            failed=failed,
            notional=notional,
            notional_failed=lost,
            ladder_par=ladder_par,
            krd=krd,
            **{
                name: number if has and number == number else None
                for name, number, has in zip(names, numbers, own[product], strict=True)
            },
        )
        for (book, product), trades, failed, notional, lost, ladder_par, krd, numbers in rows
    ]
