"""Lanes with waiting ticks in; frames opened, looked after, and ended with their ticks, out.

At most one frame of a currency is open. It ends PUBLISHED, REFUSED (its market has no curves:
halves are tried until the bad tick stands alone) or REOPENED (never to be published, by no
tick's fault).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.dispatch import Accepted, Dispatcher, NoBook, OpenFrame, laid
from feedbridge.bridge.latency import Hops
from feedbridge.bridge.ledger import Ledger
from feedbridge.bridge.market_state import Board, Market
from feedbridge.bridge.poison_trades import MOST_RUNS, PoisonTradeDetector
from feedbridge.bridge.watchdog import Watchdog
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetters
from risk.store.frames import BOOK_GONE, FrameState
from risk.store.publication import publish_parts
from risk.store.results import HistoryLine
from risk.store.run_registry import Runs

log = logging.getLogger(__name__)

RETRY_EVERY_S, BOOKS_EVERY_S, LOOK_EVERY_S = 0.5, 0.02, 0.05
COMPILE_EVERY_S, PARTIAL_AGAIN_S = 30.0, 5.0
MISSING_EVERY_S = 1.0

SLOW_NS, SLOW_FRAMES = 100_000_000, 10
"""A block usually takes milliseconds; one that takes longer has new instruments, or very many. Its
currency counts as slow until so many frames in a row were quick."""

MOST_BEHIND = 1000
"""Ticks of a currency that are kept while one of its sources has not begun the business date."""

RUN_S = 3.0
"""Longer than Celery lets an ordinary run take: it can no longer be at work."""


class Lifecycle:
    """Opens frames and ends them."""

    def __init__(
        self,
        lanes: dict[str, CurrencyState],
        board: Board,
        ledger: Ledger,
        dispatcher: Dispatcher,
        letters: DeadLetters,
        watchdog: Watchdog,
        suspects: PoisonTradeDetector,
        limit: InvalidRecordLimit,
        ask_to_compile: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """No frame is open."""
        self.lanes, self.board, self.ledger, self.letters = lanes, board, ledger, letters
        self.dispatcher, self.watchdog, self.suspects = dispatcher, watchdog, suspects
        self.limit, self.ask_to_compile, self.clock = limit, ask_to_compile, clock
        self.frames, self.books = dispatcher.frames, dispatcher.books
        self.published: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.hops = Hops()
        self.resent = 0
        self.slow: Counter[str] = Counter()
        self._books_at = self._missing_at = 0.0
        self._compile_at: dict[str, float] = {}

    @property
    def open(self) -> dict[str, OpenFrame]:
        """Open frames by currency."""
        return {name: lane.open for name, lane in self.lanes.items() if lane.open is not None}

    @property
    def waiting_for(self) -> str:
        """What frames wait for beyond all patience; "" when none does."""
        behind = self.board.waiting_for()
        if behind:
            return behind
        untouched = [name for name, frame in self.open.items() if frame.untouched]
        return f"pricing workers: nobody begins the blocks of {untouched[0]}" if untouched else ""

    # --- Ends --------------------------------------------------------------------------------

    def close_published(self) -> None:
        """Frames that the workers have published, or cannot price, leave their lanes."""
        frames = self.open
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
        lane = self.lanes[name]
        self.watchdog.published(frame, self.clock())
        self._compile_at.pop(name, None)  # a book was there: if it goes, ask at once
        self._count(name, frame, line)
        if line is not None and line.frame == frame.number:
            slow = line.slowest_ns > SLOW_NS
            self.slow[name] = SLOW_FRAMES if slow else max(0, self.slow[name] - 1)
        lane.open, lane.published, lane.number = None, frame.market, frame.number
        lane.book_version, lane.at_most, lane.base = frame.header.book_version, None, None
        if frame.partial:
            # Once more on the same quotes: in a quiet market nothing else would complete it.
            lane.book_version, lane.book_at = "", self.clock() + PARTIAL_AGAIN_S
        for tick in frame.ticks[:-1]:
            self.ledger.end(tick.place, "conflated")
        for tick in frame.ticks[-1:]:
            self.ledger.end(tick.place, "published")

    def _count(self, name: str, frame: OpenFrame, line: HistoryLine | None) -> None:
        self.published[name] += 1
        self.states["PARTIAL" if frame.partial else "COMPLETE"] += 1
        if line is not None and line.frame == frame.number and frame.ticks:
            self.hops.add(line)

    def _refused(self, name: str, frame: OpenFrame, code: str, message: str) -> None:
        """A tick made a market that has no curves: find it, bury it, go on without it.

        Of several ticks in the frame any may be the bad one. Halves are tried until it
        stands alone, so that no good tick is buried or lost with it:

            [1 2 3 4] refused -> [1 2] published -> [3 4] refused -> [3] refused, buried -> [4]
        """
        log.warning("frame %s %s refused: %s", name, frame.number, message)
        self.states["REFUSED"] += 1
        lane = self.lanes[name]
        divisible = lane.at_most is None or len(frame.ticks) <= lane.at_most
        lane.open, lane.at_most = None, None
        lane.book_version = frame.header.book_version  # the same book would fare no better
        if len(frame.ticks) > 1 and divisible:
            lane.waiting[:0] = frame.ticks
            lane.at_most = len(frame.ticks) // 2
            return
        for tick in frame.ticks:
            self.letters.bury(tick.letter(code, message))
            self.limit.note(bad=True)
        lane.base = None
        self.board.replace(name, laid(self.board, lane.published, lane.waiting))

    def _reopen(self, name: str, frame: OpenFrame, reason: str) -> None:
        """The frame will never be published, which is no tick's fault: open another."""
        log.warning("frame %s %s is opened anew: %s", name, frame.number, reason)
        self.states["REOPENED"] += 1
        lane = self.lanes[name]
        lane.open, lane.not_before = None, self.clock() + RETRY_EVERY_S
        lane.waiting[:0] = frame.ticks

    def ask_for_book(self, name: str = "") -> None:
        """Trades may be compiled by nobody: the request can be lost, or Redis its data.

        Once, and now and then until the currency has a book again: compiling takes a while.
        """
        if self.clock() >= self._compile_at.get(name, 0.0):
            self._compile_at[name] = self.clock() + COMPILE_EVERY_S
            self.ask_to_compile()

    # --- Open frames -------------------------------------------------------------------------

    def forgive(self) -> None:
        """Servers were away: no frame is late, and no run overdue, for the time that took."""
        for frame in self.open.values():
            frame.opened_s = self.clock()
            frame.tried_s.clear()

    def look_after(self) -> None:
        """Send again what is missing; publish what there is when it takes too long."""
        for name, block in self._cleared():
            self._send_cleared(name, block)
        for name, frame in self.open.items():
            if frame.unsent:
                self._send_next(name, frame)
            self._look_after(name, frame, self.clock())

    def _send_next(self, name: str, frame: OpenFrame) -> None:
        """The next block, when the ones that were sent are there.

        A currency that is slow to price has one block on its way, so that it holds one worker and
        the others serve the other currencies.
        """
        present = self.frames.blocks_present(name, frame.number, frame.header.blocks)
        if all(present[block] or block in frame.held_back for block in frame.sent_s):
            self.dispatcher.send_next(frame)

    def _look_after(self, name: str, frame: OpenFrame, now: float) -> None:
        due, given_up = self.watchdog.overdue(frame, now), self.watchdog.given_up(frame, now)
        late = now - frame.opened_s > self.watchdog.patience.resend_s
        if now < frame.look_at or not (late or given_up or frame.held_back):
            return
        frame.look_at = now + LOOK_EVERY_S
        present = self.frames.blocks_present(name, frame.number, frame.header.blocks)
        missing = {block for block, there in enumerate(present) if not there}
        if not missing or (any(present) and (given_up or missing <= frame.held_back)):
            self._publish_what_is_there(name, frame, partial=bool(missing))
        elif missing <= frame.held_back:
            self._wait_for_book(name, frame)
        if missing - frame.held_back:
            self._try_again(name, frame, missing & set(due), missing - frame.held_back, given_up)

    def _try_again(
        self, name: str, frame: OpenFrame, due: set[int], missing: set[int], given_up: bool
    ) -> None:
        """Send blocks again, unless their runs have ended with their process too often."""
        runs = self.suspects.runs(frame, missing)
        # A frame that is given up takes its count of runs along: one is enough to look closer.
        least = 1 if given_up else MOST_RUNS
        tried = {block for block in missing if runs[block].begun >= least}
        for block in tried:
            if self._has_died(frame, block, runs[block]) or given_up:
                self.suspects.accuse(frame, block)
                frame.held_back.add(block)
        died = {block for block in missing if runs[block].died}
        at_work = {block for block in due if self._is_at_work(name, frame, block, runs[block])}
        again = sorted(((due - at_work) | died) - tried - frame.held_back)
        if again and name in self.open:
            self.dispatcher.send_again(frame, again)
            self.resent += len(again)
        frame.untouched = given_up and not any(run.begun for run in runs.values())

    def _is_at_work(self, name: str, frame: OpenFrame, block: int, runs: Runs) -> bool:
        """Whether a worker still prices a block of a slow currency.

        Sent again, it would take another worker too; any other block costs less than its delay.
        """
        begun = runs.begun >= frame.attempts[block] and not runs.died
        return self.slow[name] > 0 and begun and self.clock() - frame.sent_s[block] < RUN_S

    def _has_died(self, frame: OpenFrame, block: int, runs: Runs) -> bool:
        since = frame.tried_s.setdefault(block, self.clock())
        return runs.died or self.clock() - since > RUN_S

    def _publish_what_is_there(self, name: str, frame: OpenFrame, *, partial: bool) -> None:
        manifest = self.books.manifest(name, frame.header.book_version)
        if manifest is None:
            self._reopen(name, frame, f"book {frame.header.book_version} is gone")
            return
        code = publish_parts(self.frames, frame.header, manifest)
        log.warning("frame %s %s published by the watchdog: %s", name, frame.number, code)
        frame.partial = partial and code == "PUBLISHED"

    def _cleared(self) -> list[tuple[str, int]]:
        return [(name, block) for name, _, block in self.suspects.look()]

    def _send_cleared(self, name: str, block: int) -> None:
        """Nothing is held against a block any more: it is priced with the others again."""
        lane = self.lanes[name]
        lane.book_version = ""  # a frame without it may have been the last
        if lane.open is not None and block in lane.open.held_back:
            lane.open.held_back.discard(block)
            lane.open.tried_s.pop(block, None)
            self.dispatcher.send_again(lane.open, [block])

    def _wait_for_book(self, name: str, frame: OpenFrame) -> None:
        """Nothing of the frame can be priced before the book is another."""
        book = self.books.newest(name)
        if book is not None and book.version != frame.header.book_version:
            self._reopen(name, frame, f"book {book.version} is there")

    # --- New frames --------------------------------------------------------------------------

    def open_frames(self) -> None:
        """Open a frame where ticks wait, or the book has moved, and none is open."""
        if self.suspects.wait_for_book():
            self.ask_for_book()
        self._ask_for_missing_books()
        idle = {
            name: lane
            for name, lane in self.lanes.items()
            if lane.open is None and self.clock() >= lane.not_before
        }
        behind = {name for name in idle if self.board.ready(name) is None}
        quiet = {name: lane for name, lane in idle.items() if not lane.waiting or name in behind}
        moved = self._moved(quiet)
        for name in behind:
            self._conflate(name, idle[name])
        for name, lane in idle.items():
            if name in moved:
                self._open(name, lane, lane.published, [])
            elif lane.waiting and name not in behind:
                self._open(name, lane, *self._next(name, lane))

    def _ask_for_missing_books(self) -> None:
        """Redis may have lost all books while no bridge ran: feeds that wait for them send nothing.

        One request compiles all currencies; it is repeated as long as it brings none.
        """
        if self.clock() < self._missing_at:
            return
        self._missing_at = self.clock() + MISSING_EVERY_S
        if not any(self.books.newest_of(list(self.lanes)).values()):
            self.ask_for_book(next(iter(self.lanes)))

    def _moved(self, quiet: dict[str, CurrencyState]) -> set[str]:
        """Of lanes where no tick waits: those whose book has moved, or whose frame is lost.

        An edited trade is priced at once, on the quotes that stand.
        """
        now = self.clock()
        asked = [
            name
            for name, lane in quiet.items()
            if lane.published is not None and lane.partition is not None and now >= lane.book_at
        ]
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
            if book is not None
            and (book.version != quiet[name].book_version or pointers[name] < quiet[name].number)
        }

    def _next(self, name: str, lane: CurrencyState) -> tuple[Market | None, list[Accepted]]:
        """The market of the next frame, and the ticks that it stands for.

        Never one in which a source is behind: then more ticks belong to it than ``at_most``.
        """
        for count in range(lane.at_most or len(lane.waiting), len(lane.waiting)):
            ticks = lane.waiting[:count]
            market = laid(self.board, lane.base or lane.published, ticks)
            if market is not None and not market.behind:
                return market, ticks
        return self.board.ready(name), lane.waiting[:]

    def _conflate(self, name: str, lane: CurrencyState) -> None:
        """Keep a bounded number of ticks while one of the sources is behind."""
        if len(lane.waiting) > MOST_BEHIND:
            lane.base = self.board.markets[name]
            for tick in lane.waiting[:-1]:
                self.ledger.end(tick.place, "conflated")
            del lane.waiting[:-1]

    def _open(
        self, name: str, lane: CurrencyState, market: Market | None, ticks: list[Accepted]
    ) -> None:
        if market is None:
            return
        try:
            lane.open = self.dispatcher.open(
                market, ticks, self.suspects.blocks, one_by_one=self.slow[name] > 0
            )
        except NoBook:
            self.ask_for_book(name)  # ticks wait for it
            return
        self.suspects.retain(name, lane.open.header.book_version)
        del lane.waiting[: len(ticks)]
