"""The state of one currency in a bridge, from an accepted tick to its published frame.

    accept ──> waiting ──open_frame──> open ──publish_frame──> published
                  │ ^                   │ │
         conflate │ └───abandon_frame───┘ │ refuse_frame
                  v                       v
              conflated        dead letters, or back to waiting in a smaller batch

A tick is in exactly one place: it waits, or an open frame stands for it, or a method has returned
it to the caller, who counts its end in the ledger. All fields are read-only outside this module.
"""

from __future__ import annotations

from collections.abc import Sequence

from feedbridge.bridge.dispatch import AcceptedTick, OpenFrame, Overtaken, apply_ticks
from feedbridge.bridge.market_state import Board, Market


class InvalidTransition(RuntimeError):
    """A method was called in a state that does not allow it, or would break an invariant."""


class CurrencyState:
    """Ticks, open frame and published market of one currency.

    The market on the board is the published one with the ticks of the open frame and the waiting
    ticks applied, or the conflated market with them after ``conflate``.
    """

    def __init__(self, currency: str) -> None:
        """Start without a tick, a frame or a partition."""
        self.currency = currency
        self.release()

    def release(self) -> None:
        """Forget everything: another bridge reads the currency from here on."""
        self._waiting: list[AcceptedTick] = []
        self._open_frame: OpenFrame | None = None
        self._published: Market | None = None
        self._conflated: Market | None = None
        self._published_number = self._last_number = 0
        self._batch_limit: int | None = None
        self._retry_at = self._reprice_at = 0.0
        self._book_version = ""
        self._partition: tuple[str, int] | None = None
        self._partition_is_inferred = False

    # --- What others may read ----------------------------------------------------------------

    @property
    def waiting(self) -> Sequence[AcceptedTick]:
        """Accepted ticks that no frame stands for yet, oldest first."""
        return self._waiting

    @property
    def open_frame(self) -> OpenFrame | None:
        """The frame that workers price now."""
        return self._open_frame

    @property
    def published(self) -> Market | None:
        """The market of the last published frame."""
        return self._published

    @property
    def published_number(self) -> int:
        """The number of the last published frame; 0 before the first."""
        return self._published_number

    @property
    def batch_limit(self) -> int | None:
        """The most ticks that the next frame may stand for; None when there is no limit.

        It is set while a tick is sought that makes a market without curves.
        """
        return self._batch_limit

    @property
    def partition(self) -> tuple[str, int] | None:
        """Topic and partition that the currency's ticks come from; None while unknown."""
        return self._partition

    @property
    def partition_is_inferred(self) -> bool:
        """True when no tick has shown the partition yet.

        A bridge that reads every partition then assumes one of them.
        """
        return self._partition_is_inferred

    def may_open(self, now_s: float) -> bool:
        """Return whether no frame is open, and the wait after an abandoned one is over."""
        return self._open_frame is None and now_s >= self._retry_at

    def may_reprice(self, now_s: float) -> bool:
        """Return whether the published market may be priced again without a new tick."""
        known = self._published is not None and self._partition is not None
        return known and now_s >= self._reprice_at

    def is_outdated(self, book_version: str, pointer: int) -> bool:
        """Whether the published frame has another book than the newest, or Redis has lost it.

        Args:
            book_version: The newest compiled book of the currency.
            pointer: The number of the published frame in Redis.
        """
        return book_version != self._book_version or pointer < self._published_number

    def next_batch(self, board: Board) -> tuple[Market | None, list[AcceptedTick]]:
        """The market of the next frame, and the waiting ticks that it stands for.

        A market in which a source is behind is never priced: the batch then exceeds
        ``batch_limit``. The market is None when not even all waiting ticks complete one.
        """
        count = len(self._waiting)
        for size in range(self._batch_limit or count, count):
            ticks = self._waiting[:size]
            market = apply_ticks(board, self._conflated or self._published, ticks)
            if market is not None and not market.behind:
                return market, ticks
        return board.ready(self.currency), self._waiting[:]

    # --- Transitions -------------------------------------------------------------------------

    def accept(self, tick: AcceptedTick) -> None:
        """Let a tick wait for the next frame; it also shows the currency's partition."""
        self._waiting.append(tick)
        self._partition, self._partition_is_inferred = tick.place[:2], False
        self._check()

    def restore(
        self,
        market: Market,
        number: int,
        book_version: str,
        inferred_partition: tuple[str, int] | None,
    ) -> None:
        """Go on from the frame that another bridge, or this one before its start, has published.

        Args:
            market: Its market.
            number: Its number.
            book_version: The book it was priced with.
            inferred_partition: Used until a tick shows the partition; None when not known.

        Raises:
            InvalidTransition: Ticks wait or a frame is open.
        """
        if self._waiting or self._open_frame is not None:
            raise InvalidTransition(f"{self.currency}: restored with ticks waiting or in a frame")
        self._published, self._published_number = market, number
        self._last_number = max(self._last_number, number)
        self._book_version = book_version
        if self._partition is None and inferred_partition is not None:
            self._partition, self._partition_is_inferred = inferred_partition, True
        self._check()

    def open(self, frame: OpenFrame) -> None:
        """Note that a frame was dispatched; the ticks it stands for no longer wait.

        Raises:
            InvalidTransition: A frame is open, or its ticks are not the first waiting ones.
            Overtaken: A frame with this number or a higher one was opened or published before.
        """
        if self._open_frame is not None:
            raise InvalidTransition(
                f"{self.currency}: frame {frame.number} opened while frame"
                f" {self._open_frame.number} is open"
            )
        count = len(frame.ticks)
        if frame.ticks != self._waiting[:count]:
            raise InvalidTransition(
                f"{self.currency}: frame {frame.number} does not stand for the first waiting ticks"
            )
        if frame.number <= self._last_number:
            raise Overtaken(
                f"{self.currency} frame {frame.number} is not above {self._last_number}"
            )
        del self._waiting[:count]
        self._open_frame, self._last_number = frame, frame.number
        self._check()

    def publish_frame(self, reprice_at_s: float | None = None) -> OpenFrame:
        """Note that the open frame is published, and return it with its ticks.

        Args:
            reprice_at_s: When to price the same market again if no tick comes, for a frame that
                is not complete; None for a complete one.

        Raises:
            InvalidTransition: No frame is open.
        """
        frame = self._close_frame("published")
        self._published, self._published_number = frame.market, frame.number
        self._conflated = self._batch_limit = None
        self._book_version = frame.header.book_version
        if reprice_at_s is not None:
            self._book_version, self._reprice_at = "", reprice_at_s
        self._check()
        return frame

    def refuse_frame(self) -> list[AcceptedTick]:
        """Note that the open frame's market has no curves; return its bad ticks, if they are found.

        Any of several ticks may be the bad one. Halves are tried until it stands alone, so that
        no good tick is rejected with it; meanwhile nothing is returned:

            [1 2 3 4] refused -> [1 2] published -> [3 4] refused -> [3] refused, returned -> [4]

        Raises:
            InvalidTransition: No frame is open.
        """
        limit = self._batch_limit
        frame = self._close_frame("refused")
        self._batch_limit = None
        self._book_version = frame.header.book_version  # the same book would fare no better
        if len(frame.ticks) > 1 and (limit is None or len(frame.ticks) <= limit):
            self._waiting[:0] = frame.ticks
            self._batch_limit = len(frame.ticks) // 2
            rejected = []
        else:
            self._conflated = None
            rejected = frame.ticks
        self._check()
        return rejected

    def abandon_frame(self, retry_at_s: float) -> None:
        """Note that the open frame will never be published, which is no tick's fault.

        Its ticks wait again, and the next frame may be opened at ``retry_at_s``.

        Raises:
            InvalidTransition: No frame is open.
        """
        frame = self._close_frame("abandoned")
        self._waiting[:0] = frame.ticks
        self._retry_at = retry_at_s
        self._check()

    def conflate(self, market: Market) -> list[AcceptedTick]:
        """Keep only the newest waiting tick; return the others, which ``market`` includes.

        Args:
            market: The market with all waiting ticks applied.
        """
        conflated = self._waiting[:-1]
        self._conflated = market
        del self._waiting[:-1]
        self._check()
        return conflated

    def request_repricing(self) -> None:
        """Price the published market again although its book is the newest one."""
        self._book_version = ""

    def _close_frame(self, transition: str) -> OpenFrame:
        frame, self._open_frame = self._open_frame, None
        if frame is None:
            raise InvalidTransition(f"{self.currency}: no frame is open that could be {transition}")
        return frame

    def _check(self) -> None:
        """The invariants that hold after every transition."""
        broken = [
            text
            for holds, text in (
                (
                    self._published_number <= self._last_number,
                    "a published number above the last number that was opened or restored",
                ),
                (
                    self._open_frame is None or self._open_frame.number > self._published_number,
                    "an open frame that is not above the published one",
                ),
                (
                    self._batch_limit is None or self._batch_limit > 0,
                    "a batch limit below 1",
                ),
                (
                    (self._published is None) == (self._published_number == 0),
                    "a published market without its number, or a number without its market",
                ),
                (
                    self._partition is not None or not self._partition_is_inferred,
                    "an inferred partition that is not known",
                ),
            )
            if not holds
        ]
        if broken:
            raise InvalidTransition(f"{self.currency}: {'; '.join(broken)}")
