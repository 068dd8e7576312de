"""Have the detail of published frames made, by trade, behind their sums.

At most one detail of a currency is under way. One that has begun is finished before the newest
frame's begins, and frames published meanwhile get none: a detail that cannot keep up shows fewer
frames, and never delays sums. It ends published, or given up when nothing of it comes.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from feedbridge.bridge.dispatch import Dispatcher, OpenDetail
from feedbridge.bridge.poison_trades import MAX_RUNS, PoisonTradeDetector
from feedbridge.bridge.watchdog import Patience, Watchdog
from risk.store.frames import Frames
from risk.store.messages import FrameHeader
from risk.store.publication import SumsDiffer, publish_detail
from risk.store.run_registry import Runs, block_unit

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.02
"""Seconds between two checks whether details are published. The loop turns faster than this while
sums are made, and with a large book a detail is always in progress."""

FILL_EVERY_S = 0.03
"""Seconds between two checks whether there is room for more tasks: one takes some tens of
milliseconds."""

SUPERVISE_S = 0.002
"""Seconds after which a call of ``supervise`` leaves further currencies to the next one."""

CHECK_EVERY_S, CHECK_BLOCK_S = 0.05, 0.004
"""Seconds between two checks of what is late, and what each block adds to them: a check reads the
runs of all blocks."""

RUN_S = 3.0
"""Seconds after which a run of blocks has ended: more than Celery's time limit for it."""

DETAIL_PATIENCE = Patience(resend_s=0.5, give_up_s=10.0, unknown_s=2.0)
"""Limits for details. They allow for blocks that wait behind those of other currencies, and for the
first blocks of a book, which workers have to fetch."""

BLOCKS_PER_TASK = 8
"""Blocks priced by one task: it takes some tens of milliseconds, even when it has to fetch each
block first."""


@dataclass(kw_only=True)
class DetailLifecycle:
    """Opens details, sends their tasks and ends them.

    ``window`` is how many tasks are at the workers at most, so that none waits there for long; with
    more processes than that, as many as can be busy and one that waits. A currency that has none
    there may always have one: a large book leaves room for the others. ``published`` counts
    published details by currency, ``conflated`` frames that got no detail because a newer one was
    there, ``abandoned`` details that were given up, ``resent`` blocks that were sent again.
    """

    dispatcher: Dispatcher
    poison_trades: PoisonTradeDetector
    watchdog: Watchdog
    window: int = 2
    clock: Callable[[], float] = time.monotonic
    published: Counter[str] = field(init=False, default_factory=Counter)
    conflated: int = field(init=False, default=0)
    abandoned: int = field(init=False, default=0)
    resent: int = field(init=False, default=0)
    _processes: int = field(init=False, default=0)
    _look_at: float = field(init=False, default=0.0)
    _progress_s: float = field(init=False, default=-math.inf)
    _open: dict[str, OpenDetail] = field(init=False, default_factory=dict)
    _newest: dict[str, tuple[FrameHeader, bool]] = field(init=False, default_factory=dict)
    _looked: dict[str, int] = field(init=False, default_factory=dict)

    @property
    def frames(self) -> Frames:
        """Frames in Redis."""
        return self.dispatcher.frames

    @property
    def open_details(self) -> dict[str, OpenDetail]:
        """Details under way, by currency."""
        return dict(self._open)

    @property
    def has_work(self) -> bool:
        """Whether the next call of ``supervise`` has something to do already."""
        return bool(self._looked) or any(name not in self._open for name in self._newest)

    @property
    def waiting_for(self) -> str:
        """Return what keeps details from being published; "" when nothing does."""
        untouched = [name for name, detail in self._open.items() if detail.untouched]
        return f"detail workers: nobody begins the blocks of {untouched[0]}" if untouched else ""

    @property
    def tasks_at_once(self) -> int:
        """How many tasks are at the workers at most, but for one of each currency."""
        return max(self.window, self._processes + 1)

    def count_processes(self, processes: int) -> None:
        """Use the processes that take tasks of the detail now: workers join and leave."""
        self._processes = processes

    def follow(self, header: FrameHeader, *, whole: bool) -> None:
        """Have the detail of a frame made whose sums are published; ``whole`` if no block lacks."""
        if header.currency in self._newest:
            self.conflated += 1
        self._newest[header.currency] = (header, whole)

    def release(self, currency: str) -> None:
        """Forget a currency: another bridge publishes its frames from here on."""
        self._open.pop(currency, None)
        self._newest.pop(currency, None)

    def include(self, currency: str, block: int) -> None:
        """Price a block with the others again: none of its trades crashes a worker."""
        detail = self._open.get(currency)
        if detail is not None and block in detail.excluded:
            detail.excluded.discard(block)
            detail.exhausted_s.pop(block, None)
            registry = self.poison_trades.registry
            registry.forget_runs(currency, detail.number, block_unit(block))
            self.dispatcher.send_blocks(detail, [block])

    def restart_timeouts(self) -> None:
        """Servers were away: neither details nor runs count as late for the time of the outage."""
        for detail in self._open.values():
            detail.opened_s = self.clock()
            detail.exhausted_s.clear()

    def supervise(self) -> None:
        """End details that are published, send what is due, and begin the newest ones.

        What does not fit into ``SUPERVISE_S`` waits for the next calls: a tick may have come.
        """
        now = self.clock()
        if not self._looked and self._open and now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self._looked = self.frames.detail_pointers(list(self._open))
        for name in list(self._looked):
            number = self._looked.pop(name)
            if name in self._open:
                self._supervise(name, self._open[name], number, now)
            if self._looked and self.clock() - now > SUPERVISE_S:
                return
        for name in [name for name in self._newest if name not in self._open]:
            self._begin(name)
            if self.clock() - now > SUPERVISE_S:
                return

    def _begin(self, name: str) -> None:
        header, whole = self._newest[name]
        rollup = None if whole else self.frames.rollup(name, header.frame)
        missing = rollup.missing if rollup is not None else ()
        needed = [block for block in range(header.blocks) if block not in missing]
        detail = self.dispatcher.open_detail(header, needed) if needed else None
        del self._newest[name]
        if detail is None:
            return
        self._open[name] = detail
        isolated = self.poison_trades.isolated_blocks(name, header.book_version)
        detail.excluded = isolated & set(needed)
        detail.unsent = [block for block in needed if block not in isolated]
        self._fill_window(detail, set())

    def _fill_window(self, detail: OpenDetail, present: set[int]) -> None:
        """Send blocks until as many tasks are out as the window has."""
        self._note_present(detail, present)
        size = min(BLOCKS_PER_TASK, max(1, -(-len(detail.needed) // self.tasks_at_once)))
        others = sum(each.tasks_out for each in self._open.values() if each is not detail)
        while detail.unsent and (
            not detail.tasks_out or others + detail.tasks_out < self.tasks_at_once
        ):
            blocks = detail.unsent[:size]
            self.dispatcher.send_blocks(detail, blocks)
            del detail.unsent[: len(blocks)]
            detail.tasks_out += 1

    def _note_present(self, detail: OpenDetail, present: set[int]) -> bool:
        """Note which blocks are done, and return whether some are that were not before.

        Then workers make progress, and have room for more.
        """
        progress = len(present) > detail.present
        if progress:
            self._progress_s = detail.opened_s = self.clock()  # it is not given up
        detail.present = len(present)
        size = min(BLOCKS_PER_TASK, max(1, -(-len(detail.needed) // self.tasks_at_once)))
        out = len({n for n in detail.attempts if n not in present} - detail.excluded)
        detail.tasks_out = -(-out // size)
        return progress

    def _supervise(self, name: str, detail: OpenDetail, published: int, now: float) -> None:
        if published >= detail.number:
            self.watchdog.published(detail, now)
            self.published[name] += 1
            del self._open[name]
            return
        if detail.unsent and now >= detail.fill_at:
            detail.fill_at = now + FILL_EVERY_S
            self._fill_window(detail, self.frames.blocks_present(name, detail.number))
        due, given_up = self.watchdog.overdue(detail, now), self.watchdog.given_up(detail, now)
        late = now - detail.opened_s > self.watchdog.patience.resend_s
        if now < detail.check_at or not (late or given_up or detail.excluded):
            return
        detail.check_at = now + CHECK_EVERY_S + CHECK_BLOCK_S * len(detail.needed)
        present = self.frames.blocks_present(name, detail.number)
        progress = self._note_present(detail, present)
        missing = set(detail.needed) - present
        done = missing <= detail.excluded and not detail.unsent
        if given_up or (done and (missing or not progress)):
            self._finish(name, detail, missing)
        elif not done:  # else the worker of the last block is about to publish
            self._try_again(name, detail, set(due), missing - set(detail.unsent), given_up=False)

    def _try_again(
        self, name: str, detail: OpenDetail, due: set[int], missing: set[int], *, given_up: bool
    ) -> None:
        """Send blocks again, except those whose runs have crashed too often: isolate these."""
        runs = self.poison_trades.registry.runs_of_blocks(name, detail.number, sorted(missing))
        # The count of runs ends with the frame: when it is given up, one crash is enough.
        min_runs = 1 if given_up else MAX_RUNS
        exhausted = {block for block in missing if runs[block].begun >= min_runs}
        for block in exhausted - detail.excluded:
            if given_up or self._has_died(detail, block, runs[block]):
                self.poison_trades.isolate(detail, block)
                detail.excluded.add(block)
        died = {block for block in missing if runs[block].died}
        if self._are_busy():
            due = {
                block
                for block in due & missing
                if runs[block].begun or self._is_lost(detail, block)
            }
        again = sorted(((due & missing) | died) - exhausted - detail.excluded)
        if again and not given_up:
            self.resent += len(again)
            for start in range(0, len(again), BLOCKS_PER_TASK):
                self.dispatcher.send_blocks(detail, again[start : start + BLOCKS_PER_TASK])
        detail.untouched = given_up and not any(run.begun for run in runs.values())

    def _are_busy(self) -> bool:
        """Whether workers have done blocks of late: a task that nobody has begun waits its turn."""
        return self.clock() - self._progress_s < self.watchdog.resend_after_s()

    def _is_lost(self, detail: OpenDetail, block: int) -> bool:
        """Whether a task has waited for longer than its turn takes."""
        return self.clock() - detail.sent_s[block] > self.watchdog.patience.give_up_s / 2

    def _has_died(self, detail: OpenDetail, block: int, runs: Runs) -> bool:
        since = detail.exhausted_s.setdefault(block, self.clock())
        return runs.died or self.clock() - since > RUN_S

    def _finish(self, name: str, detail: OpenDetail, missing: set[int]) -> None:
        """Publish what there is. Without any block the detail goes on to wait, or gives way."""
        rollup = self.frames.rollup(name, detail.number)
        code = "GONE"
        if rollup is not None:
            try:
                code = publish_detail(self.frames, rollup, sorted(missing))
            except SumsDiffer as error:
                log.error("%s", error)
                code = "DIFFERS"
        if code == "PUBLISHED" and missing:
            log.warning("the detail of %s %s lacks blocks %s", name, detail.number, sorted(missing))
        if missing - detail.excluded:
            self._try_again(name, detail, set(), missing - detail.excluded, given_up=True)
        if code == "EMPTY" and name not in self._newest:
            detail.opened_s = self.clock()  # blocks are sent again when they are due
            return
        if code not in ("PUBLISHED", "OLD"):
            self.abandoned += 1
        if code == "PUBLISHED":
            self.published[name] += 1
        del self._open[name]
