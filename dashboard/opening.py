"""Find the day's opening frame, from which changes are measured.

The opening is the first frame of the current market day that holds the same trades as the frame
shown; otherwise a newly booked trade would look like a profit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from pricing.markets.business_dates import business_date
from risk.store.results import HistoryLine, Rollup

FIRST_OF_DAY = "first frame of the market day"
OLDEST_KEPT = "oldest frame in the history"
FIRST_OF_BOOK = "first frame with these trades"
FIRST_READ = "first frame that this screen could read"


@dataclass(frozen=True)
class Opening:
    """The first sums of the day, from which changes are measured.

    ``line`` has the totals of the opening frame. ``rollup`` has its sums by book, or those of the
    first later frame that this screen could still read: Redis keeps whole frames for seconds.
    """

    line: HistoryLine
    why: str
    rollup: Rollup

    @property
    def exact(self) -> bool:
        """The sums by book are those of the opening frame itself."""
        return self.rollup.frame == self.line.frame

    def since(self, *, by_book: bool) -> str:
        """Description for the tooltip."""
        if not by_book or self.exact:
            return f"{self.line.as_of:%Y-%m-%d %H:%M:%S}, {self.why}"
        return f"{self.rollup.as_of:%Y-%m-%d %H:%M:%S}, {FIRST_READ}"


def opening_line(history: Sequence[HistoryLine], now: Rollup) -> tuple[HistoryLine, str] | None:
    """The line to measure from, and why this one; None when nothing compares with ``now``."""
    if now.status != "COMPLETE":
        return None
    day = _today(history, now)
    same = [line for line in day if comparable(line, now)]
    if not same:
        return None
    if same[0] is not day[0]:
        return same[0], FIRST_OF_BOOK
    return same[0], OLDEST_KEPT if day[0] is history[0] else FIRST_OF_DAY


def comparable(line: HistoryLine, now: Rollup) -> bool:
    """Return whether a line is complete and has as many trades and priced trades."""
    same = (line.trades, line.priced) == (now.trades, now.priced)
    return same and line.status == "COMPLETE"


def _today(history: Sequence[HistoryLine], now: Rollup) -> list[HistoryLine]:
    """The run of lines of one date at the end; a replay that loops has the date before too."""
    newest_first = takewhile(
        lambda line: business_date(now.currency, line.as_of) == now.valuation_date,
        reversed(history),
    )
    return list(newest_first)[::-1]
