"""Open frames of waiting ticks, supervise them, and end them with their ticks.

At most one frame of a currency is open. It ends PUBLISHED, REFUSED (its market has no curves: the
batch is halved until the bad tick stands alone) or REOPENED (it will never be published, which is
no tick's fault: another frame is opened for its ticks).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.detail_lifecycle import DetailLifecycle
from feedbridge.bridge.dispatch import (
    AcceptedTick,
    Dispatcher,
    NoBook,
    OpenFrame,
    apply_ticks,
    new_instruments,
)
from feedbridge.bridge.latency import Hops
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import Board, Market
from feedbridge.bridge.poison_trades import MAX_RUNS, PoisonTradeDetector
from feedbridge.bridge.watchdog import Watchdog
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetterProducer
from risk.store.compiled_book import Books
from risk.store.frames import BOOK_GONE, Frames, FrameState
from risk.store.publication import TradesLost, publish_parts
from risk.store.results import HistoryLine
from risk.store.run_registry import Runs, part_unit

log = logging.getLogger(__name__)

RETRY_EVERY_S, BOOKS_EVERY_S, CHECK_EVERY_S = 0.5, 0.02, 0.05
COMPILE_EVERY_S, PARTIAL_AGAIN_S = 30.0, 5.0
MISSING_EVERY_S = 1.0

SLOW_NS, SLOW_FRAMES = 100_000_000, 10
"""Sums that take longer than SLOW_NS make their currency count as slow until SLOW_FRAMES frames in
a row were quicker. Sums usually take milliseconds; the long ones have new instruments or a new
book."""

MANY_INSTRUMENTS = 100
"""Number of new instruments from which a frame is slow: QuantLib takes more than a tenth of a
second to make them. Then SLOW_FRAMES frames of this currency give way, so that no other currency
waits."""

MAX_BEHIND = 1000
"""Ticks of a currency that are kept while one of its sources has not begun the business date."""

RUN_S = 4.5
"""Seconds after which a run of sums has ended: more than Celery's time limit for it."""


@dataclass(kw_only=True)
class FrameLifecycle:
    """Opens frames and ends them.

    ``published`` counts published frames by currency, ``states`` frames by how they ended,
    ``resent`` parts that were sent again; ``slow`` counts down the quick frames that a slow
    currency still needs, ``giving_way`` the frames whose sums still give way. ``details`` follows
    each frame whose sums are published.
    ``ask_to_compile`` requests a compilation of all books.
    """

    currencies: dict[str, CurrencyState]
    board: Board
    ledger: Ledger
    dispatcher: Dispatcher
    dead_letters: DeadLetterProducer
    watchdog: Watchdog
    poison_trades: PoisonTradeDetector
    details: DetailLifecycle
    invalid_record_limit: InvalidRecordLimit
    ask_to_compile: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    published: Counter[str] = field(init=False, default_factory=Counter)
    states: Counter[str] = field(init=False, default_factory=Counter)
    hops: Hops = field(init=False, default_factory=Hops)
    resent: int = field(init=False, default=0)
    slow: Counter[str] = field(init=False, default_factory=Counter)
    giving_way: Counter[str] = field(init=False, default_factory=Counter)
    _books_at: float = field(init=False, default=0.0)
    _missing_at: float = field(init=False, default=0.0)
    _compile_at: dict[str, float] = field(init=False, default_factory=dict)

    @property
    def frames(self) -> Frames:
        """Frames in Redis."""
        return self.dispatcher.frames

    @property
    def books(self) -> Books:
        """Compiled books in Redis."""
        return self.dispatcher.books

    @property
    def open_frames(self) -> dict[str, OpenFrame]:
        """Open frames by currency."""
        return {
            name: state.open_frame
            for name, state in self.currencies.items()
            if state.open_frame is not None
        }

    @property
    def waiting_for(self) -> str:
        """Return what keeps frames from being published for too long; "" when nothing does."""
        behind = self.board.waiting_for()
        if behind:
            return behind
        untouched = [name for name, frame in self.open_frames.items() if frame.untouched]
        if untouched:
            return f"sums workers: nobody begins the sums of {untouched[0]}"
        return self.details.waiting_for

    # --- Ends --------------------------------------------------------------------------------

    def close_finished(self) -> None:
        """End frames that the workers have published, or cannot price."""
        frames = self.open_frames
        if not frames:
            return
        states = self.frames.states({name: frame.number for name, frame in frames.items()})
        for name, state in states.items():
            self._close(name, frames[name], state)

    def _close(self, name: str, frame: OpenFrame, state: FrameState) -> None:
        if state.pointer == frame.number:
            self._published(name, frame, state.line)
        elif state.pointer > frame.number:
            self._reopen(name, frame, "another bridge has published a higher one")
        elif state.error is not None and state.error.code == BOOK_GONE:
            self._reopen(name, frame, state.error.message)
            self.ask_for_book(name)
        elif state.error is not None:
            self._refused(name, frame, state.error.code, state.error.message)

    def _published(self, name: str, frame: OpenFrame, line: HistoryLine | None) -> None:
        self.watchdog.published(frame, self.clock())
        self._compile_at.pop(name, None)  # there was a book: if it disappears, ask at once
        own = line if line is not None and line.frame == frame.number else None
        partial = own.status == "PARTIAL" if own is not None else bool(frame.excluded)
        self._count(name, frame, own, partial)
        if own is not None:
            slow = own.slowest_ns > SLOW_NS
            self.slow[name] = SLOW_FRAMES if slow else max(0, self.slow[name] - 1)
        self.details.follow(frame.header, whole=not partial)
        # In a quiet market only a frame of the same quotes would complete a partial one.
        reprice_at_s = self.clock() + PARTIAL_AGAIN_S if partial else None
        self.currencies[name].publish_frame(reprice_at_s)
        self._end(frame.ticks[:-1], "conflated")
        self._end(frame.ticks[-1:], "published")

    def _end(self, ticks: list[AcceptedTick], state: str) -> None:
        for tick in ticks:
            self.ledger.end(tick.place, state)

    def _count(self, name: str, frame: OpenFrame, line: HistoryLine | None, partial: bool) -> None:
        self.published[name] += 1
        self.states["PARTIAL" if partial else "COMPLETE"] += 1
        if line is not None and frame.ticks:
            self.hops.add(line)

    def _refused(self, name: str, frame: OpenFrame, code: str, message: str) -> None:
        """A tick made a market without curves: send it to the dead letters, once it is found."""
        log.warning("frame %s %s refused: %s", name, frame.number, message)
        self.states["REFUSED"] += 1
        state = self.currencies[name]
        rejected = state.refuse_frame()
        if state.batch_limit is not None:
            return  # halves are tried
        for tick in rejected:
            self.dead_letters.send(tick.dead_letter(code, message))
            self.invalid_record_limit.note(bad=True)
        self.board.replace(name, apply_ticks(self.board, state.published, state.waiting))

    def _reopen(self, name: str, frame: OpenFrame, reason: str) -> None:
        """The frame will never be published, which is no tick's fault: open another."""
        log.warning("frame %s %s is replaced by another: %s", name, frame.number, reason)
        self.states["REOPENED"] += 1
        self.currencies[name].abandon_frame(self.clock() + RETRY_EVERY_S)

    def ask_for_book(self, name: str = "") -> None:
        """Request a compilation of the books: a request can be lost, and Redis can lose its data.

        The request is repeated every 30 s until the currency has a book: compiling takes a while.
        """
        if self.clock() >= self._compile_at.get(name, 0.0):
            self._compile_at[name] = self.clock() + COMPILE_EVERY_S
            self.ask_to_compile()

    # --- Open frames -------------------------------------------------------------------------

    def restart_timeouts(self) -> None:
        """Servers were away: neither frames nor runs count as late for the time of the outage."""
        for frame in self.open_frames.values():
            frame.opened_s = self.clock()
            frame.exhausted_s.clear()
        self.details.restart_timeouts()

    def supervise_open_frames(self) -> None:
        """Send missing parts again; publish a frame without them when it takes too long."""
        for passed in self.poison_trades.poll():
            self._include(passed.currency, passed.block)
            self.details.include(passed.currency, passed.block)
        for name, frame in self.open_frames.items():
            self._supervise(name, frame, self.clock())
        self.details.supervise()

    def _supervise(self, name: str, frame: OpenFrame, now: float) -> None:
        due, given_up = self.watchdog.overdue(frame, now), self.watchdog.given_up(frame, now)
        late = now - frame.opened_s > self.watchdog.patience.resend_s
        if now < frame.check_at or not (late or given_up or frame.excluded):
            return
        frame.check_at = now + CHECK_EVERY_S
        parts = set(range(frame.header.parts))
        missing = parts - self.frames.parts_present(name, frame.number)
        left_out = {part for part in missing if frame.leaves_out(part)}
        if missing < parts and (given_up or missing == left_out):
            self._publish_what_is_there(name, frame)
        elif missing == left_out:
            self._wait_for_book(name, frame)
        else:
            self._try_again(name, frame, set(due), missing - left_out, given_up)

    def _try_again(
        self, name: str, frame: OpenFrame, due: set[int], missing: set[int], given_up: bool
    ) -> None:
        """Send parts again; a block whose netting has crashed too often is left out first."""
        runs = self.poison_trades.registry.runs_of_parts(name, frame.number, sorted(missing))
        again: set[int] = set()
        for part in sorted(missing):
            run = runs[part]
            silent = part in due and not self._is_at_work(name, frame, part, run)
            if self._isolates(frame, part, run) or run.died or silent:
                again.add(part)
        if again and name in self.open_frames:
            self.dispatcher.send_again(frame, sorted(again))
            self.resent += len(again)
        frame.untouched = given_up and not any(run.begun for run in runs.values())

    def _is_at_work(self, name: str, frame: OpenFrame, part: int, run: Runs) -> bool:
        """Return whether a worker nets the flows of a new book, or still prices a slow currency.

        A slow one sent again would occupy a second worker for as long. A quick one is sent again:
        pricing it twice costs less than waiting.
        """
        where = -1 if run.netting is None else run.netting
        moved = frame.netting.get(part, -1) != where
        frame.netting[part] = where
        if not moved or where < 0:
            begun = run.begun >= frame.attempts[part] and not run.died
            return self.slow[name] > 0 and begun and self.clock() - frame.sent_s[part] < RUN_S
        frame.opened_s = self.clock()  # it makes progress, and is not given up
        frame.exhausted_s.pop(part, None)
        return True

    def _isolates(self, frame: OpenFrame, part: int, run: Runs) -> bool:
        """Leave out the block that a part was netting, if that has ended its process too often."""
        block = run.netting
        if block is None:
            frame.exhausted_s.pop(part, None)
        if block is None or run.begun < MAX_RUNS or block in frame.excluded:
            return False
        since = frame.exhausted_s.setdefault(part, self.clock())
        if not run.died and self.clock() - since <= RUN_S:
            return False
        self.poison_trades.isolate(frame, block)
        frame.excluded.add(block)
        return True

    def _publish_what_is_there(self, name: str, frame: OpenFrame) -> None:
        head = self.books.head(name, frame.header.book_version)
        if head is None:
            self._reopen(name, frame, f"book {frame.header.book_version} is gone")
            return
        try:
            code = publish_parts(self.frames, frame.header, head, self.books)
        except TradesLost as error:
            self._reopen(name, frame, f"Redis has lost {error}")
            return
        log.warning("frame %s %s published by the watchdog: %s", name, frame.number, code)

    def _include(self, name: str, block: int) -> None:
        """Price a block with the others again: none of its trades crashes a worker."""
        state = self.currencies[name]
        state.request_repricing()  # a frame without the block may have been the last
        frame = state.open_frame
        if frame is not None and block in frame.excluded:
            part = frame.part_of(block)
            frame.excluded.discard(block)
            frame.exhausted_s.pop(part, None)
            self.poison_trades.registry.forget_runs(name, frame.number, part_unit(part))
            self.dispatcher.send_again(frame, [part])

    def _wait_for_book(self, name: str, frame: OpenFrame) -> None:
        """Open no frame while only excluded blocks are missing, until there is another book."""
        book = self.books.newest(name)
        if book is not None and book.version != frame.header.book_version:
            self._reopen(name, frame, f"there is a new book, {book.version}")

    # --- New frames --------------------------------------------------------------------------

    def open_new_frames(self) -> None:
        """Open a frame where none is open and ticks wait, or the book has changed."""
        if self.poison_trades.waits_for_book():
            self.ask_for_book()
        self._ask_for_missing_books()
        now = self.clock()
        idle = {name: state for name, state in self.currencies.items() if state.may_open(now)}
        behind = {name for name in idle if self.board.ready(name) is None}
        quiet = {name: state for name, state in idle.items() if not state.waiting or name in behind}
        outdated = self._outdated(quiet)
        for name in behind:
            self._conflate(name, idle[name])
        for name, state in idle.items():
            if name in outdated:
                self._open(state, state.published, [])
            elif state.waiting and name not in behind:
                self._open(state, *state.next_batch(self.board))

    def _ask_for_missing_books(self) -> None:
        """Redis may have lost all books while no bridge ran: feeds that wait for them send nothing.

        One request compiles all currencies; it is repeated as long as there is no book at all.
        """
        if self.clock() < self._missing_at:
            return
        self._missing_at = self.clock() + MISSING_EVERY_S
        if not any(self.books.newest_of(list(self.currencies)).values()):
            self.ask_for_book(next(iter(self.currencies)))

    def _outdated(self, quiet: dict[str, CurrencyState]) -> set[str]:
        """Return the currencies without a new tick that must be priced again on the last quotes.

        Their book has changed (a trade was edited), or Redis has lost the published frame.
        """
        now = self.clock()
        asked = [name for name, state in quiet.items() if state.may_reprice(now)]
        if not asked or now < self._books_at:
            return set()
        self._books_at = now + BOOKS_EVERY_S
        books, pointers = self.books.newest_of(asked), self.frames.pointers(asked)
        for name, book in books.items():
            if book is None:
                self.ask_for_book(name)
        return {
            name
            for name, book in books.items()
            if book is not None and quiet[name].is_outdated(book.version, pointers[name])
        }

    def _conflate(self, name: str, state: CurrencyState) -> None:
        """Keep a bounded number of ticks while one of the sources is behind."""
        if len(state.waiting) > MAX_BEHIND:
            self._end(state.conflate(self.board.markets[name]), "conflated")

    def _open(self, state: CurrencyState, market: Market | None, ticks: list[AcceptedTick]) -> None:
        if market is None:
            return
        name = state.currency
        try:
            isolated = self.poison_trades.isolated_blocks
            frame = self.dispatcher.open(
                market, ticks, isolated, state.published, self._gives_way(name, market)
            )
        except NoBook:
            self.ask_for_book(name)  # the ticks wait for it
            return
        self.poison_trades.forget_other_books(name, frame.header.book_version)
        state.open(frame)

    def _gives_way(self, name: str, market: Market) -> bool:
        """Return whether the sums of a market are slow, or those of one shortly before were."""
        before = self.currencies[name].published
        if new_instruments(before, market) > MANY_INSTRUMENTS:
            self.giving_way[name] = SLOW_FRAMES
        elif self.giving_way[name]:
            self.giving_way[name] -= 1
        return self.giving_way[name] > 0
